/* The threads of a process, as /proc tells of them.
 *
 * For how long a thread has not run is in no file of proc(5). The scheduler's debug file
 * has the instant at which it was last put on a CPU, in the scheduler's own clock of that
 * CPU. These clocks stand still while the hypervisor takes the CPU away and so drift
 * apart by seconds; the distance of each to ours is found by going there and looking at
 * ourselves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/task_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach/proc_file.h"

enum { STATUS_BYTES = 4096, SMALL_BYTES = 512, PATH_BYTES = 64, STAT_CPU = 39 };

static const uint64_t MILLISECOND_NS = 1000000;

/* "se.exec_start : 12408329.957093" (milliseconds). Returns: nanoseconds; 0 unknown. */
static uint64_t last_put_on_cpu_ns(int dir_fd, const char *path)
{
    char text[SMALL_BYTES];
    const char *at = NULL;
    uint64_t whole = 0;
    uint64_t fraction = 0;

    if (seep_proc_read(dir_fd, path, text, sizeof(text)) <= 0) {
        return 0;
    }
    at = strstr(text, "\nse.exec_start");
    at = at != NULL ? strchr(at, ':') : NULL;
    if (at == NULL || sscanf(at, ": %" SCNu64 ".%6" SCNu64, &whole, &fraction) != 2) {
        return 0;
    }
    return whole * MILLISECOND_NS + fraction;
}

/* One look: the process, and how far the scheduler's clocks are behind ours, by CPU. */
struct look {
    int proc_dir_fd;
    uint64_t behind_ns[CPU_SETSIZE];
    enum { NOT_ASKED = 0, KNOWN = 1, NOT_OURS = 2 } asked[CPU_SETSIZE];
};

static void ask_clock(struct look *look, uint64_t cpu)
{
    cpu_set_t before;
    cpu_set_t there;
    uint64_t clock_ns = 0;

    look->asked[cpu] = NOT_OURS;
    CPU_ZERO(&there);
    CPU_SET(cpu, &there);
    if (sched_getaffinity(0, sizeof(before), &before) < 0 ||
        sched_setaffinity(0, sizeof(there), &there) < 0) {
        return;
    }
    (void)sched_yield();
    clock_ns = last_put_on_cpu_ns(AT_FDCWD, "/proc/thread-self/sched");
    if (clock_ns != 0) {
        look->behind_ns[cpu] = seep_proc_clock_ns(CLOCK_MONOTONIC) - clock_ns;
        look->asked[cpu] = KNOWN;
    }
    (void)sched_setaffinity(0, sizeof(before), &before);
}

/* Returns: nanoseconds since the thread was put on a CPU; 0 unknown. */
static uint64_t idle_of(int task_dir_fd, struct look *look)
{
    char stat[STATUS_BYTES];
    uint64_t cpu = 0;
    uint64_t last_ns = last_put_on_cpu_ns(task_dir_fd, "sched");

    if (last_ns == 0 || seep_proc_read(task_dir_fd, "stat", stat, sizeof(stat)) <= 0 ||
        !seep_proc_stat_field(stat, STAT_CPU, &cpu) || cpu >= CPU_SETSIZE) {
        return 0;
    }
    if (look->asked[cpu] == NOT_ASKED) {
        ask_clock(look, cpu);
    }
    uint64_t now_ns = seep_proc_clock_ns(CLOCK_MONOTONIC) - look->behind_ns[cpu];

    return look->asked[cpu] == KNOWN && last_ns < now_ns ? now_ns - last_ns : 0;
}

static void ask_status(int task_dir_fd, struct seep_task *task)
{
    char text[STATUS_BYTES];
    const char *state = NULL;

    if (seep_proc_read(task_dir_fd, "status", text, sizeof(text)) <= 0) {
        return;
    }
    state = strstr(text, "\nState:\t");
    task->state = '\0';
    if (state != NULL) {
        task->state = state[sizeof("\nState:\t") - 1];
    }
    (void)seep_proc_number(text, "\nvoluntary_ctxt_switches:", &task->voluntary_switches);
    (void)seep_proc_number(text,
                           "\nnonvoluntary_ctxt_switches:", &task->involuntary_switches);
}

