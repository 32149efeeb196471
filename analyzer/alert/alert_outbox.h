/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ALERT_OUTBOX_H
#define SEEP_ANALYZER_ALERT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert_note.h"

/* What one receiver has still to be told: a bounded set of notes, one per alert, the
 * newest wins. Knows when to try again, never how; time is an argument.
 *
 * A receiver that is away is asked again after 1 s, then twice as long each time, up to a
 * minute, each less up to a quarter by chance, so that many of us do not come at once.
 * What could not be told for an hour is given up and counted.
 */
struct seep_outbox_rules {
    size_t most;        /* alerts; 1 to SEEP_OUTBOX_MOST */
    uint64_t repeat_ns; /* what fires is told anew that often; 0: never */
    uint64_t keep_ns;   /* what is older is given up */
    uint64_t seed;      /* of chance */
};
enum { SEEP_OUTBOX_MOST = 4096 };

enum seep_outbox_outcome {
    SEEP_OUTBOX_TAKEN = 1,
    SEEP_OUTBOX_AWAY = 2,   /* to be tried again */
    SEEP_OUTBOX_REFUSED = 3 /* trying again would not help */
};

struct seep_outbox_counts {
    uint64_t sent;                   /* notes that the receiver took */
    uint64_t failed;                 /* attempts */
    uint64_t full, expired, refused; /* notes given up, by reason */
    uint64_t replaced;               /* by a newer note before they were sent */
    size_t pending;                  /* now */
};

struct seep_outbox;

/* rules: copied. Returns: 0; -ENOMEM; -EINVAL for rules out of range. */
int seep_outbox_new(const struct seep_outbox_rules *rules, struct seep_outbox **outbox);
/* NULL is ignored. */
void seep_outbox_free(struct seep_outbox *outbox);

/* Queues a note (a reference is taken), in place of an older one of its alert.
 * Returns: 0; -ENOSPC: full, it is counted and dropped. Thread-safety of all here: under
 * the owner's lock. Cost: O(alerts). */
int seep_outbox_put(struct seep_outbox *outbox, struct seep_alert_note *note,
                    uint64_t now_ns);

/* Newer figures of an alert that is known and fires: told with the next repetition, not
 * by themselves. Ignored otherwise. */
void seep_outbox_refresh(struct seep_outbox *outbox, struct seep_alert_note *note);

/* Takes what is to be sent now, in the order it came: a reference of each, owned. Gives
 * up what is too old first.
 *
 * at_once: whatever the backoff says, and nothing that would only be repeated.
 * Returns: how many, at most `most`; 0: nothing, or the receiver is not to be asked yet.
 */
size_t seep_outbox_due(struct seep_outbox *outbox, uint64_t now_ns, bool at_once,
                       struct seep_alert_note **notes, size_t most);

/* What became of those. References stay the caller's. */
void seep_outbox_done(struct seep_outbox *outbox, struct seep_alert_note *const *notes,
                      size_t n, enum seep_outbox_outcome outcome, uint64_t now_ns);

/* When seep_outbox_due may have something. UINT64_MAX: not before the next put. */
uint64_t seep_outbox_wake_ns(const struct seep_outbox *outbox);

struct seep_outbox_counts seep_outbox_counts(const struct seep_outbox *outbox);

#endif
