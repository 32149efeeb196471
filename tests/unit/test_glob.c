/* Patterns of rule files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_glob_fits_the_whole_text(void **state)
{
    (void)state;
    assert_true(seep_glob_fits("hub_*", "hub_register"));
    assert_true(seep_glob_fits("*", ""));
    assert_true(seep_glob_fits("a?c*e", "abcde"));
    assert_true(seep_glob_fits("*ab*ab", "abxabab"));
    assert_false(seep_glob_fits("hub", "hub_register"));
    assert_false(seep_glob_fits("register", "hub_register"));
    assert_false(seep_glob_fits("", "x"));
}

static void a_leaksanitizer_pattern_is_found_anywhere_unless_anchored(void **state)
{
    (void)state;
    assert_true(seep_glob_finds("regis", "hub_register"));
    assert_true(seep_glob_finds("^hub", "hub_register"));
    assert_false(seep_glob_finds("^register", "hub_register"));
    assert_true(seep_glob_finds("register$", "hub_register"));
    assert_false(seep_glob_finds("hub$", "hub_register"));
    assert_true(seep_glob_finds("^hub*ter$", "hub_register"));
    assert_true(seep_glob_finds("h*s*r", "xhub_register_"));
    assert_true(seep_glob_finds("o$", "foo")); /* the first o is not the last */
    assert_true(seep_glob_finds("^a*b", "axxbxx"));
    assert_false(seep_glob_finds("^a*c", "axxbxx"));
    assert_false(seep_glob_finds("a?c", "abc"));
    assert_true(seep_glob_finds("a?c", "xa?cx"));
    assert_false(seep_glob_finds("*", ""));
}

static void many_stars_against_a_long_text_take_no_time(void **state)
{
    static char text[100001];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    assert_false(seep_glob_fits("*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
    assert_false(seep_glob_finds("a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_glob_fits_the_whole_text),
        cmocka_unit_test(a_leaksanitizer_pattern_is_found_anywhere_unless_anchored),
        cmocka_unit_test(many_stars_against_a_long_text_take_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
