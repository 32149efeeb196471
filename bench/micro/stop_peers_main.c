/* How long a thread stands still while others unwind it: libunwind-ptrace and elfutils,
 * each as its documentation says, attached for the length of the unwinding.
 *
 * Peers of `seep threads`, which unwinds from a copy (analyzer/attach/thread_stop.c). The
 * thread is stopped by PTRACE_SEIZE and PTRACE_INTERRUPT for all of them; what differs is
 * what happens until it is let go. The very first stop, in which the
 * library opens the files that it needs, is told apart.
 *
 * usage: bench-stop-peers PID
 * Prints a JSON line per library: stop in microseconds of the first thread, the median
 * and the longest of the later rounds, and frames.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <elfutils/libdwfl.h>
#include <libunwind-ptrace.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

enum { TIDS_MAX = 4096, FRAMES_MAX = 256, ROUNDS = 3 };

struct target {
    pid_t pid, tids[TIDS_MAX];
    size_t count;
    void *state;
};

static double now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int list_tids(struct target *target)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)target->pid);
    DIR *dir = opendir(path);

    if (dir == NULL) {
        return -1;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && target->count < TIDS_MAX;
         entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            target->tids[target->count++] = atoi(entry->d_name);
        }
    }
    (void)closedir(dir);
    return target->count > 0 ? 0 : -1;
}

static size_t by_libunwind(struct target *target, pid_t tid)
{
    void *peek = _UPT_create(tid);
    unw_cursor_t cursor;
    size_t n = 0;

    if (peek == NULL || unw_init_remote(&cursor, target->state, peek) < 0) {
        return 0;
    }
    do {
        n++;
    } while (n < FRAMES_MAX && unw_step(&cursor) > 0);
    _UPT_destroy(peek);
    return n;
}

static int count_frame(Dwfl_Frame *frame, void *count)
{
    (void)frame;
    return ++*(size_t *)count < FRAMES_MAX ? DWARF_CB_OK : DWARF_CB_ABORT;
}

static size_t by_elfutils(struct target *target, pid_t tid)
{
    size_t n = 0;

    (void)dwfl_getthread_frames(target->state, tid, count_frame, &n);
    return n;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *name, struct target *target,
                    size_t (*unwind)(struct target *, pid_t))
{
    static double stops[TIDS_MAX * ROUNDS];
    size_t n = 0;
    size_t frames = 0;
    double first = 0;

    for (int round = -1; round < ROUNDS; round++) {
        for (size_t i = 0; i < target->count; i++) {
            int status = 0;

            if (ptrace(PTRACE_SEIZE, target->tids[i], NULL, NULL) < 0) {
                continue;
            }
            double began = now_us();

            (void)ptrace(PTRACE_INTERRUPT, target->tids[i], NULL, NULL);
            (void)waitpid(target->tids[i], &status, __WALL);
            frames += unwind(target, target->tids[i]);
            (void)ptrace(PTRACE_DETACH, target->tids[i], NULL, NULL);
            first = first > 0 ? first : now_us() - began;
            if (round >= 0) {
                stops[n++] = now_us() - began;
            }
        }
    }
    if (n > 0) {
        qsort(stops, n, sizeof(stops[0]), ascending);
        printf("{\"tool\": \"%s\", \"first_us\": %.1f, \"stop_us\": %.1f, "
               "\"longest_us\": %.1f, \"frames\": %.1f}\n",
               name, first, stops[n / 2], stops[n - 1],
               (double)frames / (double)(target->count * (ROUNDS + 1)));
    }
}

int main(int argc, char **argv)
{
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                             .find_debuginfo =
                                                 dwfl_standard_find_debuginfo};
    static struct target target;
    unw_addr_space_t space = unw_create_addr_space(&_UPT_accessors, 0);
    Dwfl *dwfl = dwfl_begin(&callbacks);

    target.pid = argc == 2 ? atoi(argv[1]) : 0;
    if (target.pid <= 0 || list_tids(&target) < 0 || space == NULL || dwfl == NULL) {
        fprintf(stderr, "usage: bench-stop-peers PID\n");
        return 2;
    }
    unw_set_caching_policy(space, UNW_CACHE_GLOBAL);
    target.state = space;
    measure("libunwind-ptrace", &target, by_libunwind);
    dwfl_report_begin(dwfl);
    if (dwfl_linux_proc_report(dwfl, target.pid) != 0 ||
        dwfl_report_end(dwfl, NULL, NULL) != 0 ||
        dwfl_linux_proc_attach(dwfl, target.pid, true) != 0) {
        fprintf(stderr, "bench-stop-peers: elfutils cannot read the process\n");
        return 3;
    }
    target.state = dwfl;
    measure("elfutils", &target, by_elfutils);
    dwfl_end(dwfl);
    unw_destroy_addr_space(space);
    return 0;
}
