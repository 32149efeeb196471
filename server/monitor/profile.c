/* Text for pprof.
 *
 * Stacks of allocations come from libseep, which has them anyway: a profiler of our own
 * would take each a second time. Stacks of other threads would need a signal to each and
 * an unwinder in its handler, in a server whose libraries have locks of their own; what
 * the kernel says of a waiting thread (its program counter) and what we know of a worker
 * (its function) tells the same in two frames, without disturbing it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/profile.h"

#include "seep/seep.h"
#include "server/arena/arena.h"
#include "server/pool/pool.h"
#include "server/worker/worker.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX  64
#define WORKERS_MAX 256
#define ARENAS_MAX  32

static void append_maps(struct pma_buffer *text, const char *title)
{
    pma_buffer_printf(text, "\n%s\n", title);
    (void)pma_buffer_read_file(text, "/proc/self/maps");
}

static uint64_t difference(uint64_t acquired, uint64_t released)
{
    return acquired > released ? acquired - released : 0;
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

struct heap_lines {
    struct pma_buffer *text;
    uint64_t live, live_bytes, acquired, acquired_bytes;
};

static int add_heap_line(void *arg, const struct seep_site_figures *site)
{
    struct heap_lines *lines = arg;
    uintptr_t frames[FRAMES_MAX];
    const uint64_t live = difference(site->acquired, site->released);
    const uint64_t live_bytes = at_least(
        difference(site->acquired_bytes, site->released_bytes), live > 0 ? 1 : 0);
    const uint64_t acquired_bytes = at_least(site->acquired_bytes, 1);
    const int depth = seep_stack(site->site, frames, FRAMES_MAX);
    if (depth <= 0 || site->acquired == 0) {
        return 0;
    }
    pma_buffer_printf(lines->text,
                      "%" PRIu64 ": %" PRIu64 " [%" PRIu64 ": %" PRIu64 "] @", live,
                      live_bytes, site->acquired, acquired_bytes);
    for (int i = 0; i < depth && i < FRAMES_MAX; i++) {
        pma_buffer_printf(lines->text, " 0x%" PRIxPTR, frames[i]);
    }
    pma_buffer_append(lines->text, "\n", 1);
    lines->live += live;
    lines->live_bytes += live_bytes;
    lines->acquired += site->acquired;
    lines->acquired_bytes += acquired_bytes;
    return 0;
}

/* A line of bytes without a stack. pprof wants an address, so it has that of the function
 * that makes arenas; the comment names what it is. */
static void add_bytes(struct heap_lines *lines, const char *what, uint64_t bytes)
{
    if (bytes == 0) {
        return;
    }
    pma_buffer_printf(lines->text,
                      "# %s\n1: %" PRIu64 " [1: %" PRIu64 "] @ 0x%" PRIxPTR "\n", what,
                      bytes, bytes, (uintptr_t)pma_arena_bind);
    lines->live++;
    lines->live_bytes += bytes;
    lines->acquired++;
    lines->acquired_bytes += bytes;
}

/* What is known without libseep: bytes per subsystem, or without jemalloc their sum. */
static void add_arena_lines(struct heap_lines *lines)
{
    struct pma_arena_info infos[ARENAS_MAX];
    struct pma_heap_figures heap;
    const size_t count = pma_arena_list(infos, ARENAS_MAX);
    for (size_t i = 0; i < count; i++) {
        char what[64];
        snprintf(what, sizeof what, "subsystem %.32s", infos[i].subsystem);
        add_bytes(lines, what, infos[i].allocated_bytes);
    }
    if (count == 0) {
        pma_heap_figures_read(&heap);
        add_bytes(lines, "the whole heap", heap.allocated_bytes);
    }
}

void pma_profile_heap(struct pma_buffer *text)
{
    struct heap_lines lines = {.text = pma_pool_get(PMA_POOL_STRING_BUILDER)};
    if (lines.text == NULL) {
        text->failed = true;
        return;
    }
    if (seep_sites(SEEP_SITE_HEAP, add_heap_line, &lines) < 0) {
        add_arena_lines(&lines);
    }
    text->failed |= lines.text->failed;
    pma_buffer_printf(text,
                      "heap profile: %" PRIu64 ": %" PRIu64 " [%" PRIu64 ": %" PRIu64
                      "] @ heap_v2/1\n",
                      lines.live, lines.live_bytes, lines.acquired, lines.acquired_bytes);
    pma_buffer_append(text, lines.text->bytes, lines.text->used);
    pma_pool_put(lines.text);
    append_maps(text, "MAPPED_LIBRARIES:");
}

