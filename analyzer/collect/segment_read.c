/* The segment from outside: a file that another process, which we do not trust, writes
 * meanwhile.
 *
 * Design: pread and SEEK_DATA. A mapping was rejected but for large runs of pages that
 * exist (segment_view.c): looking at a hole through it would create the page, in the
 * accounting of the very program that is measured.
 *
 * Invariants
 * R1: offsets handed to the kernel are computed from checked sizes only.
 * R2: a count read from the header is clamped to its table before anyone sees it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/segment_read.h"
#include "seep/sampling.h"
#include "seep/segment_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

int seep_segment_read(const struct seep_segment *segment, uint64_t offset, void *out,
                      size_t bytes)
{
    uint8_t *to = out;

    while (bytes > 0) {
        ssize_t n = pread(segment->fd, to, bytes, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        to += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int check_header(const struct seep_segment_header *header, uint64_t file_bytes,
                        struct seep_error *error)
{
    if (header->magic != SEEP_SEGMENT_MAGIC) {
        return seep_error_set(error, -EPROTO, "not a segment (magic %#llx)",
                              (unsigned long long)header->magic);
    }
    if (header->version != SEEP_SEGMENT_VERSION) {
        return seep_error_set(error, -EPROTONOSUPPORT,
                              "segment of version %u; this seep reads version %u",
                              header->version, (unsigned)SEEP_SEGMENT_VERSION);
    }
    if (header->granule_shift < SEEP_GRANULE_SHIFT_MIN ||
        header->granule_shift > SEEP_GRANULE_SHIFT_MIN + 1) {
        return seep_error_set(error, -EPROTO, "segment with granule shift %u",
                              header->granule_shift);
    }
    if (header->mode == SEEP_MODE_SAMPLED &&
        (header->sample_bytes < SEEP_SAMPLE_LEAST_BYTES ||
         header->sample_bytes > SEEP_SAMPLE_MOST_BYTES)) {
        return seep_error_set(error, -EPROTO, "segment with a sample each %llu bytes",
                              (unsigned long long)header->sample_bytes);
    }
    if (header->leaves_max == 0 || header->leaves_max > SEEP_LEAVES_MAX) {
        return seep_error_set(error, -EPROTO, "segment with %u leaves",
                              header->leaves_max);
    }
    uint64_t need_bytes = seep_segment_bytes(header->granule_shift, header->leaves_max);

    if (file_bytes < need_bytes) {
        return seep_error_set(
            error, -EPROTO, "segment of %llu bytes where %llu are needed",
            (unsigned long long)file_bytes, (unsigned long long)need_bytes);
    }
    return 0;
}

int seep_segment_open(int fd, struct seep_segment *segment, struct seep_error *error)
{
    struct seep_segment_header header;
    struct seep_segment opened = {.fd = fd};
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    int err = 0;

    if (seals < 0) {
        return seep_error_set(error, -errno, "segment: F_GET_SEALS: %s",
                              strerrordesc_np(errno));
    }
    if ((seals & F_SEAL_SHRINK) == 0) {
        return seep_error_set(error, -EPERM, "segment is not sealed against shrinking");
    }
    if (fstat(fd, &status) < 0) {
        return seep_error_set(error, -errno, "segment: fstat: %s",
                              strerrordesc_np(errno));
    }
    err = seep_segment_read(&opened, 0, &header, sizeof(header));
    if (err < 0) {
        return seep_error_set(error, err == -EIO ? -EPROTO : err, "segment: header: %s",
                              strerrordesc_np(-err));
    }
    err = check_header(&header, (uint64_t)status.st_size, error);
    if (err < 0) {
        return err;
    }
    opened.granule_shift = header.granule_shift;
    opened.leaves_max = header.leaves_max;
    opened.pid = header.pid;
    opened.ppid = header.ppid;
    opened.mode = header.mode;
    opened.sample_bytes = header.mode == SEEP_MODE_SAMPLED ? header.sample_bytes : 0;
    opened.start_realtime_ns = header.start_realtime_ns;
    opened.start_monotonic_ns = header.start_monotonic_ns;
    opened.start_proc_ticks = header.start_proc_ticks;
    opened.own_maps_at = header.own_maps_at;
    *segment = opened;
    return 0;
}

uint64_t seep_segment_taken_bytes(const struct seep_segment *segment)
{
    enum { BLOCK_BYTES = 512 }; /* of st_blocks, whatever st_blksize says: stat(3type) */
    struct stat status;

    return fstat(segment->fd, &status) == 0 ? (uint64_t)status.st_blocks * BLOCK_BYTES
                                            : 0;
}

