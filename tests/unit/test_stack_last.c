/* The incremental walk: what it gives is what a whole walk gives, for less.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "node_tree.h"
#include "rule_cache.h"
#include "segment_map.h"
#include "shim_bench_self.h"
#include "site.h"
#include "subjects/call_tree.h"
#include "subjects/truth.h"

enum { EVENTS = 40000 / TRUTH_SHARE, UNWOUND_EVERY = 97 };

static uint64_t seed;
static struct seep_self *self;
static uint64_t events, frames_walked, frames_there;

static int set_up(void **state)
{
    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    events = 0;
    frames_walked = 0;
    frames_there = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(self);
    return 0;
}

/* Every remembered word is a word of the stack, within [sp, high). */
static void assert_words_are_there(uintptr_t sp)
{
    struct seep_last *last = &self->last;
    uint32_t words = last->frames[last->count - 1].words;

    assert_true(words <= SEEP_LAST_BLOCKS * SEEP_COMPARE_BLOCK);
    for (uint32_t i = 0; i < words; i++) {
        uintptr_t at =
            self->stack_high + (uintptr_t)(intptr_t)seep_words_offset(last->words, i);

        assert_in_range(at, sp, self->stack_high - sizeof(uint64_t));
        assert_int_equal(*(const uint64_t *)at, seep_words_value(last->words, i));
    }
}

static void take(uintptr_t sp, uintptr_t fp)
{
    int64_t node = seep_last_take(self, sp, fp, 0);

    assert_int_equal(node, truth_leaf_node(self, sp, fp));
    assert_words_are_there(sp);
    events++;
    frames_walked += self->last.walked;
    frames_there += self->last.count;
}

__attribute__((noinline)) static void event(struct call_tree *tree)
{
    uintptr_t *frame = __builtin_frame_address(0);

    take((uintptr_t)(frame + 1), *frame);
    if (tree->random % UNWOUND_EVERY == 0) {
        truth_check_walk(self, (uintptr_t)(frame + 1), *frame);
    }
}

static void walk_a_tree(void (*run)(struct call_tree *))
{
    struct call_tree tree = {.random = seed,
                             .depth_most = CALL_TREE_DEPTH_MOST,
                             .events_left = EVENTS,
                             .event = event};

    run(&tree);
    assert_int_equal(events, EVENTS);
    assert_true(frames_walked * 4 < frames_there); /* or nothing was saved */
}

static void without_frame_pointers_the_stack_is_that_of_a_whole_walk(void **state)
{
    (void)state;
    walk_a_tree(call_tree_omitting);
}

static void with_frame_pointers_the_stack_is_that_of_a_whole_walk(void **state)
{
    (void)state;
    walk_a_tree(call_tree_keeping);
}

