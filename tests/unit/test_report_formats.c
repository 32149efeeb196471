/* Names of any bytes through every format: no name may become structure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/renderer.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "report/markup.h"
#include "report/xml_text.h"

enum { LONG = 100000 };

static struct seep_buf bytes;
static struct seep_view_frame frames[2];
static struct seep_view_frame elsewhere[2]; /* the same names at another address */
static struct seep_finding finding;
static struct seep_view_subsystem subsystem;
/* main (places[1]) calls `frames` (places[2]: with an inlined one) and `elsewhere`. */
static struct seep_view_frame outer = {
    .function = "main", .file = "", .module = "server", .build_id = "", .offset = 8};
static struct seep_view_place places[4] = {[3] = {.frames = elsewhere, .frame_count = 2},
                                           [1] = {.frames = &outer, .frame_count = 1},
                                           [2] = {.frames = frames, .frame_count = 2}};
static struct seep_view_node nodes[] = {
    {0}, {.place = 1}, {.place = 2, .caller = 1}, {.place = 3, .caller = 1}};
static struct seep_view_site sites[] = {{.kind = SEEP_KIND_HEAP,
                                         .node = 2,
                                         .live = 1,
                                         .acquired = 1,
                                         .live_bytes = 40,
                                         .subsystem = ""},
                                        {.kind = SEEP_KIND_HEAP,
                                         .node = 3,
                                         .live = 2,
                                         .acquired = 2,
                                         .live_bytes = 60,
                                         .subsystem = ""},
                                        {.kind = SEEP_KIND_HEAP,
                                         .node = 1,
                                         .live = 1,
                                         .acquired = 1,
                                         .live_bytes = 7,
                                         .subsystem = ""},
                                        {.kind = SEEP_KIND_THREAD,
                                         .node = 2,
                                         .live = 9,
                                         .acquired = 9,
                                         .live_bytes = 999,
                                         .subsystem = ""}};

static const char *taken(void)
{
    seep_buf_put(&bytes, "", 1);
    assert_false(bytes.failed);
    return (const char *)bytes.data;
}

/* Findings in which every text of unknown origin is `name`. */
static struct seep_findings named(const char *name)
{
    static const char *command[1];

    command[0] = name;
    frames[0] = (struct seep_view_frame){.function = name,
                                         .file = name,
                                         .module = name,
                                         .build_id = "ab12",
                                         .offset = 16,
                                         .line = 7,
                                         .inlined = true,
                                         .role = SEEP_ROLE_PROGRAM};
    frames[1] = frames[0];
    frames[1].inlined = false;
    memcpy(elsewhere, frames, sizeof(frames));
    elsewhere[0].offset = elsewhere[1].offset = 32;
    finding = (struct seep_finding){.id = "0123456789ab",
                                    .kind = SEEP_KIND_HEAP,
                                    .verdict = SEEP_VERDICT_DEFINITE,
                                    .cause = SEEP_CAUSE_GROWTH,
                                    .subsystem = name,
                                    .summary = name,
                                    .headline = name,
                                    .through = "",
                                    .stack = frames,
                                    .stack_count = 2,
                                    .stack_end = ""};
    finding.evidence.live = 3;
    finding.evidence.live_bytes = 96;
    subsystem = (struct seep_view_subsystem){.name = name, .heap_live = 3};
    return (struct seep_findings){.exe = name,
                                  .host = name,
                                  .command = command,
                                  .command_count = 1,
                                  .ending = "exited 0",
                                  .ending_kind = "exited",
                                  .mode = "full",
                                  .inconclusive = name,
                                  .advice = name,
                                  .subsystems = &subsystem,
                                  .subsystem_count = 1,
                                  .findings = &finding,
                                  .finding_count = 1,
                                  .profile = {.places = places,
                                              .place_count = 4,
                                              .nodes = nodes,
                                              .node_count = 4,
                                              .sites = sites,
                                              .site_count = 4},
                                  .outcome = SEEP_OUTCOME_LEAK};
}

static const char *rendered(const struct seep_renderer *renderer, const char *name)
{
    const struct seep_render_options options = {.columns = 80, .utf8 = true};
    struct seep_findings findings = named(name);

    seep_buf_reset(&bytes);
    assert_int_equal(renderer->render(&findings, &options, &bytes), 0);
    return taken();
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) {
        n++;
    }
    return n;
}

