/* SPDX-License-Identifier: MIT */
#include "fleet/json_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    char text[4096];
    size_t used;
    int refuse_after; /* events; < 0: never */
};

static int take(void *context, enum seep_json_event event, const char *text, size_t n)
{
    static const char marks[] = "?{}[]kstw";
    struct seen *seen = context;

    if (seen->refuse_after >= 0 && seen->refuse_after-- == 0) {
        return -ENOMEM;
    }
    seen->used += (size_t)snprintf(
        seen->text + seen->used, sizeof(seen->text) - seen->used, "%c%.*s|",
        event == SEEP_JSON_NUMBER ? 'n' : marks[event], (int)n, text);
    return 0;
}

/* The whole text, in pieces of `piece` bytes. */
static int read_text(struct seen *seen, const char *text, size_t piece)
{
    static struct seep_json_stream stream;
    size_t n = strlen(text);

    *seen = (struct seen){.refuse_after = -1};
    seep_json_stream_init(&stream, take, seen);
    for (size_t at = 0; at < n; at += piece) {
        (void)seep_json_stream_feed(&stream, text + at, n - at < piece ? n - at : piece);
    }
    return seep_json_stream_end(&stream);
}

static void every_cut_gives_the_same_tokens(void **state)
{
    static const char text[] =
        " {\"a\" : [1, -2.5e+3, \"x\\n\\u00e9\\ud83d\\ude00\", true,null , false],"
        "\"b\":{}, \"\":[]}\n";
    static const char wanted[] = "{|ka|[|n1|n-2.5e+3|sx\n\xc3\xa9\xf0\x9f\x98\x80|wtrue|"
                                 "wnull|wfalse|]|kb|{|}|k|[|]|}|";
    struct seen seen;

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        assert_int_equal(read_text(&seen, text, piece), 0);
        assert_string_equal(seen.text, wanted);
    }
}

static void half_a_surrogate_is_a_replacement_character(void **state)
{
    struct seen seen;

    (void)state;
    assert_int_equal(read_text(&seen, "[\"\\ud800\",\"\\ud800x\",\"\\udc00\"]", 3), 0);
    assert_string_equal(seen.text, "[|s\xef\xbf\xbd|s\xef\xbf\xbdx|s\xef\xbf\xbd|]|");
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "",      "<html>", "{",        "[1,]",    "{\"a\"}",     "{\"a\":1,}",
        "[1 2]", "01",     "1.",       "1e",      "-",           "nul",
        "tru e", "[}",     "\"\x01\"", "\"\\x\"", "\"\\u12g4\"", "[1]]",
        "{} {}", "\"abc",  "{1:2}",    "+1",      ".5",
    };
    struct seen seen;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(read_text(&seen, texts[i], 1), -EBADMSG);
        assert_int_equal(read_text(&seen, texts[i], 64), -EBADMSG);
    }
}

static void a_number_alone_is_a_text(void **state)
{
    struct seen seen;

    (void)state;
    assert_int_equal(read_text(&seen, "12.5", 2), 0);
    assert_string_equal(seen.text, "n12.5|");
}

static void depth_and_length_have_limits(void **state)
{
    static char deep[SEEP_JSON_DEPTH_MAX + 2];
    static char text[SEEP_JSON_TOKEN_MAX + 16];
    struct seen seen;

    (void)state;
    memset(deep, '[', SEEP_JSON_DEPTH_MAX + 1);
    assert_int_equal(read_text(&seen, deep, 7), -EBADMSG);
    memset(text, 'x', sizeof(text) - 1);
    text[0] = '"';
    text[SEEP_JSON_TOKEN_MAX + 2] = '"';
    text[SEEP_JSON_TOKEN_MAX + 3] = '\0';
    assert_int_equal(read_text(&seen, text, sizeof(text)), -EBADMSG);
    assert_int_equal(read_text(&seen, text, 100), -EBADMSG);
}

static void what_the_taker_refuses_is_final_and_named(void **state)
{
    static struct seep_json_stream stream;
    struct seen seen = {.refuse_after = 1};

    (void)state;
    seep_json_stream_init(&stream, take, &seen);
    assert_int_equal(seep_json_stream_feed(&stream, "[1,2]", 5), -ENOMEM);
    assert_int_equal(seep_json_stream_feed(&stream, "[1,2]", 5), -ENOMEM);
    assert_int_equal(seep_json_stream_end(&stream), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_tokens),
        cmocka_unit_test(half_a_surrogate_is_a_replacement_character),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(a_number_alone_is_a_text),
        cmocka_unit_test(depth_and_length_have_limits),
        cmocka_unit_test(what_the_taker_refuses_is_final_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
