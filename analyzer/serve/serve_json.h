/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_JSON_H
#define SEEP_ANALYZER_SERVE_SERVE_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "serve/serve_shelf.h"

/* The JSON of the lists: docs/serve.md has the fields. Returns of all: 0; -ENOMEM.
 * Thread-safety: owner thread of the shelf. */

/* Makes item->row anew: the object of the list and of "state" events, without a line's
 * end. The old one stays on error. */
int seep_serve_row(struct seep_shelf_item *item);
/* Appends all rows. */
int seep_serve_recordings(const struct seep_shelf *shelf, struct seep_buf *out);
/* Appends the process over time: as it was judged, then as it was seen since. */
int seep_serve_timeline(const struct seep_shelf_item *item, struct seep_buf *out);

/* Text of a program's making: what is no UTF-8 becomes "?". Never NULL but for memory. */
json_t *seep_serve_text(const char *text);
json_t *seep_serve_count(uint64_t count);
/* null for what is no number. */
json_t *seep_serve_number(double number);
/* Appends an object and a line's end, and gives it back. whole may be NULL (-ENOMEM). */
int seep_serve_put(struct seep_buf *out, json_t *whole);

#endif
