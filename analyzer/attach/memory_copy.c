/* A copy of what a process has in memory, made without stopping it.
 *
 * The page map tells which pages exist, so that reserved gigabytes cost nothing and stay
 * unreal; runs of present pages are then read with as few calls as their number allows.
 * Rejected: /proc/PID/mem, which needs a call and a seek for each run and is refused in
 * the same cases; forking the process for a consistent picture, which leaves a child in
 * a stranger's family.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/memory_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attach/page_map.h"

enum { PATH_BYTES = 48 };
/* Address space whose page map is read: 128 MiB of it. A sanitizer reserves 16 TiB. */
static const uint64_t SPANS_MOST_BYTES = UINT64_C(64) << 30;
static const uint64_t READ_BYTES = UINT64_C(64) << 20;

struct copying {
    struct seep_memory_copy copy;
    size_t run_capacity;
    uint64_t page_bytes, limit_bytes;
};

int64_t seep_memory_read(uint32_t pid, uint64_t at, void *out, size_t bytes)
{
    struct iovec here = {.iov_base = out, .iov_len = bytes};
    struct iovec there = {.iov_base = (void *)(uintptr_t)at, .iov_len = bytes};
    ssize_t n = process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0);

    return n > 0 ? (int64_t)n : n < 0 ? -errno : -EFAULT;
}

void seep_memory_copy_fini(struct seep_memory_copy *copy)
{
    if (copy->data != NULL) {
        (void)munmap(copy->data, copy->data_bytes);
    }
    free(copy->runs);
    *copy = (struct seep_memory_copy){0};
}

/* Adds one page, to the last run where it follows that. */
static int add_page(void *arg, uint64_t page)
{
    struct copying *copying = arg;
    struct seep_memory_copy *copy = &copying->copy;
    struct seep_copied_run *last =
        copy->run_count > 0 ? &copy->runs[copy->run_count - 1] : NULL;

    if (copy->data_bytes + copying->page_bytes > copying->limit_bytes) {
        return -E2BIG;
    }
    if (last != NULL && last->start + last->bytes == page) {
        last->bytes += copying->page_bytes;
        copy->data_bytes += copying->page_bytes;
        return 0;
    }
    if (copy->run_count == copying->run_capacity) {
        size_t wanted = copying->run_capacity > 0 ? copying->run_capacity * 2 : 256;
        struct seep_copied_run *grown = reallocarray(copy->runs, wanted, sizeof(*grown));

        if (grown == NULL) {
            return -ENOMEM;
        }
        copy->runs = grown;
        copying->run_capacity = wanted;
    }
    copy->runs[copy->run_count++] = (struct seep_copied_run){
        .start = page, .bytes = copying->page_bytes, .at = copy->data_bytes};
    copy->data_bytes += copying->page_bytes;
    return 0;
}

/* What has gone since is left zero, and counted. */
static int read_run(uint32_t pid, struct seep_memory_copy *copy,
                    const struct seep_copied_run *run, uint64_t page_bytes)
{
    uint64_t done = 0;

    while (done < run->bytes) {
        uint64_t left = run->bytes - done;
        int64_t n = seep_memory_read(pid, run->start + done, copy->data + run->at + done,
                                     left < READ_BYTES ? left : READ_BYTES);

        if (n == -EFAULT) {
            copy->unread_bytes += page_bytes;
            n = (int64_t)page_bytes;
        }
        if (n < 0) {
            return (int)n;
        }
        done += (uint64_t)n;
    }
    return 0;
}

static int read_runs(uint32_t pid, struct copying *copying)
{
    struct seep_memory_copy *copy = &copying->copy;
    int err = 0;

    if (copy->data_bytes == 0) {
        return 0;
    }
    copy->data = mmap(NULL, copy->data_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (copy->data == MAP_FAILED) {
        copy->data = NULL;
        return -ENOMEM;
    }
    for (size_t i = 0; err == 0 && i < copy->run_count; i++) {
        err = read_run(pid, copy, &copy->runs[i], copying->page_bytes);
    }
    return err;
}

int seep_memory_copy_take(uint32_t pid, const struct seep_span *spans, size_t count,
                          uint64_t limit_bytes, struct seep_memory_copy *out,
                          struct seep_error *error)
{
    struct copying copying = {.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
                              .limit_bytes = limit_bytes};
    char path[PATH_BYTES];
    uint64_t spans_bytes = 0;
    int pagemap_fd = -1;
    int err = 0;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/pagemap", pid);
    pagemap_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (pagemap_fd < 0) {
        err = -errno;
        return seep_error_set(error, err, "%s: %s", path, strerror(-err));
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        spans_bytes += spans[i].end - spans[i].start;
        err = spans_bytes > SPANS_MOST_BYTES
                  ? -E2BIG
                  : seep_page_map_walk(pagemap_fd, spans[i], add_page, &copying);
    }
    (void)close(pagemap_fd);
    if (err == 0) {
        err = read_runs(pid, &copying);
    }
    if (err < 0) {
        seep_memory_copy_fini(&copying.copy);
        return err == -E2BIG
                   ? seep_error_set(error, err,
                                    "process %" PRIu32 ": more memory than the %" PRIu64
                                    " MiB that may be copied",
                                    pid, limit_bytes >> 20)
                   : seep_error_set(error, err,
                                    "process %" PRIu32 ": its memory cannot be read",
                                    pid);
    }
    *out = copying.copy;
    return 0;
}

const void *seep_memory_copy_look(const struct seep_memory_copy *copy, uint64_t at,
                                  size_t wanted, size_t *available)
{
    const struct seep_copied_run *run = NULL;
    size_t from = 0;
    size_t to = copy->run_count;
    uint64_t left = UINT64_MAX;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (copy->runs[middle].start <= at) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    run = from > 0 ? &copy->runs[from - 1] : NULL;
    if (run != NULL && at - run->start < run->bytes) {
        left = run->bytes - (at - run->start);
        *available = left < wanted ? (size_t)left : wanted;
        return copy->data + run->at + (at - run->start);
    }
    if (from < copy->run_count) {
        left = copy->runs[from].start - at;
    }
    *available = left < wanted ? (size_t)left : wanted;
    return NULL;
}
