/* Reachability on made-up memory: who can be woken, who cannot.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "waits/reach.h"

/* 64 KiB of a program: globals at 0x10000, heap at 0x14000, stacks of 4 KiB from 0x18000.
 */
enum {
    BASE = 0x10000,
    BYTES = 0x10000,
    GLOBALS = 0x10000,
    HEAP = 0x14000,
    STACKS = 0x18000,
    STACK_BYTES = 0x1000,
    HANDLE_BYTES = 256,
    BLOCK_BYTES = 64,
    BLOCKS = 32,
    THREADS = 4
};

struct scene {
    uint64_t memory[BYTES / 8];
    struct seep_reach_block blocks[BLOCKS];
    struct seep_span root;
    struct seep_reach_thread threads[THREADS];
    struct seep_reach_input input;
    struct seep_reach_result result;
    uint64_t hole; /* from here on nothing was ever touched; 0 = no hole */
};

static struct scene scene;

static const void *look(void *arg, uint64_t at, size_t wanted, size_t *available)
{
    uint64_t end = scene.hole > at ? scene.hole : BASE + BYTES;
    uint64_t left = end - at;

    (void)arg;
    *available = left < wanted ? left : wanted;
    if (scene.hole != 0 && at >= scene.hole) {
        return NULL;
    }
    return (const uint8_t *)scene.memory + (at - BASE);
}

static uint64_t block(size_t i)
{
    return scene.blocks[i].start;
}

static void put(uint64_t at, uint64_t value)
{
    scene.memory[(at - BASE) / 8] = value;
}

static uint64_t stack_of(size_t thread)
{
    return STACKS + thread * STACK_BYTES;
}

/* Threads 1 to 3 are blocked, thread 0 runs. */
static int set_up(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof(scene));
    for (size_t i = 0; i < BLOCKS; i++) {
        scene.blocks[i] =
            (struct seep_reach_block){HEAP + i * 2 * BLOCK_BYTES, BLOCK_BYTES};
    }
    scene.root = (struct seep_span){GLOBALS, GLOBALS + 0x1000};
    for (size_t i = 0; i < THREADS; i++) {
        scene.threads[i].stack =
            (struct seep_span){stack_of(i), stack_of(i) + STACK_BYTES};
        scene.threads[i].frames_end = stack_of(i) + STACK_BYTES - HANDLE_BYTES;
        scene.threads[i].blocked = i > 0;
        scene.threads[i].object = i > 0 ? block(i) + 8 : 0;
        put(stack_of(i) + 16, i > 0 ? block(i) : 0); /* each knows its own object */
    }
    scene.input = (struct seep_reach_input){.blocks = scene.blocks,
                                            .block_count = BLOCKS,
                                            .roots = &scene.root,
                                            .root_count = 1,
                                            .look = look};
    return 0;
}

static void expect_reachable(bool one, bool two, bool three)
{
    assert_int_equal(
        seep_reach_solve(&scene.input, scene.threads, THREADS, &scene.result), 0);
    assert_true(scene.threads[0].reachable);
    assert_int_equal(scene.threads[1].reachable, one);
    assert_int_equal(scene.threads[2].reachable, two);
    assert_int_equal(scene.threads[3].reachable, three);
    assert_true(scene.result.scanned_bytes >= 0x1000);
}

static void an_object_that_only_its_waiter_knows_is_unreachable(void **state)
{
    (void)state;
    expect_reachable(false, false, false);
}

static void a_global_pointer_keeps_its_waiter_alive(void **state)
{
    (void)state;
    put(GLOBALS + 24, block(2));
    expect_reachable(false, true, false);
}

static void pointers_into_a_block_and_one_past_its_end_count(void **state)
{
    (void)state;
    put(GLOBALS + 24, block(1) + 40);
    put(GLOBALS + 32, block(3) + BLOCK_BYTES);
    expect_reachable(true, false, true);
}

