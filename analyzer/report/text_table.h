/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_TEXT_TABLE_H
#define SEEP_ANALYZER_REPORT_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Texts numbered in the order of their first use, each once. All-zero is a valid empty
 * table. */
struct seep_text_table {
    char **texts;    /* owned, each too; by number */
    uint32_t *slots; /* owned; number plus 1; 0: free */
    size_t count, slot_count;
};

/* The number of a text, new or old. `text` is borrowed during the call.
 * out:     untouched on error.
 * Returns: 1 when the text is new, 0 when it was there; -ENOMEM. Cost: O(length). */
int seep_text_table_intern(struct seep_text_table *table, const char *text,
                           uint32_t *out);
void seep_text_table_fini(struct seep_text_table *table);

#endif
