/* Charts and flame graphs of the HTML report, by their numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/html_flame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "report/html_chart.h"

enum { MANY = 1000, DRAWN = 800 };

static struct seep_buf bytes;
static struct seep_view_frame frames[MANY + 2];
static struct seep_view_place places[MANY + 2];
static struct seep_view_node nodes[MANY + 2];
static struct seep_view_site sites[MANY];
static char names[MANY + 2][24];

static const char *taken(void)
{
    seep_buf_put(&bytes, "", 1);
    assert_false(bytes.failed);
    return (const char *)bytes.data;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) {
        n++;
    }
    return n;
}

/* "f1" calls "f2" .. "f<n + 1>"; the i-th of these holds bytes[i] of the heap. */
static struct seep_findings fan(size_t n, uint64_t (*bytes_of)(size_t i))
{
    for (size_t i = 1; i < n + 2; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "f%zu", i);
        frames[i] = (struct seep_view_frame){.function = names[i],
                                             .file = "",
                                             .module = "m",
                                             .build_id = "",
                                             .role = SEEP_ROLE_PROGRAM};
        places[i] = (struct seep_view_place){.frames = &frames[i], .frame_count = 1};
        nodes[i] = (struct seep_view_node){.place = (uint32_t)i, .caller = i > 1};
    }
    for (size_t i = 0; i < n; i++) {
        sites[i] = (struct seep_view_site){.kind = SEEP_KIND_HEAP,
                                           .subsystem = "",
                                           .node = (uint32_t)i + 2,
                                           .live = 1,
                                           .live_bytes = bytes_of(i)};
    }
    return (struct seep_findings){.profile = {.places = places,
                                              .place_count = n + 2,
                                              .nodes = nodes,
                                              .node_count = n + 2,
                                              .sites = sites,
                                              .site_count = n}};
}

static const char *flame(const struct seep_findings *findings, enum seep_site_value value)
{
    const struct seep_html_flame shown = {
        .title = "Bytes", .kind = SEEP_KIND_HEAP, .value = value};

    seep_buf_reset(&bytes);
    assert_int_equal(seep_html_flame_put(&bytes, findings, &shown), 0);
    return taken();
}

static uint64_t one_and_three(size_t i)
{
    return i == 0 ? 1024 : 3072;
}

static uint64_t falling(size_t i)
{
    return 2 * MANY - i;
}

static void a_frame_is_as_wide_as_its_share_and_the_widest_comes_first(void **state)
{
    struct seep_findings findings = fan(2, one_and_three);
    const char *text = flame(&findings, SEEP_VALUE_LIVE_BYTES);

    (void)state;
    assert_non_null(strstr(text, "x=\"0.0000%\" width=\"100.0000%\" y=\"20\" "
                                 "height=\"19\"><title>f1: 4.0 KiB, 100.0 %"));
    assert_non_null(strstr(text, "x=\"0.0000%\" width=\"75.0000%\" y=\"40\" "
                                 "height=\"19\"><title>f3: 3.0 KiB, 75.0 %"));
    assert_non_null(strstr(text, "x=\"75.0000%\" width=\"25.0000%\" y=\"40\" "
                                 "height=\"19\"><title>f2: 1.0 KiB, 25.0 %"));
    assert_int_equal(count(text, "<title>"), 4);
}

static void the_narrowest_frames_are_counted_instead_of_drawn(void **state)
{
    struct seep_findings findings = fan(MANY, falling);
    const char *text = flame(&findings, SEEP_VALUE_LIVE_BYTES);

    (void)state;
    assert_int_equal(count(text, "<title>"), 1 + DRAWN);
    assert_non_null(strstr(text, "201 narrower frames"));
    assert_non_null(strstr(text, "<title>f2: ")); /* the widest of the fan */
    assert_null(strstr(text, "<title>f1001: "));  /* the narrowest */
}

static void nothing_that_grows_is_no_graph(void **state)
{
    struct seep_findings findings = fan(2, one_and_three);

    (void)state;
    assert_string_equal(flame(&findings, SEEP_VALUE_GROWTH), "");
    findings = (struct seep_findings){0};
    assert_string_equal(flame(&findings, SEEP_VALUE_LIVE_BYTES), "");
}

static void a_chart_begins_at_zero_and_ends_at_a_round_number(void **state)
{
    static const double values[] = {0, 30, 60};
    const struct seep_html_chart chart = {.title = "Threads",
                                          .count = 3,
                                          .from_s = 10,
                                          .to_s = 30,
                                          .judged_from_s = 20,
                                          .judged_to_s = 30,
                                          .values = values};

    (void)state;
    seep_buf_reset(&bytes);
    seep_html_chart_put(&bytes, &chart);
    const char *text = taken();

    assert_non_null(strstr(text, "points=\"0.0,100.00 500.0,50.00 1000.0,0.00\""));
    assert_non_null(strstr(text, "<span>60</span><span>40</span><span>20</span>"
                                 "<span>0</span>"));
    assert_non_null(strstr(text, "class=\"judged\" x=\"500.0\" width=\"500.0\""));
    assert_non_null(strstr(text, "Threads over 20 s: from 0 to 60, at most 60"));
}

