/* Who a forwarded request comes from, which paths need a proof, which pages may call, and
 * how often.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/forwarded.h"
#include "server/base/address_table.h"
#include "server/base/clock.h"
#include "server/rest/cors.h"
#include "server/rest/gate.h"
#include "server/rest/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct pma_address parse(const char *text)
{
    struct pma_address address;
    assert_int_equal(pma_address_parse(text, strlen(text), &address), 0);
    return address;
}

static void the_right_most_foreign_address_is_the_client(void **state)
{
    static const struct {
        const char *peer, *header, *client;
    } rows[] = {
        {"10.0.0.1", NULL, "10.0.0.1"},
        {"10.0.0.1", "  ", "10.0.0.1"},
        {"10.0.0.1", "203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "127.0.0.1, 203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "127.0.0.1,203.0.113.7,10.0.0.2", "203.0.113.7"},
        {"10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
        {"10.0.0.1", "127.0.0.1", "127.0.0.1"},
        {"203.0.113.9", "127.0.0.1", "203.0.113.9"}, /* no proxy of ours */
        {"10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"},
        {"10.0.0.1", "2001:db8::1", "2001:db8::1"},
        {"10.0.0.1", "203.0.113.7:80", "203.0.113.7"},
        {"10.0.0.1", "[::1", "::"},
        {"10.0.0.1", "[::1]x", "::"},
        {"10.0.0.1", "unknown", "::"},
        {"10.0.0.1", "127.0.0.1, unknown", "::"},
        {"10.0.0.1", "127.0.0.1,", "::"},
        {"10.0.0.1", "unknown, 203.0.113.7", "203.0.113.7"},
    };
    struct pma_networks proxies;
    (void)state;
    assert_int_equal(pma_networks_parse("10.0.0.0/8", &proxies), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[PMA_ADDRESS_BYTES];
        const struct pma_address peer = parse(rows[i].peer);
        const struct pma_address client =
            pma_forwarded_client(&peer, rows[i].header, &proxies);
        pma_address_format(&client, text);
        assert_string_equal(text, rows[i].client);
    }
}

static void all_under_api_is_protected_but_what_is_public(void **state)
{
    static const struct {
        const char *path;
        bool protected;
    } rows[] = {
        {"/", false},
        {"/health", false},
        {"/ws", false},
        {"/metrics", false},
        {"/api/health", false},
        {"/api/status", false},
        {"/api/v1/status", false},
        {"/api/v1/status/", false},
        {"/api/v1/status//", true},
        {"/api/v1/statuses", true},
        {"/api/v1/auth/login", false},
        {"/api/auth/login", false},
        {"/api/v1/auth", true},
        {"/api/v1/authx", true},
        {"/api/v1/events/stream", false},
        {"/api/v1/events/status", true},
        {"/api/v1/screensaver/images", false},
        {"/api/v1/screensaver/images/upload", true},
        {"/api/entities", true},
        {"/api/ai/chat", true},
        {"/api/v1/memory/stats", true},
        {"/api/v1/debug/faults", true},
        {"/api/", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(pma_gate_is_protected(rows[i].path), rows[i].protected);
    }
}

static void a_page_is_known_by_its_whole_origin(void **state)
{
    (void)state;
    assert_string_equal(pma_cors_find("http://localhost:5173"), "http://localhost:5173");
    assert_string_equal(pma_cors_find("HTTP://LOCALHOST"), "http://localhost");
    assert_null(pma_cors_find("http://localhost:51730"));
    assert_null(pma_cors_find("http://localhost.evil.example"));
    assert_null(pma_cors_find("https://localhost"));
    assert_null(pma_cors_find("null"));
    assert_true(pma_cors_is_own("http://home:3001", "home:3001"));
    assert_true(pma_cors_is_own("https://Home", "home"));
    assert_false(pma_cors_is_own("http://home", "home:3001"));
    assert_false(pma_cors_is_own("ftp://home", "home"));
    assert_false(pma_cors_is_own("http://home", NULL));
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    const struct pma_rate_limit_config config = {
        .requests_per_minute = 60, .burst_size = 5, .max_clients = 10};
    const struct pma_address client = parse("203.0.113.7");
    struct pma_rate_limit limit;
    uint64_t now_ns = 1000 * PMA_S_NS;
    (void)state;
    pma_rate_limit_init(&limit, &config);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pma_rate_limit_take(&limit, &client, now_ns), 0);
    }
    assert_int_equal(pma_rate_limit_take(&limit, &client, now_ns), PMA_S_NS);
    now_ns += PMA_S_NS / 2;
    assert_int_equal(pma_rate_limit_take(&limit, &client, now_ns), PMA_S_NS / 2);
    /* For a minute it has one request a second, whenever it asks. */
    int taken = 0;
    for (int i = 0; i < 600; i++) {
        now_ns += PMA_S_NS / 10;
        taken += pma_rate_limit_take(&limit, &client, now_ns) == 0;
    }
    assert_in_range(taken, 60, 61);
    assert_int_equal(limit.refused, 2 + 600 - taken);
    pma_rate_limit_fini(&limit);
}

