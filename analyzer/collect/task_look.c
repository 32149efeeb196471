/* One task's figures from /proc, for little.
 *
 * A thousand threads are looked at each second, and most of them sleep. A task that has
 * not been given a CPU since the last look has not changed: schedstat tells that in one
 * line, and is kept open, since opening a file of /proc costs more than reading it. All
 * else (status, system call, what its descriptor is) is read once when the task is found
 * to rest, and of tasks that keep running only when the figures are about to be written.
 * Reading status alone was rejected: it costs five times as much, and its two counters
 * stand still in a thread that runs without being switched.
 *
 * CPU time comes from schedstat (ns) because stat's ticks of 10 ms would let a thread
 * that wakes for microseconds look dead. Without schedstat (no CONFIG_SCHED_INFO) the
 * switches of status are what tells.
 *
 * Source: proc(5); Documentation/scheduler/sched-stats.rst for
 * /proc/PID/task/TID/schedstat.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/task_look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "attach/proc_file.h"

enum {
    STATUS_BYTES = 4096,
    LINE_BYTES = 128,
    PATH_BYTES = 48,
    SLEEPS_PER_STOP = 2,
    MISSED_SURE = 2, /* looks: a process that is just ending takes all its tasks along */
    KEPT_SHARE = 2   /* of the descriptors that the process may have, one in so many */
};

enum moved { GONE = 0, RESTS = 1, MOVED = 2, UNKNOWN = 3 };

/* Files kept open by all tasks together: descriptors are the whole process's. */
static uint64_t files_kept;

static bool may_keep_another(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           files_kept < limit.rlim_cur / KEPT_SHARE;
}

void seep_task_gone(struct seep_watched_task *task)
{
    if (task->sched_fd_plus_1 != 0) {
        close(task->sched_fd_plus_1 - 1);
        task->sched_fd_plus_1 = 0;
        files_kept--;
    }
    task->figures.os_state = '\0';
    task->figures.wait[0] = '\0';
    task->wait = (struct seep_wait_detail){0};
}

/* Returns: bytes; -errno. */
static int read_sched(struct seep_watched_task *task,
                      const struct seep_task_looker *looker, char text[LINE_BYTES])
{
    char path[PATH_BYTES];
    ssize_t n = 0;

    (void)snprintf(path, sizeof(path), "task/%u/schedstat", task->tid);
    if (task->sched_fd_plus_1 == 0 && !may_keep_another()) {
        return seep_proc_read(looker->proc_dir_fd, path, text, LINE_BYTES);
    }
    if (task->sched_fd_plus_1 == 0) {
        int fd = openat(looker->proc_dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0) {
            return -errno;
        }
        task->sched_fd_plus_1 = fd + 1;
        files_kept++;
    }
    do {
        n = pread(task->sched_fd_plus_1 - 1, text, LINE_BYTES - 1, 0);
    } while (n < 0 && errno == EINTR);
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? -errno : (int)n;
}

static enum moved ask_sched(struct seep_watched_task *task,
                            const struct seep_task_looker *looker)
{
    char text[LINE_BYTES];
    char *end = NULL;
    int n = read_sched(task, looker, text);
    struct seep_watched_task before = *task;

    if (n == -ESRCH) {
        return GONE;
    }
    if (n <= 0) {
        return UNKNOWN; /* no such file: an older kernel, or the task is gone */
    }
    task->ran_ns = strtoull(text, &end, 10);
    task->delayed_ns = strtoull(end, &end, 10);
    task->slices = strtoull(end, &end, 10);
    return task->ran_ns == before.ran_ns && task->delayed_ns == before.delayed_ns &&
                   task->slices == before.slices && before.asked
               ? RESTS
               : MOVED;
}

static void take_name(struct seep_watched_task *task, const char *status)
{
    static const char key[] = "Name:\t";
    const char *end = strchr(status, '\n');

    task->name[0] = '\0';
    if (end != NULL && strncmp(status, key, sizeof(key) - 1) == 0) {
        const char *name = status + sizeof(key) - 1;

        (void)snprintf(task->name, sizeof(task->name), "%.*s", (int)(end - name), name);
    }
}

