/* The recording: a file of framed, checksummed, compressed records.
 * docs/recording-format.md draws it.
 *
 * Written append-only by analyzer/collect, read by analyzer/load; the two share nothing
 * but this. Little endian. A file is the magic, then frames; each frame is a header,
 * `stored_bytes` of payload (zstd when flag COMPRESSED), and the XXH3 64-bit hash of the
 * stored payload. Cutting the file at any byte loses the frames from there on and nothing
 * before.
 *
 * In payloads: u = unsigned LEB128; str = u length, then bytes (UTF-8 by convention, any
 * bytes accepted). Times t are ns since the shim started (`started_monotonic`), except
 * where named otherwise. Ids are those of the segment. Tables arrive in pieces: `u
 * first_id, u count`, then the entries; a piece's ids follow those before (first_id <=
 * ids known so far, else the frame is corrupt).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_RECORDING_H
#define SEEP_RECORDING_H

#include <assert.h>
#include <stdint.h>

#define SEEP_RECORDING_MAGIC "SEEPREC1" /* 8 bytes, no NUL */
enum { SEEP_RECORDING_MAGIC_BYTES = 8 };

struct seep_frame_header {
    uint16_t type;          /* enum seep_frame; unknown types are skipped */
    uint16_t flags;         /* SEEP_FRAME_COMPRESSED */
    uint32_t stored_bytes;  /* of payload in the file, <= SEEP_FRAME_MAX_BYTES */
    uint32_t payload_bytes; /* after decompression, <= SEEP_FRAME_MAX_BYTES */
    uint32_t check;         /* low 32 bits of XXH3_64bits of the 12 bytes before */
};
static_assert(sizeof(struct seep_frame_header) == 16, "layout");
enum { SEEP_FRAME_COMPRESSED = 1, SEEP_FRAME_MAX_BYTES = 1 << 28 };

