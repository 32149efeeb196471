/* What threads of a live process wait for, as PROBE frames would say it.
 *
 * Nobody is asked whether a thread can be woken: that takes the heap's blocks, which only
 * a recording knows. Cycles and orphaned locks show by themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "threads/live_waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "attach/memory_copy.h"
#include "seep/recording.h"

enum { BEFORE_BYTES = 32, OBJECT_BYTES = 128 };

static bool stands_still(const struct seep_task *task)
{
    return task->wait.syscall_plus_1 != 0 && (task->state == 'S' || task->state == 'D') &&
           task->idle_ns >= SEEP_LIVE_STILL_NS;
}

static const struct seep_rec_thread *row_of(const struct seep_recording *picture,
                                            uint32_t tid)
{
    for (size_t i = 0; i < picture->thread_count; i++) {
        if (picture->threads[i].tid == tid) {
            return &picture->threads[i];
        }
    }
    return NULL;
}

static int fill_frames(const struct seep_probe *probe,
                       const struct seep_probe_thread *thread, struct seep_rec_probe *out)
{
    out->frames = calloc(thread->frame_count + 1, sizeof(*out->frames));
    if (out->frames == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < thread->frame_count; i++) {
        const struct seep_probe_frame *frame = &thread->frames[i];

        out->frames[i] = (struct seep_rec_probe_frame){
            .module = frame->module != 0 ? frame->module : (uint32_t)probe->module_count,
            .exact = frame->exact,
            .offset = frame->offset};
    }
    out->frame_count = thread->frame_count;
    out->end = thread->end == SEEP_PROBE_END_COMPLETE ? SEEP_PROBE_STACK_COMPLETE
                                                      : SEEP_PROBE_STACK_CUT;
    return 0;
}

/* The memory around a futex: as much of it as there is. */
static int fill_object(pid_t pid, struct seep_rec_probe *out)
{
    uint64_t at = out->arguments[0] - BEFORE_BYTES;
    int64_t n = 0;

    out->object = calloc(1, OBJECT_BYTES);
    if (out->object == NULL) {
        return -ENOMEM;
    }
    if (out->syscall_plus_1 == SYS_futex + 1) {
        n = seep_memory_read((uint32_t)pid, at, out->object, OBJECT_BYTES);
        if (n < 0) { /* the page before is none */
            at = out->arguments[0];
            n = seep_memory_read((uint32_t)pid, at, out->object,
                                 OBJECT_BYTES - BEFORE_BYTES);
        }
    }
    out->object_at = n > 0 ? at : 0;
    out->object_bytes = n > 0 ? (size_t)n : 0;
    return 0;
}

static int fill_one(pid_t pid, const struct seep_task *task,
                    const struct seep_probe *probe,
                    const struct seep_probe_thread *thread,
                    struct seep_recording *picture)
{
    struct seep_rec_probe *out = &picture->probes[picture->probe_count++];
    const struct seep_rec_thread *row = row_of(picture, task->tid);
    int err = 0;

    /* The threads were listed to the end before: as if after this look (stuck_verdict.c).
     */
    *out = (struct seep_rec_probe){.t_ns = picture->threads_t_ns - 1,
                                   .tid = task->tid,
                                   .why = SEEP_PROBE_UNCHANGED,
                                   .stop_ns = thread->copy.stop_ns,
                                   .slot_plus_1 = row != NULL ? row->slot + 1 : 0,
                                   .unchanged_since_ns =
                                       row != NULL ? row->unchanged_since_ns : 0,
                                   .syscall_plus_1 = (uint32_t)task->wait.syscall_plus_1};
    seep_thread_copy_arguments(&thread->copy, out->arguments);
    err = fill_frames(probe, thread, out);
    return err == 0 ? fill_object(pid, out) : err;
}

/* Locks name their owners by the numbers of the program's own pid namespace. */
static bool numbers_are_ours(pid_t pid)
{
    char path[64];
    struct stat theirs;
    struct stat ours;

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
    return stat(path, &theirs) == 0 && stat("/proc/self/ns/pid", &ours) == 0 &&
           theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

int seep_live_waits_fill(pid_t pid, const struct seep_task_list *tasks,
                         const struct seep_probe *probe, struct seep_recording *picture)
{
    size_t n = tasks->count < probe->thread_count ? tasks->count : probe->thread_count;
    int err = 0;

    if (!numbers_are_ours(pid)) {
        return 0;
    }
    picture->probes = calloc(n + 1, sizeof(*picture->probes));
    if (picture->probes == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; err == 0 && i < n; i++) {
        const struct seep_probe_thread *thread = &probe->threads[i];

        if (thread->copy.tid == tasks->tasks[i].tid && thread->copy.status == 0 &&
            stands_still(&tasks->tasks[i])) {
            err = fill_one(pid, &tasks->tasks[i], probe, thread, picture);
        }
    }
    return err;
}

void seep_live_waits_fini(struct seep_recording *picture)
{
    for (size_t i = 0; i < picture->probe_count; i++) {
        free(picture->probes[i].frames);
        free(picture->probes[i].object);
    }
    free(picture->probes);
    picture->probes = NULL;
    picture->probe_count = 0;
}
