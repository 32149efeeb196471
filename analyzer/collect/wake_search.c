/* One search of a recorded program for whoever could wake its blocked threads.
 *
 * The threads stand still only while their registers are taken, all at one instant:
 * memory is copied while they run on. What a pointer's way between two places hides from
 * one search, it does not hide from three.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/wake_search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach/memory_copy.h"
#include "attach/memory_map.h"
#include "attach/thread_stop.h"
#include "collect/kernel_words.h"
#include "collect/live_blocks.h"
#include "collect/proc_limits.h"
#include "collect/wake_proof.h"
#include "seep/kinds.h"

_Static_assert(SEEP_WAKE_REGISTERS == (int)SEEP_REGISTERS, "all registers are searched");

enum { STACK_MOST_BYTES = 4096 }; /* stacks are in the copy of the memory */

struct search {
    const struct seep_wake_program *program;
    struct seep_memory_map map;
    struct seep_live_blocks blocks;
    struct seep_thread_copy *copies; /* owned; count of them */
    struct seep_wake_thread *threads;
    uint64_t *forgotten;
    struct seep_span *own; /* owned; ascending */
    size_t own_count;
    struct seep_kernel_words words;
    size_t count, forgotten_count;
};

bool seep_wake_is_possible(const struct seep_segment *segment,
                           const struct seep_segment_counts *counts)
{
    for (size_t i = 0; i < SEEP_LOSS_MAX; i++) {
        if (counts->lost[i] > 0 && i != SEEP_LOSS_SNAPSHOTS_THINNED) {
            return false;
        }
    }
    return segment->sample_bytes == 0;
}

static bool is_running(const struct seep_thread *slot)
{
    uint32_t state = slot->state;

    return (state & SEEP_THREAD_USED) != 0 && (state & SEEP_THREAD_ENDED) == 0 &&
           slot->tid != 0;
}

static bool is_forgotten(const struct seep_thread *slot)
{
    const uint32_t mask =
        SEEP_THREAD_USED | SEEP_THREAD_ENDED | SEEP_THREAD_JOINED | SEEP_THREAD_DETACHED;

    return (slot->state & mask) == (SEEP_THREAD_USED | SEEP_THREAD_ENDED);
}

/* All threads that are there, those of the table first, with what it knows of them. */
static int list_threads(struct search *search)
{
    const struct seep_threads *from = search->program->threads;
    size_t capacity = from->count + from->unknown_count + 1;

    search->copies = calloc(capacity, sizeof(*search->copies));
    search->threads = calloc(capacity, sizeof(*search->threads));
    search->forgotten = calloc(capacity, sizeof(*search->forgotten));
    if (search->copies == NULL || search->threads == NULL || search->forgotten == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        const struct seep_thread *slot = &from->slots[i];

        if (is_running(slot)) {
            search->copies[search->count].tid = slot->tid;
            search->threads[search->count].thread_pointer = slot->pthread;
            search->threads[search->count++].stack_bytes = slot->stack_bytes;
        } else if (is_forgotten(slot)) {
            search->forgotten[search->forgotten_count++] = slot->pthread;
        }
    }
    for (uint32_t i = 0; i < from->unknown_count; i++) {
        search->copies[search->count++].tid = from->unknown[i].tid;
    }
    return search->count <= SEEP_WAKE_THREADS_MAX ? 0 : -E2BIG;
}

static int stop(struct search *search, uint64_t *stop_ns)
{
    const struct seep_stop_options options = {.together = true,
                                              .stack_most_bytes = STACK_MOST_BYTES};
    int err = seep_thread_stop((pid_t)search->program->pid, &search->map, search->copies,
                               search->count, &options);

    for (size_t i = 0; err == 0 && i < search->count; i++) {
        const struct seep_thread_copy *copy = &search->copies[i];
        struct seep_wake_thread *thread = &search->threads[i];

        *stop_ns = copy->stop_ns > *stop_ns ? copy->stop_ns : *stop_ns;
        err = copy->status == 0 ? 0 : copy->status == -EPERM ? -EPERM : -EAGAIN;
        thread->tid = copy->tid;
        thread->stack_pointer = copy->registers[SEEP_REGISTER_SP];
        memcpy(thread->registers, copy->registers, sizeof(thread->registers));
    }
    return err;
}

/* What our stop moves is not the threads' own moving. */
static void note_stops(const struct search *search)
{
    struct seep_threads *threads = search->program->threads;

    for (uint32_t i = 0; i < threads->count; i++) {
        seep_task_stopped(&threads->tasks[i]);
    }
    for (uint32_t i = 0; i < threads->unknown_count; i++) {
        seep_task_stopped(&threads->unknown[i]);
    }
}

