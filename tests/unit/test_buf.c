/* Numbers written to a buffer and read back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NUMBERS = 2000 };

static void numbers_of_every_length_are_read_among_others_and_at_the_end(void **state)
{
    static uint64_t numbers[NUMBERS];
    struct seep_buf buf = {0};
    struct seep_cursor cursor;
    uint64_t random = 1;

    (void)state;
    for (size_t i = 0; i < NUMBERS; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        numbers[i] = (random ^ random >> 33) >> i % 64;
        seep_buf_put_varint(&buf, numbers[i]);
    }
    cursor = seep_cursor_over(buf.data, buf.len_bytes);
    for (size_t i = 0; i < NUMBERS; i++) {
        assert_true(seep_cursor_varint(&cursor) == numbers[i]);
    }
    assert_int_equal(seep_cursor_left_bytes(&cursor), 0);
    assert_false(cursor.failed);
    seep_buf_fini(&buf);
}

/* Source: DWARF 5, figure C.1 and section 7.6. */
static void a_number_that_does_not_end_fails_and_stays(void **state)
{
    static const uint8_t endless[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t long_zero[] = {0x80, 0x80, 0x00, 7, 0, 0, 0, 0, 0};
    struct seep_cursor cursor = seep_cursor_over(endless, sizeof(endless));

    (void)state;
    assert_true(seep_cursor_varint(&cursor) == 0);
    assert_true(cursor.failed);
    assert_ptr_equal(cursor.at, endless);
    cursor = seep_cursor_over(endless, 3);
    assert_true(seep_cursor_varint(&cursor) == 0);
    assert_true(cursor.failed);
    cursor = seep_cursor_over(long_zero, sizeof(long_zero));
    assert_true(seep_cursor_varint(&cursor) == 0);
    assert_true(seep_cursor_varint(&cursor) == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_length_are_read_among_others_and_at_the_end),
        cmocka_unit_test(a_number_that_does_not_end_fails_and_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
