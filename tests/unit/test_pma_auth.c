/* PIN, users, sessions, tokens, lock-out, and fault F01.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/auth.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/store/store.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define JWT_SECRET "a secret of at least thirty-two bytes"

static const struct pma_auth_config settings = {
    .cleanup_interval_ns = 3600 * PMA_S_NS,
    .token_expiry_ns = 3600 * PMA_S_NS,
    .max_sessions = 40,
    .max_users = 2,
    .lockout = {.failures = 3, .duration_ns = 300 * PMA_S_NS, .max_entries = 64},
    .hash_cost = 1,
    .max_hashing = 2,
    .api_secret = "the api secret",
};

static const struct pma_lockout_client somebody = {.address = {{[15] = 7}}};

static struct pma_lockout_client client_at(uint8_t last_byte, const char *id)
{
    struct pma_lockout_client client = {.id = id};
    memset(client.address.bytes + 10, 0xFF, 2); /* 10.1.2.x */
    client.address.bytes[12] = 10;
    client.address.bytes[15] = last_byte;
    return client;
}

static int setup_with(void **state, const struct pma_auth_config *config)
{
    struct pma_auth *auth = NULL;
    if (pma_auth_new(config, &auth) != 0) {
        return -1;
    }
    *state = auth;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, &settings);
}

static int setup_jwt(void **state)
{
    struct pma_auth_config config = settings;
    config.jwt_secret = JWT_SECRET;
    return setup_with(state, &config);
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
    struct pma_auth_grant grant;
    struct pma_user user;
    uint64_t expires_at_ns = 0;
    assert_int_equal(pma_auth_login(*state, &somebody, "1234", &grant), -ENOENT);
    pma_auth_set_pin(*state, "1234");
    assert_int_equal(pma_auth_login(*state, &somebody, "1235", &grant), -EACCES);
    assert_int_equal(pma_auth_login(*state, &somebody, "12345678", &grant), -EACCES);
    assert_int_equal(pma_auth_login(*state, &somebody, "1234", &grant), 0);
    assert_int_equal(strlen(grant.token), 64);
    assert_int_equal(grant.expires_in_s, 3600);
    assert_int_equal(pma_auth_verify_token(*state, grant.token, &user, &expires_at_ns),
                     0);
    assert_string_equal(user.id, PMA_AUTH_OWNER_ID);
    assert_true(expires_at_ns > pma_now_ns());
    assert_int_equal(pma_auth_verify_token(*state, "", NULL, NULL), -EACCES);
    assert_int_equal(pma_auth_logout(*state, grant.token), 0);
    assert_int_equal(pma_auth_verify_token(*state, grant.token, NULL, NULL), -EACCES);
    assert_int_equal(pma_auth_logout(*state, grant.token), -EACCES);
}

static void three_wrong_pins_lock_a_client_out_whatever_it_calls_itself(void **state)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    struct pma_auth_grant grant;
    struct pma_auth_status status;
    pma_auth_set_pin(*state, "1234");
    for (size_t i = 0; i < 3; i++) {
        const struct pma_lockout_client client = client_at(1, ids[i]);
        assert_int_equal(pma_auth_login(*state, &client, "0000", &grant), -EACCES);
    }
    const struct pma_lockout_client renamed = client_at(1, ids[3]);
    assert_int_equal(pma_auth_login(*state, &renamed, "1234", &grant), -EAGAIN);
    const struct pma_lockout_client other = client_at(2, ids[3]);
    assert_int_equal(pma_auth_login(*state, &other, "1234", &grant), 0);
    pma_auth_status_read(*state, &status);
    assert_int_equal(status.lockouts, 1);
    assert_int_equal(status.lockout_refused, 1);
}

static void guesses_by_way_of_changing_the_pin_count_as_well(void **state)
{
    struct pma_auth_grant grant;
    pma_auth_set_pin(*state, "1234");
    assert_int_equal(pma_auth_change_pin(*state, &somebody, "0001", "5555", NULL),
                     -EACCES);
    assert_int_equal(pma_auth_disable_pin(*state, &somebody, "0002"), -EACCES);
    assert_int_equal(pma_auth_login(*state, &somebody, "0003", &grant), -EACCES);
    assert_int_equal(pma_auth_disable_pin(*state, &somebody, "1234"), -EAGAIN);
    assert_int_equal(pma_auth_change_pin(*state, &somebody, "1234", "5555", NULL),
                     -EAGAIN);
}