/* Reads /proc/self/task/TID/NAME in place of what the buffer held. */
static const char *read_task_file(struct pma_buffer *buffer, int tid, const char *name)
{
    char path[64];
    buffer->used = 0;
    buffer->bytes[0] = '\0';
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", tid, name);
    (void)pma_buffer_read_file(buffer, path);
    return buffer->bytes;
}

/* The program counter of a thread that waits; 0 for one that runs. */
static uintptr_t read_pc(struct pma_buffer *buffer, int tid)
{
    const char *syscall = read_task_file(buffer, tid, "syscall");
    const char *last = strrchr(syscall, ' ');
    return last != NULL ? (uintptr_t)strtoull(last, NULL, 16) : 0;
}

static char read_state(struct pma_buffer *buffer, int tid)
{
    const char *stat = read_task_file(buffer, tid, "stat");
    const char *end = strrchr(stat, ')');
    if (end == NULL || end[1] != ' ') {
        return '?';
    }
    return end[2];
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'S':
        return "sleep";
    case 'D':
        return "IO wait";
    case 'T':
    case 't':
        return "stopped";
    default:
        return "unknown";
    }
}

static void (*function_of(const struct pma_worker_info *workers, size_t count,
                          int tid))(void *arg, struct pma_cancel *cancel)
{
    for (size_t i = 0; i < count; i++) {
        if (workers[i].tid == tid) {
            return workers[i].run;
        }
    }
    return NULL;
}

/* The two lines of one thread. */
static void add_thread(struct pma_buffer *text, struct pma_buffer *scratch, int tid,
                       uintptr_t function, enum pma_profile_format format)
{
    const uintptr_t pc = read_pc(scratch, tid);
    const char state = read_state(scratch, tid);
    const char *name = read_task_file(scratch, tid, "comm");
    pma_buffer_printf(text, "# goroutine %d [%s] %.*s\n%s", tid, state_name(state),
                      (int)strcspn(name, "\n"), name,
                      format == PMA_PROFILE_HEAP ? "1: 1 [1: 1] @" : "1 @");
    /* A thread that runs has no pc in /proc: then the place that surely is on its stack.
     */
    if (pc != 0 || function == 0) {
        pma_buffer_printf(text, " 0x%" PRIxPTR,
                          pc != 0 ? pc : (uintptr_t)pma_profile_threads);
    }
    if (function != 0) {
        pma_buffer_printf(text, " 0x%" PRIxPTR, function + 1);
    }
    pma_buffer_append(text, "\n", 1);
}

/* Appends a thread's lines for each, and counts. Returns: how many. */
static uint32_t add_threads(struct pma_buffer *text, DIR *tasks,
                            enum pma_profile_format format)
{
    struct pma_buffer *scratch = pma_pool_get(PMA_POOL_BYTE_SLICE_SMALL);
    struct pma_worker_info *workers = calloc(WORKERS_MAX, sizeof *workers);
    uint32_t count = 0;
    if (scratch == NULL || workers == NULL) {
        text->failed = true;
        goto done;
    }
    const size_t known = pma_worker_list(workers, WORKERS_MAX);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone. */
    for (const struct dirent *task = readdir(tasks); task != NULL;
         task = readdir(tasks)) { /* NOLINT(concurrency-mt-unsafe) */
        const int tid = (int)strtol(task->d_name, NULL, 10);
        if (tid > 0) {
            add_thread(text, scratch, tid, (uintptr_t)function_of(workers, known, tid),
                       format);
            count++;
        }
    }
done:
    free(workers);
    pma_pool_put(scratch);
    return count;
}

void pma_profile_threads(struct pma_buffer *text, enum pma_profile_format format)
{
    struct pma_buffer *lines = pma_pool_get(PMA_POOL_STRING_BUILDER);
    DIR *tasks = opendir("/proc/self/task");
    if (lines == NULL || tasks == NULL) {
        text->failed = true;
    } else {
        const uint32_t count = add_threads(lines, tasks, format);
        text->failed |= lines->failed;
        if (format == PMA_PROFILE_HEAP) {
            pma_buffer_printf(text, "heap profile: %u: %u [%u: %u] @ heapprofile\n",
                              count, count, count, count);
        } else {
            pma_buffer_printf(text, "goroutine profile: total %u\n", count);
        }
        pma_buffer_append(text, lines->bytes, lines->used);
        /* Of a count profile, pprof knows the map by this title alone. */
        append_maps(text, "--- Memory map: ---");
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    pma_pool_put(lines);
}
