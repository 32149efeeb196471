/* One entry of each of the segment's tables (segment.h has the invariants and sizes).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SEGMENT_TABLES_H
#define SEEP_SEGMENT_TABLES_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

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

/* What a subsystem of the same id is beside its name: of a bounded one the container, and
 * how many entries the program says that it holds at most. Bounded or not, a subsystem is
 * part of its sites' keys, so nothing on the way of an acquisition knows of limits. */
struct seep_limit {
    _Atomic uint64_t most; /* 0 not bounded; else as declared last: relaxed, any thread */
    uint32_t plain;        /* bounded: the subsystem of the same name that is not */
    uint32_t pad;
    char container[48]; /* NUL terminated; cut when longer */
};
static_assert(sizeof(struct seep_limit) == 64, "layout");

struct seep_mark_entry {
    uint64_t t_ns; /* since start */
    char label[64];
    _Atomic uint32_t ready; /* 1 once complete: shim release, collector acquire */
    uint32_t pad[13];
};
static_assert(sizeof(struct seep_mark_entry) == 128, "layout");

/* How often a label was marked. An entry is claimed for ever by its key; entries lie
 * where the hash of the label says, or behind. */
struct seep_mark_label {
    _Atomic uint64_t key;   /* hash of the label, never 0; 0 = free */
    _Atomic uint64_t count; /* marks so far; relaxed adds of any thread */
    _Atomic uint32_t
        ready;      /* 1 once the label is there: shim release, collector acquire */
    char label[64]; /* NUL terminated; cut when longer */
    uint32_t pad[11];
};
static_assert(sizeof(struct seep_mark_label) == 128, "layout");

/* Thread states: bits, set by fetch_or (release) in the shim, read (acquire) by the
 * collector. */
enum {
    SEEP_THREAD_USED = 1,     /* the slot is taken */
    SEEP_THREAD_STARTED = 2,  /* it has run */
    SEEP_THREAD_ENDED = 4,    /* its last destructor of ours has run */
    SEEP_THREAD_DETACHED = 8, /* nobody will join it */
    SEEP_THREAD_JOINED = 16,  /* released by join */
    SEEP_THREAD_FOREIGN =
        32, /* not made by a wrapped function (main thread, raw clone): no site */
    /* How it ended; ENDED with neither: cancelled. */
    SEEP_THREAD_RETURNED = 64, /* from its start routine */
    SEEP_THREAD_LEFT = 128     /* by pthread_exit or thrd_exit */
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
    char name[16];     /* NUL terminated; as last set through pthread_setname_np */
    uint32_t lifetime; /* its site's entry of the lifetimes, plus 1; 0 = none */
    uint8_t pad[28];
};
static_assert(sizeof(struct seep_thread) == 128, "layout");

/* What became of the threads of one creation site; every number only grows, by relaxed
 * adds of whoever saw it happen. A thread is created when its creation has succeeded;
 * detached when it was created so, or when that was done to it; ended before it is
 * released. created - joined - detached are those that somebody has to join yet.
 */
enum { SEEP_LIFETIME_BUCKETS = 48 };
struct seep_lifetime {
    _Atomic uint32_t site; /* 0 = free; claimed once, for ever */
    uint32_t pad;
    _Atomic uint64_t created, started, ended, joined, detached;
    _Atomic uint64_t left;      /* of the ended: by pthread_exit or thrd_exit */
    _Atomic uint64_t cancelled; /* of the ended */
    _Atomic uint64_t cpu_ns;    /* of the ended */
    _Atomic uint64_t buckets[SEEP_LIFETIME_BUCKETS]; /* ended, by floor(log2(us lived));
                                                        the last has all beyond, too */
    uint64_t spare[7];
};
static_assert(sizeof(struct seep_lifetime) == 512, "layout");

/* Where the shim keeps memory of its own beside the segment, in the process's memory and
 * not in the segment: a forked child keeps it, and gets a segment of its own. For whoever
 * searches the process's memory: what the shim noted of stacks is no reference of the
 * program's. Written by the shim; a row is taken by its `start` and given back by 0. */
enum { SEEP_OWN_MAPS_MAX = 4096 };
struct seep_own_maps {
    _Atomic uint32_t used; /* rows ever used */
    _Atomic uint32_t lost; /* mappings that found no row */
    struct seep_own_map {
        _Atomic uint64_t start; /* 0 = free */
        _Atomic uint64_t bytes; /* set after start */
    } rows[SEEP_OWN_MAPS_MAX];
};

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

#endif
