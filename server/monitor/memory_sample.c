/* Figures from the allocator, the shim and /proc.
 *
 * A live sample per request: the original's managers answered zeros until their first
 * tick. With libseep preloaded its count of requested bytes is taken for heap_alloc,
 * because the allocator's includes what threads cache for reuse.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/memory_sample.h"

#include "seep/seep.h"
#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/pool/pool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_BYTES 4096

/* Reads /proc/self/status into text, with a final NUL; empty when it cannot. */
static void read_status(char text[STATUS_BYTES])
{
    text[0] = '\0';
    const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    const ssize_t got = read(fd, text, STATUS_BYTES - 1);
    text[got > 0 ? got : 0] = '\0';
    close(fd);
}

/* The number after "\nKEY:"; 0 when there is none. */
static uint64_t status_number(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

uint32_t pma_thread_count(void)
{
    char text[STATUS_BYTES];
    read_status(text);
    return (uint32_t)status_number(text, "\nThreads:");
}

uint32_t pma_fd_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return 0;
    }
    uint32_t count = 0;
    /* Safe on a stream that no other thread has, says readdir(3). */
    while (readdir(directory) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        count++;
    }
    closedir(directory);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the directory's own descriptor */
}

uint32_t pma_timer_count(void)
{
    uint32_t count = 0;
    struct pma_buffer *text = pma_pool_get(PMA_POOL_BYTE_SLICE_MEDIUM);
    if (text != NULL && pma_buffer_read_file(text, "/proc/self/timers") == 0) {
        for (const char *at = strstr(text->bytes, "ID: "); at != NULL;
             at = strstr(at + 1, "\nID: ")) {
            count++;
        }
    }
    pma_pool_put(text);
    return count;
}

void pma_memory_sample(uint64_t max_memory_usage_bytes, uint64_t heap_released_bytes,
                       struct pma_memory_snapshot *snapshot)
{
    struct pma_heap_figures heap;
    struct timespec wall;
    char status[STATUS_BYTES];
    pma_heap_figures_read(&heap);
    read_status(status);
    clock_gettime(CLOCK_REALTIME, &wall);

    memset(snapshot, 0, sizeof *snapshot);
    snapshot->at_ns = pma_now_ns();
    snapshot->wall_us = (uint64_t)wall.tv_sec * 1000000 + (uint64_t)wall.tv_nsec / 1000;
    snapshot->heap_alloc = heap.allocated_bytes;
    struct seep_totals totals;
    if (seep_totals(&totals) == 0) {
        snapshot->heap_alloc = totals.heap_live_bytes;
        snapshot->heap_objects = totals.heap_live_blocks;
    }
    snapshot->heap_sys = heap.mapped_bytes;
    snapshot->heap_idle = heap.resident_bytes > heap.active_bytes
                              ? heap.resident_bytes - heap.active_bytes
                              : 0;
    snapshot->heap_inuse = heap.active_bytes;
    snapshot->heap_released = heap_released_bytes;
    snapshot->heap_metadata = heap.metadata_bytes;
    snapshot->heap_total = pma_heap_total_bytes();
    snapshot->resident = status_number(status, "\nVmRSS:") * 1024;
    snapshot->stack = status_number(status, "\nVmStk:") * 1024;
    snapshot->goroutines = (uint32_t)status_number(status, "\nThreads:");
    snapshot->fds = pma_fd_count();
    snapshot->timers = pma_timer_count();
    snapshot->memory_usage_percent =
        100.0 * (double)snapshot->heap_alloc / (double)max_memory_usage_bytes;
}
