/* Threads: the shim's table, beside each row what the kernel says, and the tasks that the
 * table does not know.
 *
 * A task is unknown to the table when a raw clone made it, or when it was there before
 * the shim and has not acquired anything since. The list of tasks costs as much as a look
 * at each of them, so it is taken only when the kernel counts more threads than the
 * table has, while there are unknown ones, and when the figures are about to be written.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/thread_sample.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seep/segment_layout.h"

enum { UNKNOWN_MAX = 65536, FIRST_CAPACITY = 16 };

void seep_threads_fini(struct seep_threads *threads)
{
    for (uint32_t i = 0; i < threads->capacity; i++) {
        seep_task_gone(&threads->tasks[i]);
    }
    for (uint32_t i = 0; i < threads->unknown_count; i++) {
        seep_task_gone(&threads->unknown[i]);
    }
    free(threads->slots);
    free(threads->tasks);
    free(threads->generations);
    free(threads->tids);
    free(threads->stack_bytes);
    free(threads->unknown);
    *threads = (struct seep_threads){0};
}

/* Grows one array, new entries zero. */
static bool grow(void **array, size_t entry_bytes, uint32_t from, uint32_t to)
{
    uint8_t *grown = reallocarray(*array, to, entry_bytes);

    if (grown == NULL) {
        return false;
    }
    memset(grown + from * entry_bytes, 0, (to - from) * entry_bytes);
    *array = grown;
    return true;
}

static int reserve(struct seep_threads *threads, uint32_t count)
{
    uint32_t from = threads->capacity;
    uint32_t to = from > 0 ? from : FIRST_CAPACITY;

    if (count <= from) {
        return 0;
    }
    while (to < count) {
        to *= 2;
    }
    if (!grow((void **)&threads->slots, sizeof(*threads->slots), from, to) ||
        !grow((void **)&threads->tasks, sizeof(*threads->tasks), from, to) ||
        !grow((void **)&threads->generations, sizeof(*threads->generations), from, to) ||
        !grow((void **)&threads->tids, sizeof(*threads->tids), from, to) ||
        !grow((void **)&threads->stack_bytes, sizeof(*threads->stack_bytes), from, to)) {
        return -ENOMEM;
    }
    threads->capacity = to;
    return 0;
}

int seep_threads_read(struct seep_threads *threads, const struct seep_segment *segment,
                      uint32_t count)
{
    int err = reserve(threads, count);

    if (err == 0) {
        err = seep_segment_read(segment, SEEP_AT_THREADS, threads->slots,
                                count * sizeof(*threads->slots));
    }
    threads->count = err == 0 ? count : 0;
    for (uint32_t i = 0; i < threads->count; i++) {
        threads->stack_bytes[i] = threads->slots[i].stack_bytes;
    }
    return err;
}

static bool is_alive(const struct seep_thread *slot)
{
    return (slot->state & (SEEP_THREAD_USED | SEEP_THREAD_ENDED)) == SEEP_THREAD_USED &&
           slot->tid != 0;
}

static void look_at_table(struct seep_threads *threads,
                          const struct seep_task_looker *looker)
{
    threads->alive = 0;
    for (uint32_t i = 0; i < threads->count; i++) {
        const struct seep_thread *slot = &threads->slots[i];
        struct seep_watched_task *task = &threads->tasks[i];
        uint32_t tid = slot->tid;

        if (threads->generations[i] != slot->generation || task->tid != tid) {
            seep_task_gone(task);
            *task = (struct seep_watched_task){.tid = tid};
            threads->generations[i] = slot->generation;
        }
        if (!is_alive(slot)) {
            seep_task_gone(task);
        } else if (looker->proc_dir_fd >= 0) {
            threads->alive += seep_task_look(task, looker);
        }
    }
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The tids of the table, ascending, into threads->tids. Returns: how many. */
static uint32_t known_tids(struct seep_threads *threads)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < threads->count; i++) {
        if ((threads->slots[i].state & SEEP_THREAD_USED) != 0) {
            threads->tids[n++] = threads->slots[i].tid;
        }
    }
    if (n > 0) {
        qsort(threads->tids, n, sizeof(threads->tids[0]), by_number);
    }
    return n;
}

static bool is_known(const struct seep_threads *threads, uint32_t known, uint32_t tid)
{
    return known > 0 && bsearch(&tid, threads->tids, known, sizeof(threads->tids[0]),
                                by_number) != NULL;
}

