/* Marking from the roots, without a blocked thread's stack until its object was found.
 *
 * The blocks are an ascending array, not a page table: one search by halves finds a
 * word's block, after compares that nearly all words fail. Rejected: reading blocks
 * by one call each into the program; a hundred thousand small reads cost more than one
 * copy of everything.
 *
 * I1: a block is on the marking stack at most once, when its mark was set. I2: a thread
 * turns reachable once, and its stack is scanned then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "waits/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORD_BYTES = 8,
    STEP_BYTES = 4, /* epoll's entries are packed, and not only they */
    MARK_BITS = 16, /* of a word that addresses leave free */
    MANGLED_BITS = 17,
    NO_BLOCK = UINT32_MAX
};
static const uint64_t LOOK_BYTES = 1 << 20;

/* A blocked thread's stack. */
struct stack_row {
    struct seep_span span;
    uint32_t thread;
    bool pointed_into; /* from elsewhere */
};

struct marking {
    const struct seep_reach_input *input;
    struct seep_reach_thread *threads;
    size_t thread_count;
    uint8_t *marked;          /* by block */
    uint32_t *pending;        /* blocks to be scanned */
    size_t pending_count;     /* <= blocks */
    struct stack_row *stacks; /* ascending */
    size_t stack_count;
    uint64_t low, high; /* of all blocks and of all blocked threads' stacks */
    uint64_t heap_low, heap_high;
    struct seep_reach_result result;
};

static uint64_t end_of(const struct seep_reach_block *block)
{
    return block->start + (block->bytes > 0 ? block->bytes : 1);
}

/* The block that holds `address`, its last byte's successor included. */
static uint32_t block_at(const struct marking *marking, uint64_t address)
{
    const struct seep_reach_block *blocks = marking->input->blocks;
    size_t from = 0;
    size_t to = marking->input->block_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (blocks[middle].start <= address) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from > 0 && address <= end_of(&blocks[from - 1]) ? (uint32_t)(from - 1)
                                                            : (uint32_t)NO_BLOCK;
}

static void mark(struct marking *marking, uint32_t block)
{
    if (block != NO_BLOCK && marking->marked[block] == 0) {
        marking->marked[block] = 1;
        marking->pending[marking->pending_count++] = block;
    }
}

/* Marks what holds the address; where two neighbours overlap, both. */
static void mark_at(struct marking *marking, uint64_t address)
{
    uint32_t block = block_at(marking, address);

    mark(marking, block);
    if (block != NO_BLOCK && block > 0 &&
        address <= end_of(&marking->input->blocks[block - 1])) {
        mark(marking, block - 1);
    }
}

static int by_start(const void *a, const void *b)
{
    const struct stack_row *left = a;
    const struct stack_row *right = b;

    return (left->span.start > right->span.start) -
           (left->span.start < right->span.start);
}

/* The blocked thread's stack that holds `address`; NULL. */
static struct stack_row *stack_at(const struct marking *marking, uint64_t address)
{
    size_t from = 0;
    size_t to = marking->stack_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (marking->stacks[middle].span.start <= address) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from > 0 && address < marking->stacks[from - 1].span.end
               ? &marking->stacks[from - 1]
               : NULL;
}

static void take_address(struct marking *marking, uint64_t address)
{
    struct stack_row *row = NULL;

    if (address < marking->low || address > marking->high) {
        return;
    }
    if (address >= marking->heap_low && address <= marking->heap_high) {
        mark_at(marking, address);
    }
    row = stack_at(marking, address);
    if (row != NULL) {
        row->pointed_into = true;
    }
}

static uint64_t unmarked(uint64_t word)
{
    return word << MARK_BITS >> MARK_BITS;
}

static uint64_t demangled(const struct marking *marking, uint64_t word)
{
    return (word >> MANGLED_BITS | word << (64 - MANGLED_BITS)) ^
           marking->input->pointer_guard;
}

/* Whatever address a word may be. */
static void take_word(struct marking *marking, uint64_t word)
{
    take_address(marking, unmarked(word));
    take_address(marking, word >> MARK_BITS);
    take_address(marking, demangled(marking, word));
}

static void scan_bytes(struct marking *marking, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    const uint64_t low = marking->low;
    const uint64_t range = marking->high - low;

    for (size_t i = 0; i + WORD_BYTES <= count; i += WORD_BYTES) {
        uint64_t word = 0;
        uint64_t between = 0;

        memcpy(&word, at + i, WORD_BYTES);
        if (word != 0 &&
            ((unmarked(word) - low <= range) | ((word >> MARK_BITS) - low <= range) |
             (demangled(marking, word) - low <= range))) {
            take_word(marking, word);
        }
        if (i + STEP_BYTES + WORD_BYTES <= count) {
            memcpy(&between, at + i + STEP_BYTES, WORD_BYTES);
            if (unmarked(between) - low <= range) { /* nearly none of these is one */
                take_address(marking, unmarked(between));
            }
        }
    }
    marking->result.scanned_bytes += count;
}

