/* What is kept for clients that are away, and its bounds.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_away.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pma_away away;
static struct pma_message *message;
static const struct pma_topic_set no_topics;

static int setup(void **state)
{
    (void)state;
    if (pma_message_new("x", NULL, NULL, &message) != 0) {
        return -1;
    }
    return pma_away_init(&away, 5, 3, 2);
}

/* Whatever a test left waiting has to be released by now. */
static int teardown(void **state)
{
    (void)state;
    pma_away_fini(&away);
    if (message->references != 1) {
        return -1;
    }
    pma_message_release(message);
    return 0;
}

static struct pma_away_session *begin(const char *id, uint64_t now_ns)
{
    struct pma_away_session *session = NULL;

    assert_int_equal(pma_away_begin(&away, id, &no_topics, now_ns, &session), 0);
    return session;
}

static void the_oldest_of_all_makes_room(void **state)
{
    struct pma_away_session *a = begin("a", 0);
    struct pma_away_session *b = begin("b", 0);

    (void)state;
    for (int n = 0; n < 3; n++) {
        pma_away_keep(&away, a, message);
    }
    for (int n = 0; n < 3; n++) {
        pma_away_keep(&away, b, message);
    }
    assert_int_equal(a->entry_count, 2);
    assert_int_equal(b->entry_count, 3);
    assert_int_equal(away.messages, 5);
    assert_int_equal(away.dropped, 1);
}

static void one_session_cannot_take_all(void **state)
{
    struct pma_away_session *a = begin("a", 0);

    (void)state;
    for (int n = 0; n < 10; n++) {
        pma_away_keep(&away, a, message);
    }
    assert_int_equal(a->entry_count, 3);
    assert_int_equal(away.dropped, 7);
}

static void the_oldest_session_makes_room(void **state)
{
    (void)state;
    pma_away_keep(&away, begin("a", 0), message);
    begin("b", 1);
    begin("c", 2);
    assert_null(pma_away_find(&away, "a"));
    assert_non_null(pma_away_find(&away, "b"));
    assert_int_equal(away.dropped, 1);
}

static void only_what_was_subscribed_is_kept(void **state)
{
    struct pma_topic_set set = {0};
    struct pma_away_session *session = NULL;
    struct pma_topics topics;

    (void)state;
    assert_int_equal(pma_topics_init(&topics), 0);
    pma_topics_subscribe(&topics, &set, "room:*");
    pma_topics_subscribe(&topics, &set, "a");
    assert_int_equal(pma_away_begin(&away, "a", &set, 0, &session), 0);
    pma_topics_forget(&topics, &set);
    pma_topics_fini(&topics);
    pma_away_keep_matching(&away, "room:1\0", message);
    pma_away_keep_matching(&away, "b\0", message);
    pma_away_keep_matching(&away, NULL, message);
    assert_int_equal(session->entry_count, 2);
    assert_string_equal(session->topics[0], "room:*");
    assert_string_equal(session->topics[1], "a");
    pma_away_end(&away, session, false);
    assert_int_equal(away.dropped, 0);
}

static void who_never_chose_a_topic_is_kept_everything(void **state)
{
    struct pma_away_session *session = begin("a", 0);

    (void)state;
    pma_away_keep_matching(&away, "room:1\0", message);
    assert_int_equal(session->entry_count, 1);
}

static void sessions_expire_oldest_first(void **state)
{
    (void)state;
    pma_away_keep(&away, begin("a", 100), message);
    begin("b", 200);
    assert_int_equal(pma_away_expire(&away, 150, 100), 0);
    assert_int_equal(pma_away_expire(&away, 250, 100), 1);
    assert_null(pma_away_find(&away, "a"));
    assert_int_equal(away.dropped, 1);
    assert_int_equal(away.messages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_of_all_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(one_session_cannot_take_all, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_session_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_was_subscribed_is_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_never_chose_a_topic_is_kept_everything, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sessions_expire_oldest_first, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
