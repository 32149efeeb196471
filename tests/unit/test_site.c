/* Interning: one stack, one number.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "segment_map.h"
#include "shim_bench_self.h"
#include "site.h"

enum { THREADS = 4, DEPTHS = 60, ROUNDS = 40 };

/* Enters like a wrapped function: the word at sp is the return address of this frame. */
__attribute__((noinline)) static uint32_t here(struct seep_self *self,
                                               enum seep_kind kind)
{
    uintptr_t *frame = __builtin_frame_address(0);

    return seep_site_here(self, kind, (uintptr_t)(frame + 1), *frame);
}

__attribute__((noinline)) static uint32_t at_depth(struct seep_self *self, int depth)
{
    volatile uint32_t site =
        depth == 0 ? here(self, SEEP_KIND_HEAP) : at_depth(self, depth - 1);

    return site;
}

static void the_same_stack_is_the_same_site(void **state)
{
    struct seep_self *self = NULL;
    uint32_t sites[2];

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    for (volatile int i = 0; i < 2; i++) { /* volatile: one call instruction, not two */
        sites[i] = here(self, SEEP_KIND_HEAP);
    }
    assert_int_not_equal(sites[0], 0);
    assert_int_equal(sites[0], sites[1]);
    free(self);
}

static void another_depth_subsystem_or_kind_is_another_site(void **state)
{
    struct seep_self *self = NULL;
    uint32_t sites[5];

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    for (uint32_t i = 0; i < 3; i++) {
        self->subsystem = i;
        sites[i] = at_depth(self, 3);
    }
    sites[3] = at_depth(self, 4);
    self->subsystem = 0;
    sites[4] = here(self, SEEP_KIND_THREAD);
    for (int a = 0; a < 5; a++) {
        for (int b = 0; b < a; b++) {
            assert_int_not_equal(sites[a], sites[b]);
        }
    }
    free(self);
}

__attribute__((noinline)) static void to_every_depth(struct seep_self *self)
{
    for (volatile int depth = 0; depth <= DEPTHS; depth++) {
        (void)at_depth(self, depth);
    }
}

static void a_stack_shares_the_nodes_of_its_outer_frames(void **state)
{
    struct seep_self *self = NULL;
    uint32_t before = 0;

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    for (volatile int i = 0; i < 2; i++) {
        before = atomic_load(&seep_segment_header()->node_count);
        to_every_depth(self);
    }
    assert_int_equal(atomic_load(&seep_segment_header()->node_count), before);
    assert_true(before < SEEP_NODE_FIRST + 3 * DEPTHS);
    free(self);
}

static uint32_t seen[THREADS][DEPTHS];
static pthread_barrier_t together;

static void *intern_all(void *argument)
{
    uint32_t *mine = argument;
    struct seep_self *self = shim_bench_self((uint32_t)(mine - seen[0]) / DEPTHS);

    pthread_barrier_wait(&together);
    for (int round = 0; round < ROUNDS; round++) {
        for (int depth = 0; depth < DEPTHS; depth++) {
            mine[depth] = at_depth(self, depth);
        }
    }
    free(self);
    return NULL;
}

/* Threads have the same frames below their start routine: they must agree on every
 * number. */
