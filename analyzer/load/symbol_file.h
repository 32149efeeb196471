/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_SYMBOL_FILE_H
#define SEEP_ANALYZER_LOAD_SYMBOL_FILE_H

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "load/recording.h"

/* What the kernel appends to the path of an unlinked file. */
#define SEEP_SYMBOL_DELETED_SUFFIX " (deleted)"

/* The file that a recorded module came from, with its debug information, found and
 * verified. Addresses in it are the offsets of nodes: the file is laid out at base 0.
 */
struct seep_symbol_file {
    Dwfl *dwfl;           /* owned */
    Dwfl_Module *module;  /* of dwfl */
    Dwarf *dwarf;         /* of dwfl; NULL without debug information */
    uint64_t bias;        /* address - bias = address in `dwarf` */
    Elf *elf;             /* of dwfl */
    const uint8_t *image; /* the file's bytes, of elf; NULL when not at hand */
    size_t image_bytes;
};

/* Opens the file of a module: its path, the path without " (deleted)", or the separate
 * debug file of its build id in /usr/lib/debug.
 *
 * cwd:    for relative paths; borrowed.
 * file:   out (seep_symbol_file_close); untouched on error.
 * Returns: 0; -ENOENT and other errno of open; -ENOEXEC no ELF file; -ESTALE another
 *   build id than the recorded one; -ENODATA no file by nature ([vdso]); -ENOMEM.
 *   The message is one line that starts with the module's path.
 * Thread-safety: any thread. Allocates: yes. Cost: O(file) once, for its tables.
 */
int seep_symbol_file_open(const struct seep_rec_module *module, const char *cwd,
                          struct seep_symbol_file *file, struct seep_error *error);
void seep_symbol_file_close(struct seep_symbol_file *file);

/* The bytes that the file has for an address. Returns: borrowed; NULL when it has fewer
 * than len_bytes there. Cost: O(program headers). */
const uint8_t *seep_symbol_file_bytes(const struct seep_symbol_file *file,
                                      uint64_t address, size_t len_bytes);

#endif
