/* What `seep threads` looks at: a process, the recording of it that is being written, or
 * a finished recording.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/threads_look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach/probe.h"
#include "attach/task_list.h"
#include "collect/recording_find.h"
#include "threads/live_picture.h"
#include "threads/live_waits.h"
#include "threads/threads_profile.h"
#include "verdict/verdict.h"

/* The two sources, owned here. */
struct sources {
    struct seep_recording *picture, *recorded;
    struct seep_threads_source present, creation;
};

static int open_symbols(struct seep_threads_source *source,
                        const struct seep_recording *recording)
{
    source->recording = recording;
    return seep_symbolizer_new(recording, &source->symbolizer);
}

static void close_sources(struct sources *sources)
{
    if (sources->present.symbolizer != NULL) {
        seep_symbolizer_free(sources->present.symbolizer);
    }
    if (sources->creation.symbolizer != NULL) {
        seep_symbolizer_free(sources->creation.symbolizer);
    }
    seep_live_picture_free(sources->picture);
    seep_recording_free(sources->recorded);
}

/* The recording of a running process, when one is being written and can be read. */
static struct seep_recording *find_recording(pid_t pid)
{
    char(*paths)[SEEP_RECORDING_PATH_BYTES] =
        calloc(SEEP_RECORDINGS_FOUND_MAX, sizeof(*paths));
    size_t n = paths != NULL ? seep_recording_find(paths) : 0;
    struct seep_recording *found = NULL;

    for (size_t i = 0; i < n && found == NULL; i++) {
        struct seep_recording *recording = NULL;
        struct seep_error ignored;

        if (seep_recording_open(paths[i], &recording, &ignored) == 0) {
            if (recording->program.pid == (uint32_t)pid && !recording->ended) {
                found = recording;
            } else {
                seep_recording_free(recording);
            }
        }
    }
    free(paths);
    return found;
}

static int probe_all(pid_t pid, const struct seep_task_list *tasks,
                     struct seep_probe **probe, struct seep_error *error)
{
    uint32_t *tids = calloc(tasks->count + 1, sizeof(*tids));
    int status = -ENOMEM;

    if (tids != NULL) {
        for (size_t i = 0; i < tasks->count; i++) {
            tids[i] = tasks->tasks[i].tid;
        }
        status = seep_probe_threads(pid, tids, tasks->count, NULL, probe, error);
    }
    free(tids);
    return status;
}

static bool is_no_right(int status)
{
    return status == -EPERM || status == -EBUSY || status == -ENOTSUP ||
           status == -EACCES;
}

/* What could not be looked at in a process that could. */
static void note_missed(struct seep_thread_groups *groups, const struct seep_probe *probe)
{
    size_t asleep = 0;
    size_t ended = 0;

    for (size_t i = 0; i < probe->thread_count; i++) {
        asleep += probe->threads[i].copy.status == -ETIME;
        ended += probe->threads[i].copy.status == -ESRCH;
    }
    if (asleep > 0) {
        seep_thread_groups_note(groups,
                                "%zu could not be stopped (uninterruptible sleep, as in "
                                "vfork or on a dead disk): no stack of these",
                                asleep);
    }
    if (ended > 0) {
        seep_thread_groups_note(groups, "%zu ended while they were looked at", ended);
    }
    groups->stopped = probe->stopped;
    groups->stop_total_s = (double)probe->stop_total_ns / 1e9;
    groups->stop_longest_s = (double)probe->stop_longest_ns / 1e9;
}

static int gather(const struct seep_threads_request *request, struct sources *sources,
                  struct seep_thread_groups **groups)
{
    const struct seep_threads_source *main_source =
        request->pid != 0 ? &sources->present : &sources->creation;
    int status = seep_thread_groups_gather(&sources->present, &sources->creation, groups);

    if (status == 0 && request->profile) {
        status = seep_threads_profile_fill(*groups, main_source);
        if (status < 0) {
            seep_thread_groups_free(*groups);
        }
    }
    return status;
}

static int look_at_recording(const struct seep_threads_request *request,
                             struct seep_thread_groups **groups, struct seep_error *error)
{
    struct sources sources = {0};
    int status = seep_recording_open(request->recording, &sources.recorded, error);

    if (status < 0) {
        return status;
    }
    status = open_symbols(&sources.creation, sources.recorded);
    if (status == 0) {
        status = gather(request, &sources, groups);
    }
    close_sources(&sources);
    return status;
}

/* The recording that says where threads were made; NULL: there is none. */
static int open_creation(const struct seep_threads_request *request,
                         struct sources *sources, struct seep_error *error)
{
    int status = 0;

    if (request->recording != NULL) {
        status = seep_recording_open(request->recording, &sources->recorded, error);
        if (status == 0 && sources->recorded->program.pid != (uint32_t)request->pid) {
            status = seep_error_set(
                error, -EINVAL, "%s is the recording of process %u, not of %d",
                request->recording, sources->recorded->program.pid, (int)request->pid);
        }
    } else {
        sources->recorded = find_recording(request->pid);
    }
    if (status == 0 && sources->recorded != NULL) {
        status = open_symbols(&sources->creation, sources->recorded);
    }
    return status;
}

/* What the verdicts say of a live process; without memory for that nothing is said. */
static void add_stuck(const struct seep_threads_source *present,
                      struct seep_thread_groups *groups)
{
    const struct seep_verdict_options options = {.since_s = -1, .until_s = -1};
    struct seep_findings *findings = NULL;

    if (seep_verdict_make(present->recording, present->symbolizer, &options, &findings,
                          NULL) == 0) {
        seep_thread_groups_stuck(groups, findings);
        seep_findings_free(findings);
    }
}

static int look_at_process(const struct seep_threads_request *request,
                           struct seep_thread_groups **groups, struct seep_error *error)
{
    struct sources sources = {0};
    struct seep_task_list tasks = {0};
    struct seep_probe *probe = NULL;
    struct seep_error refused = {0};
    int status = seep_task_list_read(request->pid, &tasks, error);

    if (status < 0) {
        return status;
    }
    if (!request->no_stacks) {
        status = probe_all(request->pid, &tasks, &probe, &refused);
    }
    if (status < 0 && !is_no_right(status)) {
        *error = refused;
        goto done;
    }
    status = seep_live_picture_make(request->pid, &tasks, probe, &sources.picture);
    if (status == 0 && probe != NULL) {
        status = seep_live_waits_fill(request->pid, &tasks, probe, sources.picture);
    }
    if (status == 0) {
        status = open_symbols(&sources.present, sources.picture);
    }
    if (status == 0) {
        status = open_creation(request, &sources, error);
    }
    if (status == 0) {
        status = gather(request, &sources, groups);
    }
    if (status == 0 && probe != NULL) {
        note_missed(*groups, probe);
        add_stuck(&sources.present, *groups);
    }
    if (status == 0 && refused.code != 0) {
        seep_thread_groups_note(*groups, "no stacks: %s", refused.message);
    }
done:
    close_sources(&sources);
    seep_probe_free(probe);
    seep_task_list_fini(&tasks);
    return status;
}

int seep_threads_look(const struct seep_threads_request *request,
                      struct seep_thread_groups **groups, struct seep_error *error)
{
    int status = request->pid != 0 ? look_at_process(request, groups, error)
                                   : look_at_recording(request, groups, error);

    if (status == -ENOMEM) {
        (void)seep_error_set(error, status, "out of memory");
    }
    return status;
}