static void a_full_table_of_buckets_makes_newcomers_share_one(void **state)
{
    const struct pma_rate_limit_config config = {
        .requests_per_minute = 60, .burst_size = 2, .max_clients = 20};
    struct pma_rate_limit limit;
    const uint64_t now_ns = 1000 * PMA_S_NS;
    int taken = 0;
    (void)state;
    pma_rate_limit_init(&limit, &config);
    for (int i = 0; i < 220; i++) {
        char text[PMA_ADDRESS_BYTES];
        snprintf(text, sizeof text, "203.0.113.%d", i);
        const struct pma_address client = parse(text);
        taken += pma_rate_limit_take(&limit, &client, now_ns) == 0;
    }
    assert_int_equal(taken, 20 + 2);
    assert_int_equal(limit.buckets.count, 20);
    assert_int_equal(limit.overflowed, 200);
    /* Who had one keeps it. */
    const struct pma_address first = parse("203.0.113.0");
    assert_int_equal(pma_rate_limit_take(&limit, &first, now_ns), 0);
    pma_rate_limit_sweep(&limit, now_ns + PMA_S_NS);
    assert_int_equal(limit.buckets.count, 1);
    pma_rate_limit_sweep(&limit, now_ns + 2 * PMA_S_NS);
    assert_int_equal(limit.buckets.count, 0);
    assert_null(limit.buckets.entries);
    pma_rate_limit_fini(&limit);
}

static void ipv6_has_one_bucket_per_64(void **state)
{
    const struct pma_rate_limit_config config = {
        .requests_per_minute = 60, .burst_size = 2, .max_clients = 20};
    struct pma_rate_limit limit;
    (void)state;
    pma_rate_limit_init(&limit, &config);
    for (int i = 0; i < 5; i++) {
        char text[PMA_ADDRESS_BYTES];
        snprintf(text, sizeof text, "2001:db8::%d", i);
        const struct pma_address client = parse(text);
        assert_int_equal(pma_rate_limit_take(&limit, &client, PMA_S_NS) == 0, i < 2);
    }
    pma_rate_limit_fini(&limit);
}

static void the_table_of_addresses_stays_whole(void **state)
{
    struct pma_address_table table;
    unsigned random = 4711;
    (void)state;
    pma_address_table_init(&table, 300);
    for (int i = 0; i < 20000; i++) {
        random = random * 1103515245 + 12345;
        const struct pma_address address = {
            {[8] = (uint8_t)(random >> 24), [15] = (uint8_t)((random >> 16) & 1)}};
        struct pma_address_entry *entry = pma_address_table_find(&table, &address);
        if (entry != NULL) {
            assert_int_equal(entry->level, address.bytes[8]);
            pma_address_table_remove(&table, (uint32_t)(entry - table.entries));
        } else {
            entry = pma_address_table_add(&table, &address);
            assert_true(entry != NULL || table.count == 300);
            if (entry != NULL) {
                entry->level = address.bytes[8];
            }
        }
        if (i % 500 == 0) {
            assert_true(pma_address_table_is_valid(&table));
        }
    }
    assert_true(pma_address_table_is_valid(&table));
    pma_address_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_most_foreign_address_is_the_client),
        cmocka_unit_test(all_under_api_is_protected_but_what_is_public),
        cmocka_unit_test(a_page_is_known_by_its_whole_origin),
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(a_full_table_of_buckets_makes_newcomers_share_one),
        cmocka_unit_test(ipv6_has_one_bucket_per_64),
        cmocka_unit_test(the_table_of_addresses_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
