/* Texts without stdio.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "text.h"

static void pieces_and_numbers_are_appended(void **state)
{
    char out[32] = "";
    struct seep_text text = {out, 0, sizeof(out)};

    (void)state;
    seep_text_put(&text, "/proc/");
    seep_text_put_number(&text, 0);
    seep_text_put_number(&text, 18446744073709551615U);
    assert_string_equal(out, "/proc/018446744073709551615");
}

static void a_text_too_long_is_cut_and_terminated(void **state)
{
    char out[8] = "";
    struct seep_text text = {out, 0, sizeof(out)};

    (void)state;
    seep_text_put(&text, "0123456789");
    assert_string_equal(out, "0123456");
}

static void the_parent_of_this_process_is_found(void **state)
{
    (void)state;
    assert_int_equal(seep_text_parent_of((uint32_t)getpid()), getppid());
    assert_int_equal(seep_text_parent_of(4000000000U), 0);
    assert_true(seep_text_stat_start_ticks() > 0);
    assert_int_equal(seep_text_stat_threads(), 1);
}

static void a_file_that_is_not_there_reads_as_nothing(void **state)
{
    char out[16];

    (void)state;
    assert_int_equal(seep_text_read_file("/nonexistent", out, sizeof(out)), 0);
    assert_string_equal(out, "");
    assert_int_equal(seep_text_read_link("/nonexistent", out, sizeof(out)), 0);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_and_numbers_are_appended),
        cmocka_unit_test(a_text_too_long_is_cut_and_terminated),
        cmocka_unit_test(the_parent_of_this_process_is_found),
        cmocka_unit_test(a_file_that_is_not_there_reads_as_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