static void addresses_with_marks_packed_or_mangled_count(void **state)
{
    const uint64_t guard = UINT64_C(0x123456789abcdef0);
    const uint64_t mixed = block(2) ^ guard;

    (void)state;
    scene.input.pointer_guard = guard;
    put(GLOBALS + 24, UINT64_C(0x8001) << 48 | block(1));
    put(GLOBALS + 32, mixed << 17 | mixed >> 47);
    put(GLOBALS + 40, block(3) << 32); /* from the middle of this word on */
    expect_reachable(true, true, true);
    put(GLOBALS + 24, block(1) << 16 | 3);
    put(GLOBALS + 32, mixed);
    put(GLOBALS + 40, 0);
    expect_reachable(true, false, false);
}

static void what_the_kernel_keeps_counts(void **state)
{
    const uint64_t words[] = {1, block(2)};

    (void)state;
    scene.input.words = words;
    scene.input.word_count = 2;
    expect_reachable(false, true, false);
}

/* Of a block in a granule of 32 bytes it is not known in which half it begins. */
static void where_neighbours_overlap_both_count(void **state)
{
    (void)state;
    scene.blocks[10].bytes = 2 * BLOCK_BYTES + 16;
    put(block(11) + 8, block(1));
    put(GLOBALS, block(11) + 8);
    put(block(10) + 32, block(2));
    expect_reachable(true, true, false);
}

static void a_chain_of_blocks_is_followed(void **state)
{
    (void)state;
    put(GLOBALS, block(10));
    put(block(10) + 56, block(11));
    put(block(11), block(12));
    put(block(12) + 8, block(3));
    expect_reachable(false, false, true);
}

static void a_register_or_the_stack_of_a_running_thread_counts(void **state)
{
    (void)state;
    scene.threads[0].registers[0] = block(1);
    scene.threads[0].register_count = 1;
    put(stack_of(0) + 0x800, block(2));
    expect_reachable(true, true, false);
}

static void who_can_be_woken_can_wake_others(void **state)
{
    (void)state;
    put(GLOBALS, block(3));
    put(stack_of(3) + 0x100, block(2)); /* thread 3 would wake 2, which would wake 1 */
    put(stack_of(2) + 0x100, block(20));
    put(block(20), block(1));
    expect_reachable(true, true, true);
    assert_true(scene.result.rounds >= 2);
}

static void those_who_know_only_each_other_are_unreachable(void **state)
{
    (void)state;
    put(stack_of(1) + 0x100, block(2));
    put(stack_of(2) + 0x100, block(1));
    put(GLOBALS, block(3));
    expect_reachable(false, false, true);
}

static void cyclic_garbage_does_not_keep_anybody_alive(void **state)
{
    (void)state;
    put(block(10), block(11));
    put(block(11), block(10));
    put(block(11) + 8, block(1));
    expect_reachable(false, false, false);
}

static void an_object_in_global_data_is_always_reachable(void **state)
{
    (void)state;
    scene.threads[1].object = GLOBALS + 0x500;
    expect_reachable(true, false, false);
}

static void an_object_on_a_blocked_stack_needs_a_pointer_from_elsewhere(void **state)
{
    (void)state;
    scene.threads[1].object = stack_of(1) + 0x200;
    put(stack_of(1) + 0x80, stack_of(1) + 0x200); /* its own does not count */
    expect_reachable(false, false, false);
    put(GLOBALS + 64, stack_of(1) + 0x1f8);
    expect_reachable(true, false, false);
}

static void a_handle_of_a_thread_keeps_nothing_alive(void **state)
{
    (void)state;
    scene.threads[1].object = stack_of(1) + 0x200;
    put(GLOBALS, stack_of(1) + STACK_BYTES - HANDLE_BYTES);
    expect_reachable(false, false, false);
}

