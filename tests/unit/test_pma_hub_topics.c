/* Topic index: who gets what, and nothing stays behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/fault.h"
#include "server/hub/hub_topics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pma_topics topics;

static int setup(void **state)
{
    (void)state;
    return pma_topics_init(&topics);
}

static int teardown(void **state)
{
    const struct pma_fault_setting off = {0};

    (void)state;
    pma_topics_fini(&topics);
    return pma_fault_set(PMA_FAULT_F11, &off);
}

static void count(struct pma_topic_set *set, void *context)
{
    (void)set;
    (*(int *)context)++;
}

static int reached(const char *name)
{
    char *packed = pma_topic_pack(&name, 1);
    int sets = 0;

    assert_non_null(packed);
    pma_topics_match(&topics, packed, count, &sets);
    free(packed);
    return sets;
}

static void a_wildcard_covers_what_is_below_it_and_nothing_else(void **state)
{
    struct pma_topic_set set = {0};

    (void)state;
    assert_int_equal(pma_topics_subscribe(&topics, &set, "entity:*"), 0);
    assert_int_equal(reached("entity:light.1"), 1);
    assert_int_equal(reached("entity:a:b"), 1);
    assert_int_equal(reached("entity"), 0);
    assert_int_equal(reached("entity_updates:x"), 0);
    assert_int_equal(pma_topics_subscribe(&topics, &set, "*"), 0);
    assert_int_equal(reached("anything"), 1);
    pma_topics_forget(&topics, &set);
    assert_int_equal(reached("entity:light.1"), 0);
}

static void a_set_that_matches_three_times_is_visited_once(void **state)
{
    struct pma_topic_set both = {0};
    struct pma_topic_set one = {0};

    (void)state;
    pma_topics_subscribe(&topics, &both, "a:b:*");
    pma_topics_subscribe(&topics, &both, "a:*");
    pma_topics_subscribe(&topics, &both, "a:b:c");
    pma_topics_subscribe(&topics, &one, "a:b:c");
    assert_int_equal(reached("a:b:c"), 2);
    assert_true(pma_topics_is_valid(&topics));
    pma_topics_forget(&topics, &both);
    pma_topics_forget(&topics, &one);
}

static void an_event_with_several_topics_visits_a_set_once(void **state)
{
    static const char *const names[] = {"entity:1", "bad\nname", "room:2", "type:*", "x"};
    char *packed = pma_topic_pack(names, sizeof(names) / sizeof(names[0]));
    struct pma_topic_set both = {0};
    struct pma_topic_set other = {0};
    int sets = 0;

    (void)state;
    assert_memory_equal(packed, "entity:1\0room:2\0x\0", sizeof("entity:1\0room:2\0x\0"));
    assert_false(both.has_chosen);
    pma_topics_subscribe(&topics, &both, "entity:*");
    pma_topics_subscribe(&topics, &both, "room:2");
    pma_topics_subscribe(&topics, &other, "room:3");
    pma_topics_match(&topics, packed, count, &sets);
    assert_int_equal(sets, 1);
    assert_true(pma_topic_matches_any("room:*", packed));
    assert_false(pma_topic_matches_any("room:3", packed));
    pma_topics_forget(&topics, &both);
    pma_topics_forget(&topics, &other);
    assert_true(both.has_chosen);
    free(packed);
}

static void pattern_and_index_agree(void **state)
{
    static const char *const names[] = {"a", "a:b", "a:b:c", "ab:c", "a:", "x"};
    static const char *const patterns[] = {"*", "a:*", "a:b:*", "a:b", "x"};

    (void)state;
    for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
        struct pma_topic_set set = {0};

        assert_int_equal(pma_topics_subscribe(&topics, &set, patterns[p]), 0);
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            assert_int_equal(reached(names[n]), pma_topic_matches(patterns[p], names[n]));
        }
        pma_topics_forget(&topics, &set);
    }
}

static void names_that_are_no_topics_are_refused(void **state)
{
    struct pma_topic_set set = {0};
    char name[PMA_TOPIC_BYTES_MAX + 2];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[PMA_TOPIC_BYTES_MAX + 1] = '\0';
    assert_int_equal(pma_topics_subscribe(&topics, &set, name), -EINVAL);
    name[PMA_TOPIC_BYTES_MAX] = '\0';
    assert_int_equal(pma_topics_subscribe(&topics, &set, name), 0);
    assert_int_equal(pma_topics_subscribe(&topics, &set, ""), -EINVAL);
    assert_int_equal(pma_topics_subscribe(&topics, &set, "a*"), -EINVAL);
    assert_int_equal(pma_topics_subscribe(&topics, &set, "a:*:b"), -EINVAL);
    assert_int_equal(pma_topics_subscribe(&topics, &set, "a\nb"), -EINVAL);
    assert_int_equal(set.count, 1);
    pma_topics_forget(&topics, &set);
}

static void a_client_has_at_most_128_topics(void **state)
{
    struct pma_topic_set set = {0};
    char name[32];

    (void)state;
    for (int n = 0; n < PMA_TOPICS_PER_CLIENT_MAX; n++) {
        snprintf(name, sizeof(name), "t:%d", n);
        assert_int_equal(pma_topics_subscribe(&topics, &set, name), 0);
    }
    assert_int_equal(pma_topics_subscribe(&topics, &set, "t:0"), 0);
    assert_int_equal(pma_topics_subscribe(&topics, &set, "one more"), -ENOSPC);
    assert_true(pma_topics_is_valid(&topics));
    pma_topics_forget(&topics, &set);
    assert_int_equal(topics.by_name.count, 0);
    assert_int_equal(topics.subscriptions, 0);
}

static void unsubscribing_tells_whether_there_was_anything(void **state)
{
    struct pma_topic_set first = {0};
    struct pma_topic_set second = {0};

    (void)state;
    pma_topics_subscribe(&topics, &first, "a");
    pma_topics_subscribe(&topics, &second, "a");
    assert_true(pma_topics_unsubscribe(&topics, &first, "a"));
    assert_false(pma_topics_unsubscribe(&topics, &first, "a"));
    assert_int_equal(topics.by_name.count, 1);
    assert_true(pma_topics_unsubscribe(&topics, &second, "a"));
    assert_int_equal(topics.by_name.count, 0);
}

static void f11_keeps_the_node_of_a_topic_without_subscribers(void **state)
{
    const struct pma_fault_setting on = {.enabled = true};
    const struct pma_fault_setting off = {0};
    struct pma_topic_set set = {0};

    (void)state;
    assert_int_equal(pma_fault_set(PMA_FAULT_F11, &on), 0);
    pma_topics_subscribe(&topics, &set, "a");
    pma_topics_unsubscribe(&topics, &set, "a");
    assert_int_equal(topics.by_name.count, 1);
    assert_true(pma_topics_is_valid(&topics));
    /* The same name again uses that node, and this time it goes. */
    assert_int_equal(pma_fault_set(PMA_FAULT_F11, &off), 0);
    pma_topics_subscribe(&topics, &set, "a");
    pma_topics_unsubscribe(&topics, &set, "a");
    assert_int_equal(topics.by_name.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_wildcard_covers_what_is_below_it_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_set_that_matches_three_times_is_visited_once,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_with_several_topics_visits_a_set_once,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(pattern_and_index_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_no_topics_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_client_has_at_most_128_topics, setup, teardown),
        cmocka_unit_test_setup_teardown(unsubscribing_tells_whether_there_was_anything,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(f11_keeps_the_node_of_a_topic_without_subscribers,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
