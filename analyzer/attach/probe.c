/* Stacks of another process's threads.
 *
 * First everything that can be read beforehand, then the stops, then everything that
 * computes. What the program does to us in between is seen by comparing its auxiliary
 * vector: it holds addresses that the kernel chooses anew for every exec, also of the
 * same file.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/memory_map.h"
#include "attach/proc_file.h"
#include "attach/ptrace_rights.h"
#include "attach/stack_unwind.h"

enum { AUXV_BYTES = 1024, SMALL_BYTES = 4096, PATH_BYTES = 64 };

/* What tells one image of a process from the next. */
struct image {
    char auxv[AUXV_BYTES];
    int auxv_bytes; /* <= 0: may not be read */
};

static void look_at_image(int proc_dir_fd, struct image *image)
{
    image->auxv_bytes =
        seep_proc_read(proc_dir_fd, "auxv", image->auxv, sizeof(image->auxv));
}

/* Whether the process is still the one that the directory was opened of. */
static int check_image(pid_t pid, int proc_dir_fd, const struct image *before,
                       struct seep_error *error)
{
    struct image now;
    char stat[SMALL_BYTES];

    look_at_image(proc_dir_fd, &now);
    if (seep_proc_read(proc_dir_fd, "stat", stat, sizeof(stat)) <= 0 ||
        (before->auxv_bytes > 0 && now.auxv_bytes <= 0)) {
        return seep_error_set(error, -ESRCH, "process %d ended while it was looked at",
                              (int)pid);
    }
    if (before->auxv_bytes != now.auxv_bytes ||
        (now.auxv_bytes > 0 &&
         memcmp(before->auxv, now.auxv, (size_t)now.auxv_bytes) != 0)) {
        return seep_error_set(error, -ESTALE,
                              "process %d became another program (exec) while it was "
                              "looked at; ask again",
                              (int)pid);
    }
    return 0;
}

/* A tid that is not the process's own would be another program's thread. */
static int check_tids(pid_t pid, int proc_dir_fd, struct seep_probe *probe,
                      struct seep_error *error)
{
    size_t there = 0;

    for (size_t i = 0; i < probe->thread_count; i++) {
        char path[PATH_BYTES];
        struct seep_thread_copy *copy = &probe->threads[i].copy;

        (void)snprintf(path, sizeof(path), "task/%u", copy->tid);
        copy->status = faccessat(proc_dir_fd, path, F_OK, 0) == 0 ? 0 : -ESRCH;
        there += copy->status == 0;
    }
    return there > 0 ? 0
                     : seep_error_set(error, -ESRCH, "process %d has ended", (int)pid);
}

/* Stops those that are there, and puts the results back in their places. */
static int stop_all(pid_t pid, const struct seep_memory_map *map,
                    const struct seep_stop_options *options, struct seep_probe *probe)
{
    struct seep_thread_copy *copies = calloc(probe->thread_count, sizeof(*copies));
    size_t n = 0;
    int status = 0;

    if (copies == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < probe->thread_count; i++) {
        if (probe->threads[i].copy.status == 0) {
            copies[n++].tid = probe->threads[i].copy.tid;
        }
    }
    status = seep_thread_stop(pid, map, copies, n, options);
    n = 0;
    for (size_t i = 0; i < probe->thread_count; i++) {
        struct seep_thread_copy *copy = &probe->threads[i].copy;

        if (copy->status == 0) {
            *copy = copies[n++];
            probe->stopped += copy->stop_ns != 0;
            probe->stop_total_ns += copy->stop_ns;
            if (copy->stop_ns > probe->stop_longest_ns) {
                probe->stop_longest_ns = copy->stop_ns;
            }
        }
    }
    free(copies);
    return status;
}

/* What all threads failed with; 0 when one of them could be read. */
static int common_failure(const struct seep_probe *probe)
{
    int status = 0;

    for (size_t i = 0; i < probe->thread_count; i++) {
        int own = probe->threads[i].copy.status;

        if (own == 0) {
            return 0;
        }
        if (own == -EPERM || own == -EACCES || own == -ENOTSUP) {
            status = own;
        }
    }
    return status;
}

static int unwind_all(pid_t pid, const struct seep_memory_map *map,
                      struct seep_probe *probe, struct seep_error *error)
{
    struct seep_unwinder *unwinder = NULL;
    int status = seep_unwinder_new(pid, map, &unwinder);

