/* The hub as the rest of the server uses it, with a bare client on the other end of a
 * socket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/hub/hub.h"
#include "server/hub/hub_event.h"
#include "server/log/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 5000

static const struct pma_hub_config settings = {.max_clients = 2,
                                               .send_queue_messages = 16,
                                               .max_queue_messages = 3,
                                               .client_timeout_ns = 60 * PMA_S_NS,
                                               .cleanup_interval_ns = 60 * PMA_S_NS,
                                               .ping_interval_ns = 60 * PMA_S_NS,
                                               .pong_timeout_ns = 60 * PMA_S_NS,
                                               .heartbeat_interval_ns = 60 * PMA_S_NS,
                                               .max_message_bytes = 4096};
static struct pma_hub *hub;

static int setup(void **state)
{
    (void)state;
    pma_log_set_level(PMA_LOG_ERROR);
    return pma_hub_new(&settings, &hub);
}

static int teardown(void **state)
{
    int status = pma_hub_stop(hub, pma_now_ns() + PMA_S_NS);

    (void)state;
    pma_hub_free(hub);
    return status;
}

/* Both ends of a TCP connection over the loopback. */
static void connect_pair(int *client, int *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&address, &address_bytes);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*client, (struct sockaddr *)&address, sizeof(address)), 0);
    *server = accept(listener, NULL, NULL);
    assert_true(*server >= 0);
    close(listener);
}

static int adopt(int fd)
{
    const struct sockaddr_in peer = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return pma_hub_adopt(hub, fd, (const struct sockaddr *)&peer, sizeof(peer));
}

/* Reads until `text` has come; what came with it is gone. */
static void expect(int fd, const char *text)
{
    char bytes[8192];
    size_t used = 0;

    while (memmem(bytes, used, text, strlen(text)) == NULL) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        ssize_t got;

        assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
        got = recv(fd, bytes + used, sizeof(bytes) - used, 0);
        assert_true(got > 0);
        used += (size_t)got;
    }
}

/* Reads what comes next, which has to hold `text`. */
static void expect_next(int fd, const char *text)
{
    char bytes[4096];
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    ssize_t got;

    assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1);
    got = recv(fd, bytes, sizeof(bytes), 0);
    assert_true(got > 0);
    assert_non_null(memmem(bytes, (size_t)got, text, strlen(text)));
}

/* A client after its welcome. */
static int join_hub(void)
{
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    int client;
    int server;

    connect_pair(&client, &server);
    assert_int_equal(send(client, request, sizeof(request) - 1, 0), sizeof(request) - 1);
    assert_int_equal(adopt(server), 0);
    expect(client, "\"welcome\"");
    return client;
}

/* Sends a document of fewer than 126 bytes, masked with zeros. */
static void say(int client, const char *text)
{
    unsigned char frame[6 + 125] = {0x81, (unsigned char)(0x80 | strlen(text))};

    memcpy(frame + 6, text, strlen(text));
    assert_true(send(client, frame, 6 + strlen(text), 0) > 0);
}

static uint64_t figure(const char *key)
{
    json_t *stats = pma_hub_stats_json(hub);
    json_int_t value = json_integer_value(json_object_get(stats, key));

    json_decref(stats);
    return (uint64_t)value;
}

static void a_limit_of_zero_is_refused(void **state)
{
    struct pma_hub_config wrong = settings;
    struct pma_hub *made = NULL;

    (void)state;
    wrong.send_queue_messages = 0;
    assert_int_equal(pma_hub_new(&wrong, &made), -EINVAL);
    wrong = settings;
    wrong.max_clients = 0;
    assert_int_equal(pma_hub_new(&wrong, &made), -EINVAL);
    assert_null(made);
    pma_hub_free(NULL);
}

static void a_publication_reaches_those_who_want_it(void **state)
{
    uint32_t clients = 99;
    int wants;
    int wants_not;

    (void)state;
    assert_int_equal(pma_hub_start(hub), 0);
    wants = join_hub();
    wants_not = join_hub();
    say(wants_not, "{\"type\":\"subscribe\",\"data\":{\"topics\":[\"room:1\"]}}");
    expect(wants_not, "subscription_confirmed");
    say(wants, "{\"type\":\"subscribe\",\"data\":{\"topics\":[\"entity:*\"]}}");
    expect(wants, "subscription_confirmed");
    assert_int_equal(pma_hub_publish(hub, "entity:1", "for-one", NULL, &clients), 0);
    assert_int_equal(clients, 1);
    expect(wants, "\"for-one\"");
    assert_int_equal(pma_hub_broadcast(hub, "for-all", NULL, &clients), 0);
    assert_int_equal(clients, 2);
    expect(wants_not, "\"for-all\"");
    expect(wants, "\"for-all\"");
    /* Welcome and confirmation twice, for-one, for-all twice; counted just after they are
     * written. */
    for (int waits = 0; figure("messages_sent") != 7 && waits < DEADLINE_MS; waits++) {
        usleep(1000);
    }
    assert_int_equal(figure("messages_sent"), 7);
    close(wants);
    close(wants_not);
}

