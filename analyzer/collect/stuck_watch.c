/* When a thread that stands still is looked at, and what is written of it.
 *
 * A row lives as long as its thread stands still: one stop of some ten microseconds gives
 * its stack and the arguments of its system call. Of threads that were made at one place
 * and wait in one call for one object three are stopped, the others are as them.
 *
 * Searches ask for all rows at once. A thread that somebody can wake is asked for again
 * when it has stood still for twice as long: whoever knew it may forget it later. One
 * that nobody was found for is asked for at once again, and is believed after the third
 * time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/stuck_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach/probe.h"
#include "attach/proc_file.h"
#include "collect/stuck_row.h"
#include "seep/recording.h"

enum {
    ALIKE_MAX = 3,
    ROUND_MAX = 64, /* threads stopped for their stacks in one look */
    SEARCHES_NEEDED = 3,
    COST_SHARE = 100,
    NS_PER_S = 1000000000
};

static const uint64_t BETWEEN_SEARCHES_NS = UINT64_C(900000000);

struct look {
    struct seep_stuck_watch *watch;
    const struct seep_wake_program *program;
    uint64_t t_ns;
    int (*put)(void *arg, const struct seep_buf *payload);
    void *arg;
};

void seep_stuck_watch_fini(struct seep_stuck_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        seep_stuck_row_fini(&watch->rows[i]);
    }
    free(watch->rows);
    watch->rows = NULL;
    watch->count = watch->capacity = watch->sorted = 0;
}

static int add_row(struct seep_stuck_watch *watch, const struct seep_stuck_row *row)
{
    if (watch->count == watch->capacity) {
        size_t wanted = watch->capacity > 0 ? watch->capacity * 2 : 16;
        struct seep_stuck_row *grown = reallocarray(watch->rows, wanted, sizeof(*grown));

        if (grown == NULL) {
            return -ENOMEM;
        }
        watch->rows = grown;
        watch->capacity = wanted;
    }
    watch->rows[watch->count++] = *row;
    return 0;
}

static int by_tid(const void *a, const void *b)
{
    const struct seep_stuck_row *left = a;
    const struct seep_stuck_row *right = b;

    return (left->tid > right->tid) - (left->tid < right->tid);
}

static struct seep_stuck_row *row_of(const struct seep_stuck_watch *watch, uint32_t tid)
{
    struct seep_stuck_row key = {.tid = tid};

    return watch->sorted > 0
               ? bsearch(&key, watch->rows, watch->sorted, sizeof(key), by_tid)
               : NULL;
}

/* Notes a task that stands still: its row, or a new one. */
static int take_task(const struct look *look, const struct seep_watched_task *task,
                     uint32_t slot_plus_1, uint32_t site)
{
    struct seep_stuck_watch *watch = look->watch;
    const struct seep_thread_figures *figures = &task->figures;
    struct seep_stuck_row *row = NULL;

    if ((figures->os_state != 'S' && figures->os_state != 'D') ||
        figures->unchanged_since_ns == 0 || task->wait.syscall_plus_1 == 0 ||
        figures->unchanged_since_ns + watch->stuck_after_ns > look->t_ns) {
        return 0;
    }
    row = row_of(watch, task->tid);
    if (row != NULL && row->unchanged_since_ns == figures->unchanged_since_ns) {
        row->seen = true;
        return 0;
    }
    /* A row that it has is of another time, and goes unseen. */
    struct seep_stuck_row made = {.tid = task->tid,
                                  .slot_plus_1 = slot_plus_1,
                                  .site = site,
                                  .unchanged_since_ns = figures->unchanged_since_ns,
                                  .syscall_plus_1 = task->wait.syscall_plus_1,
                                  .address = task->wait.address,
                                  .seen = true};

    return add_row(watch, &made);
}

static int take_tasks(const struct look *look)
{
    const struct seep_threads *threads = look->program->threads;
    int err = 0;

    for (uint32_t i = 0; err == 0 && i < threads->count; i++) {
        const struct seep_thread *slot = &threads->slots[i];
        uint32_t state = slot->state;

        if ((state & SEEP_THREAD_USED) != 0 && (state & SEEP_THREAD_ENDED) == 0 &&
            threads->generations[i] == slot->generation && threads->tasks[i].asked) {
            err = take_task(look, &threads->tasks[i], i + 1, slot->site);
        }
    }
    for (uint32_t i = 0; err == 0 && i < threads->unknown_count; i++) {
        err = take_task(look, &threads->unknown[i], 0, 0);
    }
    return err;
}