static void memory_that_was_never_touched_is_skipped(void **state)
{
    struct seep_span wide = {GLOBALS, HEAP};

    (void)state;
    scene.input.roots = &wide;
    put(GLOBALS + 24, block(2));
    put(GLOBALS + 0x2000, block(1));
    scene.hole = GLOBALS + 0x1800;
    expect_reachable(false, true, false);
    scene.hole = 0;
    expect_reachable(true, true, false);
}

static void a_heap_without_blocks_is_no_trouble(void **state)
{
    (void)state;
    scene.input.block_count = 0;
    expect_reachable(true, true, true);
}

/* Against a plain search of another shape: a matrix closed by repetition. */
static void random_heaps_agree_with_a_closed_matrix(void **state)
{
    unsigned seed = 7;

    for (unsigned round = 0; round < 500; round++) {
        bool from_root[BLOCKS] = {false};
        bool edge[BLOCKS][BLOCKS] = {{false}};
        bool alive[THREADS] = {true};
        bool changed = true;

        (void)set_up(state);
        for (unsigned i = 0; i < 24; i++) {
            size_t from = (size_t)rand_r(&seed) % BLOCKS;
            size_t to = (size_t)rand_r(&seed) % BLOCKS;

            put(block(from) + (i % 8) * 8, block(to));
        }
        for (size_t from = 0; from < BLOCKS; from++) {
            for (size_t word = 0; word < BLOCK_BYTES / 8; word++) {
                uint64_t value = scene.memory[(block(from) - BASE) / 8 + word];

                if (value != 0) {
                    edge[from][(value - HEAP) / (2 * BLOCK_BYTES)] = true;
                }
            }
        }
        for (unsigned i = 0; i < 2; i++) {
            size_t to = (size_t)rand_r(&seed) % BLOCKS;

            put(GLOBALS + i * 8, block(to));
            from_root[to] = true;
        }
        while (changed) {
            changed = false;
            for (size_t from = 0; from < BLOCKS; from++) {
                for (size_t to = 0; from_root[from] && to < BLOCKS; to++) {
                    changed = changed || (edge[from][to] && !from_root[to]);
                    from_root[to] = from_root[to] || edge[from][to];
                }
            }
            for (size_t i = 1; i < THREADS; i++) {
                alive[i] = from_root[i];
            }
        }
        expect_reachable(alive[1], alive[2], alive[3]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_object_that_only_its_waiter_knows_is_unreachable,
                               set_up),
        cmocka_unit_test_setup(a_global_pointer_keeps_its_waiter_alive, set_up),
        cmocka_unit_test_setup(pointers_into_a_block_and_one_past_its_end_count, set_up),
        cmocka_unit_test_setup(addresses_with_marks_packed_or_mangled_count, set_up),
        cmocka_unit_test_setup(what_the_kernel_keeps_counts, set_up),
        cmocka_unit_test_setup(where_neighbours_overlap_both_count, set_up),
        cmocka_unit_test_setup(a_chain_of_blocks_is_followed, set_up),
        cmocka_unit_test_setup(a_register_or_the_stack_of_a_running_thread_counts,
                               set_up),
        cmocka_unit_test_setup(who_can_be_woken_can_wake_others, set_up),
        cmocka_unit_test_setup(those_who_know_only_each_other_are_unreachable, set_up),
        cmocka_unit_test_setup(cyclic_garbage_does_not_keep_anybody_alive, set_up),
        cmocka_unit_test_setup(an_object_in_global_data_is_always_reachable, set_up),
        cmocka_unit_test_setup(
            an_object_on_a_blocked_stack_needs_a_pointer_from_elsewhere, set_up),
        cmocka_unit_test_setup(a_handle_of_a_thread_keeps_nothing_alive, set_up),
        cmocka_unit_test_setup(memory_that_was_never_touched_is_skipped, set_up),
        cmocka_unit_test_setup(a_heap_without_blocks_is_no_trouble, set_up),
        cmocka_unit_test(random_heaps_agree_with_a_closed_matrix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
