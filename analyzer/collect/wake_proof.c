/* Which memory of a process is a root, which is a stack, which is heap, which is ours.
 *
 * Roots are what code can get at without a pointer, and what we know too little of: data
 * of modules, mappings, and in the mappings of allocators all that is not a live block.
 * glibc's own heaps are the exception (heap_gaps.h): between live blocks lie freed ones,
 * whose remains would keep everything alive that was ever freed.
 *
 * No roots are: the recorder itself, whose table of start routines knows each thread's
 * argument; stacks, which belong to threads; stacks of threads that have ended, which
 * glibc keeps for later ones; memory below stack pointers.
 *
 * Source: glibc 2.36, nptl/allocatestack.c (a stack's mapping ends with the control
 * block; its first word and its third point to itself; `tid` is 0 when it has ended, -1
 * when it was joined), malloc/arena.c (heaps start at multiples of 64 MiB).
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/wake_proof.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/memory_copy.h"
#include "collect/heap_gaps.h"
#include "collect/span_list.h"

enum {
    RED_ZONE_BYTES = 128,
    CONTROL_ALIGN = 64,
    CONTROL_SELF_AT = 16, /* header.self of struct pthread */
    CONTROL_TID_AT = 720, /* tid of struct pthread, x86-64 */
    GUARD_AT = 48,        /* header.pointer_guard */
    PAGE_BYTES_MAX = 65536,
    SEGMENTS_MAX = 32, /* program headers of the recorder */
    SIBLINGS = 8       /* mappings of one file are next to each other */
};

struct survey {
    const struct seep_wake_scene *scene;
    struct seep_wake_thread *threads; /* borrowed */
    struct seep_reach_thread *stacks; /* owned; as threads */
    uint32_t *order;                  /* owned; threads by stack pointer */
    size_t n;
    uint64_t page_bytes;
    struct seep_span_list roots, copied;
    const struct seep_vma *before; /* the VMA below the one in hand */
    struct seep_span recorder;     /* libseep.so, its .bss included; empty: none */
};

static uint64_t page_down(const struct survey *survey, uint64_t address)
{
    return address & ~(survey->page_bytes - 1);
}

