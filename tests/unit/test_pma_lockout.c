/* Lock-outs: who is counted, for how long, and what a full table does.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/lockout.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DURATION_NS 1000
#define ENTRIES     16

static const struct pma_lockout_config config = {
    .failures = 3, .duration_ns = DURATION_NS, .max_entries = ENTRIES};

static struct pma_lockout lockout;

static int setup(void **state)
{
    (void)state;
    pma_lockout_init(&lockout, &config);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pma_lockout_fini(&lockout);
    return 0;
}

static struct pma_lockout_client client_at(const char *address, const char *id)
{
    struct pma_lockout_client client = {.id = id};
    assert_int_equal(pma_address_parse(address, strlen(address), &client.address), 0);
    return client;
}

static int try_at(const char *address, const char *id, uint64_t now_ns)
{
    const struct pma_lockout_client client = client_at(address, id);
    return pma_lockout_try(&lockout, &client, now_ns);
}

static void an_address_is_locked_whatever_id_it_sends(void **state)
{
    (void)state;
    assert_int_equal(try_at("10.0.0.1", "a", 1), 0);
    assert_int_equal(try_at("10.0.0.1", NULL, 1), 0);
    assert_int_equal(try_at("10.0.0.1", "b", 1), 0);
    assert_int_equal(try_at("10.0.0.1", "c", 1), -EAGAIN);
    assert_int_equal(try_at("10.0.0.1", "", 1), -EAGAIN);
    assert_int_equal(try_at("::ffff:10.0.0.1", NULL, 1), -EAGAIN);
    assert_int_equal(try_at("10.0.0.2", "c", 1), 0);
    assert_int_equal(lockout.count, 5); /* both addresses, a, b, c: not one per try */
}

static void an_id_is_locked_wherever_it_comes_from(void **state)
{
    (void)state;
    assert_int_equal(try_at("10.0.0.1", "a", 1), 0);
    assert_int_equal(try_at("10.0.0.2", "a", 1), 0);
    assert_int_equal(try_at("10.0.0.3", "a", 1), 0);
    assert_int_equal(try_at("10.0.0.4", "a", 1), -EAGAIN);
    assert_int_equal(try_at("10.0.0.4", "b", 1), 0);
}

static void ipv6_counts_by_its_64(void **state)
{
    (void)state;
    assert_int_equal(try_at("2001:db8::1", NULL, 1), 0);
    assert_int_equal(try_at("2001:db8::2", NULL, 1), 0);
    assert_int_equal(try_at("2001:db8::ffff:3", NULL, 1), 0);
    assert_int_equal(try_at("2001:db8::4", NULL, 1), -EAGAIN);
    assert_int_equal(try_at("2001:db8:0:1::1", NULL, 1), 0);
}

static void a_lock_ends_after_its_time_since_the_last_failure(void **state)
{
    (void)state;
    for (uint64_t now = 1; now <= 3; now++) {
        assert_int_equal(try_at("10.0.0.1", NULL, now), 0);
    }
    assert_int_equal(try_at("10.0.0.1", NULL, 2 + DURATION_NS), -EAGAIN);
    assert_int_equal(try_at("10.0.0.1", NULL, 3 + DURATION_NS), 0);
    assert_int_equal(lockout.refused, 1);
    assert_int_equal(lockout.locked, 1);
}

static void a_success_forgets_and_a_withdrawal_takes_back_one(void **state)
{
    const struct pma_lockout_client client = client_at("10.0.0.1", "a");
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pma_lockout_try(&lockout, &client, 1), 0);
        pma_lockout_withdraw(&lockout, &client);
    }
    assert_int_equal(lockout.count, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pma_lockout_try(&lockout, &client, 1), 0);
    }
    pma_lockout_succeed(&lockout, &client); /* the third was right */
    assert_int_equal(lockout.count, 0);
    assert_int_equal(lockout.locked, 0);
}

static void a_full_table_keeps_its_locks(void **state)
{
    char address[PMA_ADDRESS_BYTES];
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try_at("10.0.0.1", NULL, 1), 0);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(address, sizeof address, "10.1.%d.%d", i / 250, i % 250);
        assert_int_equal(try_at(address, NULL, 2), 0);
        assert_true(lockout.count <= ENTRIES);
    }
    assert_int_equal(try_at("10.0.0.1", NULL, 2), -EAGAIN);
}

static void when_all_are_locked_newcomers_are_refused(void **state)
{
    char address[PMA_ADDRESS_BYTES];
    (void)state;
    for (int i = 0; i < ENTRIES * 3; i++) {
        snprintf(address, sizeof address, "10.1.0.%d", i / 3);
        assert_int_equal(try_at(address, NULL, 1), 0);
    }
    assert_int_equal(try_at("10.2.0.1", "a", 1), -EAGAIN);
    assert_int_equal(lockout.full, 1);
    assert_int_equal(lockout.count, ENTRIES);
    pma_lockout_sweep(&lockout, 1 + DURATION_NS);
    assert_int_equal(lockout.count, 0);
    assert_int_equal(try_at("10.2.0.1", "a", 1 + DURATION_NS), 0);
}

#define LOCKOUT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCKOUT_TEST(an_address_is_locked_whatever_id_it_sends),
        LOCKOUT_TEST(an_id_is_locked_wherever_it_comes_from),
        LOCKOUT_TEST(ipv6_counts_by_its_64),
        LOCKOUT_TEST(a_lock_ends_after_its_time_since_the_last_failure),
        LOCKOUT_TEST(a_success_forgets_and_a_withdrawal_takes_back_one),
        LOCKOUT_TEST(a_full_table_keeps_its_locks),
        LOCKOUT_TEST(when_all_are_locked_newcomers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