static void a_changed_pin_ends_every_session_but_the_one_that_changed_it(void **state)
{
    struct pma_auth_grant mine;
    struct pma_auth_grant others;
    pma_auth_set_pin(*state, "1234");
    assert_int_equal(pma_auth_login(*state, &somebody, "1234", &mine), 0);
    assert_int_equal(pma_auth_login(*state, &somebody, "1234", &others), 0);
    assert_int_equal(pma_auth_change_pin(*state, &somebody, "1234", "12", mine.token),
                     -EINVAL);
    assert_int_equal(pma_auth_change_pin(*state, &somebody, "1234", "987654", mine.token),
                     0);
    assert_int_equal(pma_auth_verify_token(*state, mine.token, NULL, NULL), 0);
    assert_int_equal(pma_auth_verify_token(*state, others.token, NULL, NULL), -EACCES);
    assert_int_equal(pma_auth_login(*state, &somebody, "1234", &others), -EACCES);
    assert_int_equal(pma_auth_login(*state, &somebody, "987654", &others), 0);
    assert_int_equal(pma_auth_disable_pin(*state, &somebody, "987654"), 0);
    assert_int_equal(pma_auth_login(*state, &somebody, "987654", &others), -ENOENT);
}

static void users_are_added_once_up_to_their_limit(void **state)
{
    struct pma_user user;
    assert_int_equal(pma_auth_register(*state, "ab", "long enough", "", &user), -EINVAL);
    assert_int_equal(pma_auth_register(*state, "a\"b", "long enough", "", &user),
                     -EINVAL);
    assert_int_equal(pma_auth_register(*state, "anna", "short", "", &user), -EINVAL);
    assert_int_equal(pma_auth_register(*state, "anna", "long enough", "", &user), 0);
    assert_string_equal(user.name, "anna");
    assert_int_equal(pma_auth_register(*state, "ANNA", "long enough", "", &user),
                     -EEXIST);
    assert_int_equal(pma_auth_register(*state, "bert", "long enough", "", &user), 0);
    assert_int_equal(pma_auth_register(*state, "carl", "long enough", "", &user),
                     -ENOSPC);
}

static void a_users_login_does_not_forgive_wrong_pins(void **state)
{
    struct pma_auth_grant grant;
    struct pma_user user;
    pma_auth_set_pin(*state, "1234");
    assert_int_equal(pma_auth_register(*state, "anna", "long enough", "", &user), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pma_auth_login(*state, &somebody, "0000", &grant), -EACCES);
    }
    assert_int_equal(
        pma_auth_user_login(*state, &somebody, "anna", "long enough", &grant), 0);
    assert_string_equal(grant.user.name, "anna");
    assert_int_equal(strlen(grant.token), 64); /* without a jwt_secret: a session */
    assert_int_equal(pma_auth_login(*state, &somebody, "0000", &grant), -EACCES);
    assert_int_equal(
        pma_auth_user_login(*state, &somebody, "anna", "long enough", &grant), -EAGAIN);
}

static void an_unknown_user_is_as_wrong_as_a_wrong_password(void **state)
{
    struct pma_auth_grant grant;
    struct pma_user user;
    assert_int_equal(pma_auth_register(*state, "anna", "long enough", "", &user), 0);
    assert_int_equal(
        pma_auth_user_login(*state, &somebody, "anna", "wrong enough", &grant), -EACCES);
    assert_int_equal(
        pma_auth_user_login(*state, &somebody, "nobody", "long enough", &grant), -EACCES);
}

static void with_a_secret_users_get_a_jwt_that_logout_revokes(void **state)
{
    struct pma_auth_grant grant;
    struct pma_auth_status status;
    struct pma_user user;
    assert_int_equal(pma_auth_register(*state, "anna", "long enough", "", &user), 0);
    assert_int_equal(
        pma_auth_user_login(*state, &somebody, "anna", "long enough", &grant), 0);
    assert_non_null(strchr(grant.token, '.'));
    assert_int_equal(pma_auth_verify_token(*state, grant.token, &user, NULL), 0);
    assert_string_equal(user.id, grant.user.id);
    assert_string_equal(user.name, "anna");
    assert_int_equal(pma_auth_logout(*state, grant.token), 0);
    assert_int_equal(pma_auth_verify_token(*state, grant.token, NULL, NULL), -EACCES);
    pma_auth_status_read(*state, &status);
    assert_int_equal(status.revocations, 1);
    assert_int_equal(status.sessions, 0);
}