static void scan_span(struct marking *marking, struct seep_span span)
{
    uint64_t at = (span.start + WORD_BYTES - 1) & ~(uint64_t)(WORD_BYTES - 1);

    while (at < span.end) {
        uint64_t left = span.end - at;
        size_t wanted = left < LOOK_BYTES ? left : LOOK_BYTES;
        size_t available = 0;
        const void *bytes =
            marking->input->look(marking->input->arg, at, wanted, &available);

        if (bytes != NULL) {
            scan_bytes(marking, bytes, available);
        }
        /* A look that tells nothing must not stop the walk. */
        at +=
            available >= WORD_BYTES ? available & ~(size_t)(WORD_BYTES - 1) : WORD_BYTES;
    }
}

static void drain(struct marking *marking)
{
    while (marking->pending_count > 0) {
        uint32_t block = marking->pending[--marking->pending_count];
        const struct seep_reach_block *it = &marking->input->blocks[block];

        scan_span(marking, (struct seep_span){it->start, it->start + it->bytes});
    }
}

static void scan_thread(struct marking *marking, const struct seep_reach_thread *thread)
{
    for (size_t i = 0; i < thread->register_count; i++) {
        take_word(marking, thread->registers[i]);
    }
    scan_span(marking, thread->stack);
    drain(marking);
}

static bool object_is_reachable(const struct marking *marking, size_t index)
{
    const struct seep_reach_thread *thread = &marking->threads[index];
    uint32_t block = block_at(marking, thread->object);
    const struct stack_row *row = NULL;

    if (block != NO_BLOCK && thread->object < end_of(&marking->input->blocks[block])) {
        return marking->marked[block] != 0 ||
               (block > 0 &&
                thread->object < end_of(&marking->input->blocks[block - 1]) &&
                marking->marked[block - 1] != 0);
    }
    row = stack_at(marking, thread->object);
    return row == NULL || row->pointed_into || marking->threads[row->thread].reachable;
}

/* One round: threads whose object was found by now. Returns: whether there were any. */
static bool wake_threads(struct marking *marking)
{
    bool any = false;

    for (size_t i = 0; i < marking->thread_count; i++) {
        struct seep_reach_thread *thread = &marking->threads[i];

        if (!thread->reachable && object_is_reachable(marking, i)) {
            thread->reachable = true;
            any = true;
            scan_thread(marking, thread);
        }
    }
    return any;
}

static void widen(struct marking *marking, uint64_t start, uint64_t end)
{
    marking->low = start < marking->low ? start : marking->low;
    marking->high = end > marking->high ? end : marking->high;
}

static void find_bounds(struct marking *marking)
{
    const struct seep_reach_input *input = marking->input;

    marking->low = marking->heap_low = UINT64_MAX;
    if (input->block_count > 0) {
        marking->heap_low = input->blocks[0].start;
        marking->heap_high = end_of(&input->blocks[input->block_count - 1]);
        widen(marking, marking->heap_low, marking->heap_high);
    }
    for (size_t i = 0; i < marking->thread_count; i++) {
        struct seep_reach_thread *thread = &marking->threads[i];

        thread->reachable = !thread->blocked;
        if (thread->blocked && thread->stack.start < thread->frames_end) {
            marking->stacks[marking->stack_count++] = (struct stack_row){
                .span = {thread->stack.start, thread->frames_end}, .thread = (uint32_t)i};
            widen(marking, thread->stack.start, thread->frames_end);
        }
    }
    qsort(marking->stacks, marking->stack_count, sizeof(*marking->stacks), by_start);
}

static void run(struct marking *marking)
{
    find_bounds(marking);
    for (size_t i = 0; i < marking->input->word_count; i++) {
        take_word(marking, marking->input->words[i]);
    }
    drain(marking);
    for (size_t i = 0; i < marking->input->root_count; i++) {
        scan_span(marking, marking->input->roots[i]);
        drain(marking);
    }
    for (size_t i = 0; i < marking->thread_count; i++) {
        if (!marking->threads[i].blocked) {
            scan_thread(marking, &marking->threads[i]);
        }
    }
    do {
        marking->result.rounds++;
    } while (wake_threads(marking));
    for (size_t i = 0; i < marking->input->block_count; i++) {
        marking->result.marked_blocks += marking->marked[i];
    }
}

int seep_reach_solve(const struct seep_reach_input *input,
                     struct seep_reach_thread *threads, size_t n,
                     struct seep_reach_result *result)
{
    struct marking marking = {.input = input, .threads = threads, .thread_count = n};
    int err = -ENOMEM;

    if (input->block_count >= NO_BLOCK) {
        return -ENOMEM;
    }
    marking.marked = calloc(input->block_count + 1, 1);
    marking.pending = calloc(input->block_count + 1, sizeof(*marking.pending));
    marking.stacks = calloc(n + 1, sizeof(*marking.stacks));
    if (marking.marked != NULL && marking.pending != NULL && marking.stacks != NULL) {
        run(&marking);
        *result = marking.result;
        err = 0;
    }
    free(marking.stacks);
    free(marking.pending);
    free(marking.marked);
    return err;
}
