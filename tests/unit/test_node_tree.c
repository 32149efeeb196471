/* The calling-context tree: one number per way to a frame, with and without a cache.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "node_tree.h"
#include "segment_map.h"
#include "shim_bench_self.h"
#include "subjects/call_tree.h"
#include "subjects/truth.h"
#include "unwind_walk.h"

enum { THREADS = 3, MANY = 20000, RACED = 4000 };

static uint64_t seed;

static const struct seep_node *node_of(uint32_t id)
{
    return &seep_segment_nodes()[id];
}

/* As if each parent were a root. */
static uint32_t uncached(uint32_t parent, uint64_t frame)
{
    return seep_node_child(seep_node_path_of_child(parent, frame), parent, frame);
}

static uint32_t cached(struct seep_self *self, uint32_t parent, uint64_t frame)
{
    return seep_node_child_cached(self, seep_node_path_of_child(parent, frame), parent,
                                  frame);
}

static void a_child_is_its_parent_its_module_and_its_place_there(void **state)
{
    uintptr_t key = (uintptr_t)&node_of + 3;
    uint32_t node = 0;
    struct seep_module_range module;

    (void)state;
    shim_bench_start();
    node = uncached(SEEP_NODE_COMPLETE, key);
    assert_true(node >= SEEP_NODE_FIRST);
    assert_true(seep_unwind_rules_module(key, &module));
    assert_int_equal(node_of(node)->parent, SEEP_NODE_COMPLETE);
    assert_int_equal(node_of(node)->module, module.id);
    assert_int_equal(node_of(node)->offset, key - module.base);
    assert_int_equal(uncached(SEEP_NODE_COMPLETE, key), node);
    assert_int_not_equal(uncached(SEEP_NODE_DEEP, key), node);
    assert_int_not_equal(uncached(node, key), node);
    /* An interrupted place is its own address, not that of the call before it. */
    assert_int_equal(uncached(SEEP_NODE_COMPLETE, (key + 1) | SEEP_FRAME_EXACT), node);
}

static void code_in_no_module_is_its_address(void **state)
{
    uint64_t on_the_stack = 0;
    uint32_t node = 0;

    (void)state;
    shim_bench_start();
    node = uncached(SEEP_NODE_COMPLETE, (uintptr_t)&on_the_stack);
    assert_int_equal(node_of(node)->module, 0);
    assert_int_equal(node_of(node)->offset, (uintptr_t)&on_the_stack);
}

/* Random (parent, frame) pairs, among few parents and few frames. */
static uint32_t random_child(struct seep_self *self, uint64_t *random, uint32_t pairs)
{
    uint64_t pick = call_tree_random(random) % pairs;
    uint32_t parent = SEEP_NODE_COMPLETE + (uint32_t)(pick % 3);
    uint64_t frame = (uintptr_t)&node_of + pick / 3 + 1;

    return self != NULL ? cached(self, parent, frame) : uncached(parent, frame);
}

static void what_a_thread_knows_is_what_the_tree_says(void **state)
{
    struct seep_self *self = NULL;
    uint64_t with = seed;
    uint64_t without = seed;

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    for (int i = 0; i < 4 * MANY; i++) {
        assert_int_equal(random_child(self, &with, MANY),
                         random_child(NULL, &without, MANY));
        if (i == 2 * MANY) {
            assert_non_null(self->nodes.grown); /* or growing is not tested */
            seep_node_forget(&self->nodes);
        }
    }
    assert_true(atomic_load(&seep_segment_header()->node_count) <=
                SEEP_NODE_FIRST + MANY);
    free(self);
}

/* The same frame below two nodes, and two frames below one, which share a place; and two
 * nodes whose paths are the same. */
static void children_that_share_a_place_in_the_cache_are_told_apart(void **state)
{
    struct seep_self *self = NULL;
    uint64_t frame = (uintptr_t)&node_of + 1;
    uint64_t other_frame = frame + 1;
    uint32_t path = seep_node_path_of_child(1, frame);
    uint32_t other_parent = 2;

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    while ((seep_node_path_of_child(other_parent, frame) ^ path) % SEEP_KNOWN_FIRST !=
           0) {
        other_parent++;
    }
    while ((seep_node_path_of_child(1, other_frame) ^ path) % SEEP_KNOWN_FIRST != 0) {
        other_frame++;
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cached(self, 1, frame), uncached(1, frame));
        assert_int_equal(cached(self, other_parent, frame),
                         uncached(other_parent, frame));
        assert_int_equal(cached(self, 1, frame), uncached(1, frame));
        assert_int_equal(cached(self, 1, other_frame), uncached(1, other_frame));
        assert_int_equal(seep_node_child_cached(self, path, 3, frame),
                         seep_node_child(path, 3, frame));
    }
    free(self);
}

static void what_a_thread_knew_of_another_segment_is_forgotten(void **state)
{
    struct seep_self *self = NULL;
    uint64_t random = seed;
    uint64_t again = 0;

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    for (int i = 0; i < MANY; i++) {
        (void)random_child(self, &random, MANY);
    }
    shim_bench_start();
    seep_node_forget(&self->nodes);
    again = random;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(random_child(self, &random, MANY),
                         random_child(NULL, &again, MANY));
    }
    free(self);
}

static uint32_t seen[THREADS][RACED];
static pthread_barrier_t together;

static void *race(void *argument)
{
    uint32_t *mine = argument;
    uint64_t random = seed;

    pthread_barrier_wait(&together);
    for (int i = 0; i < RACED; i++) {
        mine[i] = random_child(NULL, &random, RACED);
    }
    return NULL;
}

static void threads_that_race_agree_on_every_child(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    shim_bench_start();
    pthread_barrier_init(&together, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race, seen[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 1; i < THREADS; i++) {
        assert_memory_equal(seen[0], seen[i], sizeof(seen[0]));
    }
    pthread_barrier_destroy(&together);
}

/* The last slots: ids end, nothing is written behind the table. */
static void a_full_tree_gives_no_new_child_and_keeps_the_old(void **state)
{
    struct seep_self *self = NULL;
    uint32_t old = 0;

    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    old = uncached(SEEP_NODE_COMPLETE, 77);
    atomic_store(&seep_segment_header()->node_count, SEEP_NODES_MAX - 1);
    assert_int_equal(uncached(SEEP_NODE_COMPLETE, 78), SEEP_NODES_MAX - 1);
    assert_int_equal(uncached(SEEP_NODE_COMPLETE, 79), 0);
    assert_int_equal(cached(self, SEEP_NODE_COMPLETE, 79), 0);
    assert_int_equal(cached(self, SEEP_NODE_COMPLETE, 77), old);
    assert_int_equal(atomic_load(&seep_segment_header()->node_count), SEEP_NODES_MAX);
    free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_is_its_parent_its_module_and_its_place_there),
        cmocka_unit_test(code_in_no_module_is_its_address),
        cmocka_unit_test(what_a_thread_knows_is_what_the_tree_says),
        cmocka_unit_test(children_that_share_a_place_in_the_cache_are_told_apart),
        cmocka_unit_test(what_a_thread_knew_of_another_segment_is_forgotten),
        cmocka_unit_test(threads_that_race_agree_on_every_child),
        cmocka_unit_test(a_full_tree_gives_no_new_child_and_keeps_the_old),
    };

    seed = truth_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