/* The copy must not be what ends the program that shares a cgroup with it. */
static uint64_t memory_limit(void)
{
    uint64_t room_bytes = seep_proc_limits_own_room() / SEEP_WAKE_ROOM_SHARE;

    return room_bytes > 0 && room_bytes < SEEP_WAKE_MEMORY_MAX_BYTES
               ? room_bytes
               : SEEP_WAKE_MEMORY_MAX_BYTES;
}

static struct seep_wake_thread *thread_of(struct search *search, uint32_t tid)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->threads[i].tid == tid) {
            return &search->threads[i];
        }
    }
    return NULL;
}

static int ask(struct search *search, struct seep_wake_question *questions, size_t count,
               uint64_t *scanned_bytes, struct seep_error *error)
{
    const struct seep_wake_scene scene = {.pid = search->program->pid,
                                          .map = &search->map,
                                          .blocks = search->blocks.blocks,
                                          .block_count = search->blocks.count,
                                          .forgotten = search->forgotten,
                                          .forgotten_count = search->forgotten_count,
                                          .own = search->own,
                                          .own_count = search->own_count,
                                          .words = search->words.words,
                                          .word_count = search->words.count,
                                          .limit_bytes = memory_limit()};
    struct seep_wake_result result;
    int err = 0;

    for (size_t i = 0; i < count; i++) {
        struct seep_wake_thread *thread = thread_of(search, questions[i].tid);

        if (thread == NULL) {
            return -EAGAIN;
        }
        thread->blocked = true;
        thread->object = questions[i].object;
    }
    err = seep_wake_proof(&scene, search->threads, search->count, &result, error);
    if (err == 0 && result.unread_bytes > 0) {
        err = -EAGAIN; /* what was not read may know everybody */
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        questions[i].reachable = thread_of(search, questions[i].tid)->reachable;
    }
    *scanned_bytes = err == 0 ? result.scanned_bytes : *scanned_bytes;
    return err;
}

static int by_start(const void *a, const void *b)
{
    const struct seep_span *left = a;
    const struct seep_span *right = b;

    return (left->start > right->start) - (left->start < right->start);
}

/* The recorder's own mappings, which know the program's pointers. Returns: 0; -ENOMEM;
 * -ENOTSUP: not all of them are listed; -errno. */
static int list_own(struct search *search)
{
    const struct seep_wake_program *program = search->program;
    struct seep_own_maps *maps = malloc(sizeof(*maps));
    int64_t read = 0;
    uint32_t used = 0;

    search->own = calloc(SEEP_OWN_MAPS_MAX, sizeof(*search->own));
    if (maps == NULL || search->own == NULL) {
        free(maps);
        return -ENOMEM;
    }
    read = seep_memory_read(program->pid, program->segment->own_maps_at, maps,
                            sizeof(*maps));
    used = read == (int64_t)sizeof(*maps) ? maps->used : 0;
    for (uint32_t i = 0; i < used && i < SEEP_OWN_MAPS_MAX; i++) {
        uint64_t start = maps->rows[i].start;

        if (start != 0) {
            search->own[search->own_count++] =
                (struct seep_span){start, start + maps->rows[i].bytes};
        }
    }
    qsort(search->own, search->own_count, sizeof(*search->own), by_start);
    read = read < 0 ? read : used == 0 || maps->lost > 0 ? -ENOTSUP : 0;
    free(maps);
    return (int)read;
}

static void fini(struct search *search)
{
    for (size_t i = 0; search->copies != NULL && i < search->count; i++) {
        seep_thread_copy_fini(&search->copies[i]);
    }
    seep_kernel_words_fini(&search->words);
    free(search->own);
    free(search->forgotten);
    free(search->threads);
    free(search->copies);
    seep_live_blocks_fini(&search->blocks);
    seep_memory_map_fini(&search->map);
}

int seep_wake_search(const struct seep_wake_program *program,
                     struct seep_wake_question *questions, size_t count,
                     uint64_t *scanned_bytes, uint64_t *stop_ns, struct seep_error *error)
{
    struct search search = {.program = program};
    int err = list_threads(&search);

    *stop_ns = 0;
    if (err == 0) {
        err = seep_memory_map_read(program->pid, &search.map);
    }
    if (err == 0) {
        err = list_own(&search);
    }
    if (err == 0) {
        err = stop(&search, stop_ns);
        note_stops(&search);
    }
    if (err ==
        0) { /* after the registers: a block that one of them holds is in the table */
        err = seep_live_blocks_read(program->segment, program->kinds, program->site_count,
                                    program->leaf_count, &search.blocks);
    }
    if (err == 0) {
        err = seep_kernel_words_read(program->pid, &search.words);
    }
    if (err == 0) {
        err = ask(&search, questions, count, scanned_bytes, error);
    }
    fini(&search);
    return err;
}
