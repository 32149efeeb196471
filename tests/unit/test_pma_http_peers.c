/* Connections of HTTP: whose, since when, and their end; and the access log.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/rest/access_log.h"
#include "server/rest/http_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int log_fd;

static int setup_log(void **state)
{
    (void)state;
    log_fd = memfd_create("log", MFD_CLOEXEC);
    pma_log_set_fd(log_fd);
    return log_fd < 0 ? -1 : 0;
}

static int teardown_log(void **state)
{
    (void)state;
    pma_log_set_fd(STDOUT_FILENO);
    return close(log_fd);
}

/* Reads the log: its lines in an array. Owned by the caller. */
static json_t *read_log(void)
{
    static char text[1 << 20];
    const ssize_t got = pread(log_fd, text, sizeof text - 1, 0);
    assert_true(got >= 0);
    text[got] = '\0';
    json_t *lines = json_array();
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_array_append_new(lines, json_loads(line, 0, NULL));
    }
    return lines;
}

static struct sockaddr_in peer_at(const char *address)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, address, &peer.sin_addr), 1);
    return peer;
}

static struct pma_http_peers *make_peers(uint32_t per_address, uint64_t timeout_ns)
{
    const struct pma_http_peers_config config = {.max_connections = 8,
                                                 .max_per_address = per_address,
                                                 .head_timeout_ns = timeout_ns,
                                                 .read_timeout_ns = timeout_ns,
                                                 .write_timeout_ns = timeout_ns};
    struct pma_http_peers *peers = NULL;
    assert_int_equal(pma_http_peers_new(&config, &peers), 0);
    return peers;
}

static bool refuses(struct pma_http_peers *peers, const char *address)
{
    const struct sockaddr_in peer = peer_at(address);
    return pma_http_peers_refuse(peers, (const struct sockaddr *)&peer);
}

static struct pma_http_peer *open_at(struct pma_http_peers *peers, int fd,
                                     const char *address)
{
    const struct sockaddr_in peer = peer_at(address);
    return pma_http_peers_open(peers, fd, (const struct sockaddr *)&peer);
}

static void an_address_is_refused_beyond_its_connections(void **state)
{
    struct pma_http_peers *peers = make_peers(2, PMA_S_NS);
    struct pma_http_peers_stats stats;
    (void)state;
    assert_false(refuses(peers, "10.0.0.1"));
    struct pma_http_peer *first = open_at(peers, -1, "10.0.0.1");
    struct pma_http_peer *second = open_at(peers, -1, "10.0.0.1");
    struct pma_http_peer *unknown = pma_http_peers_open(peers, -1, NULL);
    assert_true(refuses(peers, "10.0.0.1"));
    assert_false(refuses(peers, "10.0.0.2"));
    pma_http_peers_stats_read(peers, &stats);
    assert_int_equal(stats.connections, 3);
    assert_int_equal(stats.addresses, 1);
    assert_int_equal(stats.refused_address, 1);
    pma_http_peers_close(peers, first);
    assert_false(refuses(peers, "10.0.0.1"));
    pma_http_peers_close(peers, unknown);
    pma_http_peers_close(peers, second);
    pma_http_peers_stats_read(peers, &stats);
    assert_int_equal(stats.connections, 0);
    assert_int_equal(stats.addresses, 0);
    pma_http_peers_free(peers);
}

/* Whether the other end of a pair has been shut down. */
static bool is_shut(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void what_takes_too_long_is_shut_down_once(void **state)
{
    static const struct {
        enum pma_http_phase phase;
        bool ends;
    } rows[] = {{PMA_PHASE_HEAD, true},
                {PMA_PHASE_BODY, true},
                {PMA_PHASE_REPLY, true},
                {PMA_PHASE_WORK, false},
                {PMA_PHASE_STREAM, false}};
    struct pma_http_peers *peers = make_peers(8, PMA_MS_NS);
    struct pma_http_peer *entries[5];
    int pairs[5][2];
    struct pma_http_peers_stats stats;
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        entries[i] = open_at(peers, pairs[i][0], "10.0.0.1");
        pma_http_peers_enter(peers, entries[i], rows[i].phase, NULL, NULL);
    }
    usleep(3000);
    pma_http_peers_expire(peers);
    pma_http_peers_expire(peers);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(is_shut(pairs[i][1]), rows[i].ends);
    }
    pma_http_peers_stats_read(peers, &stats);
    assert_int_equal(stats.late_heads, 1);
    assert_int_equal(stats.late_bodies, 1);
    assert_int_equal(stats.late_replies, 1);
    for (size_t i = 0; i < 5; i++) {
        pma_http_peers_close(peers, entries[i]);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    pma_http_peers_free(peers);
}