static void threads_that_race_agree_on_every_site(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    shim_bench_start();
    pthread_barrier_init(&together, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, intern_all, seen[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 1; i < THREADS; i++) {
        assert_memory_equal(seen[0], seen[i], sizeof(seen[0]));
    }
    pthread_barrier_destroy(&together);
}

static void a_closed_library_voids_what_was_remembered(void **state)
{
    struct seep_self *self = NULL;
    uint32_t site = 0;

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    for (volatile int i = 0; i < 7; i++) { /* volatile: one call instruction */
        if (i == 6) {
            assert_int_not_equal(self->memo.found, 0); /* or this test shows nothing */
            shim_bench_unload();
        }
        uint32_t again = at_depth(self, 2);

        assert_true(i == 0 || again == site);
        site = again;
    }
    assert_int_equal(self->memo.found, 0);
    assert_int_equal(self->last.walked, self->last.count);
    free(self);
}

static struct seep_self *handlers_self;

/* As if so many recordings were under way, all begun near the stack's upper end. */
static void pretend_under_way(struct seep_self *self, uint32_t nest)
{
    for (uint32_t i = 0; i < nest; i++) {
        self->level_sp[i] = self->stack_high - 8;
    }
    self->nest = nest;
    self->fast = nest != 0 ? SEEP_SELF_SLOW : seep_guard_fast(self);
}

static void record_at_every_level(int number)
{
    struct seep_self *self = handlers_self;
    uint32_t expected = 0;

    (void)number;
    for (uint32_t nest = 1; nest < SEEP_SELF_LEVELS; nest++) {
        pretend_under_way(self, nest);
        uint32_t site = at_depth(self, 5);

        assert_true(nest == 1 || site == expected);
        assert_int_equal(self->nest, nest);
        assert_int_equal(self->last.count, 0);
        expected = site;
    }
    pretend_under_way(self, SEEP_SELF_LEVELS);
    assert_int_not_equal(at_depth(self, 5), expected);
}

static void a_recording_inside_a_recording_keeps_to_its_own_frames(void **state)
{
    uint64_t lost = 0;

    (void)state;
    shim_bench_start();
    handlers_self = shim_bench_self(0);
    (void)signal(SIGUSR1, record_at_every_level);
    (void)raise(SIGUSR1);
    lost = atomic_load(&seep_segment_header()->lost[SEEP_LOSS_NESTED]);
    assert_int_equal(lost, 1);
    free(handlers_self);
}

static void record_once(int number)
{
    uint32_t kept = handlers_self->last.count;

    (void)number;
    (void)at_depth(handlers_self, 5);
    assert_int_equal(handlers_self->nest, 1);
    assert_int_equal(handlers_self->last.count, kept); /* its caches were left alone */
}

/* A recording has noted its sp when a handler comes, records far below, and returns; then
 * it raises `nest`, and another handler comes, not as far below. */
static void a_handler_that_returned_is_not_taken_for_what_it_was_on(void **state)
{
    (void)state;
    shim_bench_start();
    handlers_self = shim_bench_self(0);
    handlers_self->level_sp[0] = (uintptr_t)__builtin_frame_address(0);
    (void)at_depth(handlers_self, 800);
    handlers_self->nest = 1;
    handlers_self->fast = SEEP_SELF_SLOW;
    (void)signal(SIGUSR1, record_once);
    (void)raise(SIGUSR1);
    free(handlers_self);
}

static void a_recording_that_a_handler_left_is_forgotten(void **state)
{
    struct seep_self *self = NULL;
    uint32_t expected = 0;

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    for (uint32_t nest = 0; nest <= SEEP_SELF_LEVELS; nest++) {
        pretend_under_way(self, nest);
        uint32_t site = at_depth(self, 5);

        assert_true(nest == 0 || site == expected);
        assert_int_equal(self->nest, 0);
        expected = site;
    }
    assert_int_equal(atomic_load(&seep_segment_header()->lost[SEEP_LOSS_NESTED]), 0);
    free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_stack_is_the_same_site),
        cmocka_unit_test(another_depth_subsystem_or_kind_is_another_site),
        cmocka_unit_test(a_stack_shares_the_nodes_of_its_outer_frames),
        cmocka_unit_test(threads_that_race_agree_on_every_site),
        cmocka_unit_test(a_closed_library_voids_what_was_remembered),
        cmocka_unit_test(a_recording_inside_a_recording_keeps_to_its_own_frames),
        cmocka_unit_test(a_handler_that_returned_is_not_taken_for_what_it_was_on),
        cmocka_unit_test(a_recording_that_a_handler_left_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