    if (status == -ENOEXEC) { /* elfutils: there is no auxiliary vector yet */
        return seep_error_set(error, -ESTALE,
                              "process %d is about to become another program (exec); "
                              "ask again",
                              (int)pid);
    }
    if (status < 0) {
        return seep_error_set(error, status, "cannot read the modules of process %d: %s",
                              (int)pid, strerrordesc_np(-status));
    }
    for (size_t i = 0; i < probe->thread_count && status == 0; i++) {
        if (probe->threads[i].copy.status == 0) {
            status = seep_unwinder_run(unwinder, &probe->threads[i]);
        }
    }
    probe->modules = seep_unwinder_modules_take(unwinder, &probe->module_count);
    seep_unwinder_free(unwinder);
    return status;
}

static int explain(pid_t pid, int status, struct seep_error *error)
{
    if (status == -EPERM || status == -EACCES) {
        return seep_ptrace_explain(pid, error);
    }
    if (status == -ENOTSUP) {
        return seep_error_set(error, status,
                              "process %d is a 32-bit program; only "
                              "x86-64 can be unwound",
                              (int)pid);
    }
    if (status == -ESRCH || status == -ENOENT) {
        return seep_error_set(error, -ESRCH, "there is no process %d", (int)pid);
    }
    return seep_error_set(error, status, "cannot look at process %d: %s", (int)pid,
                          strerrordesc_np(-status));
}

static int probe_process(pid_t pid, int proc_dir_fd,
                         const struct seep_stop_options *options,
                         struct seep_probe *probe, struct seep_error *error)
{
    struct seep_memory_map map = {0};
    struct image image;
    int status = 0;

    look_at_image(proc_dir_fd, &image);
    status = seep_memory_map_read((uint32_t)pid, &map);
    if (status < 0) {
        return explain(pid, status, error);
    }
    status = check_tids(pid, proc_dir_fd, probe, error);
    if (status == 0) {
        status = stop_all(pid, &map, options, probe);
        status = status == 0 ? common_failure(probe) : status;
        status = status < 0 ? explain(pid, status, error) : 0;
    }
    if (status == 0) {
        status = unwind_all(pid, &map, probe, error);
    } else {
        goto done;
    }
    if (status !=
        -ENOMEM) { /* what was read is of the same image still; or that is why */
        int changed = check_image(pid, proc_dir_fd, &image, error);

        status = changed < 0 ? changed : status;
    }
done:
    seep_memory_map_fini(&map);
    return status;
}

int seep_probe_threads(pid_t pid, const uint32_t *tids, size_t count,
                       const struct seep_stop_options *options, struct seep_probe **out,
                       struct seep_error *error)
{
    struct seep_probe *probe = calloc(1, sizeof(*probe));
    char path[PATH_BYTES];
    int proc_dir_fd = -1;
    int status = -ENOMEM;

    if (probe == NULL) {
        goto done;
    }
    probe->threads = calloc(count + 1, sizeof(*probe->threads));
    if (probe->threads == NULL) {
        goto done;
    }
    probe->thread_count = count;
    for (size_t i = 0; i < count; i++) {
        probe->threads[i].copy.tid = tids[i];
    }
    (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    proc_dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    status = proc_dir_fd < 0 ? explain(pid, -errno, error)
                             : probe_process(pid, proc_dir_fd, options, probe, error);
done:
    if (proc_dir_fd >= 0) {
        (void)close(proc_dir_fd);
    }
    if (status == -ENOMEM) {
        (void)seep_error_set(error, status, "out of memory while looking at process %d",
                             (int)pid);
    }
    if (status < 0) {
        seep_probe_free(probe);
        return status;
    }
    *out = probe;
    return 0;
}

void seep_probe_free(struct seep_probe *probe)
{
    if (probe == NULL) {
        return;
    }
    for (size_t i = 0; i < probe->thread_count; i++) {
        seep_thread_copy_fini(&probe->threads[i].copy);
        free(probe->threads[i].frames);
    }
    for (size_t i = 0; i < probe->module_count; i++) {
        free(probe->modules[i].path);
    }
    free(probe->threads);
    free(probe->modules);
    free(probe);
}