static void drop_unseen(struct seep_stuck_watch *watch)
{
    size_t kept = 0;

    for (size_t i = 0; i < watch->count; i++) {
        if (watch->rows[i].seen) {
            watch->rows[kept++] = watch->rows[i];
        } else {
            seep_stuck_row_fini(&watch->rows[i]);
        }
    }
    watch->count = watch->sorted = kept;
    if (kept > 1) {
        qsort(watch->rows, kept, sizeof(*watch->rows), by_tid);
    }
}

static bool are_alike(const struct seep_stuck_row *a, const struct seep_stuck_row *b)
{
    return a->site == b->site && a->syscall_plus_1 == b->syscall_plus_1 &&
           a->address == b->address;
}

static int by_age(const void *a, const void *b)
{
    const struct seep_stuck_row *const *left = a;
    const struct seep_stuck_row *const *right = b;

    return ((*left)->unchanged_since_ns > (*right)->unchanged_since_ns) -
           ((*left)->unchanged_since_ns < (*right)->unchanged_since_ns);
}

/* Rows that nobody has looked at, those first that have stood still for longest. Returns:
 * how many, or -ENOMEM. *out: owned. */
static int64_t list_new(struct seep_stuck_watch *watch, struct seep_stuck_row ***out)
{
    size_t count = 0;

    *out = calloc(watch->count + 1, sizeof(struct seep_stuck_row *));
    if (*out == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->rows[i].state == SEEP_STUCK_NEW) {
            (*out)[count++] = &watch->rows[i];
        }
    }
    qsort(*out, count, sizeof(**out), by_age);
    return (int64_t)count;
}

static size_t looked_at_alike(const struct seep_stuck_watch *watch,
                              const struct seep_stuck_row *row)
{
    size_t alike = 0;

    for (size_t i = 0; i < watch->count && alike < ALIKE_MAX; i++) {
        enum seep_stuck_state state = watch->rows[i].state;

        alike += (state == SEEP_STUCK_PROBED || state == SEEP_STUCK_CHOSEN) &&
                 are_alike(&watch->rows[i], row);
    }
    return alike;
}

/* How many looks may have been written by now: idle workers that are served now and then
 * cost one each time, for as long as the program runs. */
static uint32_t allowance(const struct look *look)
{
    double hours = (double)look->t_ns / (NS_PER_S * 3600.0);

    return (uint32_t)(SEEP_PROBES_PER_DOUBLING * log2(2 + hours));
}

/* Rows to be stopped now; the rest of those like enough others are set aside. set_aside:
 * out, whether there are such. Returns: how many to stop; -ENOMEM. */
static int64_t choose(const struct look *look, uint32_t *tids, bool *set_aside)
{
    struct seep_stuck_watch *watch = look->watch;
    struct seep_stuck_row **rows = NULL;
    int64_t count = list_new(watch, &rows);
    uint32_t allowed = allowance(look);
    int64_t chosen = 0;

    for (int64_t i = 0; i < count && chosen < ROUND_MAX; i++) {
        if (looked_at_alike(watch, rows[i]) >= ALIKE_MAX) {
            rows[i]->state = SEEP_STUCK_ALIKE; /* of its kind as those: see adopt_kinds */
            *set_aside = true;
        } else if (watch->written + chosen < allowed) {
            rows[i]->state = SEEP_STUCK_CHOSEN;
            tids[chosen++] = rows[i]->tid;
        } else {
            watch->waited = true;
        }
    }
    free(rows);
    return count < 0 ? count : chosen;
}

static int write_row(const struct look *look, const struct seep_stuck_row *row)
{
    struct seep_buf payload = {0};
    int err = 0;

    if (row->state != SEEP_STUCK_PROBED) {
        return 0;
    }
    seep_stuck_row_put(row, look->t_ns, &payload);
    err = payload.failed ? -ENOMEM : look->put(look->arg, &payload);
    look->watch->written += err == 0;
    seep_buf_fini(&payload);
    return err;
}

