/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TOP_TOP_VIEW_H
#define SEEP_ANALYZER_TOP_TOP_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "top/top_model.h"

/* What a person has chosen to see, and what keys do to it. No terminal here. */
enum seep_top_page { SEEP_TOP_SITES = 0, SEEP_TOP_STACK = 1, SEEP_TOP_HELP = 2 };

enum { SEEP_TOP_FILTER_BYTES = 64 };

struct seep_top_view {
    enum seep_top_page page;
    enum seep_kind kind;
    enum seep_top_sort sort;
    double window_s;
    char subsystem[SEEP_TOP_FILTER_BYTES]; /* filter; "" all */
    bool typing;                           /* keys go to the filter */
    bool frozen;                           /* at_ns is shown, else the newest */
    uint64_t at_ns;
    size_t selected;   /* row of the model */
    uint32_t site;     /* of the stack page */
    size_t scroll;     /* first row or line that is shown */
    unsigned columns;  /* of the screen */
    unsigned lines;    /* of the screen; 0: as many as there are, without footer */
    unsigned rows_max; /* with lines 0: rows that are shown at most */
    bool utf8;
    bool quit;
};

/* Keys that are no characters. */
enum seep_top_key {
    SEEP_TOP_KEY_UP = 0x110000, /* behind all of Unicode */
    SEEP_TOP_KEY_DOWN,
    SEEP_TOP_KEY_LEFT,
    SEEP_TOP_KEY_RIGHT,
    SEEP_TOP_KEY_PAGE_UP,
    SEEP_TOP_KEY_PAGE_DOWN,
    SEEP_TOP_KEY_HOME,
    SEEP_TOP_KEY_END,
    SEEP_TOP_KEY_BACKSPACE,
    SEEP_TOP_KEY_BACK_TAB
};

/* All-defaults: heap by live bytes, over 10 s, 80 columns. */
void seep_top_view_init(struct seep_top_view *view);

/* The snapshot that is shown. Requires a snapshot. */
size_t seep_top_view_snapshot(const struct seep_top_view *view,
                              const struct seep_recording *recording);

/* What a key does. key: a character or enum seep_top_key; what means nothing is ignored.
 * model: as it is on the screen. Thread-safety: pure but for *view. */
void seep_top_view_key(struct seep_top_view *view, const struct seep_recording *recording,
                       const struct seep_top_model *model, unsigned key);

/* "heap". Thread-safety: pure. */
const char *seep_top_kind_name(enum seep_kind kind);

#endif
