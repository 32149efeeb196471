/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_SITES_H
#define SEEP_ANALYZER_SERVE_SERVE_SITES_H

#include "base/buf.h"
#include "base/error.h"
#include "serve/serve_shelf.h"
#include "serve/serve_target.h"

/* Sites as `seep top` has them. Thread-safety: owner thread of the shelf; the item has a
 * live one. */
enum { SEEP_SITES_DEFAULT = 50 };

/* Rows of one kind at the newest snapshot, over the last ten seconds, into item->model.
 * Returns: 0; -ENOMEM. Cost: O(sites). */
int seep_sites_update(struct seep_shelf_item *item, enum seep_kind kind,
                      enum seep_top_sort sort, const char *subsystem);

/* Appends the table. Returns: 0; -ENOMEM. */
int seep_sites_put(struct seep_shelf_item *item, const struct seep_target *target,
                   struct seep_buf *out);
/* Appends one site, its stack and its series. target->site: a number, or an id of 12 hex
 * digits (then the first site of that id). Returns: 0; -ENOENT; -ENOMEM. */
int seep_sites_put_one(struct seep_shelf_item *item, const struct seep_target *target,
                       struct seep_buf *out, struct seep_error *error);

#endif