static void a_change_reaches_who_filters_for_it_and_who_never_filtered(void **state)
{
    static const struct pma_event_subject lamp = {.entity_id = "ha_light.k",
                                                  .entity_type = "light",
                                                  .source = "homeassistant",
                                                  .room_id = "7",
                                                  .adapter_id = "sim"};
    static const struct pma_event_subject hall = {.room_id = "8"};
    static const char *const wanted[] = {"entity:ha_light.k",
                                         "entity:*",
                                         "entity_updates:*",
                                         "room:7",
                                         "room:*",
                                         "source:homeassistant",
                                         "type:light",
                                         "adapter:*",
                                         "homeassistant",
                                         "ha_events",
                                         "ha_events:state_changed",
                                         "event:*",
                                         "*"};
    static const char *const other[] = {"entity:ha_light.l", "room:8", "type:sensor",
                                        "event:room_updated", "entity"};
    char text[120];
    int filters;
    int never;

    (void)state;
    assert_int_equal(pma_hub_start(hub), 0);
    never = join_hub();
    filters = join_hub();
    assert_int_equal(pma_event_send(hub, NULL, &lamp, NULL), -EINVAL);
    for (size_t at = 0; at < sizeof(other) / sizeof(other[0]); at++) {
        snprintf(text, sizeof(text), "{\"type\":\"subscribe_topic\",\"topic\":\"%s\"}",
                 other[at]);
        say(filters, text);
        expect(filters, "confirmed");
    }
    for (size_t at = 0; at < sizeof(wanted) / sizeof(wanted[0]); at++) {
        snprintf(text, sizeof(text), "{\"type\":\"subscribe_topic\",\"topic\":\"%s\"}",
                 wanted[at]);
        say(filters, text);
        expect(filters, "confirmed");
        assert_int_equal(pma_event_send(hub, "pma_entity_state_changed", &lamp, NULL), 0);
        expect(filters, "pma_entity_state_changed");
        expect(never, "pma_entity_state_changed");
        snprintf(text, sizeof(text), "{\"type\":\"unsubscribe_topic\",\"topic\":\"%s\"}",
                 wanted[at]);
        say(filters, text);
        expect(filters, "confirmed");
        assert_int_equal(pma_event_send(hub, "pma_entity_state_changed", &lamp, NULL), 0);
        expect(never, "pma_entity_state_changed");
    }
    /* What it was not to get would have come before this. */
    assert_int_equal(pma_event_send(hub, "room_updated", &hall, NULL), 0);
    expect_next(filters, "room_updated");
    close(filters);
    close(never);
}

static void events_of_the_system_have_topics_of_their_own(void **state)
{
    int filters;

    (void)state;
    assert_int_equal(pma_hub_start(hub), 0);
    filters = join_hub();
    say(filters,
        "{\"type\":\"subscribe\",\"topics\":[\"automation_events\",\"system_status\"]}");
    expect(filters, "confirmed");
    assert_int_equal(pma_event_send(hub, "scene_activated", NULL, NULL), 0);
    assert_int_equal(pma_event_send(hub, "automation_triggered", NULL, NULL), 0);
    expect_next(filters, "automation_triggered");
    assert_int_equal(pma_event_send(hub, "system_status", NULL, NULL), 0);
    expect_next(filters, "system_status");
    close(filters);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    uint32_t clients = 99;

    (void)state;
    assert_int_equal(pma_hub_broadcast(hub, NULL, NULL, &clients), -EINVAL);
    assert_int_equal(pma_hub_broadcast(hub, "", NULL, &clients), -EINVAL);
    assert_int_equal(pma_hub_publish(hub, "entity:*", "x", NULL, &clients), -EINVAL);
    assert_int_equal(pma_hub_publish(hub, "", "x", NULL, &clients), -EINVAL);
    assert_int_equal(clients, 99);
}

static void a_full_inbox_drops_the_oldest_and_counts(void **state)
{
    (void)state;
    for (int n = 0; n < 5; n++) {
        assert_int_equal(pma_hub_broadcast(hub, "x", NULL, NULL), 0);
    }
    assert_int_equal(figure("inbox_messages"), 3);
    assert_int_equal(figure("dropped"), 2);
}

static void a_full_hub_leaves_the_socket_to_its_caller(void **state)
{
    int clients[3];
    int servers[3];

    (void)state;
    for (int n = 0; n < 3; n++) {
        connect_pair(&clients[n], &servers[n]);
    }
    assert_int_equal(adopt(servers[0]), 0);
    assert_false(pma_hub_is_full(hub));
    assert_int_equal(adopt(servers[1]), 0);
    assert_true(pma_hub_is_full(hub));
    assert_int_equal(adopt(servers[2]), -EBUSY);
    assert_int_equal(close(servers[2]), 0);
    for (int n = 0; n < 3; n++) {
        close(clients[n]);
    }
}

static void a_stopped_hub_takes_nothing_more(void **state)
{
    int client;
    int server;

    (void)state;
    assert_int_equal(pma_hub_start(hub), 0);
    assert_int_equal(pma_hub_start(hub), -EALREADY);
    client = join_hub();
    assert_int_equal(pma_hub_stop(hub, pma_now_ns() + PMA_S_NS), 0);
    expect(client, "\x03\xe9server is stopping");
    close(client);
    connect_pair(&client, &server);
    assert_int_equal(adopt(server), -ESHUTDOWN);
    assert_int_equal(pma_hub_broadcast(hub, "x", NULL, NULL), -ESHUTDOWN);
    close(client);
    close(server);
}

static void only_who_is_connected_can_be_disconnected(void **state)
{
    (void)state;
    assert_int_equal(pma_hub_disconnect(hub, "nobody", NULL), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_of_zero_is_refused),
        cmocka_unit_test_setup_teardown(a_publication_reaches_those_who_want_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_change_reaches_who_filters_for_it_and_who_never_filtered, setup, teardown),
        cmocka_unit_test_setup_teardown(events_of_the_system_have_topics_of_their_own,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_inbox_drops_the_oldest_and_counts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_hub_leaves_the_socket_to_its_caller, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stopped_hub_takes_nothing_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_who_is_connected_can_be_disconnected, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
