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
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "attach/memory_copy.h"
#include "attach/probe.h"
#include "attach/proc_file.h"
#include "seep/recording.h"
#include "seep/segment_layout.h"

enum {
    ALIKE_MAX = 3,
    ROUND_MAX = 64, /* threads stopped for their stacks in one look */
    SEARCHES_NEEDED = 3,
    COST_SHARE = 100,
    OBJECT_BEFORE_BYTES = 32,
    OBJECT_BYTES = 128,
    OWNER_WORDS = 5 /* of the C library's locks, from the futex on */
};

static const uint64_t BETWEEN_SEARCHES_NS = UINT64_C(900000000);

enum row_state {
    ROW_NEW = 0,
    ROW_ALIKE = 1, /* enough others like it were looked at */
    ROW_PROBED = 2 /* its PROBE frame is written */
};

struct seep_stuck_row {
    uint32_t tid, slot_plus_1, site;
    uint64_t unchanged_since_ns, syscall_plus_1, address;
    enum row_state state;
    bool seen;               /* in this look */
    bool wakeable_kind;      /* a futex without a timeout */
    uint32_t votes;          /* searches in a row that found nobody */
    uint32_t reach;          /* SEEP_REACH_* */
    uint64_t next_search_ns; /* since the start; 0: at once */
    uint64_t scanned_bytes;
    struct seep_buf head, object, tail; /* owned; of its frame, `reach` before tail */
    bool owned;                         /* `owner` is filled */
    uint32_t owner[OWNER_WORDS];        /* who holds what it waits for */
};

struct look {
    struct seep_stuck_watch *watch;
    const struct seep_wake_program *program;
    uint64_t t_ns;
    int (*put)(void *arg, const struct seep_buf *payload);
    void *arg;
};

static void row_fini(struct seep_stuck_row *row)
{
    seep_buf_fini(&row->head);
    seep_buf_fini(&row->object);
    seep_buf_fini(&row->tail);
}

