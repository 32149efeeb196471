/* Tokens that were ended before their time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/revocation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct pma_jwt_claims claims_of(int number, int64_t expires_at_s)
{
    struct pma_jwt_claims claims = {.expires_at_s = expires_at_s};
    snprintf(claims.id, sizeof claims.id, "token-%d", number);
    return claims;
}

static void a_full_list_refuses_until_something_expires(void **state)
{
    struct pma_revocations revocations = {.limit = 20};
    (void)state;
    for (int i = 0; i < 20; i++) {
        const struct pma_jwt_claims claims = claims_of(i, 100 + i);
        assert_int_equal(pma_revocations_add(&revocations, &claims, 1), 0);
        assert_int_equal(pma_revocations_add(&revocations, &claims, 1), 0);
    }
    const struct pma_jwt_claims more = claims_of(20, 200);
    assert_int_equal(pma_revocations_add(&revocations, &more, 99), -ENOSPC);
    assert_int_equal(pma_revocations_add(&revocations, &more, 100), 0);
    assert_false(pma_revocations_contain(&revocations, "token-0"));
    assert_true(pma_revocations_contain(&revocations, "token-1"));
    assert_true(pma_revocations_contain(&revocations, "token-20"));
    pma_revocations_sweep(&revocations, 500);
    assert_int_equal(revocations.count, 0);
    assert_null(revocations.items);
}

static void a_token_without_an_id_cannot_be_ended(void **state)
{
    struct pma_revocations revocations = {.limit = 20};
    const struct pma_jwt_claims claims = {.expires_at_s = 100};
    (void)state;
    assert_int_equal(pma_revocations_add(&revocations, &claims, 1), -EINVAL);
    pma_revocations_fini(&revocations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_list_refuses_until_something_expires),
        cmocka_unit_test(a_token_without_an_id_cannot_be_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