static void bytes_are_marked_in_powers_of_two(void **state)
{
    static const double values[] = {0, 1.5 * 1048576};
    const struct seep_html_chart chart = {
        .title = "Heap", .bytes = true, .count = 2, .to_s = 1, .values = values};

    (void)state;
    seep_buf_reset(&bytes);
    seep_html_chart_put(&bytes, &chart);
    assert_non_null(strstr(taken(), "<span>1.5 MiB</span><span>1.0 MiB</span>"
                                    "<span>512 KiB</span><span>0 B</span>"));
}

static void one_value_is_no_chart(void **state)
{
    static const double values[] = {7};
    const struct seep_html_chart chart = {.title = "x", .count = 1, .values = values};

    (void)state;
    seep_buf_reset(&bytes);
    seep_html_chart_put(&bytes, &chart);
    seep_html_chart_put_sparkline(&bytes, values, 1);
    assert_string_equal(taken(), "");
}

/* BASE lasts twice as long and is twice as high: one axis must hold both. */
static void two_runs_are_drawn_to_one_scale(void **state)
{
    static const double now[] = {0, 30};
    static const double before[] = {0, 60};
    const struct seep_html_line base = {.count = 2, .to_s = 40, .values = before};
    const struct seep_html_chart chart = {
        .title = "Threads", .count = 2, .to_s = 20, .values = now, .before = &base};
    const char *text = NULL;

    (void)state;
    seep_buf_reset(&bytes);
    seep_html_chart_put(&bytes, &chart);
    text = taken();
    assert_non_null(strstr(text, "class=\"BASE\" data-name=\"BASE\" data-t=\"0 40\""));
    assert_non_null(strstr(text, "points=\"0.0,100.00 1000.0,0.00\""));
    assert_non_null(strstr(text, "points=\"0.0,100.00 500.0,50.00\""));
    assert_non_null(strstr(text, "NEW: Threads over 20 s: from 0 to 30, at most 30; "
                                 "BASE: Threads over 40 s: from 0 to 60, at most 60"));
    seep_buf_reset(&bytes);
    seep_html_chart_put_sparklines(
        &bytes, &base, &(struct seep_html_line){.count = 2, .to_s = 20, .values = now});
    text = taken();
    assert_non_null(strstr(text, "class=\"BASE\" points=\"0.0,19.0 100.0,1.0\""));
    assert_non_null(strstr(text, "class=\"NEW\" points=\"0.0,19.0 50.0,10.0\""));
}

static void a_differential_flame_graph_is_coloured_by_the_other_run(void **state)
{
    struct seep_findings findings = fan(2, one_and_three);
    struct seep_view_site less[] = {sites[0], sites[1]};
    struct seep_findings other = findings;
    const struct seep_html_flame shown = {.title = "Bytes",
                                          .kind = SEEP_KIND_HEAP,
                                          .value = SEEP_VALUE_LIVE_BYTES,
                                          .against = &other,
                                          .against_name = "BASE"};
    const char *text = NULL;

    (void)state;
    less[1].live_bytes = 512; /* f3: 3,072 now */
    other.profile.sites = less;
    seep_buf_reset(&bytes);
    assert_int_equal(seep_html_flame_put(&bytes, &findings, &shown), 0);
    text = taken();
    assert_non_null(strstr(text, "<title>f3: 3.0 KiB (BASE 512 B), 75.0 %"));
    assert_non_null(strstr(text, "<title>f2: 1.0 KiB (BASE 1.0 KiB), 25.0 %"));
    assert_non_null(strstr(text, "<title>all: 4.0 KiB (BASE 1.5 KiB), 100.0 %"));
    assert_int_equal(count(text, "class=\"f more2\""), 3); /* f3, f1, all */
    assert_int_equal(count(text, "class=\"f even\""), 1);

    /* A run that never came here has nothing of it. */
    other.profile.site_count = 0;
    other.profile.node_count = 0;
    seep_buf_reset(&bytes);
    assert_int_equal(seep_html_flame_put(&bytes, &findings, &shown), 0);
    assert_int_equal(count(taken(), "class=\"f more2\""), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_as_wide_as_its_share_and_the_widest_comes_first),
        cmocka_unit_test(the_narrowest_frames_are_counted_instead_of_drawn),
        cmocka_unit_test(nothing_that_grows_is_no_graph),
        cmocka_unit_test(a_chart_begins_at_zero_and_ends_at_a_round_number),
        cmocka_unit_test(bytes_are_marked_in_powers_of_two),
        cmocka_unit_test(one_value_is_no_chart),
        cmocka_unit_test(two_runs_are_drawn_to_one_scale),
        cmocka_unit_test(a_differential_flame_graph_is_coloured_by_the_other_run),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    seep_buf_fini(&bytes);
    return failed;
}