static void the_api_secret_is_compared_whole(void **state)
{
    assert_true(pma_auth_verify_api_secret(*state, "the api secret"));
    assert_false(pma_auth_verify_api_secret(*state, "the api secre"));
    assert_false(pma_auth_verify_api_secret(*state, "the api secret "));
    assert_false(pma_auth_verify_api_secret(*state, ""));
}

static void without_an_api_secret_none_is_right(void **state)
{
    struct pma_auth *auth = NULL;
    struct pma_auth_config config = settings;
    (void)state;
    config.api_secret = NULL;
    assert_int_equal(pma_auth_new(&config, &auth), 0);
    assert_false(pma_auth_verify_api_secret(auth, ""));
    pma_auth_free(auth);
}

static void any_bearer_is_right_only_when_it_is_configured(void **state)
{
    struct pma_auth *auth = NULL;
    struct pma_auth_config config = settings;
    assert_int_equal(pma_auth_verify_token(*state, "anything", NULL, NULL), -EACCES);
    config.accept_any_bearer = true;
    assert_int_equal(pma_auth_new(&config, &auth), 0);
    assert_int_equal(pma_auth_verify_token(auth, "anything", NULL, NULL), 0);
    assert_int_equal(pma_auth_verify_token(auth, "", NULL, NULL), -EACCES);
    pma_auth_free(auth);
}

static void a_pin_that_the_store_does_not_take_is_not_set(void **state)
{
    const struct pma_store_config tiny = {.path = ":memory:", .max_document_bytes = 8};
    struct pma_auth *auth = NULL;
    struct pma_auth_config config = settings;
    struct pma_auth_status status;
    struct pma_user user;
    (void)state;
    assert_int_equal(pma_store_open(&tiny, &config.store), 0);
    assert_int_equal(pma_auth_new(&config, &auth), 0);
    assert_int_equal(pma_auth_set_pin(auth, "1234"), -EIO);
    assert_int_equal(pma_auth_register(auth, "anna", "long enough", "", &user), -EIO);
    pma_auth_status_read(auth, &status);
    assert_false(status.pin_set);
    assert_int_equal(status.users, 0);
    pma_auth_free(auth);
    pma_store_close(config.store);
}

static void what_is_stored_is_there_in_the_next_service(void **state)
{
    const struct pma_store_config kept = {.path = ":memory:"};
    struct pma_auth *auth = NULL;
    struct pma_auth_config config = settings;
    struct pma_auth_grant grant;
    struct pma_user user;
    (void)state;
    assert_int_equal(pma_store_open(&kept, &config.store), 0);
    assert_int_equal(pma_auth_new(&config, &auth), 0);
    assert_int_equal(pma_auth_set_pin(auth, "1234"), 0);
    assert_int_equal(pma_auth_register(auth, "anna", "long enough", "", &user), 0);
    pma_auth_free(auth);
    assert_int_equal(pma_auth_new(&config, &auth), 0);
    assert_int_equal(pma_auth_login(auth, &somebody, "1234", &grant), 0);
    assert_int_equal(pma_auth_user_login(auth, &somebody, "ANNA", "long enough", &grant),
                     0);
    assert_string_equal(grant.user.id, user.id);
    pma_auth_free(auth);
    config.max_users = 0;
    auth = NULL;
    assert_int_equal(pma_auth_new(&config, &auth), -ENOSPC);
    assert_null(auth);
    pma_store_close(config.store);
}

