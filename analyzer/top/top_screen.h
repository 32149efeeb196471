/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TOP_TOP_SCREEN_H
#define SEEP_ANALYZER_TOP_TOP_SCREEN_H

#include "base/buf.h"
#include "top/top_model.h"
#include "top/top_names.h"
#include "top/top_view.h"

/* A screen as lines of text. Each has one look, so that whoever shows it needs no more
 * than a line's text and a number. */
enum seep_top_look {
    SEEP_TOP_LOOK_PLAIN = 0,
    SEEP_TOP_LOOK_TITLE = 1,
    SEEP_TOP_LOOK_HEAD = 2,     /* of a table */
    SEEP_TOP_LOOK_SELECTED = 3, /* the row that Enter opens */
    SEEP_TOP_LOOK_GROWING = 4,
    SEEP_TOP_LOOK_FOOT = 5
};

struct seep_top_line {
    size_t at, len_bytes; /* in `text` */
    enum seep_top_look look;
};

/* All-zero is an empty screen. */
struct seep_top_screen {
    struct seep_buf text;  /* clean: no control characters, valid UTF-8, or ASCII */
    struct seep_buf lines; /* struct seep_top_line */
    size_t count;
};

/* Draws what the view asks for: at most view->lines lines of at most view->columns
 * columns. The model must have been updated for the view's query.
 *
 * view: selected and scroll are brought into range.
 * Returns: 0; -ENOMEM. Same input, same lines. Thread-safety: owner thread.
 */
int seep_top_screen_draw(struct seep_top_screen *screen, struct seep_top_view *view,
                         const struct seep_top_model *model, struct seep_top_names *names,
                         const struct seep_recording *recording);

/* A line; i below count. */
struct seep_top_line seep_top_screen_line(const struct seep_top_screen *screen, size_t i);
void seep_top_screen_fini(struct seep_top_screen *screen);

#endif