static struct seep_watched_task *unknown_of(struct seep_threads *threads, uint32_t tid)
{
    for (uint32_t i = 0; i < threads->unknown_count; i++) {
        if (threads->unknown[i].tid == tid) {
            return &threads->unknown[i];
        }
    }
    if (threads->unknown_count == threads->unknown_capacity) {
        uint32_t from = threads->unknown_capacity;
        uint32_t to = from > 0 ? from * 2 : FIRST_CAPACITY;

        if (to > UNKNOWN_MAX ||
            !grow((void **)&threads->unknown, sizeof(*threads->unknown), from, to)) {
            return NULL;
        }
        threads->unknown_capacity = to;
    }
    threads->unknown[threads->unknown_count] = (struct seep_watched_task){.tid = tid};
    return &threads->unknown[threads->unknown_count++];
}

/* Drops the unknown tasks that are no more, or that the table knows by now. */
static void drop_gone(struct seep_threads *threads, uint32_t known)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < threads->unknown_count; i++) {
        struct seep_watched_task *task = &threads->unknown[i];
        bool in_table = is_known(threads, known, task->tid);

        if (in_table || task->figures.os_state == 'X' || task->figures.os_state == '\0') {
            seep_task_gone(task);
        } else {
            threads->unknown[kept++] = *task;
        }
    }
    threads->unknown_count = kept;
}

static void look_at_unknown(struct seep_threads *threads,
                            const struct seep_task_looker *looker)
{
    int fd = openat(looker->proc_dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = fd >= 0 ? fdopendir(fd) : NULL;
    uint32_t known = known_tids(threads);

    if (tasks == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (const struct dirent *entry = readdir(tasks); entry != NULL;
         entry = readdir(tasks)) {
        uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);

        if (tid != 0 && !is_known(threads, known, tid)) {
            (void)unknown_of(threads, tid);
        }
    }
    (void)closedir(tasks);
    for (uint32_t i = 0; i < threads->unknown_count; i++) {
        (void)seep_task_look(&threads->unknown[i], looker);
    }
    drop_gone(threads, known);
}

void seep_threads_sample(struct seep_threads *threads,
                         const struct seep_task_looker *looker, uint64_t os_threads)
{
    look_at_table(threads, looker);
    if (looker->proc_dir_fd >= 0 &&
        (os_threads > threads->alive || threads->unknown_count > 0)) {
        look_at_unknown(threads, looker);
    }
}

void seep_threads_put(const struct seep_threads *threads, uint64_t t_ns,
                      struct seep_buf *out)
{
    uint64_t used = 0;

    for (uint32_t i = 0; i < threads->count; i++) {
        used += (threads->slots[i].state & SEEP_THREAD_USED) != 0;
    }
    seep_buf_put_varint(out, t_ns);
    seep_buf_put_varint(out, used);
    for (uint32_t i = 0; i < threads->count; i++) {
        if ((threads->slots[i].state & SEEP_THREAD_USED) != 0) {
            seep_payload_thread(out, i, &threads->slots[i], &threads->tasks[i].figures);
        }
    }
}

static bool is_blocked(const struct seep_watched_task *task)
{
    return task->figures.os_state != '\0' && task->wait.syscall_plus_1 != 0;
}

static void put_wait(const struct seep_watched_task *task, uint32_t slot_plus_1,
                     const char *name, struct seep_buf *out)
{
    const struct seep_thread_figures *figures = &task->figures;

    seep_buf_put_varint(out, task->tid);
    seep_buf_put_varint(out, slot_plus_1);
    seep_buf_put_string(out, name);
    seep_buf_put_varint(out, (uint64_t)(figures->os_state & 0x7f));
    seep_buf_put_varint(out, figures->cpu_ns);
    seep_buf_put_varint(out, figures->voluntary_switches);
    seep_buf_put_varint(out, figures->involuntary_switches);
    seep_buf_put_varint(out, figures->unchanged_since_ns);
    seep_buf_put_varint(out, task->wait.syscall_plus_1);
    seep_buf_put_varint(out, task->wait.address);
    seep_buf_put_varint(out, task->wait.fd_plus_1);
    seep_buf_put_string(out, task->wait.target);
}

void seep_threads_put_waits(const struct seep_threads *threads, struct seep_buf *out)
{
    uint64_t rows = 0;

    for (uint32_t i = 0; i < threads->count; i++) {
        rows += is_blocked(&threads->tasks[i]);
    }
    for (uint32_t i = 0; i < threads->unknown_count; i++) {
        rows += threads->unknown[i].seen_again;
    }
    seep_buf_put_varint(out, rows);
    for (uint32_t i = 0; i < threads->count; i++) {
        if (is_blocked(&threads->tasks[i])) {
            put_wait(&threads->tasks[i], i + 1, "", out);
        }
    }
    for (uint32_t i = 0; i < threads->unknown_count; i++) {
        if (threads->unknown[i].seen_again) {
            put_wait(&threads->unknown[i], 0, threads->unknown[i].name, out);
        }
    }
}