/* Returns: whether the task exists; figures: what status says. */
static bool ask_status(struct seep_watched_task *task,
                       const struct seep_task_looker *looker,
                       struct seep_thread_figures *figures)
{
    char path[PATH_BYTES];
    char text[STATUS_BYTES];
    const char *state = NULL;

    (void)snprintf(path, sizeof(path), "task/%u/status", task->tid);
    if (seep_proc_read(looker->proc_dir_fd, path, text, sizeof(text)) <= 0) {
        return false;
    }
    take_name(task, text);
    state = strstr(text, "\nState:\t");
    if (state != NULL) {
        figures->os_state = state[sizeof("\nState:\t") - 1];
    }
    (void)seep_proc_number(text,
                           "\nvoluntary_ctxt_switches:", &figures->voluntary_switches);
    (void)seep_proc_number(
        text, "\nnonvoluntary_ctxt_switches:", &figures->involuntary_switches);
    return true;
}

static bool differ(const struct seep_thread_figures *a,
                   const struct seep_thread_figures *b)
{
    return a->voluntary_switches != b->voluntary_switches ||
           a->involuntary_switches != b->involuntary_switches || a->cpu_ns != b->cpu_ns;
}

void seep_task_stopped(struct seep_watched_task *task)
{
    if (task->stops++ == 0) {
        task->stopped_since_ns = task->figures.unchanged_since_ns;
        task->stopped_switches = task->figures.voluntary_switches;
    }
}

/* Whether a task that we stopped did nothing else: it slept twice for each stop, once in
 * it and once where it had slept before. */
static bool did_nothing_else(const struct seep_watched_task *task,
                             const struct seep_thread_figures *now,
                             const struct seep_wait_detail *wait_before)
{
    return task->stops > 0 && task->stopped_since_ns > 0 &&
           now->voluntary_switches - task->stopped_switches <=
               (uint64_t)SLEEPS_PER_STOP * task->stops &&
           task->wait.syscall_plus_1 != 0 &&
           task->wait.syscall_plus_1 == wait_before->syscall_plus_1 &&
           task->wait.address == wait_before->address &&
           task->wait.fd_plus_1 == wait_before->fd_plus_1;
}

/* Reads everything else. Returns: whether the task exists. */
static bool ask_details(struct seep_watched_task *task,
                        const struct seep_task_looker *looker, enum moved moved)
{
    struct seep_thread_figures now = {.cpu_ns = task->ran_ns,
                                      .unchanged_since_ns = looker->t_ns};
    struct seep_wait_detail wait_before = task->wait;

    if (!ask_status(task, looker, &now)) {
        return false;
    }
    task->wait = (struct seep_wait_detail){0};
    if (now.os_state == 'S' || now.os_state == 'D') {
        seep_wait_detail_read(looker->proc_dir_fd, task->tid, &task->wait);
    }
    if (moved == RESTS ||
        (moved == UNKNOWN && task->asked && !differ(&now, &task->figures))) {
        now.unchanged_since_ns = task->figures.unchanged_since_ns;
    }
    if (did_nothing_else(task, &now, &wait_before)) {
        now.unchanged_since_ns = task->stopped_since_ns;
    }
    task->stops = 0;
    memcpy(now.wait, task->wait.name, sizeof(now.wait));
    task->figures = now;
    return true;
}

bool seep_task_look(struct seep_watched_task *task, const struct seep_task_looker *looker)
{
    enum moved moved = ask_sched(task, looker);
    bool exists = moved != GONE;
    bool again = task->asked;

    if (moved == MOVED) {
        task->stale = true;
        task->figures.cpu_ns = task->ran_ns;
        task->figures.unchanged_since_ns = looker->t_ns;
    }
    if (moved == UNKNOWN || !task->asked ||
        (exists && task->stale &&
         (moved == RESTS || looker->in_full || task->stops > 0))) {
        exists = ask_details(task, looker, moved);
        task->stale = false; /* when it rests at the next look, it did from here on */
        task->asked = task->asked || exists;
    }
    task->seen_again = exists && again;
    task->missed = exists ? 0 : task->missed + 1;
    if (task->missed >= MISSED_SURE) {
        seep_task_gone(task);
        task->figures.os_state = 'X';
    }
    return exists;
}
