/* The event stream with connections of our own: suspend and resume alternate, queues are
 * bounded, and whoever publishes, reads and ends at the same time does no harm.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/metrics/metrics.h"
#include "server/pool/pool.h"
#include "server/sse/event_stream.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PUBLISHERS 3
#define EVENTS     400

/* What libmicrohttpd is otherwise. */
struct connection {
    _Atomic int suspended;
    _Atomic unsigned suspends, resumes, wrong;
};

static void suspend(void *arg)
{
    struct connection *connection = arg;
    atomic_fetch_add(&connection->wrong, atomic_exchange(&connection->suspended, 1) != 0);
    atomic_fetch_add(&connection->suspends, 1);
}

static void resume(void *arg)
{
    struct connection *connection = arg;
    atomic_fetch_add(&connection->wrong, atomic_exchange(&connection->suspended, 0) != 1);
    atomic_fetch_add(&connection->resumes, 1);
}

static const struct pma_event_stream_config settings = {
    .max_clients = 2,
    .queue_events = 4,
    .heartbeat_interval_ns = 3600 * PMA_S_NS,
    .figures_interval_ns = 3600 * PMA_S_NS,
};
static const struct pma_event_stream_hooks hooks = {.suspend = suspend, .resume = resume};

static struct pma_event_stream *stream;
static struct connection connection;
static struct pma_event_client *client;
static char bytes[8192];

static int setup(void **state)
{
    (void)state;
    pma_log_set_level(PMA_LOG_ERROR);
    memset(&connection, 0, sizeof connection);
    client = NULL;
    return pma_event_stream_new(&settings, &hooks, &stream) != 0 ||
           pma_event_stream_start(stream) != 0;
}

static int teardown(void **state)
{
    (void)state;
    const int err = pma_event_stream_stop(stream, 5 * PMA_S_NS);
    if (client != NULL) {
        pma_event_client_end(client);
    }
    pma_event_stream_free(stream);
    pma_metrics_fini();
    pma_pools_trim();
    return err;
}

/* Reads what is there as text. Returns: as pma_event_client_read. */
static int64_t read_client(void)
{
    const int64_t got = pma_event_client_read(client, bytes, sizeof bytes - 1);
    bytes[got > 0 ? got : 0] = '\0';
    return got;
}

static struct pma_event_stream_stats stats_now(void)
{
    struct pma_event_stream_stats stats;
    pma_event_stream_stats_read(stream, &stats);
    return stats;
}

static void come(void)
{
    assert_int_equal(pma_event_client_new(stream, &connection, -1, &client), 0);
}

/* Reads until nothing more is due: the status has come, 100 ms after the client. */
static void read_all(void)
{
    const uint64_t until_ns = pma_now_ns() + 10 * PMA_S_NS;
    bool has_status = false;
    while (!has_status && pma_now_ns() < until_ns) {
        if (connection.suspended != 0) {
            usleep(1000);
        } else if (read_client() > 0) {
            has_status = strstr(bytes, "\"system_status\"") != NULL;
        }
    }
    assert_true(has_status);
    assert_int_equal(read_client(), 0);
}

static void the_first_event_is_a_heartbeat_with_an_id(void **state)
{
    (void)state;
    come();
    assert_true(read_client() > 0);
    assert_non_null(strstr(bytes, "data: {\"type\":\"heartbeat\""));
    assert_non_null(strstr(bytes, "\"connectionId\":\"sse-1\""));
    assert_string_equal(bytes + strlen(bytes) - 2, "\n\n");
}

static void a_client_sleeps_while_nothing_waits_and_is_woken(void **state)
{
    (void)state;
    come();
    read_all();
    assert_int_equal(connection.suspended, 1);
    pma_event_stream_publish(stream, "first", NULL);
    assert_int_equal(connection.suspended, 0);
    pma_event_stream_publish(stream, "second", NULL);
    assert_true(read_client() > 0);
    const char *first = strstr(bytes, "\"first\"");
    assert_non_null(first);
    assert_true(strstr(bytes, "\"second\"") > first);
    assert_int_equal(connection.wrong, 0);
}