static void text_in_markdown_is_only_text(void **state)
{
    (void)state;
    seep_buf_reset(&bytes);
    seep_markup_put_text(&bytes, "a_b std::map<int|*> @me #1 www.x http://x _e");
    assert_string_equal(taken(),
                        "a_b std::&#8203;map&#60;int&#124;&#42;&#62; &#64;&#8203;me "
                        "&#35;&#8203;1 www&#8203;.x http&#58;&#8203;//x &#95;e");
    seep_buf_reset(&bytes);
    seep_markup_put_code(&bytes, "std::map<int>\n</code>");
    assert_string_equal(taken(), "std::map&#60;int&#62; &#60;/code&#62;");
}

/* Every byte alone and between letters gives the same lines, cells and tags as "x". */
static void no_byte_of_a_name_changes_the_structure_of_a_comment(void **state)
{
    static const char *const parts[] = {"\n", "|", "<", ">", "`", "](", "\\"};
    size_t wanted[sizeof(parts) / sizeof(parts[0])];
    const char *text = rendered(&SEEP_RENDERER_MARKDOWN, "x");

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        wanted[i] = count(text, parts[i]);
    }
    for (unsigned c = 1; c < 256; c++) {
        char raw[] = {'x', (char)c, 'y', (char)c, (char)c, '\0'};
        struct seep_findings *owner = NULL;

        assert_int_equal(seep_findings_new(&owner), 0);
        text = rendered(&SEEP_RENDERER_MARKDOWN, seep_findings_text(owner, raw));
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            assert_int_equal(count(text, parts[i]), wanted[i]);
        }
        text = rendered(&SEEP_RENDERER_MARKDOWN, raw);
        assert_int_equal(count(text, "\n"), wanted[0]);
        seep_findings_free(owner);
    }
}

/* The same of the page: its tags and its attributes' quotes. */
static void no_byte_of_a_name_changes_the_structure_of_a_page(void **state)
{
    static const char *const parts[] = {"\n", "<", ">", "\"", "'"};
    size_t wanted[sizeof(parts) / sizeof(parts[0])];
    const char *text = rendered(&SEEP_RENDERER_HTML, "x");

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        wanted[i] = count(text, parts[i]);
    }
    for (unsigned c = 1; c < 256; c++) {
        char raw[] = {'x', (char)c, 'y', (char)c, (char)c, '\0'};

        text = rendered(&SEEP_RENDERER_HTML, raw);
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            assert_int_equal(count(text, parts[i]), wanted[i]);
        }
    }
    text = rendered(&SEEP_RENDERER_HTML, "&lt;");
    assert_non_null(strstr(text, "<code>&amp;lt;</code>"));
}

static void a_comment_stays_below_what_is_accepted(void **state)
{
    static char name[LONG];
    static struct seep_finding many[2000];
    const struct seep_render_options options = {.columns = 80, .top = 2000};
    struct seep_findings findings;

    (void)state;
    memset(name, '<', sizeof(name) - 1);
    findings = named(name);
    for (size_t i = 0; i < 2000; i++) {
        many[i] = finding;
    }
    findings.findings = many;
    findings.finding_count = 2000;
    seep_buf_reset(&bytes);
    assert_int_equal(SEEP_RENDERER_MARKDOWN.render(&findings, &options, &bytes), 0);
    assert_true(bytes.len_bytes < 65536);
    assert_non_null(strstr(taken(), "more would not fit into a comment"));
}

static void equal_names_are_one_folded_stack_of_one_kind(void **state)
{
    (void)state;
    assert_string_equal(rendered(&SEEP_RENDERER_FOLDED, "leaky"),
                        "main;leaky;leaky 100\nmain 7\n");
    assert_string_equal(rendered(&SEEP_RENDERER_FOLDED, "??"),
                        "main;[??];[??] 100\nmain 7\n");
}

static void no_byte_of_a_name_changes_the_structure_of_folded_stacks(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char raw[] = {'x', (char)c, 'y', '\0'};
        const char *text = rendered(&SEEP_RENDERER_FOLDED, raw);

        assert_int_equal(count(text, "\n"), 2);
        assert_int_equal(count(text, ";"), 2);
        assert_non_null(strstr(text, " 100\n"));
    }
}