static void requests_that_run_are_named(void **state)
{
    struct pma_http_peers *peers = make_peers(8, PMA_S_NS);
    (void)state;
    struct pma_http_peer *busy = open_at(peers, -1, "10.0.0.1");
    struct pma_http_peer *idle = open_at(peers, -1, "10.0.0.1");
    pma_http_peers_enter(peers, busy, PMA_PHASE_WORK, "GET", "/api/v1/x");
    assert_int_equal(pma_http_peers_report(peers), 1);
    json_t *lines = read_log();
    assert_int_equal(json_array_size(lines), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(lines, 0), "request")),
        "GET /api/v1/x");
    json_decref(lines);
    pma_http_peers_close(peers, busy);
    pma_http_peers_close(peers, idle);
    pma_http_peers_free(peers);
}

static void limits_of_nothing_are_refused(void **state)
{
    const struct pma_http_peers_config config = {.max_connections = 1};
    struct pma_http_peers *peers = NULL;
    (void)state;
    assert_int_equal(pma_http_peers_new(&config, &peers), -EINVAL);
    assert_null(peers);
}

static void add(struct pma_access_log *log, const char *route, unsigned status,
                uint64_t ms)
{
    const struct pma_request request = {.method = PMA_METHOD_GET,
                                        .method_text = "GET",
                                        .path = "/path",
                                        .query = "secret=1",
                                        .route = route,
                                        .client = "10.0.0.1"};
    pma_access_log_add(log, &request, status, ms * PMA_MS_NS);
}

static double number(const json_t *line, const char *name)
{
    return json_number_value(json_object_get(line, name));
}

static void successes_are_told_in_summary(void **state)
{
    static const char first[] = "/first";
    static const char second[] = "/second";
    const struct pma_access_log_config config = {.batch_requests = 4,
                                                 .batch_ns = 60 * PMA_S_NS};
    struct pma_access_log *log = NULL;
    (void)state;
    assert_int_equal(pma_access_log_new(&config, &log), 0);
    add(log, first, 200, 1);
    add(log, first, 201, 1); /* its own line */
    add(log, first, 200, 5);
    add(log, second, 200, 7);
    add(log, first, 200, 3);
    add(log, second, 200, 9); /* waits */
    json_t *lines = read_log();
    assert_int_equal(json_array_size(lines), 3);
    const json_t *alone = json_array_get(lines, 0);
    assert_int_equal(number(alone, "status"), 201);
    assert_string_equal(json_string_value(json_object_get(alone, "path")), "/path");
    const json_t *summary = json_array_get(lines, 1);
    assert_string_equal(json_string_value(json_object_get(summary, "route")), first);
    assert_int_equal(number(summary, "count"), 3);
    assert_int_equal(number(summary, "min_ms"), 1);
    assert_int_equal(number(summary, "avg_ms"), 3);
    assert_int_equal(number(summary, "max_ms"), 5);
    assert_int_equal(number(json_array_get(lines, 2), "count"), 1);
    json_decref(lines);
    pma_access_log_free(log); /* tells what waited */
    lines = read_log();
    assert_int_equal(json_array_size(lines), 4);
    assert_int_equal(number(json_array_get(lines, 3), "max_ms"), 9);
    json_decref(lines);
}

static void more_routes_than_rows_lose_nothing(void **state)
{
    static char routes[600][8];
    const struct pma_access_log_config config = {.batch_requests = 100000,
                                                 .batch_ns = 60 * PMA_S_NS};
    struct pma_access_log *log = NULL;
    double sum = 0;
    (void)state;
    assert_int_equal(pma_access_log_new(&config, &log), 0);
    for (size_t i = 0; i < 600; i++) {
        routes[i][0] = 'r';
        add(log, routes[i], 200, 1);
    }
    pma_access_log_free(log);
    json_t *lines = read_log();
    for (size_t i = 0; i < json_array_size(lines); i++) {
        sum += number(json_array_get(lines, i), "count");
    }
    assert_int_equal(sum, 600);
    json_decref(lines);
}

#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, setup_log, teardown_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_refused_beyond_its_connections),
        LOG_TEST(what_takes_too_long_is_shut_down_once),
        LOG_TEST(requests_that_run_are_named),
        cmocka_unit_test(limits_of_nothing_are_refused),
        LOG_TEST(successes_are_told_in_summary),
        LOG_TEST(more_routes_than_rows_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
