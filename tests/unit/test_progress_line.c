/* The line that says how far a command is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/progress_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 40 };

static char *written;
static size_t written_bytes;

/* A line on a terminal of 40 columns, begun at second 10. */
static struct seep_progress_line begin(void)
{
    struct seep_progress_line line;

    seep_progress_line_start(&line, "report", true);
    line.stream = open_memstream(&written, &written_bytes);
    assert_non_null(line.stream);
    line.columns = COLUMNS;
    line.from_s = 10;
    line.next_s = 11;
    seep_progress_line_set_file(&line, "/var/tmp/soak.seep");
    return line;
}

static void end(struct seep_progress_line *line)
{
    FILE *stream = line->stream;

    seep_progress_line_end(line);
    (void)fclose(stream);
    free(written);
}

/* What a terminal shows after these bytes: carriage returns obeyed. */
static const char *screen(void)
{
    static char shown[2 * COLUMNS + 1];
    size_t at = 0;
    size_t end_at = 0;

    memset(shown, 0, sizeof(shown));
    for (size_t i = 0; i < written_bytes; i++) {
        if (written[i] == '\r') {
            at = 0;
        } else if (at + 1 < sizeof(shown)) {
            shown[at++] = written[i];
            end_at = at > end_at ? at : end_at;
        }
    }
    while (end_at > 0 && shown[end_at - 1] == ' ') {
        shown[--end_at] = '\0';
    }
    return shown;
}

static void nothing_is_shown_before_a_second(void **state)
{
    struct seep_progress_line line = begin();

    (void)state;
    seep_progress_line_tell_at(&line, 10.9, "reading", 1, 2);
    assert_string_equal(screen(), "");
    seep_progress_line_tell_at(&line, 11, "reading", 1, 2);
    assert_string_equal(screen(), "seep report: reading soak.seep, 50 %");
    end(&line);
}

static void it_changes_ten_times_a_second_at_most(void **state)
{
    struct seep_progress_line line = begin();

    (void)state;
    seep_progress_line_tell_at(&line, 11, "reading", 1, 4);
    seep_progress_line_tell_at(&line, 11.05, "reading", 2, 4);
    assert_string_equal(screen(), "seep report: reading soak.seep, 25 %");
    seep_progress_line_tell_at(&line, 11.2, "reading", 3, 4);
    assert_string_equal(screen(), "seep report: reading soak.seep, 75 %");
    seep_progress_line_tell_at(&line, 11.4, "judging", 0, 0);
    assert_string_equal(screen(), "seep report: judging soak.seep");
    end(&line);
}

static void it_is_never_wider_than_the_terminal(void **state)
{
    struct seep_progress_line line = begin();

    (void)state;
    seep_progress_line_set_file(&line, "a-file-whose-name-is-longer-than-the-line.seep");
    seep_progress_line_tell_at(&line, 11, "reading", UINT64_MAX - 1, UINT64_MAX);
    assert_int_equal(strlen(screen()), COLUMNS - 1);
    assert_string_equal(screen() + COLUMNS - 1 - strlen(", 100 %"), ", 100 %");
    end(&line);
}

static void a_file_name_cannot_move_the_cursor(void **state)
{
    struct seep_progress_line line = begin();

    (void)state;
    seep_progress_line_set_file(&line, "a\033[2J\n\r\xc3\xa9.seep");
    seep_progress_line_tell_at(&line, 11, "reading", 1, 2);
    assert_string_equal(screen(), "seep report: reading a?[2J????.se, 50 %");
    end(&line);
}

static void it_is_gone_at_the_end(void **state)
{
    struct seep_progress_line line = begin();
    FILE *stream = line.stream;

    (void)state;
    seep_progress_line_tell_at(&line, 11, "reading", 1, 2);
    seep_progress_line_end(&line);
    assert_string_equal(screen(), "");
    assert_int_equal(written[written_bytes - 1], '\r');
    seep_progress_line_tell_at(&line, 20, "reading", 2, 2);
    (void)fflush(stream);
    assert_string_equal(screen(), "");
    (void)fclose(stream);
    free(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_shown_before_a_second),
        cmocka_unit_test(it_changes_ten_times_a_second_at_most),
        cmocka_unit_test(it_is_never_wider_than_the_terminal),
        cmocka_unit_test(a_file_name_cannot_move_the_cursor),
        cmocka_unit_test(it_is_gone_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
