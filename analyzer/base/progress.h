/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_PROGRESS_H
#define SEEP_ANALYZER_BASE_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* Somebody who is told how far a piece of work has come. Work tells it often: each time
 * costs a call, and whether anything is shown is the listener's to decide.
 *
 * tell: what is being done, in a word or two ("reading"), borrowed during the call; done
 * out of total, in whatever unit, total 0 where it is not known.
 */
struct seep_progress {
    void (*tell)(struct seep_progress *progress, const char *what, uint64_t done,
                 uint64_t total);
};

/* progress may be NULL: nobody listens. */
static inline void seep_progress_tell(struct seep_progress *progress, const char *what,
                                      uint64_t done, uint64_t total)
{
    if (progress != NULL) {
        progress->tell(progress, what, done, total);
    }
}

#endif
