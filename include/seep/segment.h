/* The segment: one process's state, in memory that outlives it. Written by the shim, read
 * by the collector, which trusts nothing in it.
 *
 * One memfd (sealed against shrinking), sparse, of fixed layout: every table has its
 * largest size in the file from the start, and only touched pages exist. The reader uses
 * pread and SEEK_DATA: a mapping would create the pages that it looks at.
 *
 *     header | modules | subsystems | limits | marks | mark labels | threads | fds |
 * timers | mappings | lifetimes | buckets | nodes | sites | shards | top | leaves
 *
 * Invariants
 * S1: module_count and subsystem_count are raised (release) after the entries below them
 * are complete; read the count first (acquire). node_count and site_count are claims: an
 * entry below them whose parent (site: node) is still 0 is being written; a reader stops
 * there until its next look, or skips it once the process is gone. S2: entries are never
 * moved; nodes, sites, modules, subsystems and marks are never changed, and of limits
 * only `most`; limit_changes is raised (release) behind it. S3: sum over shards of
 * acquired - released of a site = its live resources, once the process is at rest. S4: a
 * live entry's site id is not 0; an entry that follows a LARGE entry holds that block's
 * size.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SEGMENT_H
#define SEEP_SEGMENT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "seep/kinds.h"
#include "seep/segment_tables.h"

#define SEEP_SEGMENT_MAGIC UINT64_C(0x31746e656d676573) /* "segment1", little endian */

enum {
    SEEP_SEGMENT_VERSION = 7,
    SEEP_MODULES_MAX = 8192,
    SEEP_SUBSYSTEMS_MAX = 1024,
    SEEP_MARKS_MAX = 1024,           /* that keep their time */
    SEEP_MARK_TIMES_OF_A_LABEL = 64, /* so that no label takes all of them */
    SEEP_MARK_LABELS_MAX = 256,      /* by hash of the label */
    SEEP_THREADS_MAX = 65536,
    SEEP_FDS_MAX = 1 << 20, /* by descriptor number */
    SEEP_TIMERS_MAX = 1 << 16,
    SEEP_MAPPINGS_MAX = 1 << 17,
    SEEP_LIFETIMES_MAX = 1 << 12, /* by hash of the site */
    SEEP_NODES_MAX = 1 << 22,
    SEEP_SITES_MAX = 1 << 20,
    SEEP_NODE_BUCKETS = 1 << 16,
    SEEP_SITE_BUCKETS = 1 << 14,
    SEEP_SHARDS_OWN = 128,   /* one thread's at a time: plain stores */
    SEEP_SHARDS_SHARED = 16, /* many threads': relaxed atomic adds */
    SEEP_SHARDS = SEEP_SHARDS_OWN + SEEP_SHARDS_SHARED,
    SEEP_STACK_MAX_FRAMES = 1024,
    SEEP_ADDRESS_BITS = 47,
    SEEP_LEAF_BITS = 28, /* one leaf of the live table covers 256 MiB of addresses */
    SEEP_LEAVES_MAX = 4096,
    SEEP_GRANULE_SHIFT_MIN =
        4 /* 16 bytes; 5 where the allocator's blocks are 32 bytes apart */
};

/* check_every when checking was asked for and libunwind could not be used. */
#define SEEP_CHECK_UNAVAILABLE UINT32_MAX

enum { SEEP_SEGMENT_STARTING = 0, SEEP_SEGMENT_READY = 1, SEEP_SEGMENT_OFF = 2 };

/* For threads about to end when the process does, where that is asked for
 * (at-exit-threads=none). */
enum { SEEP_EXIT_GRACE_DEFAULT_MS = 1000, SEEP_EXIT_GRACE_MOST_MS = 600000 };

/* How a process said that it ends, with exit_status. */
enum {
    SEEP_EXIT_WAY_NONE = 0,
    SEEP_EXIT_WAY_EXIT = 1,   /* exit(), or main returned */
    SEEP_EXIT_WAY_AT_ONCE = 2 /* _exit(), _Exit(): no handlers were run */
};

struct seep_segment_header {
    uint64_t magic;
    uint32_t version;
    _Atomic uint32_t state; /* SEEP_SEGMENT_*: shim release, collector acquire */
    uint32_t pid;
    uint32_t ppid;
    uint64_t start_realtime_ns;
    uint64_t start_monotonic_ns; /* CLOCK_MONOTONIC; all t_ns are since this */
    uint64_t start_proc_ticks;   /* field 22 of /proc/PID/stat: tells a reused pid */
    uint32_t mode;               /* 1 full, 2 sampled */
    uint32_t granule_shift;      /* 4 or 5 */
    uint32_t leaves_max;         /* leaves that fit the process's address space */
    _Atomic uint32_t off_reason; /* enum seep_off_reason */
    _Atomic uint32_t node_count; /* claims, see S1 */
    _Atomic uint32_t site_count;
    _Atomic uint32_t module_count;
    _Atomic uint32_t subsystem_count;
    _Atomic uint32_t mark_count;   /* claimed marks; each has its own `ready` */
    _Atomic uint32_t thread_count; /* slots ever used */
    _Atomic uint32_t leaf_count;   /* leaves in use, 1-based ids 1 .. leaf_count */
    _Atomic uint32_t exit_noted;   /* SEEP_EXIT_WAY_*: the program is on its way out */
    _Atomic int32_t exit_status;
    _Atomic uint32_t module_claims; /* modules handed out by the shim, >= module_count */
    _Atomic uint32_t fd_count;      /* fd slots ever used: highest number + 1 */
    _Atomic uint32_t timer_count;   /* timer slots ever used */
    _Atomic uint32_t mapping_count; /* mapping slots ever used */
    uint32_t check_every;     /* every Nth stack is compared; 0 = none, or UNAVAILABLE */
    _Atomic uint64_t checked; /* stacks compared with libunwind's */
    _Atomic uint64_t check_differences; /* of these, not the same */
    uint64_t sample_bytes;              /* mean distance of samples; 0 in full mode */
    _Atomic uint64_t
        heap_peak_bytes;             /* high-water mark of live heap bytes; 0 = unknown */
    _Atomic uint32_t peak_wanted;    /* raised by the shim at a new high-water mark */
    _Atomic uint32_t check_prefixes; /* of checked: compared up to a marked end only */
    _Atomic uint64_t lost[SEEP_LOSS_MAX]; /* by enum seep_loss; relaxed */
    _Atomic uint32_t module_lock;      /* the shim's own, around registering a module */
    _Atomic uint32_t mark_label_count; /* labels claimed: 0 = none to look for */
    _Atomic uint32_t limit_changes;    /* of `most` of any limit; 0 = none is bounded */
    uint32_t cmdline_len;
    uint64_t own_maps_at;  /* address of struct seep_own_maps in the process */
    char exe[1024];        /* NUL terminated */
    char cwd[1024];        /* NUL terminated */
    char cmdline[8192];    /* as /proc/PID/cmdline: NUL separated */
    char check_text[2048]; /* the first difference found by checking; NUL terminated */
};

/* The one page that the collector writes. */
struct seep_tick {
    _Atomic uint64_t tick; /* another number 16 times a second; 0 = it does not */
};

#endif
