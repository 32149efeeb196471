/* Threads that are alike, as one: what `seep threads` shows.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_THREADS_THREAD_GROUPS_H
#define SEEP_ANALYZER_THREADS_THREAD_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/findings.h"

struct seep_stack_of_group {
    const struct seep_view_frame *frames; /* innermost first */
    size_t count;
    const char *end; /* why it is not whole; "" when it is */
};

struct seep_thread_row {
    uint32_t tid;
    const char *name;
    double cpu_s;
    double idle_s;      /* since it last ran; < 0 unknown */
    const char *target; /* what its descriptor is open on; "" */
};

struct seep_thread_group {
    const char *state; /* "blocked" | "running" | "uninterruptible" | "stopped" | "traced"
                          | "ended" | "ended, not joined" | "unknown" */
    const char *wait;  /* system call or wait channel; "" */
    const char *call;  /* what the program called to wait, "pthread_cond_wait"; "" unknown
                          or  the same as wait */
    const char *target;    /* of all its threads; "" none, or they differ */
    const char *names;     /* "worker-0 .. worker-33 (34), main" */
    const char *subsystem; /* "" */
    const char *start;     /* start routine; "" unknown */
    const char *creator;   /* name of the thread that made them; "" unknown */
    struct seep_stack_of_group present;  /* where they are; empty when not known */
    struct seep_stack_of_group creation; /* where they were made; empty when not known */
    struct seep_thread_row *rows;        /* ascending by tid */
    size_t count;
    double idle_least_s, idle_most_s; /* < 0 unknown */
    double cpu_s;                     /* of all */
    uint32_t site;                    /* of the present stack, else of the creation */
};

struct seep_thread_groups {
    struct seep_findings *findings; /* owner of all memory; its profile, when asked for */
    struct seep_thread_group *groups; /* most threads first */
    size_t group_count, thread_count;
    bool live; /* a process; else a recording */
    uint32_t pid;
    const char *command;
    double at_s; /* of a recording: since the program's start */
    size_t stopped;
    double stop_total_s, stop_longest_s; /* 0: nothing was stopped */
    const char **notes;
    size_t note_count;
    const char **stuck; /* sentences: threads that will never run again, and why */
    size_t stuck_count;
};

/* A place with names for it: a recording, or the picture of a process. */
struct seep_threads_source {
    const struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
};

/* Gathers threads into groups: of the same state, wait and stack.
 *
 * present:  where threads are; recording NULL: not known.
 * creation: where threads were made; recording NULL: not known. One of the two is given;
 *   with both, threads are those of `present` and are looked up in `creation` by tid.
 * threads:  out, owned (seep_thread_groups_free); borrows nothing.
 * Returns: 0; -ENOMEM. Cost: O(threads x log threads + frames).
 */
int seep_thread_groups_gather(const struct seep_threads_source *present,
                              const struct seep_threads_source *creation,
                              struct seep_thread_groups **groups);
void seep_thread_groups_free(struct seep_thread_groups *threads);

/* Adds what a verdict says of threads that will never run again; nothing when memory is
 * out. findings: borrowed; those with other causes are passed over. */
void seep_thread_groups_stuck(struct seep_thread_groups *threads,
                              const struct seep_findings *findings);

/* Adds a line for the reader. printf; nothing when memory is out. */
void seep_thread_groups_note(struct seep_thread_groups *threads, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
