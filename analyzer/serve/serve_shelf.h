/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_SHELF_H
#define SEEP_ANALYZER_SERVE_SERVE_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "live/live_judge.h"
#include "top/top_model.h"
#include "top/top_names.h"

/* The recordings that are served: files that were named, and what a folder has, which may
 * become more while we look. */
enum seep_shelf_state {
    SEEP_SHELF_UNREAD = 0, /* found, not opened yet */
    SEEP_SHELF_RUNNING = 1,
    SEEP_SHELF_ENDED = 2,
    SEEP_SHELF_LOST = 3,   /* nobody writes it any more, and it has no end */
    SEEP_SHELF_REFUSED = 4 /* cannot be read: why says it */
};

enum { SEEP_SHELF_MOST = 256, SEEP_SHELF_NAME_BYTES = 256, SEEP_SHELF_WHY_BYTES = 512 };

struct seep_shelf_item {
    char name[SEEP_SHELF_NAME_BYTES]; /* in URLs: the file's, without ".partial" */
    char *path;                       /* owned */
    dev_t device;
    ino_t inode;
    enum seep_shelf_state state;
    char why[SEEP_SHELF_WHY_BYTES]; /* of LOST and REFUSED */
    struct seep_live *live;         /* owned; NULL: refused, unread, or put away */
    struct seep_top_model model;    /* of live's recording */
    struct seep_top_names names;
    uint64_t generation;  /* rises with whatever changes, also over `live`s */
    bool changed, judged; /* in the last refresh */
    uint64_t asked_ns;    /* somebody wanted it */
    uint64_t profile_ns;  /* somebody wanted its profile; 0: nobody does */
    uint32_t openings;    /* of a live one: generations of two do not compare */
    bool was_running;     /* alerts of it have to be told when it ends */
    uint64_t profiled_ns; /* when hooks had a profile of it, or it was seen to run */
    char *row;            /* owned; its object of the list (serve_json.h) */
};

struct seep_shelf_options {
    const char *const *paths; /* files and folders; borrowed while the shelf lives */
    size_t count;
    bool wait; /* a file may come later */
    struct seep_live_options live;
};

struct seep_shelf;

/* Looks at the paths. Returns: 0; -ENOENT and other errno of a path that is not there (a
 * file that is no recording is an item that was refused); -ENOMEM. */
int seep_shelf_new(const struct seep_shelf_options *options, struct seep_shelf **shelf,
                   struct seep_error *error);
/* NULL is ignored. */
void seep_shelf_free(struct seep_shelf *shelf);

/* Finds new files, opens some of those that are unread, follows the running ones, and
 * sets `changed` and `judged` of all. Items keep their place for the shelf's life.
 * Thread-safety of all here: owner thread. */
void seep_shelf_refresh(struct seep_shelf *shelf, uint64_t now_ns);

size_t seep_shelf_count(const struct seep_shelf *shelf);
struct seep_shelf_item *seep_shelf_at(const struct seep_shelf *shelf, size_t i);
/* NULL: none of that name. Of two with one name, the newer has another (see name). */
struct seep_shelf_item *seep_shelf_find(const struct seep_shelf *shelf, const char *name);
/* Files that were found beyond SEEP_SHELF_MOST, in the last look. */
size_t seep_shelf_left_out(const struct seep_shelf *shelf);
/* CPU of those that were put away or closed, and of all that are open. */
struct seep_live_cost seep_shelf_cost(const struct seep_shelf *shelf);

/* Opens one that was put away. Returns: 0; negative errno with *error: it is refused. */
int seep_shelf_wake(struct seep_shelf *shelf, struct seep_shelf_item *item,
                    uint64_t now_ns, struct seep_error *error);

/* Rules that were given for all of them; NULL: none. Borrowed. */
const struct seep_suppressions *seep_shelf_suppressions(const struct seep_shelf *shelf);

/* "running", "ended", "lost", "refused". */
const char *seep_shelf_state_name(enum seep_shelf_state state);

#endif
