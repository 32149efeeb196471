/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_TEXT_LAYOUT_H
#define SEEP_ANALYZER_REPORT_TEXT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Where text goes and what the place can show. */
struct seep_layout {
    struct seep_buf *out; /* borrowed */
    unsigned columns;     /* >= SEEP_LAYOUT_COLUMNS_MIN */
    bool color;
    bool utf8;
};

enum { SEEP_LAYOUT_COLUMNS_MIN = 40 };

enum seep_ink {
    SEEP_INK_PLAIN = 0,
    SEEP_INK_BOLD = 1,
    SEEP_INK_DIM = 2,
    SEEP_INK_RED = 3,
    SEEP_INK_YELLOW = 4,
    SEEP_INK_GREEN = 5,
    SEEP_INK_CYAN = 6
};

/* Columns that valid UTF-8 text takes, each character one. Thread-safety: pure. */
size_t seep_layout_width(const char *text);

/* Writes text as it is, in an ink where colours are shown. Without UTF-8, characters
 * beyond ASCII become '?'. */
void seep_layout_put(const struct seep_layout *layout, enum seep_ink ink,
                     const char *text);

/* Writes text into exactly `width` columns, cut with "..." or filled with blanks;
 * negative: to the right. */
void seep_layout_cell(const struct seep_layout *layout, enum seep_ink ink,
                      const char *text, int width);

/* Copies text cut in its middle (" ... ") to at most `width` columns, >= 8.
 *
 * out:     borrowed; what does not fit is cut at the end, between characters.
 * Returns: out. Thread-safety: pure. */
const char *seep_layout_cut_middle(const char *text, size_t width, char *out,
                                   size_t out_bytes);

/* Writes words in lines of the layout's width, then a line break. The first line begins
 * after `column` columns that the caller has written; the others are indented by
 * `indent`. A word that is too long stands alone and is not cut. */
void seep_layout_wrap(const struct seep_layout *layout, enum seep_ink ink,
                      const char *text, size_t column, size_t indent);

/* Writes n values as a curve of at most `width` columns, from the smallest to the largest
 * of them, 0 included. */
void seep_layout_sparkline(const struct seep_layout *layout, const double *values,
                           size_t n, size_t width);

#endif
