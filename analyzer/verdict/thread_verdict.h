/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_THREAD_VERDICT_H
#define SEEP_ANALYZER_VERDICT_THREAD_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "verdict/finding_list.h"

enum { SEEP_THREAD_SAMPLES_MAX = 8 };

/* What the thread table says about the ended but unjoined threads of one site. */
struct seep_unjoined {
    size_t count;   /* ended, neither joined nor detached, see seep_thread_is_unjoined */
    size_t leaving; /* of them: those that were there for most of the run and ended with
                       the program, as a pool does that nobody cares to join */
    size_t seconds; /* distinct seconds in which they were created, counted up to 64 */
    uint64_t first_created_ns, last_created_ns;
    uint64_t stack_bytes; /* address space that they hold */
    bool exited;          /* the program ended by exit: nobody will join them any more */
};

/* Threads that ended this recently may still be joined by somebody on the way, while the
 * program runs. */
#define SEEP_UNJOINED_GRACE_NS UINT64_C(2000000000)

/* Whether a thread counts as unjoined in the recording's thread table: it ended, was
 * neither joined nor detached, and either its grace is over or the program has exited, so
 * that nobody will join it any more. Thread-safety: pure. */
bool seep_thread_is_unjoined(const struct seep_recording *recording,
                             const struct seep_rec_thread *thread);

/* Whether a thread of the table, made by a wrapped function, is there and has not ended.
 * Thread-safety: pure. */
bool seep_thread_is_running(const struct seep_rec_thread *thread);

/* The verdict on one site's unjoined threads. Thread-safety: pure.
 * Source: docs/statistics.md; three that were made one after the other are a habit, three
 * that were made together may be a pool whose owner is still in its first pthread_join.
 */
enum seep_verdict seep_unjoined_verdict(const struct seep_unjoined *unjoined);

/* Adds findings on unjoined threads, and on threads that were still running at a normal
 * exit. A growth finding of the same site whose threads have mostly ended becomes one on
 * unjoined threads. Call after the growth findings. Returns: 0; -ENOMEM. */
int seep_thread_findings_add(struct seep_analysis *analysis);

/* Fills a finding's thread samples, oldest first, and thread_total, from these threads
 * (borrowed; they are sorted). Returns: 0; -ENOMEM. */
int seep_thread_samples_set(struct seep_analysis *analysis,
                            const struct seep_rec_thread **threads, size_t n,
                            struct seep_finding *finding);
/* The same from all threads of a site that run or are unjoined. Returns: 0; -ENOMEM.
 */
int seep_thread_samples_fill(struct seep_analysis *analysis, uint32_t site,
                             struct seep_finding *finding);

#endif
