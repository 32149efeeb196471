/* Cached rules are the built ones, whatever other threads do to the cache.
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

#include "rule_cache.h"
#include "shim_bench_self.h"
#include "subjects/call_tree.h"
#include "subjects/truth.h"

enum { THREADS = 3, KEYS = 3000, LOOKUPS = 30000, FORGETS = 200 };

static uint64_t seed;
static uintptr_t keys[KEYS];
static struct seep_rule built[KEYS];

/* Places in code of the C library and of this program; some not code at all. */
static int set_up(void **state)
{
    uint64_t random = seed;

    (void)state;
    shim_bench_start();
    for (int i = 0; i < KEYS; i++) {
        uintptr_t near = i % 3 == 0   ? (uintptr_t)&qsort
                         : i % 3 == 1 ? (uintptr_t)&call_tree_omitting
                                      : (uintptr_t)&keys;

        keys[i] = near + call_tree_random(&random) % 2000 + 1;
        built[i] = seep_unwind_rules_build(keys[i]);
    }
    return 0;
}

static void a_cached_rule_is_the_built_one(void **state)
{
    uint64_t random = seed;

    (void)state;
    for (int i = 0; i < LOOKUPS; i++) {
        uint64_t at = call_tree_random(&random) % KEYS;

        assert_int_equal(seep_rule_of(keys[at]).word, built[at].word);
        if (i % 1000 == 0) {
            seep_rule_cache_forget();
        }
    }
}

static struct seep_rule_entry *set_of(uintptr_t key)
{
    return seep_rule_sets[(key * UINT64_C(0x9e3779b97f4a7c15)) >>
                          (64 - SEEP_RULE_SET_BITS)];
}

/* As two writers at once may leave it: the halves of different entries. */
static void a_torn_entry_is_not_believed(void **state)
{
    struct seep_rule_entry *set = set_of(keys[0]);

    (void)state;
    for (int i = 1; i < KEYS; i++) {
        (void)seep_rule_of(keys[0]);
        for (int way = 0; way < SEEP_RULE_WAYS; way++) {
            atomic_store(&set[way].rule, built[i].word);
        }
        assert_int_equal(seep_rule_of(keys[0]).word, built[0].word);
    }
}

static void a_rule_from_before_a_library_was_closed_is_not_believed(void **state)
{
    struct seep_rule_entry *set = set_of(keys[0]);
    struct seep_rule wrong = {built[0].word ^ 8};

    (void)state;
    atomic_store(&set[0].rule, wrong.word);
    atomic_store(&set[0].check,
                 seep_rule_check(wrong, keys[0], atomic_load(&seep_rule_salt)));
    assert_int_equal(seep_rule_of(keys[0]).word, wrong.word); /* it would be used */
    seep_rule_cache_forget();
    assert_int_equal(seep_rule_of(keys[0]).word, built[0].word);
}

static void *look_up(void *argument)
{
    uint64_t random = seed + *(uint64_t *)argument;
    uint64_t wrong = 0;

    for (int i = 0; i < LOOKUPS; i++) {
        uint64_t at = call_tree_random(&random) % KEYS;

        wrong += seep_rule_of(keys[at]).word != built[at].word;
    }
    *(uint64_t *)argument = wrong;
    return NULL;
}

static void threads_that_fill_it_at_once_get_right_rules(void **state)
{
    uint64_t jobs[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    for (uint64_t i = 0; i < THREADS; i++) {
        jobs[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, look_up, &jobs[i]), 0);
    }
    for (int i = 0; i < FORGETS; i++) {
        seep_rule_cache_forget();
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cached_rule_is_the_built_one),
        cmocka_unit_test(a_torn_entry_is_not_believed),
        cmocka_unit_test(a_rule_from_before_a_library_was_closed_is_not_believed),
        cmocka_unit_test(threads_that_fill_it_at_once_get_right_rules),
    };

    seed = truth_seed();
    return cmocka_run_group_tests(tests, set_up, NULL);
}
