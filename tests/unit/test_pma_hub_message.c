/* Codec of the hub's documents.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_message.h"
#include "server/hub/hub_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_message_has_type_data_and_time(void **state)
{
    json_t *data = json_pack("{s:i}", "n", 1);
    struct pma_message *message = NULL;
    json_t *parsed;

    (void)state;
    assert_int_equal(pma_message_new("notification", data, NULL, &message), 0);
    parsed = json_loadb((char *)pma_message_text(message), message->text_bytes, 0, NULL);
    assert_non_null(parsed);
    assert_string_equal(json_string_value(json_object_get(parsed, "type")),
                        "notification");
    assert_true(json_equal(json_object_get(parsed, "data"), data));
    assert_true(json_is_string(json_object_get(parsed, "timestamp")));
    assert_null(json_object_get(parsed, "request_id"));
    json_decref(parsed);
    json_decref(data);
    pma_message_release(message);
}

static void without_data_there_is_an_empty_object(void **state)
{
    json_t *request_id = json_string("r");
    struct pma_message *message = NULL;
    json_t *parsed;

    (void)state;
    assert_int_equal(pma_message_new("x", NULL, request_id, &message), 0);
    parsed = json_loadb((char *)pma_message_text(message), message->text_bytes, 0, NULL);
    assert_int_equal(json_object_size(json_object_get(parsed, "data")), 0);
    assert_true(json_equal(json_object_get(parsed, "request_id"), request_id));
    json_decref(parsed);
    json_decref(request_id);
    pma_message_release(message);
}

static void a_type_that_is_not_utf8_is_refused(void **state)
{
    struct pma_message *message = NULL;

    (void)state;
    assert_int_not_equal(pma_message_new("\xff", NULL, NULL, &message), 0);
    assert_null(message);
}

static void a_request_may_have_its_members_beside_the_type(void **state)
{
    static const char text[] =
        "{\"type\":\"subscribe\",\"topics\":[\"a\"],\"request_id\":3}";
    struct pma_request request;
    const char *why = NULL;

    (void)state;
    assert_int_equal(pma_request_parse(text, sizeof(text) - 1, &request, &why), 0);
    assert_string_equal(request.type, "subscribe");
    assert_int_equal(json_array_size(json_object_get(request.data, "topics")), 1);
    assert_int_equal(json_integer_value(request.id), 3);
    pma_request_fini(&request);
}

static void a_request_that_is_wrong_says_why(void **state)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "\"type\"",
                                        "{\"type\":1}",
                                        "{\"type\":\"\"}",
                                        "{\"type\":\"a\",\"type\":\"b\"}",
                                        "{\"type\":\"a\",\"data\":[]}"};

    (void)state;
    for (size_t at = 0; at < sizeof(wrong) / sizeof(wrong[0]); at++) {
        struct pma_request request = {0};
        const char *why = NULL;

        assert_int_equal(pma_request_parse(wrong[at], strlen(wrong[at]), &request, &why),
                         -EINVAL);
        assert_non_null(why);
        assert_null(request.document);
    }
}

static void a_full_queue_refuses_and_keeps_the_order(void **state)
{
    struct pma_queue queue;
    struct pma_queue_slot slot = {0};
    struct pma_message *messages[5] = {0};

    (void)state;
    assert_int_equal(pma_queue_init(&queue, 3, false), 0);
    for (int n = 0; n < 5; n++) {
        assert_int_equal(pma_message_new("x", NULL, NULL, &messages[n]), 0);
    }
    for (int n = 0; n < 3; n++) {
        assert_int_equal(pma_queue_push(&queue, messages[n], 0), 0);
    }
    assert_int_equal(pma_queue_push(&queue, messages[3], 0), -ENOSPC);
    assert_int_equal(messages[3]->references, 1);
    assert_true(pma_queue_take(&queue, &slot));
    assert_ptr_equal(slot.message, messages[0]);
    pma_message_release(slot.message);
    assert_int_equal(pma_queue_push(&queue, messages[4], 0), 0);
    for (int expected = 1; expected < 5; expected += expected == 2 ? 2 : 1) {
        assert_true(pma_queue_take(&queue, &slot));
        assert_ptr_equal(slot.message, messages[expected]);
        pma_message_release(slot.message);
    }
    assert_false(pma_queue_take(&queue, &slot));
    for (int n = 0; n < 5; n++) {
        assert_int_equal(messages[n]->references, 1);
        pma_message_release(messages[n]);
    }
    pma_queue_fini(&queue);
}

/* Runs messages through a queue whose head is somewhere else each time. */
static void run_through(struct pma_queue *queue, struct pma_message *message)
{
    for (uint64_t waiting = 1; waiting <= queue->capacity; waiting++) {
        struct pma_queue_slot slot = {0};

        for (uint64_t n = 0; n < waiting; n++) {
            assert_int_equal(pma_queue_push(queue, message, n), 0);
        }
        for (uint64_t n = 0; n < waiting; n++) {
            assert_true(pma_queue_take(queue, &slot));
            assert_int_equal(slot.queued_ns, n);
            pma_message_release(slot.message);
            if (n == 0) { /* one place more, at the end of a ring that is turned */
                assert_int_equal(pma_queue_push(queue, message, waiting), 0);
            }
        }
        assert_true(pma_queue_take(queue, &slot));
        assert_int_equal(slot.queued_ns, waiting);
        pma_message_release(slot.message);
        assert_int_equal(queue->count, 0);
    }
}

static void a_queue_grows_in_order_and_goes_home_when_empty(void **state)
{
    struct pma_message *message = NULL;
    struct pma_queue queue;

    (void)state;
    assert_int_equal(pma_message_new("x", NULL, NULL, &message), 0);
    for (uint32_t capacity = 1; capacity < 40; capacity++) {
        assert_int_equal(pma_queue_init(&queue, capacity, false), 0);
        run_through(&queue, message);
        assert_ptr_equal(queue.slots, queue.at_home);
        for (uint32_t n = 0; n < capacity; n++) {
            assert_int_equal(pma_queue_push(&queue, message, n), 0);
        }
        assert_int_equal(pma_queue_push(&queue, message, 0), -ENOSPC);
        pma_queue_fini(&queue);
        assert_int_equal(message->references, 1);
        assert_int_equal(pma_queue_init(&queue, capacity, true), 0);
        run_through(&queue, message);
        assert_true(queue.slots_count >= capacity);
        pma_queue_fini(&queue);
    }
    pma_message_release(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_type_data_and_time),
        cmocka_unit_test(without_data_there_is_an_empty_object),
        cmocka_unit_test(a_type_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_request_may_have_its_members_beside_the_type),
        cmocka_unit_test(a_request_that_is_wrong_says_why),
        cmocka_unit_test(a_full_queue_refuses_and_keeps_the_order),
        cmocka_unit_test(a_queue_grows_in_order_and_goes_home_when_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
