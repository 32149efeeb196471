/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SEGMENT_READ_H
#define SEEP_ANALYZER_COLLECT_SEGMENT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "seep/segment.h"

/* One process's segment, seen from outside. Everything here was checked once; what is
 * read later through it is not, and is bounded by its reader.
 */
struct seep_segment {
    int fd;                 /* owned; a memfd that cannot shrink */
    uint32_t granule_shift; /* 4 or 5 */
    uint32_t leaves_max;    /* 1 .. SEEP_LEAVES_MAX */
    uint32_t pid, ppid;     /* as the process sees them */
    uint32_t mode;          /* 1 full, 2 sampled */
    uint64_t sample_bytes;  /* mean distance of samples; 0 in full mode */
    uint64_t start_realtime_ns;
    uint64_t start_monotonic_ns;
    uint64_t own_maps_at;      /* of struct seep_own_maps, in the process */
    uint64_t start_proc_ticks; /* field 22 of /proc/PID/stat; 0 unknown */
};

/* What the header said at one instant; every count is within its table. */
struct seep_segment_counts {
    uint32_t state;      /* SEEP_SEGMENT_* */
    uint32_t off_reason; /* enum seep_off_reason */
    uint32_t nodes, sites, modules, subsystems, marks, threads, leaves;
    uint32_t mark_labels;
    uint32_t limit_changes;         /* so far, of declared limits */
    uint32_t fds, timers, mappings; /* slots ever used */
    uint32_t exit_way;              /* SEEP_EXIT_WAY_* */
    int32_t exit_status;            /* valid when exit_way is not NONE */
    uint64_t heap_peak_bytes; /* high-water mark of live heap bytes, as the shim saw it */
    uint64_t lost[SEEP_LOSS_MAX];
};

/* The header's texts, NUL terminated. */
struct seep_segment_texts {
    char exe[1024];
    char cwd[1024];
    char cmdline[8193];   /* arguments, each NUL terminated */
    size_t cmdline_bytes; /* with the last NUL; 0 when unknown */
};

/* Checks that `fd` is a segment of our version that cannot shrink under us.
 *
 * fd:      taken on success, borrowed on failure.
 * segment: out; untouched on failure.
 * error:   out; may be NULL.
 * Returns: 0; -EPROTO not a segment, or of sizes that contradict each other;
 * -EPROTONOSUPPORT another version; -EPERM not sealed; other errno of fstat, fcntl,
 * pread.
 */
int seep_segment_open(int fd, struct seep_segment *segment, struct seep_error *error);
void seep_segment_close(struct seep_segment *segment);

/* Reads the header's counts. `nodes` and `sites` are claims (S1): see
 * collect/table_copy.h.
 *
 * Returns: 0; -errno of pread (counts untouched).
 */
int seep_segment_read_counts(const struct seep_segment *segment,
                             struct seep_segment_counts *counts);
/* Returns: 0; -errno of pread. */
int seep_segment_read_texts(const struct seep_segment *segment,
                            struct seep_segment_texts *texts);

/* Bytes of the segment that have pages. 0 when the kernel does not say. */
uint64_t seep_segment_taken_bytes(const struct seep_segment *segment);

/* Reads exactly `bytes`; holes read as zeros and stay holes. Returns: 0; -errno; -EIO
 * short. */
int seep_segment_read(const struct seep_segment *segment, uint64_t offset, void *out,
                      size_t bytes);

/* Reads the next piece at or after `from` that has pages, at most `capacity` bytes of it.
 *
 * from, end: byte offsets; nothing at or beyond `end` is read.
 * out:       borrowed; room for `capacity` bytes (a multiple of 4,096).
 * at:        out: offset of the piece, >= from.
 * Returns: bytes read (> 0); 0 when no page exists up to `end`; -errno.
 */
int64_t seep_segment_read_data(const struct seep_segment *segment, uint64_t from,
                               uint64_t end, void *out, size_t capacity, uint64_t *at);

#endif