static void ask(struct look *look, int task_dir_fd, struct seep_task *task)
{
    char text[SMALL_BYTES];

    if (seep_proc_read(task_dir_fd, "comm", task->name, sizeof(task->name)) > 0) {
        task->name[strcspn(task->name, "\n")] = '\0';
    }
    ask_status(task_dir_fd, task);
    if (seep_proc_read(task_dir_fd, "schedstat", text, sizeof(text)) > 0) {
        (void)seep_proc_number(text, "", &task->cpu_ns);
    }
    if (task->state == 'S' || task->state == 'D') {
        seep_wait_detail_read(look->proc_dir_fd, task->tid, &task->wait);
    }
    if (task->state != 'R') {
        task->idle_ns = idle_of(task_dir_fd, look);
    }
}

/* Appends one thread; one that has ended meanwhile is left out. Returns: 0; -ENOMEM. */
static int add(struct seep_task_list *list, size_t *room, int tasks_fd, const char *name,
               struct look *look)
{
    int fd = openat(tasks_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return 0;
    }
    if (list->count == *room) {
        size_t more = *room != 0 ? *room * 2 : 64;
        struct seep_task *grown = reallocarray(list->tasks, more, sizeof(*list->tasks));

        if (grown == NULL) {
            (void)close(fd);
            return -ENOMEM;
        }
        list->tasks = grown;
        *room = more;
    }
    list->tasks[list->count] =
        (struct seep_task){.tid = (uint32_t)strtoul(name, NULL, 10)};
    ask(look, fd, &list->tasks[list->count]);
    list->count += list->tasks[list->count].state != '\0';
    (void)close(fd);
    return 0;
}

static int by_tid(const void *left, const void *right)
{
    const struct seep_task *a = left;
    const struct seep_task *b = right;

    return (a->tid > b->tid) - (a->tid < b->tid);
}

/* Takes tasks_fd. Returns: 0; -ENOMEM; -errno. */
static int read_all(struct look *look, int tasks_fd, struct seep_task_list *list)
{
    DIR *dir = fdopendir(tasks_fd);
    size_t room = 0;
    int status = 0;

    if (dir == NULL) {
        status = -errno;
        (void)close(tasks_fd);
        return status;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && status == 0;
         entry = readdir(dir)) {
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') {
            status = add(list, &room, tasks_fd, entry->d_name, look);
        }
    }
    (void)closedir(dir);
    return status;
}

static int open_and_read(struct look *look, pid_t pid, struct seep_task_list *list)
{
    char path[PATH_BYTES];
    int tasks_fd = -1;
    int status = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    look->proc_dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (look->proc_dir_fd < 0) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    tasks_fd = openat(look->proc_dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    status = tasks_fd >= 0 ? read_all(look, tasks_fd, list) : -errno;
    (void)close(look->proc_dir_fd);
    return status == -ENOENT || (status == 0 && list->count == 0) ? -ESRCH : status;
}

int seep_task_list_read(pid_t pid, struct seep_task_list *list, struct seep_error *error)
{
    struct seep_task_list made = {0};
    struct look *look = calloc(1, sizeof(*look));
    int status = look != NULL ? open_and_read(look, pid, &made) : -ENOMEM;

    free(look);
    if (status < 0) {
        seep_task_list_fini(&made);
        return status == -ESRCH
                   ? seep_error_set(error, status, "there is no process %d", (int)pid)
                   : seep_error_set(error, status, "/proc/%d/task: %s", (int)pid,
                                    strerrordesc_np(-status));
    }
    qsort(made.tasks, made.count, sizeof(*made.tasks), by_tid);
    *list = made;
    return 0;
}

void seep_task_list_fini(struct seep_task_list *list)
{
    free(list->tasks);
    *list = (struct seep_task_list){0};
}
