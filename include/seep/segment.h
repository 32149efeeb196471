/* The segment: one process's state, in memory that outlives it. Written by the shim, read
 * by the collector, which trusts nothing in it.
 *
 * One memfd (sealed against shrinking), sparse, of fixed layout: every table has its
 * largest size in the file from the start, and only touched pages exist. The reader uses
 * pread and SEEK_DATA: a mapping would create the pages that it looks at.
 *
 *     header | modules | subsystems | marks | threads | fds | timers | mappings | buckets
 * | nodes | sites | shards | top | leaves
 *
 * Invariants
 * S1: module_count and subsystem_count are raised (release) after the entries below them
 * are complete; read the count first (acquire). node_count and site_count are claims: an
 * entry below them whose parent (site: node) is still 0 is being written; a reader stops
 * there until its next look, or skips it once the process is gone. S2: entries are never
 * moved; nodes, sites, modules, subsystems and marks are never changed. S3: sum over
 * shards of acquired - released of a site = its live resources, once the process is at
 * rest. S4: a live entry's site id is not 0; an entry that follows a LARGE entry holds
 * that block's size.
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

#define SEEP_SEGMENT_MAGIC UINT64_C(0x31746e656d676573) /* "segment1", little endian */

enum {
    SEEP_SEGMENT_VERSION = 2,
    SEEP_MODULES_MAX = 8192,
    SEEP_SUBSYSTEMS_MAX = 1024,
    SEEP_MARKS_MAX = 1024,
    SEEP_THREADS_MAX = 65536,
    SEEP_FDS_MAX = 1 << 20, /* by descriptor number */
    SEEP_TIMERS_MAX = 1 << 16,
    SEEP_MAPPINGS_MAX = 1 << 17,
    SEEP_NODES_MAX = 1 << 22,
    SEEP_SITES_MAX = 1 << 20,
    SEEP_NODE_BUCKETS = 1 << 14,
    SEEP_SITE_BUCKETS = 1 << 12,
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

struct seep_module {
    uint64_t base; /* load address: a return address minus this is the node's offset */
    uint64_t size_bytes;   /* of the mapped range */
    uint64_t loaded_ns;    /* first seen, since start */
    uint32_t build_id_len; /* 0..32 */
    uint8_t build_id[32];  /* GNU build id; zero padded */
    _Atomic uint32_t
        ready; /* 1 once complete: shim release; the collector goes by module_count */
    char path[448]; /* NUL terminated; "[vdso]" for the kernel's; cut when longer */
};
static_assert(sizeof(struct seep_module) == 512, "layout");

struct seep_subsystem {
    char name[64]; /* NUL terminated; id 0 is "" = none */
};

struct seep_mark_entry {
    uint64_t t_ns; /* since start */
    char label[64];
    _Atomic uint32_t ready; /* 1 once complete: shim release, collector acquire */
    uint32_t pad[13];
};
static_assert(sizeof(struct seep_mark_entry) == 128, "layout");

/* Thread states: bits, set by fetch_or (release) in the shim, read (acquire) by the
 * collector. */
enum {
    SEEP_THREAD_USED = 1,     /* the slot is taken */
    SEEP_THREAD_STARTED = 2,  /* it has run */
    SEEP_THREAD_ENDED = 4,    /* its last destructor of ours has run */
    SEEP_THREAD_DETACHED = 8, /* nobody will join it */
    SEEP_THREAD_JOINED = 16,  /* released by join */
    SEEP_THREAD_FOREIGN =
        32 /* not made by a wrapped function (main thread, raw clone): no site */
};

struct seep_thread {
    _Atomic uint32_t state;      /* SEEP_THREAD_*; 0 = free */
    _Atomic uint32_t generation; /* raised each time the slot is taken */
    _Atomic uint32_t tid;        /* kernel id; 0 until started */
    uint32_t site;               /* creation site; 0 for FOREIGN */
    uint32_t creator;            /* slot of the creating thread */
    uint32_t subsystem;          /* at creation */
    uint32_t start_module;       /* start routine: module id ... */
    uint32_t shard;              /* counters it writes to */
    uint64_t start_offset;       /* ... and offset */
    uint64_t created_ns;         /* since start */
    _Atomic uint64_t started_ns; /* 0 = not yet */
    _Atomic uint64_t ended_ns;   /* 0 = not yet */
    uint64_t stack_bytes;        /* address space of its stack, 0 unknown */
    uint64_t pthread;            /* pthread_t, 0 until known */
    char name[16]; /* NUL terminated; as last set through pthread_setname_np */
    uint8_t pad[32];
};
static_assert(sizeof(struct seep_thread) == 128, "layout");

/* One descriptor, timer or mapping that is held now. The fd table is indexed by
 * descriptor number; slots of the two others are taken in any order. */
struct seep_holding {
    _Atomic uint32_t site; /* 0 = free (fd: none, or not acquired through a wrapper).
                              Written last by the shim (release), read (acquire) by the
                              collector */
    uint32_t flags;        /* the shim's own */
    uint64_t id;           /* fd: number; timer: timer_t; mapping: first address */
    uint64_t bytes;        /* mapping: length; else 0 */
    uint64_t acquired_ns;  /* since start */
};
static_assert(sizeof(struct seep_holding) == 32, "layout");

/* The first nodes are roots; a stack's outermost frame hangs below the one that says how
 * it ended. */
enum {
    SEEP_NODE_NONE = 0,
    SEEP_NODE_COMPLETE = 1,    /* unwound to the program's or the thread's start */
    SEEP_NODE_DEEP = 2,        /* cut at SEEP_STACK_MAX_FRAMES */
    SEEP_NODE_NO_RULE = 3,     /* code without unwind rules (JIT) */
    SEEP_NODE_BAD_FRAME = 4,   /* unreadable stack */
    SEEP_NODE_UNSUPPORTED = 5, /* rule not understood */
    SEEP_NODE_UNKNOWN = 6,     /* no stack was taken (see losses) */
    SEEP_NODE_FIRST = 16
};

struct seep_node {
    uint32_t parent; /* node id of the caller */
    uint32_t module; /* module id; 0 = no module: offset is the address itself */
    uint64_t
        offset; /* of the return address (exact pc below a signal frame) in its module */
    _Atomic uint32_t
        child[4]; /* the shim's index (a hash trie); nothing for the reader */
};
static_assert(sizeof(struct seep_node) == 32, "layout");

struct seep_site {
    uint32_t node;             /* leaf of the stack */
    uint16_t subsystem;        /* subsystem id */
    uint8_t kind;              /* enum seep_kind */
    uint8_t flags;             /* 0 */
    uint64_t first_ns;         /* first seen, since start */
    _Atomic uint32_t child[4]; /* the shim's index */
};
static_assert(sizeof(struct seep_site) == 32, "layout");

/* Cumulative, never falling. bytes: requested bytes (heap), stack bytes (thread). */
struct seep_counters {
    uint64_t acquired;
    uint64_t released;
    uint64_t acquired_bytes;
    uint64_t released_bytes;
};
static_assert(sizeof(struct seep_counters) == 32, "layout");

enum { SEEP_SEGMENT_STARTING = 0, SEEP_SEGMENT_READY = 1, SEEP_SEGMENT_OFF = 2 };

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
    _Atomic uint32_t exit_noted;   /* 1: the program called exit(exit_status) */
    _Atomic int32_t exit_status;
    _Atomic uint32_t module_claims; /* modules handed out by the shim, >= module_count */
    _Atomic uint32_t fd_count;      /* fd slots ever used: highest number + 1 */
    _Atomic uint32_t timer_count;   /* timer slots ever used */
    _Atomic uint32_t mapping_count; /* mapping slots ever used */
    uint32_t check_every;           /* every Nth stack is compared; 0 = none */
    _Atomic uint64_t checked;       /* stacks compared with libunwind's */
    _Atomic uint64_t check_differences; /* of these, not the same */
    uint64_t sample_bytes;              /* mean distance of samples; 0 in full mode */
    _Atomic uint64_t
        heap_peak_bytes;          /* high-water mark of live heap bytes; 0 = unknown */
    _Atomic uint32_t peak_wanted; /* raised by the shim at a new high-water mark */
    uint32_t pad;
    _Atomic uint64_t lost[SEEP_LOSS_MAX]; /* by enum seep_loss; relaxed */
    _Atomic uint32_t module_lock; /* the shim's own, around registering a module */
    uint32_t cmdline_len;
    char exe[1024];     /* NUL terminated */
    char cwd[1024];     /* NUL terminated */
    char cmdline[8192]; /* as /proc/PID/cmdline: NUL separated */
};

#endif
