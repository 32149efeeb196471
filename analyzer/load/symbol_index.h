/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_SYMBOL_INDEX_H
#define SEEP_ANALYZER_LOAD_SYMBOL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/symbol_file.h"

/* Finds what lies at an address of one file, in O(log n) after the first questions:
 * compilation units by their ranges, the functions of a unit, symbols. Each of the three
 * is read when first needed. The file is borrowed and must outlive the index.
 */
struct seep_symbol_index;

/* One source frame, names as in the file: not demangled, "" unknown; of the file. */
struct seep_symbol_place {
    const char *linkage_name;
    const char *file;
    uint32_t line;
};

/* Returns: 0; -ENOMEM. */
int seep_symbol_index_new(const struct seep_symbol_file *file,
                          struct seep_symbol_index **index);
void seep_symbol_index_free(struct seep_symbol_index *index);

/* Source frames at an address, innermost first; all but the last are inlined.
 *
 * places:   out, borrowed; room for `capacity` (>= 1).
 * Returns: places written; 0 when nothing is known of the address.
 * Thread-safety: owner thread. Allocates: yes.
 */
size_t seep_symbol_index_find(struct seep_symbol_index *index, uint64_t address,
                              struct seep_symbol_place *places, size_t capacity);

/* The symbol that covers an address. start: out, its value; may be NULL.
 * Returns: its name; NULL when none does. */
const char *seep_symbol_index_symbol(struct seep_symbol_index *index, uint64_t address,
                                     uint64_t *start);

#endif
