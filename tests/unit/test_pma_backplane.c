/* Messages between backends, who has sent which, and what waits; the way through a real
 * Redis is in tests/server/test_redis.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/store/backplane.h"
#include "server/store/backplane_message.h"
#include "server/store/backplane_peers.h"
#include "server/store/backplane_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ORIGIN "0123456789abcdef"

static void a_message_comes_out_as_it_went_in(void **state)
{
    (void)state;
    struct pma_backplane_message message;
    char *text = NULL;
    json_t *body = json_pack("{s:s, s:{s:i}}", "type", "told \xc3\xa9", "data", "n", 1);
    assert_int_equal(pma_backplane_encode(ORIGIN, 17, body, 1000, &text), 0);
    assert_int_equal(pma_backplane_decode(text, strlen(text), 1000, &message), 0);
    assert_string_equal(message.from, ORIGIN);
    assert_int_equal(message.sequence, 17);
    assert_true(json_equal(message.body, body));
    json_decref(message.body);
    assert_int_equal(pma_backplane_decode(text, strlen(text), strlen(text) - 1, &message),
                     -EMSGSIZE);
    char *none = NULL;
    assert_int_equal(pma_backplane_encode(ORIGIN, 1, body, 10, &none), -EMSGSIZE);
    assert_int_equal(
        pma_backplane_encode(ORIGIN, 1, json_object_get(body, "type"), 1000, &none),
        -EINVAL);
    assert_int_equal(pma_backplane_encode(ORIGIN, 1, NULL, 1000, &none), -EINVAL);
    assert_null(none);
    free(text);
    json_decref(body);
}

static void a_message_of_another_shape_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "[]",
        "{\"v\":1}",
        "{\"v\":2,\"from\":\"0123456789abcdef\",\"seq\":1,\"body\":{}}",
        "{\"v\":1,\"from\":\"0123456789ABCDEF\",\"seq\":1,\"body\":{}}",
        "{\"v\":1,\"from\":\"0123456789abcde\",\"seq\":1,\"body\":{}}",
        "{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":0,\"body\":{}}",
        "{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":-1,\"body\":{}}",
        "{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":1.0,\"body\":{}}",
        "{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":1,\"body\":1}",
        "{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":1,\"body\":{}} x",
    };
    struct pma_backplane_message message = {.sequence = 99};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pma_backplane_decode(wrong[i], strlen(wrong[i]), 999, &message),
                         -EBADMSG);
    }
    assert_int_equal(message.sequence, 99);
}

static void origins_differ(void **state)
{
    (void)state;
    char a[PMA_ORIGIN_BYTES];
    char b[PMA_ORIGIN_BYTES];
    pma_origin_draw(a);
    pma_origin_draw(b);
    assert_int_equal(strlen(a), 16);
    assert_string_not_equal(a, b);
}

static bool accept(struct pma_peers *peers, int origin, uint64_t sequence,
                   uint64_t *missed)
{
    char name[PMA_ORIGIN_BYTES];
    snprintf(name, sizeof name, "%016x", (unsigned)origin);
    return pma_peers_accept(peers, name, sequence, missed);
}

static void what_comes_twice_is_known_and_a_gap_is_counted(void **state)
{
    (void)state;
    struct pma_peers *peers = calloc(1, sizeof *peers);
    uint64_t missed = 99;
    assert_true(accept(peers, 1, 5, &missed));
    assert_int_equal(missed, 0); /* what was before we came is not missed */
    assert_true(accept(peers, 1, 6, &missed));
    assert_int_equal(missed, 0);
    assert_false(accept(peers, 1, 6, &missed));
    assert_false(accept(peers, 1, 2, &missed));
    assert_int_equal(missed, 0);
    assert_true(accept(peers, 1, 10, &missed));
    assert_int_equal(missed, 3);
    assert_true(accept(peers, 2, 1, &missed)); /* everybody counts alone */
    assert_int_equal(missed, 0);
    free(peers);
}

static void the_peer_heard_longest_ago_is_forgotten_first(void **state)
{
    (void)state;
    struct pma_peers *peers = calloc(1, sizeof *peers);
    uint64_t missed = 0;
    for (int origin = 0; origin < PMA_PEERS_MAX; origin++) {
        assert_true(accept(peers, origin, 5, &missed));
    }
    assert_true(accept(peers, 0, 6, &missed));
    assert_true(accept(peers, PMA_PEERS_MAX, 5, &missed)); /* takes the place of 1 */
    assert_false(accept(peers, 0, 6, &missed));
    assert_false(accept(peers, 2, 5, &missed));
    assert_true(accept(peers, 1, 5, &missed));
    free(peers);
}