static void pieces_of_any_size_make_the_same_text(void **state)
{
    char whole[8192] = "";
    size_t used = 0;
    (void)state;
    come();
    pma_event_stream_publish(stream, "split", NULL);
    for (size_t most = 1; used < sizeof whole - 200; most = most % 7 + 1) {
        const int64_t got = pma_event_client_read(client, whole + used, most);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    whole[used] = '\0';
    assert_non_null(strstr(whole, "\n\ndata: {\"type\":\"split\",\"data\":{}"));
}

static void a_full_queue_drops_what_is_new_and_counts_it(void **state)
{
    (void)state;
    come(); /* its heartbeat is the first of the four */
    for (int i = 0; i < 20; i++) {
        char type[16];
        snprintf(type, sizeof type, "event-%d", i);
        pma_event_stream_publish(stream, type, NULL);
    }
    assert_int_equal(stats_now().queued_events, 4);
    assert_true(stats_now().dropped >= 17);
    assert_true(read_client() > 0);
    assert_non_null(strstr(bytes, "\"event-0\""));
    assert_null(strstr(bytes, "\"event-3\""));
    assert_int_equal(stats_now().queued_events, 0);
}

static void there_are_no_more_clients_than_allowed(void **state)
{
    struct pma_event_client *second = NULL;
    struct pma_event_client *third = NULL;
    struct connection other = {0};
    (void)state;
    come();
    assert_int_equal(pma_event_client_new(stream, &other, -1, &second), 0);
    assert_int_equal(pma_event_client_new(stream, &other, -1, &third), -EBUSY);
    assert_null(third);
    assert_int_equal(stats_now().refused_clients, 1);
    pma_event_client_end(second);
    assert_int_equal(pma_event_client_new(stream, &other, -1, &third), 0);
    pma_event_client_end(third);
}

static void after_the_stop_every_stream_ends(void **state)
{
    struct pma_event_client *late = NULL;
    (void)state;
    come();
    read_all();
    assert_int_equal(connection.suspended, 1);
    assert_int_equal(pma_event_stream_stop(stream, 5 * PMA_S_NS), 0);
    assert_int_equal(connection.suspended, 0);
    while (read_client() > 0) {
    }
    assert_int_equal(read_client(), -1);
    assert_int_equal(pma_event_client_new(stream, &connection, -1, &late), -ESHUTDOWN);
    pma_event_stream_publish(stream, "unheard", NULL);
    assert_int_equal(stats_now().queued_events, 0);
}

static void settings_without_meaning_are_refused(void **state)
{
    struct pma_event_stream *none = NULL;
    struct pma_event_stream_config wrong = settings;
    struct pma_event_stream_hooks missing = hooks;
    (void)state;
    wrong.queue_events = 3;
    assert_int_equal(pma_event_stream_new(&wrong, &hooks, &none), -EINVAL);
    wrong = settings;
    wrong.max_clients = 0;
    assert_int_equal(pma_event_stream_new(&wrong, &hooks, &none), -EINVAL);
    missing.resume = NULL;
    assert_int_equal(pma_event_stream_new(&settings, &missing, &none), -EINVAL);
    assert_null(none);
}

static void *publish(void *arg)
{
    (void)arg;
    for (int i = 0; i < EVENTS; i++) {
        pma_event_stream_publish(stream, "busy", NULL);
        if (i % 16 == 0) {
            usleep(200);
        }
    }
    return NULL;
}

static void publishers_and_a_reader_keep_suspend_and_resume_in_turn(void **state)
{
    pthread_t threads[PUBLISHERS];
    uint64_t seen = 0;
    (void)state;
    come();
    for (int i = 0; i < PUBLISHERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, publish, NULL), 0);
    }
    const uint64_t until_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (stats_now().events < PUBLISHERS * EVENTS && pma_now_ns() < until_ns) {
        if (connection.suspended != 0) {
            usleep(50);
        } else if (read_client() > 0) {
            seen++;
        }
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(stats_now().events, PUBLISHERS * EVENTS);
    assert_true(seen > 0);
    assert_int_equal(connection.wrong, 0);
    assert_int_equal(connection.suspends, connection.resumes + connection.suspended);
}

#define STREAM_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(the_first_event_is_a_heartbeat_with_an_id),
        STREAM_TEST(a_client_sleeps_while_nothing_waits_and_is_woken),
        STREAM_TEST(pieces_of_any_size_make_the_same_text),
        STREAM_TEST(a_full_queue_drops_what_is_new_and_counts_it),
        STREAM_TEST(there_are_no_more_clients_than_allowed),
        STREAM_TEST(after_the_stop_every_stream_ends),
        STREAM_TEST(publishers_and_a_reader_keep_suspend_and_resume_in_turn),
        cmocka_unit_test(settings_without_meaning_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
