/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PAYLOAD_H
#define SEEP_ANALYZER_COLLECT_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "collect/live_scan.h"
#include "seep/recording.h"
#include "seep/segment.h"

/* The byte layout of each frame's payload (seep/recording.h). Every function appends to
 * `out`, whose `failed` flag is the one check at the end.
 */
struct seep_program_facts {
    uint32_t pid, ppid, mode;
    uint64_t started_realtime_ns, started_monotonic_ns, interval_ns;
    const char *cmdline;  /* arguments, each NUL terminated */
    size_t cmdline_bytes; /* with the last NUL */
    const char *exe, *cwd, *host;
    uint64_t page_bytes;
    uint64_t limit_as_bytes, limit_nofile, limit_nproc,
        cgroup_memory_max_bytes; /* 0 = none */
};

/* A process's figures at one instant; all 0 when it has ended. */
struct seep_process_figures {
    uint64_t rss_bytes, pss_bytes, vsize_bytes, threads, fds;
    uint64_t user_ns, system_ns, minor_faults, major_faults;
};

/* Counters of all sites, before and now: what differs is written. */
struct seep_counters_change {
    const struct seep_counters *before, *now; /* site_count entries each */
    uint32_t site_count;
};

/* What /proc says of one thread. */
struct seep_thread_figures {
    uint64_t cpu_ns, voluntary_switches, involuntary_switches;
    uint64_t unchanged_since_ns; /* last snapshot at which one of the three had changed */
    char os_state;               /* a letter; 0 unknown */
    char wait[32];               /* "" unknown */
};

struct seep_child_facts {
    uint32_t pid;
    const char *command, *file; /* file "" when none was kept */
    uint64_t started_ns, duration_ns;
    uint32_t ending_kind, ending_status;
    uint64_t heap_acquired, heap_released, heap_live_bytes;
    uint64_t threads_acquired, threads_released;
};

struct seep_end_facts {
    uint64_t t_ns;
    uint32_t ending_kind, ending_status;
    uint64_t peak_live_heap_bytes, peak_threads, snapshots_taken;
};

void seep_payload_program(struct seep_buf *out, const struct seep_program_facts *facts);
/* The head of a piece of any table. */
void seep_payload_piece(struct seep_buf *out, uint32_t first_id, uint32_t count);
/* Entries of a piece; strings without their NUL are cut at the field's end. */
void seep_payload_module(struct seep_buf *out, const struct seep_module *module);
void seep_payload_subsystem(struct seep_buf *out, const struct seep_subsystem *subsystem);
void seep_payload_limit(struct seep_buf *out, uint32_t subsystem,
                        const struct seep_limit *limit);
void seep_payload_node(struct seep_buf *out, const struct seep_node *node);
void seep_payload_site(struct seep_buf *out, const struct seep_site *site);
/* Sites whose counters differ, ascending. lost: SEEP_LOSS_MAX entries. */
void seep_payload_snapshot(struct seep_buf *out, uint64_t t_ns,
                           const struct seep_process_figures *process,
                           const struct seep_counters_change *change,
                           const uint64_t *lost);
/* Sites 1 .. site_count-1 that have something live. */
void seep_payload_ages(struct seep_buf *out, uint64_t t_ns, uint64_t generation_width_ns,
                       const struct seep_age *ages, uint32_t site_count);
/* Sampled recordings: how well the live sampled blocks of each site speak for all. */
void seep_payload_samples(struct seep_buf *out, uint64_t t_ns, uint64_t sample_bytes,
                          const struct seep_age *ages, uint32_t site_count);
void seep_payload_thread(struct seep_buf *out, uint32_t slot,
                         const struct seep_thread *thread,
                         const struct seep_thread_figures *figures);
void seep_payload_child(struct seep_buf *out, const struct seep_child_facts *facts);
/* A mark or a note. `text` need not be NUL terminated within max_bytes. */
void seep_payload_text(struct seep_buf *out, uint64_t t_ns, const char *text,
                       size_t max_bytes);
void seep_payload_end(struct seep_buf *out, const struct seep_end_facts *facts);

#endif