static void expired_sessions_are_swept(void **state)
{
    struct pma_auth *auth = NULL;
    struct pma_auth_grant grant;
    struct pma_auth_status status;
    struct pma_auth_config brief = settings;
    (void)state;
    brief.cleanup_interval_ns = brief.token_expiry_ns = PMA_MS_NS;
    assert_int_equal(pma_auth_new(&brief, &auth), 0);
    pma_auth_set_pin(auth, "1234");
    assert_int_equal(pma_auth_login(auth, &somebody, "1234", &grant), 0);
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (pma_auth_verify_token(auth, grant.token, NULL, NULL) == 0 &&
           pma_now_ns() < deadline_ns) {
        usleep(500);
    }
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
    struct pma_auth_grant grant;
    struct pma_auth_status status;
    const size_t workers = pma_worker_count();
    pma_auth_set_pin(*state, "1234");
    assert_int_equal(pma_auth_login(*state, &somebody, "1234", &grant), 0);
    assert_ptr_equal(pma_auth_for_request(*state), *state);
    assert_int_equal(pma_worker_count(), workers);
    assert_int_equal(pma_fault_set(PMA_FAULT_F01, &setting), 0);
    struct pma_auth *forgotten = pma_auth_for_request(*state);
    assert_ptr_not_equal(forgotten, *state);
    pma_auth_status_read(forgotten, &status);
    assert_true(status.pin_set);
    assert_int_equal(pma_auth_verify_token(forgotten, grant.token, NULL, NULL), 0);
    pma_auth_for_request(*state);
    assert_int_equal(pma_worker_count(), workers + 2);
    assert_ptr_equal(pma_auth_for_request(*state), *state); /* the limit is reached */
    assert_int_equal(pma_fault_total(PMA_FAULT_F01), 2);
    setting.enabled = false;
    pma_fault_set(PMA_FAULT_F01, &setting);
}

static void fault_f01_makes_the_lock_out_useless(void **state)
{
    struct pma_fault_setting setting = {.enabled = true};
    struct pma_auth_grant grant;
    pma_auth_set_pin(*state, "1234");
    pma_fault_set(PMA_FAULT_F01, &setting);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(
            pma_auth_login(pma_auth_for_request(*state), &somebody, "0000", &grant),
            -EACCES);
    }
    assert_int_equal(
        pma_auth_login(pma_auth_for_request(*state), &somebody, "1234", &grant), 0);
    setting.enabled = false;
    pma_fault_set(PMA_FAULT_F01, &setting);
    assert_int_equal(pma_auth_verify_token(*state, grant.token, NULL, NULL), 0);
}

static void a_service_without_its_limits_is_refused(void **state)
{
    struct pma_auth *auth = NULL;
    struct pma_auth_config config = settings;
    (void)state;
    config.max_sessions = 0;
    assert_int_equal(pma_auth_new(&config, &auth), -EINVAL);
    config = settings;
    config.hash_cost = 12;
    assert_int_equal(pma_auth_new(&config, &auth), -EINVAL);
    config = settings;
    config.lockout.failures = 0;
    assert_int_equal(pma_auth_new(&config, &auth), -EINVAL);
    assert_null(auth);
}

#define AUTH_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUTH_TEST(a_pin_has_4_or_6_digits_and_is_set_once),
        AUTH_TEST(the_right_pin_opens_a_session_and_logout_ends_it),
        AUTH_TEST(three_wrong_pins_lock_a_client_out_whatever_it_calls_itself),
        AUTH_TEST(guesses_by_way_of_changing_the_pin_count_as_well),
        AUTH_TEST(a_changed_pin_ends_every_session_but_the_one_that_changed_it),
        AUTH_TEST(users_are_added_once_up_to_their_limit),
        AUTH_TEST(a_users_login_does_not_forgive_wrong_pins),
        AUTH_TEST(an_unknown_user_is_as_wrong_as_a_wrong_password),
        cmocka_unit_test_setup_teardown(with_a_secret_users_get_a_jwt_that_logout_revokes,
                                        setup_jwt, teardown),
        AUTH_TEST(the_api_secret_is_compared_whole),
        cmocka_unit_test(without_an_api_secret_none_is_right),
        AUTH_TEST(any_bearer_is_right_only_when_it_is_configured),
        cmocka_unit_test(a_pin_that_the_store_does_not_take_is_not_set),
        cmocka_unit_test(what_is_stored_is_there_in_the_next_service),
        cmocka_unit_test(expired_sessions_are_swept),
        AUTH_TEST(fault_f01_leaves_a_service_and_a_worker_per_request),
        AUTH_TEST(fault_f01_makes_the_lock_out_useless),
        cmocka_unit_test(a_service_without_its_limits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
