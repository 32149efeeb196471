/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_SYMBOL_NAME_H
#define SEEP_ANALYZER_LOAD_SYMBOL_NAME_H

/* A name as its author wrote it: C++ names demangled; Rust's without their hash, which
 * changes with every build.
 *
 * linkage_name: borrowed.
 * Returns: malloc'ed; NULL when the name is none to demangle, or memory is out: use it
 *   as it is. Thread-safety: any thread.
 */
char *seep_symbol_name_demangle(const char *linkage_name);

#endif