void seep_segment_close(struct seep_segment *segment)
{
    if (segment->fd >= 0) {
        close(segment->fd);
    }
    segment->fd = -1;
}

int seep_segment_read_counts(const struct seep_segment *segment,
                             struct seep_segment_counts *counts)
{
    struct seep_segment_counts now = {0};
    struct seep_segment_header header;
    int err = seep_segment_read(segment, 0, &header,
                                offsetof(struct seep_segment_header, cmdline_len));

    if (err < 0) {
        return err;
    }
    now.nodes = at_most(header.node_count, SEEP_NODES_MAX);
    now.sites = at_most(header.site_count, SEEP_SITES_MAX);
    now.state = header.state;
    now.off_reason = header.off_reason;
    now.modules = at_most(header.module_count, SEEP_MODULES_MAX);
    now.subsystems = at_most(header.subsystem_count, SEEP_SUBSYSTEMS_MAX);
    now.marks = at_most(header.mark_count, SEEP_MARKS_MAX);
    now.mark_labels = at_most(header.mark_label_count, SEEP_MARK_LABELS_MAX);
    now.limit_changes = header.limit_changes;
    now.threads = at_most(header.thread_count, SEEP_THREADS_MAX);
    now.leaves = at_most(header.leaf_count, segment->leaves_max);
    now.fds = at_most(header.fd_count, SEEP_FDS_MAX);
    now.timers = at_most(header.timer_count, SEEP_TIMERS_MAX);
    now.mappings = at_most(header.mapping_count, SEEP_MAPPINGS_MAX);
    now.exit_way = at_most(header.exit_noted, SEEP_EXIT_WAY_AT_ONCE);
    now.exit_status = header.exit_status;
    now.heap_peak_bytes = header.heap_peak_bytes;
    for (size_t i = 0; i < SEEP_LOSS_MAX; i++) {
        now.lost[i] = header.lost[i];
    }
    *counts = now;
    return 0;
}

int seep_segment_read_texts(const struct seep_segment *segment,
                            struct seep_segment_texts *texts)
{
    struct seep_segment_header header;
    int err = seep_segment_read(segment, 0, &header, sizeof(header));

    if (err < 0) {
        return err;
    }
    memset(texts, 0, sizeof(*texts));
    memcpy(texts->exe, header.exe, sizeof(texts->exe) - 1);
    memcpy(texts->cwd, header.cwd, sizeof(texts->cwd) - 1);
    texts->cmdline_bytes = at_most(header.cmdline_len, sizeof(header.cmdline));
    memcpy(texts->cmdline, header.cmdline, texts->cmdline_bytes);
    if (texts->cmdline_bytes > 0 && texts->cmdline[texts->cmdline_bytes - 1] != '\0') {
        texts->cmdline_bytes++;
    }
    return 0;
}

int64_t seep_segment_read_data(const struct seep_segment *segment, uint64_t from,
                               uint64_t end, void *out, size_t capacity, uint64_t *at)
{
    if (from >= end) {
        return 0;
    }
    off_t found = lseek(segment->fd, (off_t)from, SEEK_DATA);

    if (found < 0) {
        return errno == ENXIO ? 0 : -errno; /* ENXIO: no data up to the end of the file */
    }
    if ((uint64_t)found < from) {
        return -EIO;
    }
    if ((uint64_t)found >= end) {
        return 0;
    }
    uint64_t bytes = end - (uint64_t)found;

    if (bytes > capacity) {
        bytes = capacity;
    }
    int err = seep_segment_read(segment, (uint64_t)found, out, (size_t)bytes);

    if (err < 0) {
        return err;
    }
    *at = (uint64_t)found;
    return (int64_t)bytes;
}
