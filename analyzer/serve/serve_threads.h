/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_THREADS_H
#define SEEP_ANALYZER_SERVE_SERVE_THREADS_H

#include "base/buf.h"
#include "serve/serve_shelf.h"

/* Appends what `seep threads FILE --format json` says, with "waits": who waits for what
 * another thread holds, as far as looks from outside have told. The item has a live one.
 * Returns: 0; -ENOMEM. Thread-safety: owner thread of the shelf. */
int seep_serve_threads_put(const struct seep_shelf_item *item, struct seep_buf *out);

#endif