static int refresh_owners(const struct look *look)
{
    const struct seep_stuck_watch *watch = look->watch;
    int err = 0;

    for (size_t i = 0; err == 0 && i < watch->count; i++) {
        if (seep_stuck_row_lost_owner(look->program->pid, &watch->rows[i])) {
            err = write_row(look, &watch->rows[i]);
        }
    }
    return err;
}

static void give_up(struct seep_stuck_watch *watch, const char *what, const char *why)
{
    if (!watch->searching_failed) {
        (void)snprintf(watch->why_not, sizeof(watch->why_not), "%s: %.100s", what, why);
        watch->searching_failed = true;
    }
}

static void note_stop(const struct look *look, const struct seep_stuck_row *row)
{
    struct seep_threads *threads = look->program->threads;

    if (row->slot_plus_1 > 0 && row->slot_plus_1 <= threads->count) {
        seep_task_stopped(&threads->tasks[row->slot_plus_1 - 1]);
    }
    for (uint32_t i = 0; row->slot_plus_1 == 0 && i < threads->unknown_count; i++) {
        if (threads->unknown[i].tid == row->tid) {
            seep_task_stopped(&threads->unknown[i]);
        }
    }
}

static int take_probe(const struct look *look, const struct seep_probe *probe)
{
    uint32_t *ids = seep_stuck_row_modules(look->program->segment, probe);
    int err = ids != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; err == 0 && i < probe->thread_count; i++) {
        const struct seep_probe_thread *thread = &probe->threads[i];
        struct seep_stuck_row *row = row_of(look->watch, thread->copy.tid);

        if (row == NULL || thread->copy.status != 0) {
            continue; /* another time */
        }
        note_stop(look, row);
        row->state = SEEP_STUCK_PROBED;
        err = seep_stuck_row_fill(look->program->pid, probe, ids, thread, row);
        if (err == 0) {
            err = write_row(look, row);
        }
    }
    free(ids);
    return err;
}

/* Those that are still chosen were not stopped. */
static void settle_chosen(struct seep_stuck_watch *watch, enum seep_stuck_state state)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->rows[i].state == SEEP_STUCK_CHOSEN) {
            watch->rows[i].state = state;
        }
    }
}

/* Those that were not stopped wait as all of those do that they are like. */
static void adopt_kinds(struct seep_stuck_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct seep_stuck_row *row = &watch->rows[i];
        size_t alike = 0;
        size_t wakeable = 0;

        if (row->state != SEEP_STUCK_ALIKE) {
            continue;
        }
        for (size_t k = 0; k < watch->count && alike < ALIKE_MAX; k++) {
            if (watch->rows[k].state == SEEP_STUCK_PROBED &&
                are_alike(&watch->rows[k], row)) {
                alike++;
                wakeable += watch->rows[k].wakeable_kind;
            }
        }
        row->wakeable_kind = alike > 0 ? wakeable == alike : row->wakeable_kind;
    }
}

/* Stops new rows for their stacks. */
static int probe_rows(const struct look *look)
{
    struct seep_stuck_watch *watch = look->watch;
    uint32_t tids[ROUND_MAX];
    bool set_aside = false;
    int64_t count = choose(look, tids, &set_aside);
    struct seep_probe *probe = NULL;
    struct seep_error error = {0};
    int err = 0;

    if (count <= 0) {
        if (set_aside) {
            adopt_kinds(watch);
        }
        return (int)count;
    }
    err = seep_probe_threads((pid_t)look->program->pid, tids, (size_t)count, NULL, &probe,
                             &error);
    if (err < 0) {
        settle_chosen(watch, SEEP_STUCK_ALIKE); /* not again while they stand */
        if (err != -ESRCH && err != -ESTALE) {
            give_up(watch, "blocked threads could not be looked at", error.message);
        }
        return err == -ENOMEM ? err : 0;
    }
    err = take_probe(look, probe);
    seep_probe_free(probe);
    settle_chosen(watch, SEEP_STUCK_NEW);
    adopt_kinds(watch);
    return err;
}

static bool is_asked_for(const struct seep_stuck_row *row)
{
    return row->state >= SEEP_STUCK_ALIKE && row->wakeable_kind &&
           row->reach != SEEP_REACH_NOBODY;
}

