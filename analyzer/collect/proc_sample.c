/* What the kernel says of a process: memory, threads, descriptors, CPU, faults.
 *
 * Source: proc(5); Documentation/filesystems/proc.rst for smaps_rollup (4.14) and for the
 * size of /proc/PID/fd, which is the number of descriptors since 6.2.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/proc_sample.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attach/proc_file.h"

enum {
    STAT_BYTES = 2048,
    ROLLUP_BYTES = 4096,
    EXE_BYTES = 1024, /* as the segment holds it */
    FDS_COUNTED_MAX = 1 << 20,
    COST_SHARE = 100, /* a walk that took t is not repeated before 100 t */
    STAT_MINOR_FAULTS = 10,
    STAT_MAJOR_FAULTS = 12,
    STAT_USER = 14,
    STAT_SYSTEM = 15,
    STAT_THREADS = 20,
    STAT_START = 22,
    STAT_VSIZE = 23,
    STAT_RSS = 24
};

static void note_file(int dir_fd, const char *path, uint64_t *dev, uint64_t *ino)
{
    struct stat status;

    if (fstatat(dir_fd, path, &status, 0) == 0) {
        *dev = status.st_dev;
        *ino = status.st_ino;
    }
}

int seep_proc_open(struct seep_proc *proc, uint32_t pid, uint64_t start_ticks)
{
    char path[32];
    char stat[STAT_BYTES];
    uint64_t started = 0;

    *proc = (struct seep_proc){.dir_fd = -1};
    (void)snprintf(path, sizeof(path), "/proc/%u", pid);
    proc->dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc->dir_fd < 0) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    if (seep_proc_read(proc->dir_fd, "stat", stat, sizeof(stat)) <= 0 ||
        !seep_proc_stat_field(stat, STAT_START, &started)) {
        seep_proc_close(proc);
        return -ESRCH;
    }
    if (start_ticks != 0 && started != start_ticks) {
        seep_proc_close(proc);
        return -ESTALE;
    }
    note_file(proc->dir_fd, "exe", &proc->exe_dev, &proc->exe_ino);
    return 0;
}

void seep_proc_close(struct seep_proc *proc)
{
    if (proc->dir_fd >= 0) {
        close(proc->dir_fd);
    }
    proc->dir_fd = -1;
}

static uint64_t count_fds(int dir_fd)
{
    struct stat status;
    uint64_t n = 0;

    if (fstatat(dir_fd, "fd", &status, 0) == 0 && status.st_size > 0) {
        return (uint64_t)status.st_size;
    }
    int fd = openat(dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    for (struct dirent *entry = NULL;
         n < FDS_COUNTED_MAX && (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static void sample_pss(struct seep_proc *proc)
{
    char text[ROLLUP_BYTES];
    uint64_t began = seep_proc_clock_ns(CLOCK_MONOTONIC);
    uint64_t kib = 0;

    if (began < proc->pss_next_ns) {
        return;
    }
    /* A process that changes its user, or says that it is not dumpable, is closed to us
     * from then on: unknown is better than what was once true. */
    if (seep_proc_read(proc->dir_fd, "smaps_rollup", text, sizeof(text)) <= 0 ||
        !seep_proc_number(text, "\nPss:", &kib)) {
        kib = 0;
    }
    proc->pss_bytes = kib * 1024;
    uint64_t ended = seep_proc_clock_ns(CLOCK_MONOTONIC);

    proc->pss_next_ns = ended + (ended - began) * COST_SHARE;
}

int seep_proc_sample(struct seep_proc *proc, struct seep_process_figures *figures)
{
    char stat[STAT_BYTES];
    uint64_t ticks_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t pages = 0;
    uint64_t user = 0;
    uint64_t system = 0;

    *figures = (struct seep_process_figures){0};
    if (proc->dir_fd < 0 ||
        seep_proc_read(proc->dir_fd, "stat", stat, sizeof(stat)) <= 0) {
        return -ESRCH;
    }
    (void)seep_proc_stat_field(stat, STAT_MINOR_FAULTS, &figures->minor_faults);
    (void)seep_proc_stat_field(stat, STAT_MAJOR_FAULTS, &figures->major_faults);
    (void)seep_proc_stat_field(stat, STAT_USER, &user);
    (void)seep_proc_stat_field(stat, STAT_SYSTEM, &system);
    (void)seep_proc_stat_field(stat, STAT_THREADS, &figures->threads);
    (void)seep_proc_stat_field(stat, STAT_VSIZE, &figures->vsize_bytes);
    (void)seep_proc_stat_field(stat, STAT_RSS, &pages);
    figures->user_ns = user * ticks_ns;
    figures->system_ns = system * ticks_ns;
    figures->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    if (figures->vsize_bytes == 0) {
        return -ESRCH; /* a zombie: it has no memory any more */
    }
    figures->fds = count_fds(proc->dir_fd);
    sample_pss(proc);
    figures->pss_bytes = proc->pss_bytes;
    return 0;
}

void seep_proc_expect_exe(struct seep_proc *proc, const char *exe)
{
    char now[EXE_BYTES] = "";
    char then[EXE_BYTES + sizeof("root")];

    if (proc->dir_fd < 0 || exe[0] != '/' ||
        readlinkat(proc->dir_fd, "exe", now, sizeof(now) - 1) <= 0 ||
        strcmp(now, exe) == 0) {
        return;
    }
    (void)snprintf(then, sizeof(then), "root%s", exe);
    note_file(proc->dir_fd, then, &proc->exe_dev, &proc->exe_ino);
}

bool seep_proc_has_execed(const struct seep_proc *proc)
{
    uint64_t dev = 0;
    uint64_t ino = 0;

    if (proc->dir_fd < 0 || proc->exe_ino == 0) {
        return false;
    }
    note_file(proc->dir_fd, "exe", &dev, &ino);
    return ino != 0 && (ino != proc->exe_ino || dev != proc->exe_dev);
}
