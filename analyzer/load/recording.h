/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_RECORDING_H
#define SEEP_ANALYZER_LOAD_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "load/age_scan.h"
#include "load/recording_threads.h"
#include "load/site_points.h"
#include "seep/recording.h"
#include "seep/segment.h"

/* A whole recording in memory. Read-only once opened; everything below is owned by it.
 * Arrays indexed by id have `count` entries. Always there: module 0 (path ""),
 * subsystem 0 (""), site 0 (none), nodes below SEEP_NODE_FIRST. References from row to
 * row are in range: what pointed nowhere became 0, a node SEEP_NODE_UNKNOWN, and is
 * counted in dangling_references. Strings are never NULL. Counters are as written: a
 * program that scribbles over its segment may make them fall.
 */
struct seep_rec_program {
    uint32_t pid, ppid, mode;
    uint64_t started_realtime_ns, started_monotonic_ns, interval_ns;
    size_t argc;
    char **argv;
    char *exe, *cwd, *host, *seep_version;
    uint64_t page_bytes;
    uint64_t limit_as_bytes, limit_nofile, limit_nproc,
        cgroup_memory_max_bytes; /* 0 = none */
};
struct seep_rec_module {
    char *path; /* never NULL; "" for id 0 */
    uint8_t build_id[32];
    uint32_t build_id_len;
    uint64_t base, size_bytes, loaded_ns;
};
struct seep_rec_node {
    uint32_t parent, module;
    uint64_t offset;
};
struct seep_rec_site {
    struct seep_points points; /* ascending by snapshot */
    uint32_t node, subsystem;
    uint32_t limit; /* of recording->limits; 0: none was declared */
    uint8_t kind;
    uint64_t first_ns;
    uint64_t samples; /* live sampled blocks when last scanned; 0: not known */
    uint64_t live_spread, bytes_spread; /* see SEEP_FRAME_SAMPLES; valid with samples */
};
struct seep_rec_holder {
    uint32_t site;
    uint64_t live, live_bytes;
};
struct seep_rec_peak { /* the heap at its highest, as far as anybody looked */
    uint64_t t_ns;     /* 0: not known */
    uint64_t live, live_bytes;
    struct seep_rec_holder *holders; /* most bytes first */
    size_t count;
};
struct seep_rec_limit {    /* of a container, the highest that the program declared */
    uint32_t subsystem;    /* in the file; its sites are in the plain one of its name */
    uint64_t most;         /* entries */
    const char *container; /* never NULL */
};
struct seep_rec_snapshot {
    uint64_t t_ns;
    uint32_t merged;
    uint64_t rss_bytes, pss_bytes, vsize_bytes, threads, fds, user_ns, system_ns;
    uint64_t minor_faults, major_faults;
};
struct seep_rec_descriptor {
    uint32_t fd, site, flags;              /* SEEP_DESCRIPTOR_*; site 0: none known */
    uint64_t acquired_ns;                  /* 0 unknown */
    char *link;                            /* "/tmp/x", "socket:[7]", "pipe:[7]" ... */
    char *protocol, *local, *peer, *state; /* of a socket; see seep/recording.h */
};
struct seep_rec_descriptors {         /* the newest look at what was open */
    uint64_t t_ns;                    /* 0: none was taken */
    uint64_t open, recorded;          /* open; of these, in the shim's table */
    uint64_t inherited, gone;         /* of the others; in the table and not open */
    struct seep_rec_descriptor *rows; /* ascending by fd; a part of `open` when many */
    size_t count;
};
struct seep_rec_child {
    uint32_t pid, ending_kind, ending_status;
    char *command, *file; /* file "" when none was kept */
    uint64_t started_ns, duration_ns;
    uint64_t heap_acquired, heap_released, heap_live_bytes, threads_acquired,
        threads_released;
};
struct seep_rec_label {        /* a label of marks, in the order of the file */
    char *text;                /* never NULL; may be another one's too */
    uint64_t count;            /* marks so far, at the end */
    struct seep_points points; /* `acquired`: marks up to a snapshot */
};
struct seep_rec_text { /* a mark or a note */
    uint64_t t_ns;
    char *text;
};

