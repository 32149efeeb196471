/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_RECORDING_THREADS_H
#define SEEP_ANALYZER_LOAD_RECORDING_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seep/segment.h"

/* What a recording says of threads (load/recording.h has the whole): owned by the
 * recording; strings are never NULL. */
struct seep_rec_thread {
    uint32_t slot, generation, tid, state, site, creator, subsystem, start_module;
    uint64_t start_offset, created_ns, started_ns, ended_ns, stack_bytes;
    uint64_t cpu_ns, voluntary_switches, involuntary_switches, unchanged_since_ns;
    char os_state; /* 0 unknown */
    char *name, *wait;
};
struct seep_rec_wait { /* a task that sleeps in a system call, or is not in the table */
    uint32_t tid, slot_plus_1; /* of the thread table; 0: not in it */
    uint64_t cpu_ns, voluntary_switches, involuntary_switches, unchanged_since_ns;
    uint32_t syscall_plus_1; /* number on the recorded machine; 0 none or unknown */
    uint32_t fd_plus_1;      /* waited on; 0 none or unknown */
    uint64_t address;        /* of the futex; 0 none */
    char os_state;           /* 0 unknown */
    char *name;              /* as the kernel has it; "" for threads of the table */
    char *target;            /* what the descriptor is: "socket:[7]"; "" unknown */
};
struct seep_rec_waits { /* the newest: it speaks until another one comes */
    uint64_t t_ns;      /* 0: none was taken */
    struct seep_rec_wait *rows;
    size_t count;
};
struct seep_rec_lifetime { /* of the threads of one creation site; cumulative */
    uint32_t site;
    uint64_t created, started, ended, joined, detached;
    uint64_t left, cancelled; /* of the ended: by pthread_exit or thrd_exit; cancelled */
    uint64_t cpu_ns;          /* of the ended */
    uint64_t stack_mapped_bytes, stack_resident_bytes; /* of those that were there, when
                                                          last weighed */
    uint64_t buckets[SEEP_LIFETIME_BUCKETS]; /* ended, by floor(log2(us lived)) */
};
struct seep_rec_lifetimes {
    uint64_t t_ns;                  /* 0: none was written */
    uint32_t exit_way;              /* SEEP_EXIT_WAY_* */
    struct seep_rec_lifetime *rows; /* ascending by site */
    size_t count;
};
struct seep_rec_probe_frame {
    uint32_t module;
    bool exact;      /* execution was here; else a return address */
    uint64_t offset; /* in the module; an address where module is 0 */
};
struct seep_rec_probe { /* a look from outside at one blocked thread */
    uint64_t t_ns, stop_ns, unchanged_since_ns;
    uint32_t tid, slot_plus_1; /* as of waits */
    uint32_t why;              /* SEEP_PROBE_* */
    uint32_t syscall_plus_1;   /* 0 none or unknown */
    uint64_t arguments[6];
    uint64_t object_at; /* address of object[0] */
    uint8_t *object;
    size_t object_bytes;
    uint32_t reach, searches; /* SEEP_REACH_* */
    uint64_t scanned_bytes;
    uint32_t end;                        /* SEEP_PROBE_STACK_* */
    struct seep_rec_probe_frame *frames; /* innermost first */
    size_t frame_count;
};

#endif