static void add(struct pma_backplane_queue *queue, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    assert_int_equal(pma_backplane_queue_add(queue, "c", strdup(text)), 0);
}

/* Takes all and compares: "1 2 3". */
static void assert_waits(struct pma_backplane_queue *queue, const char *expected)
{
    char text[64] = "";
    struct pma_waiting_list list;
    pma_backplane_queue_take(queue, &list, UINT32_MAX);
    while (!STAILQ_EMPTY(&list)) {
        if (text[0] != '\0') {
            strcat(text, " ");
        }
        strcat(text, STAILQ_FIRST(&list)->text);
        pma_backplane_queue_drop_first(&list);
    }
    assert_string_equal(text, expected);
    assert_int_equal(queue->count, 0);
}

static void a_full_queue_drops_its_oldest(void **state)
{
    (void)state;
    struct pma_backplane_queue queue;
    pma_backplane_queue_init(&queue, 3);
    for (int i = 1; i <= 5; i++) {
        add(&queue, i);
    }
    assert_int_equal(queue.count, 3);
    assert_int_equal(queue.dropped, 2);
    assert_waits(&queue, "3 4 5");
    pma_backplane_queue_fini(&queue);
}

static void what_was_not_sent_goes_back_to_the_front(void **state)
{
    (void)state;
    struct pma_backplane_queue queue;
    struct pma_waiting_list list;
    pma_backplane_queue_init(&queue, 4);
    for (int i = 1; i <= 3; i++) {
        add(&queue, i);
    }
    assert_int_equal(pma_backplane_queue_take(&queue, &list, 2), 2);
    pma_backplane_queue_drop_first(&list); /* 1 was sent */
    add(&queue, 4);
    pma_backplane_queue_give_back(&queue, &list);
    assert_int_equal(queue.count, 3);
    assert_waits(&queue, "2 3 4");
    /* And when that is too much, the oldest give way. */
    for (int i = 1; i <= 4; i++) {
        add(&queue, i);
    }
    assert_int_equal(pma_backplane_queue_take(&queue, &list, 3), 3);
    for (int i = 5; i <= 6; i++) {
        add(&queue, i);
    }
    pma_backplane_queue_give_back(&queue, &list);
    assert_int_equal(queue.dropped, 2);
    assert_waits(&queue, "3 4 5 6");
    add(&queue, 1);
    pma_backplane_queue_fini(&queue);
}

static bool never(void *arg, const json_t *body)
{
    (void)arg;
    (void)body;
    return false;
}

static void a_backplane_is_bounded_and_publishing_to_none_does_nothing(void **state)
{
    (void)state;
    struct pma_backplane_config config = {
        .address = {.host = "127.0.0.1", .password = ""},
        .key_prefix = "t:",
        .max_queue_messages = 2,
        .max_message_bytes = 100,
        .health_interval_ns = PMA_S_NS,
        .backoff_min_ns = 1,
        .backoff_max_ns = 1};
    struct pma_backplane *backplane = NULL;
    json_t *body = json_pack("{s:s}", "type", "t");
    pma_backplane_publish(NULL, "hub", body);
    assert_int_equal(pma_backplane_waiting(NULL), 0);
    assert_int_equal(pma_backplane_new(&config, &backplane), 0);
    for (int i = 0; i < PMA_BACKPLANE_CHANNELS_MAX; i++) {
        assert_int_equal(pma_backplane_listen(backplane, "hub", never, NULL), 0);
    }
    assert_int_equal(pma_backplane_listen(backplane, "hub", never, NULL), -ENOSPC);
    for (int i = 0; i < 5; i++) {
        pma_backplane_publish(backplane, "hub", body);
    }
    assert_int_equal(pma_backplane_waiting(backplane), 2);
    pma_backplane_free(backplane); /* with what waits in it */
    config.max_queue_messages = 0;
    assert_int_equal(pma_backplane_new(&config, &backplane), -EINVAL);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_out_as_it_went_in),
        cmocka_unit_test(a_message_of_another_shape_is_refused),
        cmocka_unit_test(origins_differ),
        cmocka_unit_test(what_comes_twice_is_known_and_a_gap_is_counted),
        cmocka_unit_test(the_peer_heard_longest_ago_is_forgotten_first),
        cmocka_unit_test(a_full_queue_drops_its_oldest),
        cmocka_unit_test(what_was_not_sent_goes_back_to_the_front),
        cmocka_unit_test(a_backplane_is_bounded_and_publishing_to_none_does_nothing),
    };
    return cmocka_run_group_tests_name("pma_backplane", tests, NULL, NULL);
}
