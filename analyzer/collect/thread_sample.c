/* Threads: the shim's table, and beside each row what the kernel says.
 *
 * A thread that neither used CPU nor switched since the last look has not moved; the time
 * of its last move is what "stuck" is judged by later. CPU time comes from schedstat (ns)
 * because stat's ticks of 10 ms would let a thread that wakes for microseconds look dead.
 *
 * Source: proc(5); Documentation/scheduler/sched-stats.rst for
 * /proc/PID/task/TID/schedstat.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/thread_sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/proc_file.h"
#include "attach/syscall_name.h"
#include "seep/segment_layout.h"

enum { STATUS_BYTES = 4096, SMALL_BYTES = 256, PATH_BYTES = 48 };

void seep_threads_fini(struct seep_threads *threads)
{
    free(threads->slots);
    free(threads->figures);
    free(threads->known);
    free(threads->stack_bytes);
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
    uint32_t to = from > 0 ? from : 16;

    if (count <= from) {
        return 0;
    }
    while (to < count) {
        to *= 2;
    }
    if (!grow((void **)&threads->slots, sizeof(*threads->slots), from, to) ||
        !grow((void **)&threads->figures, sizeof(*threads->figures), from, to) ||
        !grow((void **)&threads->known, sizeof(*threads->known), from, to) ||
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

/* "1 0x7f.. ..." in a system call, "running", or nothing when we may not look. */
static void ask_wait(int proc_dir_fd, uint32_t tid, struct seep_thread_figures *figures)
{
    char path[PATH_BYTES];
    char text[SMALL_BYTES];
    const char *name = NULL;

    figures->wait[0] = '\0';
    (void)snprintf(path, sizeof(path), "task/%u/syscall", tid);
    if (seep_proc_read(proc_dir_fd, path, text, sizeof(text)) > 0 && text[0] >= '0' &&
        text[0] <= '9') {
        name = seep_syscall_name(strtoull(text, NULL, 10));
    }
    if (name == NULL) {
        (void)snprintf(path, sizeof(path), "task/%u/wchan", tid);
        if (seep_proc_read(proc_dir_fd, path, text, sizeof(text)) > 0 && text[0] != '0') {
            name = text;
        }
    }
    if (name != NULL) {
        (void)snprintf(figures->wait, sizeof(figures->wait), "%.31s", name);
    }
}

static void ask(int proc_dir_fd, uint32_t tid, uint64_t t_ns,
                struct seep_thread_figures *figures)
{
    struct seep_thread_figures now = {.unchanged_since_ns = t_ns};
    char path[PATH_BYTES];
    char text[STATUS_BYTES];
    const char *state = NULL;

    (void)snprintf(path, sizeof(path), "task/%u/status", tid);
    if (seep_proc_read(proc_dir_fd, path, text, sizeof(text)) <= 0) {
        return; /* it has ended since; what was known of it stays */
    }
    state = strstr(text, "\nState:\t");
    if (state != NULL) {
        now.os_state = state[sizeof("\nState:\t") - 1];
    }
    (void)seep_proc_number(text, "\nvoluntary_ctxt_switches:", &now.voluntary_switches);
    (void)seep_proc_number(text,
                           "\nnonvoluntary_ctxt_switches:", &now.involuntary_switches);
    (void)snprintf(path, sizeof(path), "task/%u/schedstat", tid);
    if (seep_proc_read(proc_dir_fd, path, text, sizeof(text)) > 0) {
        (void)seep_proc_number(text, "", &now.cpu_ns);
    }
    if (figures->unchanged_since_ns != 0 && now.cpu_ns == figures->cpu_ns &&
        now.voluntary_switches == figures->voluntary_switches &&
        now.involuntary_switches == figures->involuntary_switches) {
        now.unchanged_since_ns = figures->unchanged_since_ns;
    }
    if (now.os_state == 'S' || now.os_state == 'D') {
        ask_wait(proc_dir_fd, tid, &now);
    }
    *figures = now;
}

void seep_threads_sample(struct seep_threads *threads, int proc_dir_fd, uint64_t t_ns)
{
    for (uint32_t i = 0; i < threads->count; i++) {
        const struct seep_thread *slot = &threads->slots[i];
        uint32_t state = slot->state;
        uint32_t tid = slot->tid;

        if (threads->known[i].generation != slot->generation ||
            threads->known[i].tid != tid) {
            threads->figures[i] = (struct seep_thread_figures){0};
            threads->known[i].generation = slot->generation;
            threads->known[i].tid = tid;
        }
        if ((state & SEEP_THREAD_ENDED) != 0 || (state & SEEP_THREAD_USED) == 0) {
            threads->figures[i].os_state = '\0';
            threads->figures[i].wait[0] = '\0';
        } else if (proc_dir_fd >= 0 && tid != 0) {
            ask(proc_dir_fd, tid, t_ns, &threads->figures[i]);
        }
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
            seep_payload_thread(out, i, &threads->slots[i], &threads->figures[i]);
        }
    }
}