enum seep_frame {
    SEEP_FRAME_NONE = 0,
    /* u version (1), u pid, u ppid, u started_realtime_ns, u started_monotonic_ns, u mode
     * (1 full, 2 sampled), u interval_ns, u argc, str argv[argc], str exe, str cwd, str
     * host, str seep_version, u page_bytes, u limit_as_bytes, u limit_nofile, u
     * limit_nproc, u cgroup_memory_max_bytes  (each limit 0 = none) */
    SEEP_FRAME_PROGRAM = 1,
    /* u first_id, u count, each: str path, str build_id (raw bytes), u base, u
       size_bytes, u loaded_ns */
    SEEP_FRAME_MODULES = 2,
    /* u first_id, u count, each: str name */
    SEEP_FRAME_SUBSYSTEMS = 3,
    /* u first_id, u count, each: u parent, u module, u offset */
    SEEP_FRAME_NODES = 4,
    /* u first_id, u count, each: u node, u subsystem, u kind, u first_ns */
    SEEP_FRAME_SITES = 5,
    /* u t_ns, u merged (snapshots thinned into this one, 0 = none),
     * process: u rss_bytes, u pss_bytes (0 = unknown), u vsize_bytes, u threads, u fds, u
     * user_ns, u system_ns, u minor_faults, u major_faults   (all 0 when the process had
     * already ended) u n, each: u site_id minus the one before (first: the id), u
     * acquired, u released, u acquired_bytes, u released_bytes: cumulative values of
     * every site that changed since the snapshot before u n, each: u reason (enum
     * seep_loss), u count: all non-zero losses so far */
    SEEP_FRAME_SNAPSHOT = 6,
    /* u t_ns, u generation_width_ns, u n, each: u site_id delta as above, u live, u
     * live_bytes, u oldest_birth_ns, u newest_birth_ns, u generations: bit g = something
     * born in [g, g+1) * width is alive (64 bits) from a scan of the live table; all
     * sites with something live */
    SEEP_FRAME_AGES = 7,
    /* u t_ns, u n, each: u slot, u generation, u tid, u state (SEEP_THREAD_*), u site, u
     * creator_slot, u subsystem, str name, u start_module, u start_offset, u created_ns,
     * u started_ns, u ended_ns, u stack_bytes, from /proc, 0 when unknown: u cpu_ns, u
     * voluntary_switches, u involuntary_switches, u os_state (a letter), u
     * unchanged_since_ns (last snapshot at which cpu_ns or a switch count had changed),
     *   str wait (wait channel or system call name, "" unknown)
     * every slot in use at t; the newest table replaces those before */
    SEEP_FRAME_THREADS = 8,
    /* u pid, str command, u started_ns, u duration_ns, u ending_kind, u ending_status,
     * str file ("" = none kept), u heap_acquired, u heap_released, u heap_live_bytes, u
     * threads_acquired, u threads_released */
    SEEP_FRAME_CHILD = 9,
    /* u t_ns, str label: of the first marks of each label (SEEP_FRAME_MARK_COUNTS) */
    SEEP_FRAME_MARK = 10,
    /* u t_ns, str text: what a reader of the report must know (an option refused, the
       shim's off reason) */
    SEEP_FRAME_NOTE = 11,
    /* u t_ns, u kind (enum seep_ending), u status (exit status or signal), u
     * peak_live_heap_bytes, u peak_threads, u snapshots_taken. Absent: the collector
     * ended before the program. */
    SEEP_FRAME_END = 12,
    /* u t_ns (when the process was looked at), u open (descriptors in /proc), u recorded
     * (of these, in the shim's table), u inherited (of the others, open since before the
     * shim started), u gone (in the shim's table, not open any more), u n, each: u fd
     * minus the one before (first: the fd + 1), u site (0 = none known), u
     * acquired_ns (0 unknown), u flags (enum seep_descriptor_flag), str link (of
     * /proc/PID/fd), str protocol, str local, str peer, str state (of a socket; of a
     * pipe, peer is "fd N" where its other end is N of the same process; "" unknown).
     * All open descriptors, ascending, or of more than SEEP_DESCRIPTORS_MAX every Nth;
     * the newest table replaces those before. A process that ends takes its descriptors
     * along: the newest table may be older than the newest snapshot. */
    SEEP_FRAME_DESCRIPTORS = 13,
    /* Of a sampled recording, with each AGES: u t_ns, u sample_bytes (mean distance of
     * samples), u n, each: u site_id delta as above, u samples (live sampled blocks), u
     * live_spread, u bytes_spread: variance of the estimate over the estimate itself, of
     * the live count in SEEP_SPREAD_PARTS, of the live bytes in bytes. A site keeps what
     * the newest frame that lists it says. */
    SEEP_FRAME_SAMPLES = 14,
    /* u t_ns, u live, u live_bytes (of all heap sites), u n, each: u site, u live, u
     * live_bytes: who held the heap at its highest, most bytes first. The newest
     * replaces those before. */
    SEEP_FRAME_PEAK = 15,
    /* u t_ns, u n, each: u tid, u slot_plus_1 (of the thread table; 0 not in it), str
     * name (as the kernel has it; "" for threads of the table), u os_state (a letter), u
     * cpu_ns, u voluntary_switches, u involuntary_switches, u unchanged_since_ns, u
     * syscall_plus_1 (0 none or unknown), u address (of a futex; 0 none), u fd_plus_1
     * (waited on; 0 none or unknown), str target (text of its link in /proc/PID/fd)
     * All tasks that sleep in a known system call, and all that the table does not know.
     * Written when it differs from the one before, which it replaces. */
    SEEP_FRAME_WAITS = 16,
    /* u t_ns, u exit_way (SEEP_EXIT_WAY_*), u n, each: u site_id delta as above, u
     * created, u started, u ended, u joined, u detached, u left (of the ended: by
     * pthread_exit or thrd_exit), u cancelled (of the ended), u cpu_ns (of the ended), u
     * stack_mapped_bytes, u stack_resident_bytes (of the threads that run or wait to be
     * joined, when last weighed), u buckets (up to SEEP_LIFETIME_BUCKETS), buckets of: u
     * count of ended threads that lived for floor(log2(microseconds))
     * Cumulative; all sites that have made a thread. Written when it differs from the one
     * before, which it replaces. */
    SEEP_FRAME_LIFETIMES = 17,
    /* u t_ns, u tid, u slot_plus_1 (as above), u why (SEEP_PROBE_*), u stop_ns (the
     * longest that the thread stood still for us), u unchanged_since_ns, u
     * syscall_plus_1, 6 of: u argument, u object_at, str object (raw bytes of memory
     * around what a futex call waits for, from object_at on; none for other calls), u
     * reach (SEEP_REACH_*), u searches, u scanned_bytes, u end (SEEP_PROBE_STACK_*), u n,
     * each, innermost first: u module, u offset (an address where module is 0), u exact
     * (1: execution was here; 0: a return address) A look from outside at one blocked
     * thread. They add up; of one thread the newest counts, as long as it has not moved
     * since. */
    SEEP_FRAME_PROBE = 18,
    /* u t_ns, u n (at most SEEP_MARK_LABELS_MAX), each: str label, u count: marks so far.
     * All labels so far; row i is the same label in every frame. Before the snapshot that
     * it speaks for, when it differs from the one before. */
    SEEP_FRAME_MARK_COUNTS = 19,
    /* u n (at most SEEP_SUBSYSTEMS_MAX), each: u subsystem, u most (not 0), str
     * container: what is acquired in this subsystem are entries of a container that holds
     * at most so many. They add up; of a subsystem the row with the highest limit counts.
     * Subsystems of one name, some of them bounded, are one to a reader of the report. */
    SEEP_FRAME_LIMITS = 20,
    SEEP_FRAME_LAST = SEEP_FRAME_LIMITS
};
enum { SEEP_SPREAD_PARTS = 256 };

enum seep_probe_why {
    SEEP_PROBE_UNCHANGED = 1 /* it has not moved for as long as --stuck-after says */
};
enum seep_probe_stack {
    SEEP_PROBE_STACK_NONE = 0,
    SEEP_PROBE_STACK_COMPLETE = 1,
    SEEP_PROBE_STACK_CUT = 2 /* code without unwind rules, or too deep */
};
/* Can anybody wake it? (docs/threads.md) */
enum seep_reach {
    SEEP_REACH_UNKNOWN = 0, /* not looked for */
    SEEP_REACH_SOMEBODY = 1,
    SEEP_REACH_NOBODY = 2
};
enum {
    SEEP_PROBE_OBJECT_MAX_BYTES = 256,
    SEEP_PROBES_PER_DOUBLING = 1000 /* looks in a recording, times log2(2 + its hours) */
};

enum seep_descriptor_flag {
    SEEP_DESCRIPTOR_RECORDED = 1, /* in the shim's table */
    SEEP_DESCRIPTOR_INHERITED = 2 /* not in it, the same since before the shim started */
};
enum { SEEP_DESCRIPTORS_MAX = 16384 /* of one table */ };

enum seep_ending {
    SEEP_ENDING_NONE = 0,
    SEEP_ENDING_EXITED = 1,
    SEEP_ENDING_SIGNALLED = 2,
    SEEP_ENDING_RUNNING = 3, /* recording stopped while the program went on */
    SEEP_ENDING_LOST = 4,    /* ended, nobody could see how */
    SEEP_ENDING_EXEC = 5     /* replaced itself by another program */
};

enum { SEEP_SNAPSHOTS_MAX = 4096, SEEP_RECORDING_MAX_BYTES = 64 << 20 };

#endif