/* Lengths part the texts of a profile: what is left to show is that any name gets in. */
static void every_name_is_in_the_profile(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char raw[] = {'x', (char)c, 'y', '\0'};
        uint8_t plain[4096];
        z_stream stream = {.next_out = plain, .avail_out = sizeof(plain)};

        (void)rendered(&SEEP_RENDERER_PPROF, raw);
        stream.next_in = bytes.data;
        stream.avail_in = (uInt)bytes.len_bytes;
        assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        assert_non_null(memmem(plain, stream.total_out, raw, 3));
        inflateEnd(&stream);
    }
}

/* jansson reads what was written: quotes and control characters are escaped. */
static void no_byte_of_a_name_breaks_sarif(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char raw[] = {'x', (char)c, 'y', '\0'};
        struct seep_findings *owner = NULL;
        const char *text = NULL;
        const char *uri = NULL;
        json_t *log = NULL;

        assert_int_equal(seep_findings_new(&owner), 0);
        text = rendered(&SEEP_RENDERER_SARIF, seep_findings_text(owner, raw));
        log = json_loads(text, 0, NULL);
        assert_non_null(log);
        assert_int_equal(json_unpack(log, "{s:[{s:[{s:[{s:{s:{s:s}}}]}]}]}", "runs",
                                     "results", "locations", "physicalLocation",
                                     "artifactLocation", "uri", &uri),
                         0);
        assert_non_null(uri);
        assert_int_equal(strspn(uri,
                                "xy%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
                                "nopqrstuvwz-._~+,=@!/"),
                         strlen(uri));
        json_decref(log);
        seep_findings_free(owner);
    }
}

static void placeholders_and_links_in_names_stay_text(void **state)
{
    (void)state;
    assert_non_null(
        strstr(rendered(&SEEP_RENDERER_SARIF, "f::{lambda#1}::operator[](int)"),
               "f::{{lambda#1}}::operator[] (int)"));
}

/* Bytes that XML cannot hold, and those that would be structure, are gone or escaped. */
static void no_byte_of_a_name_breaks_xml(void **state)
{
    static const char *const parts[] = {"<", ">", "\"", "\n"};
    size_t wanted[sizeof(parts) / sizeof(parts[0])];
    const char *text = rendered(&SEEP_RENDERER_JUNIT, "x");

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        wanted[i] = count(text, parts[i]);
    }
    for (unsigned c = 1; c < 256; c++) {
        char raw[] = {'x', (char)c, 'y', (char)c, '\0'};

        text = rendered(&SEEP_RENDERER_JUNIT, raw);
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            assert_int_equal(count(text, parts[i]), wanted[i]);
        }
        for (const char *at = text; *at != '\0'; at++) {
            assert_true((*at >= 0x20 && *at <= 0x7e) || *at == 0x7f || *at == '\n');
        }
    }
    seep_buf_reset(&bytes);
    seep_xml_put_text(
        &bytes, "<a&\"'>\n\x01\xff\xc3\xbc\xef\xbf\xbf\xed\xa0\x80\xf0\x9f\x98\x80\xe2");
    assert_string_equal(
        taken(), "&#60;a&#38;&#34;&#39;&#62;&#10;??\xc3\xbc??????\xf0\x9f\x98\x80?");
}

static void a_finding_fails_its_test_whatever_is_shown(void **state)
{
    const char *text = rendered(&SEEP_RENDERER_JUNIT, "cache");

    (void)state;
    assert_non_null(
        strstr(text, "tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\""));
    assert_non_null(strstr(text, "<testcase classname=\"heap\" name=\"cache\">\n"
                                 "   <failure type=\"definite\" message=\"cache\">"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_in_markdown_is_only_text),
        cmocka_unit_test(no_byte_of_a_name_changes_the_structure_of_a_comment),
        cmocka_unit_test(equal_names_are_one_folded_stack_of_one_kind),
        cmocka_unit_test(no_byte_of_a_name_changes_the_structure_of_folded_stacks),
        cmocka_unit_test(every_name_is_in_the_profile),
        cmocka_unit_test(no_byte_of_a_name_changes_the_structure_of_a_page),
        cmocka_unit_test(no_byte_of_a_name_breaks_sarif),
        cmocka_unit_test(placeholders_and_links_in_names_stay_text),
        cmocka_unit_test(no_byte_of_a_name_breaks_xml),
        cmocka_unit_test(a_finding_fails_its_test_whatever_is_shown),
        cmocka_unit_test(a_comment_stays_below_what_is_accepted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    seep_buf_fini(&bytes);
    return failed;
}