__attribute__((noinline)) static void here(void)
{
    uintptr_t *frame = __builtin_frame_address(0);

    take((uintptr_t)(frame + 1), *frame);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
__attribute__((noinline)) static void at_depth(uint32_t depth, void (*then)(void))
{
    if (depth == 0) {
        then();
    } else {
        at_depth(depth - 1, then);
    }
    __asm__ volatile("" ::: "memory"); /* not a jump */
}

__attribute__((noinline)) static void three_times(void)
{
    for (volatile int i = 0; i < 2; i++) {
        here();
        assert_true(i == 0 || self->last.walked == 0);
    }
    here(); /* another call instruction */
    assert_in_range(self->last.walked, 1, 2);
    at_depth(3, here);
    assert_in_range(self->last.walked, 1, 6);
    here();
    assert_in_range(self->last.walked, 1, 2);
}

static void only_frames_that_changed_are_walked(void **state)
{
    (void)state;
    at_depth(150, three_times);
    assert_in_range(self->last.count, 150, 200);
}

static uintptr_t caller;

__attribute__((noinline)) static void note_caller(struct call_tree *tree)
{
    (void)tree;
    caller = (uintptr_t)__builtin_return_address(0);
}

/* A forged stack of one frame, of a function that is left by its stack pointer. */
static void a_frame_pointer_that_nobody_uses_is_not_compared(void **state)
{
    struct call_tree tree = {
        .random = 7, .depth_most = 9, .events_left = 1, .event = note_caller};
    volatile uintptr_t stack[512] = {0};
    struct seep_rule rule;

    (void)state;
    call_tree_omitting(&tree);
    rule = seep_rule_of(caller);
    assert_int_equal(seep_rule_kind(rule), SEEP_RULE_SP);
    assert_int_not_equal(seep_rule_fp(rule), SEEP_RULE_FP_AT_FP);
    stack[0] = caller;
    take((uintptr_t)&stack[0], 1);
    take((uintptr_t)&stack[0], 2);
    assert_int_equal(self->last.walked, 0);
}

__attribute__((noinline)) static uint32_t with_dynamic_frame(volatile size_t bytes)
{
    volatile char *room = __builtin_alloca(bytes);

    room[0] = 1;
    note_caller(NULL);
    return (uint32_t)room[0];
}

static void a_frame_pointer_that_leads_on_is_compared(void **state)
{
    volatile uintptr_t stack[64] = {0};

    (void)state;
    (void)with_dynamic_frame(64);
    assert_int_equal(seep_rule_kind(seep_rule_of(caller)), SEEP_RULE_FP);
    stack[0] = caller;
    stack[21] = caller; /* one frame more, for the second frame pointer alone */
    stack[20] = (uintptr_t)&stack[30];
    take((uintptr_t)&stack[0], (uintptr_t)&stack[10]);
    assert_int_equal(self->last.count, 1);
    take((uintptr_t)&stack[0], (uintptr_t)&stack[20]);
    assert_int_equal(self->last.count, 2);
    assert_int_equal(self->last.walked, 2);
    take((uintptr_t)&stack[0], (uintptr_t)&stack[10]);
    assert_int_equal(self->last.count, 1);
}

__attribute__((noinline)) static void site_here(void)
{
    uintptr_t *frame = __builtin_frame_address(0);
    uintptr_t sp = (uintptr_t)(frame + 1);
    uint32_t site = seep_site_here(self, SEEP_KIND_HEAP, sp, *frame);

    assert_int_equal(seep_segment_sites()[site].node, truth_leaf_node(self, sp, *frame));
}

/* NOLINTNEXTLINE(misc-no-recursion) */
__attribute__((noinline)) static void down_and_up(uint32_t depth)
{
    bool seen = depth < 600 && depth % 7 == 0;

    for (volatile int i = 0; seen && i < 3; i++) {
        site_here();
    }
    if (depth > 0) {
        down_and_up(depth - 1);
    }
    for (volatile int i = 0; seen && i < 3; i++) {
        site_here();
    }
}

static void a_stack_that_grows_beyond_what_is_kept_and_back_stays_right(void **state)
{
    uint64_t deep = 0;

    (void)state;
    down_and_up(1300);
    deep = atomic_load(&seep_segment_header()->lost[SEEP_LOSS_STACK_DEEP]);
    assert_in_range(deep, 200, 600);
}

static ucontext_t back_here, far_away;

static void far_down(void)
{
    for (volatile int i = 0; i < 40; i++) {
        site_here();
    }
    (void)swapcontext(&far_away, &back_here);
}

/* Offsets from the stack's end have 32 bits: what they could mistakenly name lies behind
 * the stack, and is closed. */
static void a_stack_of_three_gigabytes_is_read_where_it_is(void **state)
{
    size_t bytes = (size_t)3 << 30;
    size_t behind = (size_t)2 << 30;
    uint8_t *pages = mmap(NULL, bytes + behind, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)state;
    if (pages == MAP_FAILED || mprotect(pages, 1 << 20, PROT_READ | PROT_WRITE) < 0) {
        skip();
    }
    self->stack_low = (uintptr_t)pages;
    self->stack_high = (uintptr_t)pages + bytes;
    seep_memo_start(&self->memo, self->stack_high);
    assert_int_equal(getcontext(&far_away), 0);
    far_away.uc_stack.ss_sp = pages;
    far_away.uc_stack.ss_size = 1 << 20;
    far_away.uc_link = NULL;
    makecontext(&far_away, far_down, 0);
    assert_int_equal(swapcontext(&back_here, &far_away), 0);
    munmap(pages, bytes + behind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(without_frame_pointers_the_stack_is_that_of_a_whole_walk),
        TEST(with_frame_pointers_the_stack_is_that_of_a_whole_walk),
        TEST(only_frames_that_changed_are_walked),
        TEST(a_frame_pointer_that_nobody_uses_is_not_compared),
        TEST(a_frame_pointer_that_leads_on_is_compared),
        TEST(a_stack_that_grows_beyond_what_is_kept_and_back_stays_right),
        TEST(a_stack_of_three_gigabytes_is_read_where_it_is),
    };

    seed = truth_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