static uint64_t page_up(const struct survey *survey, uint64_t address)
{
    return page_down(survey, address + survey->page_bytes - 1);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Where libseep.so lies. What the program maps right behind its .bss becomes one mapping
 * with that, so only the module itself knows its end. */
static struct seep_span recorder_of(const struct survey *survey,
                                    const struct seep_vma *vma)
{
    struct {
        Elf64_Ehdr head;
        Elf64_Phdr segments[SEGMENTS_MAX];
    } elf;
    uint64_t bytes = 0;

    if (seep_memory_read(survey->scene->pid, vma->start, &elf, sizeof(elf)) !=
            (int64_t)sizeof(elf) ||
        memcmp(elf.head.e_ident, ELFMAG, SELFMAG) != 0 ||
        elf.head.e_phoff != sizeof(elf.head) || elf.head.e_phnum > SEGMENTS_MAX) {
        return (struct seep_span){vma->start, vma->end};
    }
    for (size_t i = 0; i < elf.head.e_phnum; i++) {
        uint64_t end = elf.segments[i].p_vaddr + elf.segments[i].p_memsz;

        if (elf.segments[i].p_type == PT_LOAD && end > bytes) {
            bytes = end;
        }
    }
    return (struct seep_span){vma->start, page_up(survey, vma->start + bytes)};
}

static bool is_recorder(const struct seep_vma *vma)
{
    return ends_with(vma->path, "/libseep.so") ||
           strncmp(vma->path, "/memfd:seep", 11) == 0;
}

/* Data of a module that was made read-only: it is not written, and may say something. */
static bool is_sealed_data(const struct survey *survey, const struct seep_vma *vma)
{
    const struct seep_memory_map *map = survey->scene->map;
    size_t at = (size_t)(vma - map->vmas);
    size_t first = at > SIBLINGS ? at - SIBLINGS : 0;

    for (size_t i = first; i < map->count && i <= at + SIBLINGS && !vma->executable;
         i++) {
        if (map->vmas[i].writable && strcmp(map->vmas[i].path, vma->path) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_blocks(const struct survey *survey, const struct seep_vma *vma)
{
    const struct seep_wake_scene *scene = survey->scene;
    size_t i = seep_span_block_from(scene->blocks, scene->block_count, vma->start);

    return i < scene->block_count && scene->blocks[i].start < vma->end;
}

static bool looks_like_control_block(const uint8_t *page, uint64_t page_at, size_t at)
{
    uint64_t self = 0;
    uint64_t header_self = 0;

    memcpy(&self, page + at, sizeof(self));
    memcpy(&header_self, page + at + CONTROL_SELF_AT, sizeof(header_self));
    return self == page_at + at && header_self == self;
}

/* Whether the VMA is a stack that glibc made and whose thread has ended; *control is its
 * control block. */
static bool is_dead_stack(const struct survey *survey, const struct seep_vma *vma,
                          uint64_t *control)
{
    uint8_t page[PAGE_BYTES_MAX];
    uint64_t page_at = vma->end - survey->page_bytes;
    bool guarded = survey->before != NULL && survey->before->end == vma->start &&
                   !survey->before->readable && !survey->before->writable;

    if (vma->path[0] != '\0' || !guarded || survey->page_bytes > sizeof(page) ||
        seep_memory_read(survey->scene->pid, page_at, page, survey->page_bytes) !=
            (int64_t)survey->page_bytes) {
        return false;
    }
    for (size_t at = 0; at + CONTROL_TID_AT + sizeof(uint32_t) <= survey->page_bytes;
         at += CONTROL_ALIGN) {
        uint32_t tid = 0;

        memcpy(&tid, page + at + CONTROL_TID_AT, sizeof(tid));
        if (looks_like_control_block(page, page_at, at)) {
            *control = page_at + at;
            return (int32_t)tid <= 0;
        }
    }
    return false;
}

static bool is_forgotten(const struct survey *survey, uint64_t control)
{
    for (size_t i = 0; i < survey->scene->forgotten_count; i++) {
        if (survey->scene->forgotten[i] == control) {
            return true;
        }
    }
    return false;
}

static int add_piece(struct survey *survey, uint64_t start, uint64_t end)
{
    int err = seep_span_list_add_between(
        &survey->roots, start, end, survey->scene->blocks, survey->scene->block_count);

    return err == 0 && start < end
               ? seep_span_list_add(&survey->copied, page_down(survey, start),
                                    page_up(survey, end))
               : err;
}

/* Appends [start, end) to what is copied and, but for blocks, to the roots; all without
 * what is the recorder's. */
static int add_plain(struct survey *survey, uint64_t start, uint64_t end)
{
    const struct seep_wake_scene *scene = survey->scene;
    int err = 0;

    for (size_t i = 0; err == 0 && i < scene->own_count && start < end; i++) {
        const struct seep_span *own = &scene->own[i];

        if (own->end <= start || own->start >= end) {
            continue;
        }
        err = own->start > start ? add_piece(survey, start, own->start) : 0;
        start = own->end;
    }
    return err == 0 && start < end ? add_piece(survey, start, end) : err;
}

/* Gives one thread its stack. Returns: where it ends. */
static uint64_t take_stack(struct survey *survey, const struct seep_vma *vma,
                           uint32_t index, int *err)
{
    const struct seep_wake_thread *thread = &survey->threads[index];
    struct seep_reach_thread *stack = &survey->stacks[index];
    uint64_t control = thread->thread_pointer;
    bool ours = control > thread->stack_pointer && control < vma->end;
    uint64_t end = ours ? page_up(survey, control + 1) : vma->end;
    uint64_t start = thread->stack_pointer - RED_ZONE_BYTES;

    start = start < vma->start ? vma->start : start & ~UINT64_C(7);
    stack->stack = (struct seep_span){start, end};
    stack->frames_end = ours ? control : end;
    *err = seep_span_list_add(&survey->copied, page_down(survey, start), end);
    return end;
}

/* A VMA with stacks of threads that are there, and perhaps more: mappings that touch
 * become one. next: of survey->order. */
static int add_stacks(struct survey *survey, const struct seep_vma *vma, size_t *next)
{
    uint64_t at = vma->start;
    int err = 0;

    while (err == 0 && *next < survey->n &&
           survey->threads[survey->order[*next]].stack_pointer < vma->end) {
        uint32_t index = survey->order[(*next)++];
        const struct seep_wake_thread *thread = &survey->threads[index];
        uint64_t stack_end = 0;
        uint64_t low = at;

        if (thread->stack_bytes > 0 && thread->thread_pointer > thread->stack_pointer &&
            thread->thread_pointer < vma->end) {
            uint64_t top = page_up(survey, thread->thread_pointer + 1);

            low = top > thread->stack_bytes + at ? top - thread->stack_bytes : at;
        }
        err = add_plain(survey, at, low);
        if (err == 0) {
            stack_end = take_stack(survey, vma, index, &err);
            at = stack_end > at ? stack_end : at;
        }
    }
    return err == 0 ? add_plain(survey, at, vma->end) : err;
}

/* A mapping with glibc's arenas in it, perhaps, or with the end of the recorder. */
static int add_anonymous(struct survey *survey, const struct seep_vma *vma)
{
    uint64_t at = vma->start;
    int err = 0;

    if (at >= survey->recorder.start && at < survey->recorder.end) {
        at = survey->recorder.end;
    }
    while (err == 0 && at < vma->end && vma->path[0] == '\0' && has_blocks(survey, vma)) {
        uint64_t end = seep_heap_arena_end(survey->scene->pid, at);

        if (end == 0) {
            break;
        }
        end = end < vma->end ? end : vma->end;
        err = seep_span_list_add(&survey->copied, at, end);
        at = end;
    }
    return err == 0 ? add_plain(survey, at, vma->end) : err;
}

static int add_vma(struct survey *survey, const struct seep_vma *vma, size_t *next)
{
    uint64_t control = 0;

    while (*next < survey->n &&
           survey->threads[survey->order[*next]].stack_pointer < vma->start) {
        (*next)++;
    }
    if (is_recorder(vma) || !vma->readable ||
        (!vma->writable && vma->path[0] != '\0' && !is_sealed_data(survey, vma))) {
        return 0;
    }
    if (*next < survey->n &&
        survey->threads[survey->order[*next]].stack_pointer < vma->end) {
        return add_stacks(survey, vma, next);
    }
    if (strcmp(vma->path, "[heap]") == 0) {
        int err = seep_heap_gaps_add(
            survey->scene->pid, (struct seep_span){vma->start, vma->end},
            survey->scene->blocks, survey->scene->block_count, &survey->roots);

        return err == 0 ? seep_span_list_add(&survey->copied, vma->start, vma->end) : err;
    }
    if (is_dead_stack(survey, vma, &control)) {
        return is_forgotten(survey, control) ? add_plain(survey, control, vma->end) : 0;
    }
    return add_anonymous(survey, vma);
}

static int by_stack_pointer(const void *a, const void *b, void *threads)
{
    const struct seep_wake_thread *thread = threads;
    uint64_t left = thread[*(const uint32_t *)a].stack_pointer;
    uint64_t right = thread[*(const uint32_t *)b].stack_pointer;

    return (left > right) - (left < right);
}

static int survey_memory(struct survey *survey)
{
    const struct seep_memory_map *map = survey->scene->map;
    size_t next = 0;
    int err = 0;

    for (uint32_t i = 0; i < survey->n; i++) {
        survey->order[i] = i;
    }
    qsort_r(survey->order, survey->n, sizeof(*survey->order), by_stack_pointer,
            survey->threads);
    for (size_t i = 0; err == 0 && i < map->count; i++) {
        if (survey->recorder.end == 0 && ends_with(map->vmas[i].path, "/libseep.so")) {
            survey->recorder = recorder_of(survey, &map->vmas[i]);
        }
        err = add_vma(survey, &map->vmas[i], &next);
        survey->before = &map->vmas[i];
    }
    return err;
}

static void take_threads(struct survey *survey)
{
    for (size_t i = 0; i < survey->n; i++) {
        const struct seep_wake_thread *thread = &survey->threads[i];
        struct seep_reach_thread *stack = &survey->stacks[i];

        memcpy(stack->registers, thread->registers, sizeof(thread->registers));
        stack->register_count = SEEP_WAKE_REGISTERS;
        stack->blocked = thread->blocked;
        stack->object = thread->object;
    }
}

static const void *look(void *arg, uint64_t at, size_t wanted, size_t *available)
{
    return seep_memory_copy_look(arg, at, wanted, available);
}

/* What setjmp mangles pointers with: the same in each control block. 0: not known. */
static uint64_t pointer_guard(const struct survey *survey)
{
    uint64_t guard = 0;

    for (size_t i = 0; i < survey->n; i++) {
        uint64_t control = survey->threads[i].thread_pointer;

        if (control != 0 &&
            seep_memory_read(survey->scene->pid, control + GUARD_AT, &guard,
                             sizeof(guard)) == (int64_t)sizeof(guard)) {
            return guard;
        }
    }
    return 0;
}

static int search(struct survey *survey, struct seep_wake_result *result,
                  struct seep_error *error)
{
    const struct seep_wake_scene *scene = survey->scene;
    struct seep_memory_copy copy = {0};
    struct seep_reach_result found = {0};
    struct seep_reach_input input = {.blocks = scene->blocks,
                                     .block_count = scene->block_count,
                                     .roots = survey->roots.spans,
                                     .root_count = survey->roots.count,
                                     .words = scene->words,
                                     .word_count = scene->word_count,
                                     .pointer_guard = pointer_guard(survey),
                                     .look = look,
                                     .arg = &copy};
    int err =
        seep_memory_copy_take(scene->pid, survey->copied.spans, survey->copied.count,
                              scene->limit_bytes, &copy, error);

    if (err < 0) {
        return err;
    }
    err = seep_reach_solve(&input, survey->stacks, survey->n, &found);
    for (size_t i = 0; err == 0 && i < survey->n; i++) {
        survey->threads[i].reachable = survey->stacks[i].reachable;
        result->unreachable += !survey->stacks[i].reachable;
    }
    result->copied_bytes = copy.data_bytes;
    result->unread_bytes = copy.unread_bytes;
    result->scanned_bytes = found.scanned_bytes;
    result->marked_blocks = found.marked_blocks;
    result->blocks = scene->block_count;
    seep_memory_copy_fini(&copy);
    return err;
}

int seep_wake_proof(const struct seep_wake_scene *scene, struct seep_wake_thread *threads,
                    size_t n, struct seep_wake_result *result, struct seep_error *error)
{
    struct survey survey = {.scene = scene,
                            .threads = threads,
                            .n = n,
                            .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
    int err = -ENOMEM;

    *result = (struct seep_wake_result){0};
    survey.stacks = calloc(n + 1, sizeof(*survey.stacks));
    survey.order = calloc(n + 1, sizeof(*survey.order));
    if (survey.stacks != NULL && survey.order != NULL) {
        take_threads(&survey);
        err = survey_memory(&survey);
        err = err == 0 ? search(&survey, result, error) : err;
    }
    if (err == -ENOMEM) {
        (void)seep_error_set(error, err,
                             "memory is out while looking for who could wake "
                             "threads of process %u",
                             scene->pid);
    }
    seep_span_list_fini(&survey.copied);
    seep_span_list_fini(&survey.roots);
    free(survey.order);
    free(survey.stacks);
    return err;
}
