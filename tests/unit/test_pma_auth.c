/* PIN, sessions, lock-out, and fault F01.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/auth.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct pma_auth_config settings = {.cleanup_interval_ns = 3600 * PMA_S_NS,
                                                .token_expiry_ns = 3600 * PMA_S_NS,
                                                .max_sessions = 40};

static int setup(void **state)
{
    struct pma_auth *auth = NULL;
    if (pma_auth_new(&settings, &auth) != 0) {
        return -1;
    }
    *state = auth;
    return 0;
}

static int teardown(void **state)
{
    pma_auth_free(*state);
    return 0;
}

static void a_pin_has_4_or_6_digits_and_is_set_once(void **state)
{
    static const char *const wrong[] = {"", "123", "12345", "1234567", "12a4", " 1234"};
    struct pma_auth_status status;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pma_auth_set_pin(*state, wrong[i]), -EINVAL);
    }
    assert_int_equal(pma_auth_set_pin(*state, "123456"), 0);
    assert_int_equal(pma_auth_set_pin(*state, "1234"), -EEXIST);
    pma_auth_status_read(*state, &status);
    assert_true(status.pin_set);
    assert_int_equal(status.pin_digits, 6);
}

static void the_right_pin_opens_a_session_and_logout_ends_it(void **state)
{
    char token[PMA_AUTH_TOKEN_BYTES] = "";
    uint64_t expires_at_ns = 0;
    assert_int_equal(pma_auth_login(*state, "a", "1234", token), -ENOENT);
    pma_auth_set_pin(*state, "1234");
    assert_int_equal(pma_auth_login(*state, "a", "1235", token), -EACCES);
    assert_int_equal(pma_auth_login(*state, "a", "12345678", token), -EACCES);
    assert_int_equal(pma_auth_login(*state, "a", "1234", token), 0);
    assert_int_equal(strlen(token), 64);
    assert_true(pma_auth_is_session(*state, token, &expires_at_ns));
    assert_true(expires_at_ns > pma_now_ns());
    assert_false(pma_auth_is_session(*state, "", NULL));
    assert_int_equal(pma_auth_logout(*state, token), 0);
    assert_false(pma_auth_is_session(*state, token, NULL));
    assert_int_equal(pma_auth_logout(*state, token), -ENOENT);
}

static void three_wrong_pins_lock_one_client_out(void **state)
{
    char token[PMA_AUTH_TOKEN_BYTES];
    pma_auth_set_pin(*state, "1234");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pma_auth_login(*state, "a", "0000", token), -EACCES);
    }
    assert_int_equal(pma_auth_login(*state, "a", "1234", token), -EAGAIN);
    assert_int_equal(pma_auth_login(*state, "b", "1234", token), 0);
}

static void sessions_stay_below_their_limit_and_the_oldest_goes(void **state)
{
    char first[PMA_AUTH_TOKEN_BYTES];
    char last[PMA_AUTH_TOKEN_BYTES];
    struct pma_auth_status status;
    pma_auth_set_pin(*state, "1234");
    assert_int_equal(pma_auth_login(*state, "a", "1234", first), 0);
    for (uint32_t i = 0; i < settings.max_sessions; i++) {
        assert_int_equal(pma_auth_login(*state, "a", "1234", last), 0);
    }
    pma_auth_status_read(*state, &status);
    assert_int_equal(status.sessions, settings.max_sessions);
    assert_false(pma_auth_is_session(*state, first, NULL));
    assert_true(pma_auth_is_session(*state, last, NULL));
}

static void expired_sessions_are_swept(void **state)
{
    struct pma_auth *auth = NULL;
    char token[PMA_AUTH_TOKEN_BYTES];
    struct pma_auth_status status;
    (void)state;
    const struct pma_auth_config brief = {.cleanup_interval_ns = PMA_MS_NS,
                                          .token_expiry_ns = PMA_MS_NS,
                                          .max_sessions = 5};
    assert_int_equal(pma_auth_new(&brief, &auth), 0);
    pma_auth_set_pin(auth, "1234");
    assert_int_equal(pma_auth_login(auth, "a", "1234", token), 0);
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (pma_auth_is_session(auth, token, NULL) && pma_now_ns() < deadline_ns) {
        usleep(500);
    }
    assert_false(pma_auth_is_session(auth, token, NULL));
    pma_auth_status_read(auth, &status);
    assert_int_equal(status.sessions, 1); /* no session any more, and not yet removed */
    assert_int_equal(pma_auth_start(auth), 0);
    do {
        usleep(1000);
        pma_auth_status_read(auth, &status);
    } while (status.sessions > 0 && pma_now_ns() < deadline_ns);
    assert_int_equal(status.sessions, 0);
    assert_int_equal(pma_auth_stop(auth, PMA_S_NS), 0);
    pma_auth_free(auth);
}

static void fault_f01_leaves_a_service_and_a_worker_per_request(void **state)
{
    struct pma_fault_setting setting = {.enabled = true, .limit = 2};
    struct pma_auth_status status;
    const size_t workers = pma_worker_count();
    pma_auth_set_pin(*state, "1234");
    assert_ptr_equal(pma_auth_for_request(*state), *state);
    assert_int_equal(pma_worker_count(), workers);
    assert_int_equal(pma_fault_set(PMA_FAULT_F01, &setting), 0);
    struct pma_auth *forgotten = pma_auth_for_request(*state);
    assert_ptr_not_equal(forgotten, *state);
    pma_auth_status_read(forgotten, &status);
    assert_true(status.pin_set);
    pma_auth_for_request(*state);
    assert_int_equal(pma_worker_count(), workers + 2);
    assert_ptr_equal(pma_auth_for_request(*state), *state); /* the limit is reached */
    assert_int_equal(pma_fault_total(PMA_FAULT_F01), 2);
    setting.enabled = false;
    pma_fault_set(PMA_FAULT_F01, &setting);
}

static void a_service_without_room_for_sessions_is_refused(void **state)
{
    struct pma_auth *auth = NULL;
    struct pma_auth_config none = settings;
    (void)state;
    none.max_sessions = 0;
    assert_int_equal(pma_auth_new(&none, &auth), -EINVAL);
    assert_null(auth);
}

#define AUTH_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUTH_TEST(a_pin_has_4_or_6_digits_and_is_set_once),
        AUTH_TEST(the_right_pin_opens_a_session_and_logout_ends_it),
        AUTH_TEST(three_wrong_pins_lock_one_client_out),
        AUTH_TEST(sessions_stay_below_their_limit_and_the_oldest_goes),
        AUTH_TEST(expired_sessions_are_swept),
        AUTH_TEST(fault_f01_leaves_a_service_and_a_worker_per_request),
        cmocka_unit_test(a_service_without_room_for_sessions_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