void seep_stuck_watch_fini(struct seep_stuck_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        row_fini(&watch->rows[i]);
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
    return add_row(/* a row that it has is of another time, and goes unseen */

                   watch, &(struct seep_stuck_row){
                              .tid = task->tid,
                              .slot_plus_1 = slot_plus_1,
                              .site = site,
                              .unchanged_since_ns = figures->unchanged_since_ns,
                              .syscall_plus_1 = task->wait.syscall_plus_1,
                              .address = task->wait.address,
                              .seen = true});
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
            row_fini(&watch->rows[i]);
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

/* Rows to be stopped now; the rest of those like enough others are set aside. */
static size_t choose(struct seep_stuck_watch *watch, uint32_t *tids)
{
    size_t chosen = 0;

    for (size_t i = 0; i < watch->count && chosen < ROUND_MAX; i++) {
        struct seep_stuck_row *row = &watch->rows[i];
        size_t alike = 0;

        if (row->state != ROW_NEW) {
            continue;
        }
        for (size_t k = 0; k < watch->count && alike < ALIKE_MAX; k++) {
            alike += (watch->rows[k].state == ROW_PROBED || k < i) &&
                     watch->rows[k].state != ROW_ALIKE && are_alike(&watch->rows[k], row);
        }
        if (alike >= ALIKE_MAX) {
            row->state = ROW_ALIKE; /* of its kind as those: see adopt_kinds */
        } else {
            tids[chosen++] = row->tid;
        }
    }
    return chosen;
}

/* Shared or not: what is shared in truth is in none of the heap's blocks, and counts as
 * known to everybody. The C++ library's futures wait as if they were. */
static bool is_wakeable_kind(const struct seep_stuck_row *row, const uint64_t *arguments)
{
    uint64_t operation = arguments[1] & FUTEX_CMD_MASK;

    return row->syscall_plus_1 == SYS_futex + 1 && arguments[3] == 0 &&
           (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET);
}

/* The memory around the futex: as much of it as there is. */
static void put_object(const struct look *look, const struct seep_stuck_row *row,
                       uint64_t address, struct seep_buf *out)
{
    uint8_t bytes[OBJECT_BYTES];
    uint64_t at = address - OBJECT_BEFORE_BYTES;
    int64_t read = 0;

    if (row->syscall_plus_1 == SYS_futex + 1) {
        read = seep_memory_read(look->program->pid, at, bytes, sizeof(bytes));
        if (read < 0) { /* the page before is none */
            at = address;
            read = seep_memory_read(look->program->pid, at, bytes,
                                    sizeof(bytes) - OBJECT_BEFORE_BYTES);
        }
    }
    seep_buf_put_varint(out, read > 0 ? at : 0);
    seep_buf_put_varint(out, read > 0 ? (uint64_t)read : 0);
    if (read > 0) {
        seep_buf_put(out, bytes, (size_t)read);
    }
}

/* The words of a lock that say who holds it: of its own, and of the kinds that a futex
 * may belong to (wait_kind.c). The first has marks besides. */
static bool read_owner(const struct look *look, const struct seep_stuck_row *row,
                       uint32_t *owner)
{
    size_t bytes = OWNER_WORDS * sizeof(*owner);
    bool read = row->syscall_plus_1 == SYS_futex + 1 &&
                seep_memory_read(look->program->pid, row->address, owner, bytes) ==
                    (int64_t)bytes;

    if (read) {
        owner[0] &= FUTEX_TID_MASK;
        owner[1] = 0; /* how often it is held, or a counter */
    }
    return read;
}

/* The recording's id of a module that was found in the process; 0 when the shim has not
 * met it. */
static uint32_t module_id(const struct look *look, const struct seep_probe_module *module)
{
    struct seep_segment_counts counts;
    struct seep_module row;

    if (seep_segment_read_counts(look->program->segment, &counts) < 0) {
        return 0;
    }
    for (uint32_t id = counts.modules; id-- > 1;) {
        if (seep_segment_read(look->program->segment,
                              SEEP_AT_MODULES + (uint64_t)id * sizeof(row), &row,
                              sizeof(row)) == 0 &&
            row.base == module->base &&
            memcmp(row.build_id, module->build_id, module->build_id_bytes) == 0) {
            return id;
        }
    }
    return 0;
}

static void put_stack(const struct look *look, const struct seep_probe *probe,
                      const struct seep_probe_thread *thread, struct seep_buf *out)
{
    bool whole = thread->end == SEEP_PROBE_END_COMPLETE;

    seep_buf_put_varint(out, thread->end == SEEP_PROBE_END_NONE ? SEEP_PROBE_STACK_NONE
                             : whole ? SEEP_PROBE_STACK_COMPLETE
                                     : SEEP_PROBE_STACK_CUT);
    seep_buf_put_varint(out, thread->frame_count);
    for (size_t i = 0; i < thread->frame_count; i++) {
        const struct seep_probe_frame *frame = &thread->frames[i];
        const struct seep_probe_module *module = &probe->modules[frame->module];
        uint32_t id = frame->module != 0 ? module_id(look, module) : 0;

        seep_buf_put_varint(out, id);
        seep_buf_put_varint(out, id != 0 ? frame->offset : frame->offset + module->base);
        seep_buf_put_varint(out, frame->exact);
    }
}

/* Prepares a row's frame, but for what searches will say. */
static int fill_row(const struct look *look, const struct seep_probe *probe,
                    const struct seep_probe_thread *thread, struct seep_stuck_row *row)
{
    uint64_t arguments[6];

    seep_thread_copy_arguments(&thread->copy, arguments);
    row->wakeable_kind = is_wakeable_kind(row, arguments);
    seep_buf_put_varint(&row->head, row->tid);
    seep_buf_put_varint(&row->head, row->slot_plus_1);
    seep_buf_put_varint(&row->head, SEEP_PROBE_UNCHANGED);
    seep_buf_put_varint(&row->head, thread->copy.stop_ns);
    seep_buf_put_varint(&row->head, row->unchanged_since_ns);
    seep_buf_put_varint(&row->head, row->syscall_plus_1);
    for (size_t i = 0; i < 6; i++) {
        seep_buf_put_varint(&row->head, arguments[i]);
    }
    put_object(look, row, arguments[0], &row->object);
    row->owned = read_owner(look, row, row->owner);
    put_stack(look, probe, thread, &row->tail);
    return row->head.failed || row->object.failed || row->tail.failed ? -ENOMEM : 0;
}

static int write_row(const struct look *look, struct seep_stuck_row *row)
{
    struct seep_buf payload = {0};
    int err = -ENOMEM;

    if (row->state != ROW_PROBED || look->watch->written >= SEEP_PROBES_MAX) {
        return 0;
    }
    seep_buf_put_varint(&payload, look->t_ns);
    seep_buf_put(&payload, row->head.data, row->head.len_bytes);
    seep_buf_put(&payload, row->object.data, row->object.len_bytes);
    seep_buf_put_varint(&payload, row->reach);
    seep_buf_put_varint(&payload, row->reach == SEEP_REACH_NOBODY ? row->votes : 1);
    seep_buf_put_varint(&payload, row->scanned_bytes);
    seep_buf_put(&payload, row->tail.data, row->tail.len_bytes);
    if (!payload.failed) {
        err = look->put(look->arg, &payload);
        look->watch->written += err == 0;
    }
    seep_buf_fini(&payload);
    return err;
}

/* A lock that goes from hand to hand while a thread waits for its turn has no owner to
 * be named: what was seen is taken back. */
static int refresh_owners(const struct look *look)
{
    const struct seep_stuck_watch *watch = look->watch;
    int err = 0;

    for (size_t i = 0; err == 0 && i < watch->count; i++) {
        struct seep_stuck_row *row = &watch->rows[i];
        uint32_t now[OWNER_WORDS];

        if (!row->owned ||
            (read_owner(look, row, now) && memcmp(now, row->owner, sizeof(now)) == 0)) {
            continue;
        }
        row->owned = false;
        row->object.len_bytes = 0;
        seep_buf_put_varint(&row->object, 0);
        seep_buf_put_varint(&row->object, 0);
        err = write_row(look, row);
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

/* Stops new rows for their stacks. */
static int probe_rows(const struct look *look)
{
    struct seep_stuck_watch *watch = look->watch;
    uint32_t tids[ROUND_MAX];
    size_t count = choose(watch, tids);
    struct seep_probe *probe = NULL;
    struct seep_error error = {0};
    int err = 0;

    if (count == 0) {
        return 0;
    }
    err =
        seep_probe_threads((pid_t)look->program->pid, tids, count, NULL, &probe, &error);
    if (err < 0) {
        for (size_t i = 0; i < count; i++) {
            row_of(watch, tids[i])->state = ROW_ALIKE; /* not again while it stands */
        }
        if (err != -ESRCH && err != -ESTALE) {
            give_up(watch, "blocked threads could not be looked at", error.message);
        }
        return err == -ENOMEM ? err : 0;
    }
    for (size_t i = 0; err == 0 && i < probe->thread_count; i++) {
        const struct seep_probe_thread *thread = &probe->threads[i];
        struct seep_stuck_row *row = row_of(watch, thread->copy.tid);

        if (row == NULL || thread->copy.status != 0) {
            continue; /* another time */
        }
        note_stop(look, row);
        row->state = ROW_PROBED;
        err = fill_row(look, probe, thread, row);
        if (err == 0) {
            err = write_row(look, row);
        }
    }
    seep_probe_free(probe);
    return err;
}

/* Those that were not stopped wait as those do that they are like. */
static void adopt_kinds(struct seep_stuck_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct seep_stuck_row *row = &watch->rows[i];

        for (size_t k = 0;
             row->state == ROW_ALIKE && !row->wakeable_kind && k < watch->count; k++) {
            row->wakeable_kind = watch->rows[k].state == ROW_PROBED &&
                                 watch->rows[k].wakeable_kind &&
                                 are_alike(&watch->rows[k], row);
        }
    }
}

static bool is_asked_for(const struct seep_stuck_row *row)
{
    return row->state != ROW_NEW && row->wakeable_kind && row->reach != SEEP_REACH_NOBODY;
}

static int take_answer(const struct look *look, const struct seep_wake_question *answer,
                       uint64_t scanned_bytes)
{
    struct seep_stuck_row *row = row_of(look->watch, answer->tid);
    bool first = row->reach == SEEP_REACH_UNKNOWN;

    row->scanned_bytes = scanned_bytes;
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
            err = take_answer(look, &questions[i], scanned_bytes);
        }
    }
    free(questions);
    return err;
}

static bool search_is_due(const struct look *look)
{
    const struct seep_stuck_watch *watch = look->watch;

    if (watch->searching_failed ||
        seep_proc_clock_ns(CLOCK_MONOTONIC) < watch->not_before_ns) {
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

int seep_stuck_watch_look(struct seep_stuck_watch *watch,
                          const struct seep_wake_program *program, bool possible,
                          uint64_t t_ns,
                          int (*put)(void *arg, const struct seep_buf *payload),
                          void *arg)
{
    const struct look look = {watch, program, t_ns, put, arg};
    int err = 0;

    for (size_t i = 0; i < watch->count; i++) {
        watch->rows[i].seen = false;
    }
    err = take_tasks(&look);
    drop_unseen(watch);
    if (err == 0) {
        err = refresh_owners(&look);
    }
    if (err == 0) {
        err = probe_rows(&look);
        adopt_kinds(watch);
    }
    if (err == 0 && possible && search_is_due(&look)) {
        uint64_t began_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID);

        err = search(&look);
        watch->not_before_ns =
            seep_proc_clock_ns(CLOCK_MONOTONIC) +
            COST_SHARE * (seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_ns);
    }
    return err;
}