static int take_answer(const struct look *look, const struct seep_wake_question *answer,
                       uint64_t scanned_bytes, uint64_t stop_ns)
{
    struct seep_stuck_row *row = row_of(look->watch, answer->tid);
    bool first = row->reach == SEEP_REACH_UNKNOWN;

    row->scanned_bytes = scanned_bytes;
    row->stop_ns = stop_ns > row->stop_ns ? stop_ns : row->stop_ns;
    if (answer->reachable) {
        row->votes = 0;
        row->reach = SEEP_REACH_SOMEBODY;
        row->next_search_ns = look->t_ns + (look->t_ns - row->unchanged_since_ns);
        return first ? write_row(look, row) : 0;
    }
    row->next_search_ns = look->t_ns + BETWEEN_SEARCHES_NS;
    if (++row->votes < SEARCHES_NEEDED) {
        return 0;
    }
    row->reach = SEEP_REACH_NOBODY;
    return write_row(look, row);
}

static int search(const struct look *look)
{
    struct seep_stuck_watch *watch = look->watch;
    struct seep_wake_question *questions = calloc(watch->count + 1, sizeof(*questions));
    struct seep_error error = {0};
    uint64_t scanned_bytes = 0;
    uint64_t stop_ns = 0;
    size_t count = 0;
    int err = questions != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; err == 0 && i < watch->count; i++) {
        if (is_asked_for(&watch->rows[i]) || watch->rows[i].reach == SEEP_REACH_NOBODY) {
            questions[count].tid = watch->rows[i].tid;
            questions[count++].object = watch->rows[i].address;
        }
    }
    if (err == 0) {
        err = seep_wake_search(look->program, questions, count, &scanned_bytes, &stop_ns,
                               &error);
        if (err < 0 && err != -ENOMEM && err != -EAGAIN && err != -ESRCH) {
            give_up(watch, "who could wake blocked threads was not looked for",
                    error.message[0] != '\0' ? error.message : strerror(-err));
        }
        count = err == 0 ? count : 0;
        err = err == -ENOMEM ? err : 0;
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct seep_stuck_row *row = row_of(watch, questions[i].tid);

        if (is_asked_for(row)) {
            err = take_answer(look, &questions[i], scanned_bytes, stop_ns);
        }
    }
    free(questions);
    return err;
}

static bool search_is_due(const struct look *look)
{
    const struct seep_stuck_watch *watch = look->watch;

    if (watch->searching_failed ||
        seep_proc_clock_ns(CLOCK_MONOTONIC) < watch->search_not_before_ns) {
        return false;
    }
    for (size_t i = 0; i < watch->count; i++) {
        if (is_asked_for(&watch->rows[i]) &&
            watch->rows[i].next_search_ns <= look->t_ns) {
            return true;
        }
    }
    return false;
}

/* When the work that began then may be done again. CPU time is the process's: what stops
 * threads has a thread of its own. */
static uint64_t pause_after(uint64_t began_cpu_ns)
{
    uint64_t spent_ns = seep_proc_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began_cpu_ns;

    return seep_proc_clock_ns(CLOCK_MONOTONIC) + COST_SHARE * spent_ns;
}

int seep_stuck_watch_look(struct seep_stuck_watch *watch,
                          const struct seep_wake_program *program, bool possible,
                          uint64_t t_ns,
                          int (*put)(void *arg, const struct seep_buf *payload),
                          void *arg)
{
    const struct look look = {watch, program, t_ns, put, arg};
    uint64_t began_ns = 0;
    int err = 0;

    for (size_t i = 0; i < watch->count; i++) {
        watch->rows[i].seen = false;
    }
    err = take_tasks(&look);
    drop_unseen(watch);
    if (err == 0) {
        err = refresh_owners(&look);
    }
    if (err == 0 && seep_proc_clock_ns(CLOCK_MONOTONIC) >= watch->probe_not_before_ns) {
        began_ns = seep_proc_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        err = probe_rows(&look);
        watch->probe_not_before_ns = pause_after(began_ns);
    }
    if (err == 0 && possible && search_is_due(&look)) {
        began_ns = seep_proc_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        err = search(&look);
        watch->search_not_before_ns = pause_after(began_ns);
    }
    return err;
}
