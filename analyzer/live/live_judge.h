/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LIVE_LIVE_JUDGE_H
#define SEEP_ANALYZER_LIVE_LIVE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/findings.h"
#include "verdict/subsystem_rules.h"
#include "verdict/suppress.h"

/* A recording that somebody is still writing, followed and judged as it grows.
 *
 *     struct seep_live *live = NULL;
 *     int n = seep_live_open(path, &options, &live, &error);
 *
 *     while (n >= 0) {
 *         n = seep_live_refresh(live, now_ns, &error);
 *         ... seep_live_findings(live), wait ...
 *     }
 *     seep_live_close(live);
 *
 * Judging takes 3 % of a core at most: the next one not before 30 times the CPU time of
 * the last. So with an interval of a second findings are two intervals old at the most,
 * as long as judging takes less than 60 ms. The end of the program is judged at once.
 */
struct seep_live;

struct seep_live_options {
    const struct seep_suppressions
        *suppressions; /* borrowed while it lives; NULL: none */
    const struct seep_subsystem_rules *subsystems; /* same */
    size_t points_most; /* states of sites kept in memory (load/follow.h); 0: all */
};

/* What a refresh brought: bits. */
enum seep_live_news {
    SEEP_LIVE_SAME = 0,
    SEEP_LIVE_GREW = 1,  /* the recording has more in it */
    SEEP_LIVE_ANEW = 2,  /* seep_live_recording is another one (the file was thinned) */
    SEEP_LIVE_JUDGED = 4 /* the findings are new */
};

/* The process at one snapshot. */
struct seep_live_now {
    double t_s; /* since the start */
    uint64_t heap_live, heap_live_bytes, rss_bytes, threads, fds;
    uint64_t cpu_ns; /* user and system */
};

/* What following and judging took. */
struct seep_live_cost {
    uint64_t judgements;
    double judge_s, follow_s; /* CPU, in all */
    double last_judge_s;
};

/* Opens it. Returns: 0 (nothing is judged before the first refresh); as seep_follow_open.
 * live: out, owned (seep_live_close); untouched on error. path, options: copied. */
int seep_live_open(const char *path, const struct seep_live_options *options,
                   struct seep_live **live, struct seep_error *error);
/* NULL is ignored. */
void seep_live_close(struct seep_live *live);

/* Reads what was appended and judges when it is due.
 *
 * now_ns:  monotonic time, not lower than in the call before.
 * Returns: bits of enum seep_live_news; negative errno of seep_follow_refresh or of
 *   judging: then it can only be closed.
 * Thread-safety of all here: owner thread. */
int seep_live_refresh(struct seep_live *live, uint64_t now_ns, struct seep_error *error);

/* Whether its collector still writes it, as far as the caller can see: without an end the
 * program runs then, else nobody knows how it ended. When that changes it is judged anew.
 */
void seep_live_set_written(struct seep_live *live, bool written);

/* Whether the next refresh will judge when the recording has grown, and how long that
 * took the last time. */
bool seep_live_is_due(const struct seep_live *live, uint64_t now_ns);

/* Never NULL; borrowed until a refresh says SEEP_LIVE_ANEW. It may hold less than the
 * file: see points_most. */
const struct seep_recording *seep_live_recording(const struct seep_live *live);

/* One judgement, with what its findings borrow from: all borrowed until the next refresh
 * or seep_live_profile. */
struct seep_live_judged {
    const struct seep_findings *findings;   /* NULL: not judged yet */
    const struct seep_recording *recording; /* that they are of */
    struct seep_symbolizer *symbolizer;
    uint64_t generation; /* of the recording when it was judged */
};
struct seep_live_judged seep_live_judged(const struct seep_live *live);

/* The same with findings->profile, which costs more: it is judged anew when it is asked
 * for the first time; from then on every judgement has it.
 * Returns: 0; negative errno with *error set, *judged untouched. */
int seep_live_profile(struct seep_live *live, uint64_t now_ns,
                      struct seep_live_judged *judged, struct seep_error *error);
/* From the next judgement on none has it. */
void seep_live_forget_profile(struct seep_live *live);

/* The newest findings; NULL before the first refresh. */
const struct seep_findings *seep_live_findings(const struct seep_live *live);

/* Rises with each refresh that brought anything. */
uint64_t seep_live_generation(const struct seep_live *live);

/* The process at the newest snapshot; all zero without one. */
struct seep_live_now seep_live_now(const struct seep_live *live);

/* The process at the snapshots after a time: those that a judgement has not seen, at most
 * SEEP_LIVE_RECENT_MAX. out: borrowed, room for as many. Returns: how many, oldest first.
 */
enum { SEEP_LIVE_RECENT_MAX = 128 };
size_t seep_live_recent(const struct seep_live *live, double after_s,
                        struct seep_live_now *out);

/* The subsystem of a site, by the rules where there are any. Never NULL. */
const char *seep_live_subsystem(const struct seep_live *live, uint32_t site);

struct seep_live_cost seep_live_cost(const struct seep_live *live);

#endif