struct seep_recording {
    struct seep_rec_program program;
    struct seep_rec_module *modules;
    size_t module_count;
    char **subsystems; /* [0] is "" */
    size_t subsystem_count;
    struct seep_rec_limit *limits; /* [0] is none */
    size_t limit_count;            /* 0 or more than 1 */
    struct seep_rec_node *nodes;
    size_t node_count;
    struct seep_rec_site *sites;
    size_t site_count;
    struct seep_rec_snapshot *snapshots; /* t_ns strictly rising */
    size_t snapshot_count;
    struct seep_rec_ages *ages; /* t_ns rising; may be empty */
    size_t ages_count;
    struct seep_rec_thread *threads; /* of the newest table */
    size_t thread_count;
    uint64_t threads_t_ns;
    struct seep_rec_waits waits;
    struct seep_rec_lifetimes lifetimes;
    struct seep_rec_probe *probes; /* in the order of the file */
    size_t probe_count;
    struct seep_rec_descriptors descriptors;
    struct seep_rec_child *children;
    size_t child_count;
    struct seep_rec_text
        *marks; /* those whose time is known: not all, where labels are */
    size_t mark_count;
    struct seep_rec_label *labels; /* none: nobody marked, or an older shim */
    size_t label_count;
    struct seep_rec_text *notes;
    size_t note_count;
    uint64_t lost[SEEP_LOSS_MAX];
    bool ended; /* an END frame was there */
    uint32_t ending_kind, ending_status;
    uint64_t ended_ns;                           /* of END, else of the last snapshot */
    uint64_t peak_live_heap_bytes, peak_threads; /* 0 without END */
    struct seep_rec_peak peak;
    uint64_t sample_bytes;    /* mean distance of samples; 0: full mode, or not known */
    uint64_t snapshots_taken; /* without END: snapshot_count */
    bool truncated;           /* the file ends inside a frame */
    uint64_t truncated_at;    /* byte offset of that frame */
    uint64_t dangling_references; /* see above; 0 in a sound recording */
    void *arena;                  /* owner of all the memory above */
};

/* Reads a recording whole.
 *
 * path:       borrowed.
 * recording:  out, owned (seep_recording_free); untouched on error.
 * error:      out; message names the file and the byte offset.
 *
 * Returns: 0, also for a file cut at any byte after its magic (see truncated);
 *   -ENOENT and other errno of open/read; -EISDIR; -EINVAL another thing than a file;
 *   -EPROTO not a recording (wrong magic, or shorter than it); -ENOTSUP another version;
 *   -EBADMSG corrupt (checksum, malformed payload); -EFBIG more than 4 GiB decompressed;
 *   -ENOMEM, also when the recording takes more than 4 GiB of memory.
 * Thread-safety: any thread. Allocates: yes. Cost: O(file).
 */
int seep_recording_open(const char *path, struct seep_recording **recording,
                        struct seep_error *error);
/* The same, and tells how far it is. progress: borrowed during the call; may be NULL. */
int seep_recording_open_telling(const char *path, struct seep_progress *progress,
                                struct seep_recording **recording,
                                struct seep_error *error);
/* The same over bytes in memory, borrowed during the call. name: the path in messages. */
int seep_recording_open_bytes(const char *name, const void *bytes, size_t len_bytes,
                              struct seep_recording **recording,
                              struct seep_error *error);

/* NULL is ignored. */
void seep_recording_free(struct seep_recording *recording);

/* A site's counters at every snapshot: zeros before its first point, and for a site out
 * of range.
 *
 * out:  borrowed; snapshot_count entries.
 * Thread-safety: any thread. Cost: O(snapshots).
 */
void seep_recording_site_counters(const struct seep_recording *recording, uint32_t site,
                                  struct seep_counters *out);

/* A site's stack, innermost frame first, as node ids.
 *
 * nodes:  out, borrowed; room for `capacity`.
 * root:   out; SEEP_NODE_COMPLETE .. SEEP_NODE_UNKNOWN: how the stack ends; may be NULL.
 * Returns: frames written. A cycle (more than SEEP_STACK_MAX_FRAMES frames) or a site out
 *   of range ends the stack (root SEEP_NODE_UNKNOWN).
 */
size_t seep_recording_stack(const struct seep_recording *recording, uint32_t site,
                            uint32_t *nodes, size_t capacity, uint32_t *root);

/* Whether the invariants above hold: for tests and the fuzzer. Cost: O(recording). */
bool seep_recording_is_valid(const struct seep_recording *recording);

#endif
