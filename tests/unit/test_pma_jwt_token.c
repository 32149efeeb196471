/* JSON Web Tokens, against the examples of RFC 7515.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/jwt_token.h"

#include <errno.h>
#include <jwt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 7515, A.1: HS256. exp is 1300819380. */
static const unsigned char rfc_key[] = {
    0x03, 0x23, 0x35, 0x4b, 0x2b, 0x0f, 0xa5, 0xbc, 0x83, 0x7e, 0x06, 0x65, 0x77,
    0x7b, 0xa6, 0x8f, 0x5a, 0xb3, 0x28, 0xe6, 0xf0, 0x54, 0xc9, 0x28, 0xa9, 0x0f,
    0x84, 0xb2, 0xd2, 0x50, 0x2e, 0xbf, 0xd3, 0xfb, 0x5a, 0x92, 0xd2, 0x06, 0x47,
    0xef, 0x96, 0x8a, 0xb4, 0xc3, 0x77, 0x62, 0x3d, 0x22, 0x3d, 0x2e, 0x21, 0x72,
    0x05, 0x2e, 0x4f, 0x08, 0xc0, 0xcd, 0x9a, 0xf5, 0x67, 0xd0, 0x80, 0xa3};
#define RFC_EXP 1300819380

#define RFC_HEAD "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
#define RFC_CLAIMS                                                                       \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2" \
    "90Ijp0cnVlfQ"
#define RFC_SIGNATURE "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

/* RFC 7515, A.2: RS256, and A.5: none; the claims are the same. */
#define RS256_HEAD "eyJhbGciOiJSUzI1NiJ9"
#define RS256_SIGNATURE                                                                  \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5Y" \
    "Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6x" \
    "BArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6" \
    "BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_I" \
    "oypGlUPQGe77Rw"
#define NONE_HEAD "eyJhbGciOiJub25lIn0"

static int verify(const char *token, int64_t now_s, struct pma_jwt_claims *claims)
{
    return pma_jwt_verify(token, rfc_key, sizeof rfc_key, now_s, claims);
}

static void the_example_of_rfc_7515_a1_is_valid_until_its_second(void **state)
{
    static const char token[] = RFC_HEAD "." RFC_CLAIMS "." RFC_SIGNATURE;
    struct pma_jwt_claims claims;
    (void)state;
    assert_int_equal(verify(token, RFC_EXP - 1, &claims), 0);
    assert_int_equal(claims.expires_at_s, RFC_EXP);
    assert_string_equal(claims.user.id, ""); /* it has no sub and no jti */
    assert_string_equal(claims.id, "");
    claims.expires_at_s = 5;
    assert_int_equal(verify(token, RFC_EXP, &claims), -EACCES);
    assert_int_equal(claims.expires_at_s, 5);
}

static void each_changed_letter_breaks_the_signature(void **state)
{
    char token[] = RFC_HEAD "." RFC_CLAIMS "." RFC_SIGNATURE;
    struct pma_jwt_claims claims;
    (void)state;
    /* The last letter holds two bits that mean nothing. */
    for (size_t i = 0; i < sizeof token - 2; i++) {
        const char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(verify(token, RFC_EXP - 1, &claims), -EACCES);
        token[i] = kept;
    }
    assert_int_equal(verify(token, RFC_EXP - 1, &claims), 0);
}

static void other_algorithms_are_refused(void **state)
{
    static const char *const tokens[] = {
        NONE_HEAD "." RFC_CLAIMS ".",
        NONE_HEAD "." RFC_CLAIMS "." RFC_SIGNATURE,
        RS256_HEAD "." RFC_CLAIMS "." RS256_SIGNATURE,
    };
    struct pma_jwt_claims claims;
    (void)state;
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        assert_int_equal(verify(tokens[i], RFC_EXP - 1, &claims), -EACCES);
        assert_int_equal(pma_jwt_verify(tokens[i], "", 0, RFC_EXP - 1, &claims), -EACCES);
    }
}

/* Signed with the right key, and by libjwt itself: only its algorithm is wrong. */
static void a_right_signature_of_another_algorithm_is_refused(void **state)
{
    static const jwt_alg_t algorithms[] = {JWT_ALG_HS384, JWT_ALG_HS512, JWT_ALG_HS256};
    struct pma_jwt_claims claims;
    (void)state;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        jwt_t *jwt = NULL;
        assert_int_equal(jwt_new(&jwt), 0);
        jwt_add_grant_int(jwt, "exp", 2000);
        jwt_set_alg(jwt, algorithms[i], rfc_key, sizeof rfc_key);
        char *token = jwt_encode_str(jwt);
        assert_int_equal(verify(token, 1000, &claims),
                         algorithms[i] == JWT_ALG_HS256 ? 0 : -EACCES);
        free(token);
        jwt_free(jwt);
    }
}

static void what_is_no_token_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "a.b.c",
                                        RFC_HEAD,
                                        RFC_HEAD ".",
                                        RFC_HEAD "." RFC_CLAIMS,
                                        RFC_HEAD "." RFC_CLAIMS ".",
                                        "e30.e30.",
                                        "\xff\xff.\xff.\xff"};
    struct pma_jwt_claims claims;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(verify(texts[i], RFC_EXP - 1, &claims), -EACCES);
    }
}

static void what_is_made_is_verified_with_the_same_key_alone(void **state)
{
    const struct pma_jwt_claims made = {
        .user = {.id = "7", .name = "anna"}, .id = "one", .expires_at_s = 2000};
    struct pma_jwt_claims claims;
    char *token = NULL;
    (void)state;
    assert_int_equal(pma_jwt_make(&made, rfc_key, sizeof rfc_key, 1000, &token), 0);
    assert_int_equal(verify(token, 1999, &claims), 0);
    assert_string_equal(claims.user.id, "7");
    assert_string_equal(claims.user.name, "anna");
    assert_string_equal(claims.id, "one");
    assert_int_equal(claims.expires_at_s, 2000);
    assert_int_equal(verify(token, 2000, &claims), -EACCES);
    assert_int_equal(pma_jwt_verify(token, rfc_key, sizeof rfc_key - 1, 1999, &claims),
                     -EACCES);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_7515_a1_is_valid_until_its_second),
        cmocka_unit_test(each_changed_letter_breaks_the_signature),
        cmocka_unit_test(other_algorithms_are_refused),
        cmocka_unit_test(a_right_signature_of_another_algorithm_is_refused),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(what_is_made_is_verified_with_the_same_key_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
