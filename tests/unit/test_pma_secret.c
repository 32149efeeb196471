/* Hashes, comparison, hexadecimal, and the Authorization header.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/authorization.h"
#include "server/auth/secret.h"

#include <crypt.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_hash_is_of_yescrypt_and_salted(void **state)
{
    char first[PMA_SECRET_HASH_BYTES];
    char second[PMA_SECRET_HASH_BYTES];
    (void)state;
    assert_int_equal(pma_secret_hash("1234", 1, first), 0);
    assert_int_equal(pma_secret_hash("1234", 1, second), 0);
    assert_memory_equal(first, "$y$", 3);
    assert_string_not_equal(first, second);
    /* The system's crypt(3) agrees. */
    assert_string_equal(crypt("1234", first), first);
    assert_int_equal(pma_secret_check("1234", first), 0);
    assert_int_equal(pma_secret_check("1235", first), -EACCES);
    assert_int_equal(pma_secret_check("", first), -EACCES);
    assert_int_equal(pma_secret_check("1234", second), 0);
}

static void what_is_no_hash_is_an_error_and_not_a_match(void **state)
{
    char hash[PMA_SECRET_HASH_BYTES];
    char longest[PMA_SECRET_TEXT_BYTES_MAX + 2];
    (void)state;
    assert_int_equal(pma_secret_check("*0", "*0"), -EINVAL);
    assert_int_equal(pma_secret_check("1234", "1234"), -EINVAL);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(pma_secret_hash(longest, 1, hash), -EINVAL);
    assert_int_equal(pma_secret_hash("1234", 0, hash), -EINVAL);
}

static void texts_are_the_same_when_every_byte_is(void **state)
{
    (void)state;
    assert_true(pma_secret_same("secret", "secret"));
    assert_true(pma_secret_same("", ""));
    assert_false(pma_secret_same("secret", "secre"));
    assert_false(pma_secret_same("secret", "secrets"));
    assert_false(pma_secret_same("secret", "Secret"));
    assert_false(pma_secret_same("", "s"));
    assert_false(pma_secret_same("s", ""));
}

static void hexadecimal_goes_there_and_back(void **state)
{
    static const unsigned char bytes[] = {0x00, 0x9a, 0xff};
    unsigned char back[3];
    char text[7];
    (void)state;
    pma_secret_to_hex(bytes, sizeof bytes, text);
    assert_string_equal(text, "009aff");
    assert_int_equal(pma_secret_from_hex(text, back, sizeof back), 0);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(pma_secret_from_hex("009af", back, 3), -EINVAL);
    assert_int_equal(pma_secret_from_hex("009aff0", back, 3), -EINVAL);
    assert_int_equal(pma_secret_from_hex("009aFf", back, 3), -EINVAL);
}

static void a_bearer_token_is_taken_out_of_the_header(void **state)
{
    static const struct {
        const char *header;
        int err;
        const char *token;
    } rows[] = {
        {NULL, -ENOENT, ""},
        {"", -ENOENT, ""},
        {"Basic YTpi", -ENOENT, ""},
        {"Bearers x", -ENOENT, ""},
        {"Bearer", -EINVAL, ""},
        {"Bearer  ", -EINVAL, ""},
        {"Bearer abc", 0, "abc"},
        {"bearer abc", 0, "abc"},
        {" BEARER \t abc  ", 0, "abc"},
        {"Bearer a.b-c_d~e+f/g==", 0, "a.b-c_d~e+f/g=="},
        {"Bearer abc def", -EINVAL, ""},
        {"Bearer a=b", -EINVAL, ""},
        {"Bearer a,b", -EINVAL, ""},
        {"Bearer ==", -EINVAL, ""},
    };
    char token[PMA_BEARER_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(pma_authorization_bearer(rows[i].header, token), rows[i].err);
        assert_string_equal(token, rows[i].token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_of_yescrypt_and_salted),
        cmocka_unit_test(what_is_no_hash_is_an_error_and_not_a_match),
        cmocka_unit_test(texts_are_the_same_when_every_byte_is),
        cmocka_unit_test(hexadecimal_goes_there_and_back),
        cmocka_unit_test(a_bearer_token_is_taken_out_of_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
