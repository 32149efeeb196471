/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_THREAD_VIEW_H
#define SEEP_ANALYZER_VERDICT_THREAD_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seep_analysis;

/* What became of the threads of one creation site, since the program started. */
struct seep_view_lifetimes {
    bool known;
    uint64_t created, started, ended, joined, detached;
    uint64_t left, cancelled; /* of the ended: by pthread_exit or thrd_exit; cancelled */
    double cpu_s;             /* of the ended */
    double half_below_s;      /* half of the ended lived shorter; 0: none has ended */
    double all_below_s;       /* all of them did */
    const uint64_t *buckets;  /* ended, by floor(log2(us)); of the findings' memory */
    size_t bucket_count;
    uint64_t stacks; /* that are there: of threads that run or wait to be joined */
    uint64_t stack_mapped_bytes, stack_resident_bytes; /* of those, when last weighed */
};

/* A thread that no wrapped function made. */
struct seep_view_unwrapped_thread {
    uint32_t tid;
    const char *name;   /* as the kernel has it; "" unknown */
    const char *wait;   /* system call; "" none or unknown */
    const char *target; /* what the descriptor that it waits on is; "" none or unknown */
};
enum { SEEP_VIEW_UNWRAPPED_MAX = 16 };
struct seep_view_unwrapped {
    uint64_t count; /* that were there at the newest look; the main thread is none */
    struct seep_view_unwrapped_thread rows[SEEP_VIEW_UNWRAPPED_MAX]; /* lowest tids */
    size_t row_count;
};

/* Fills the lifetimes of all findings on threads, and findings->unwrapped.
 * Returns: 0; -ENOMEM. */
int seep_thread_views_fill(struct seep_analysis *analysis);

#endif
