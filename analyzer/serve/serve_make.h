/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_MAKE_H
#define SEEP_ANALYZER_SERVE_SERVE_MAKE_H

#include "report/report_openmetrics.h"
#include "serve/serve_answer.h"
#include "serve/serve_shelf.h"
#include "serve/serve_target.h"

/* Answers to what is asked of recordings (not the page, its assets, nor events).
 *
 * shelf:  recordings are opened where they have to be.
 * own:    what /metrics says of this server itself; borrowed.
 * etag_seed: distinguishes this server's life from others in ETags; a literal or as long
 *   as the call.
 * Returns: an answer, also for errors (404, 503 ...); NULL: no memory.
 * Thread-safety: owner thread of the shelf. */
struct seep_make_context {
    struct seep_shelf *shelf;
    struct seep_openmetrics_own own;
    const char *etag_seed;
    uint64_t now_ns;
};
struct seep_answer *seep_make_answer(const struct seep_make_context *context,
                                     const struct seep_target *target);

#endif
