/* From a path to what it asks for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *path, const char *name, const char *value,
                 struct seep_target *target)
{
    const struct seep_target_parameter parameter = {name, value};
    struct seep_error error = {0};
    int status = seep_target_parse(path, &parameter, name != NULL, target, &error);

    assert_true((status == 0) == (error.message[0] == '\0'));
    return status;
}

static void every_route_is_known(void **state)
{
    static const struct {
        const char *path;
        enum seep_target_kind kind;
    } routes[] = {{"/", SEEP_TARGET_PAGE},
                  {"/assets/app.js", SEEP_TARGET_ASSET},
                  {"/metrics", SEEP_TARGET_METRICS},
                  {"/api/v1/events", SEEP_TARGET_EVENTS},
                  {"/api/v1/recordings", SEEP_TARGET_RECORDINGS},
                  {"/api/v1/recordings/a b.seep/report", SEEP_TARGET_REPORT},
                  {"/api/v1/recordings/a/timeline", SEEP_TARGET_TIMELINE},
                  {"/api/v1/recordings/a/sites", SEEP_TARGET_SITES},
                  {"/api/v1/recordings/a/sites/7", SEEP_TARGET_SITE},
                  {"/api/v1/recordings/a/flame", SEEP_TARGET_FLAME},
                  {"/api/v1/recordings/a/threads", SEEP_TARGET_THREADS}};
    struct seep_target target;
    (void)state;

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        assert_int_equal(parse(routes[i].path, NULL, NULL, &target), 0);
        assert_int_equal(target.kind, routes[i].kind);
    }
    assert_int_equal(parse("/api/v1/recordings/a b.seep/report", NULL, NULL, &target), 0);
    assert_string_equal(target.name, "a b.seep");
}

static void other_paths_are_none(void **state)
{
    static const char *const paths[] = {"",
                                        "/x",
                                        "/api/v1",
                                        "/api/v1/recordings/",
                                        "/api/v1/recordings/a",
                                        "/api/v1/recordings//report",
                                        "/api/v1/recordings/a/",
                                        "/api/v1/recordings/a/sites/",
                                        "/api/v1/recordings/a/sites/1/2",
                                        "/api/v1/recordings/a/b/report",
                                        "/metrics/",
                                        "//metrics"};
    struct seep_target target;
    char path[600];
    (void)state;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(parse(paths[i], NULL, NULL, &target), 404);
    }
    (void)snprintf(path, sizeof(path), "/api/v1/recordings/%0*d/report", 300, 1);
    assert_int_equal(parse(path, NULL, NULL, &target), 404);
    (void)snprintf(path, sizeof(path), "/assets/%0*d", 300, 1);
    assert_int_equal(parse(path, NULL, NULL, &target), 404);
}

static void parameters_are_read_and_unknown_ones_refused(void **state)
{
    static const char sites[] = "/api/v1/recordings/a/sites";
    struct seep_target target;
    (void)state;

    assert_int_equal(parse(sites, "top", "1000", &target), 0);
    assert_int_equal(target.top, 1000);
    assert_int_equal(parse(sites, "sort", "rate", &target), 0);
    assert_int_equal(target.sort, SEEP_TOP_BY_RATE);
    assert_int_equal(parse(sites, "kind", "timer", &target), 0);
    assert_int_equal(target.of, SEEP_KIND_TIMER);
    assert_int_equal(parse(sites, "top", "1001", &target), 400);
    assert_int_equal(parse(sites, "top", "+1", &target), 400);
    assert_int_equal(parse(sites, "top", NULL, &target), 400);
    assert_int_equal(parse(sites, "value", "live", &target), 400);
    assert_int_equal(parse(sites, "", "", &target), 400);
    assert_int_equal(parse(sites, "token", "x", &target), 0);
    assert_int_equal(parse("/", "view", "anything", &target), 0);
    assert_int_equal(parse("/api/v1/diff", "base", "a", &target), 400);
    assert_int_equal(parse("/api/v1/recordings/a/report", "top", "100", &target), 0);
    assert_int_equal(target.top, 100);
    assert_int_equal(parse("/api/v1/recordings/a/report", "format", "html", &target), 0);
    assert_string_equal(target.format, "html");
}

static void different_questions_have_different_keys(void **state)
{
    static const struct seep_target targets[] = {
        {.kind = SEEP_TARGET_REPORT, .name = "a"},
        {.kind = SEEP_TARGET_REPORT, .name = "a", .format = "html"},
        {.kind = SEEP_TARGET_REPORT, .name = "b"},
        {.kind = SEEP_TARGET_SITES, .name = "a"},
        {.kind = SEEP_TARGET_SITES, .name = "a", .top = 1},
        {.kind = SEEP_TARGET_SITES, .name = "a", .subsystem = "1"},
        {.kind = SEEP_TARGET_SITE, .name = "a", .site = "1"},
        {.kind = SEEP_TARGET_SITE, .name = "a", .site = "11"}};
    char a[SEEP_TARGET_KEY_BYTES];
    char b[SEEP_TARGET_KEY_BYTES];
    (void)state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        for (size_t k = 0; k < sizeof(targets) / sizeof(targets[0]); k++) {
            seep_target_key(&targets[i], a);
            seep_target_key(&targets[k], b);
            assert_int_equal(strcmp(a, b) == 0, i == k);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_known),
        cmocka_unit_test(other_paths_are_none),
        cmocka_unit_test(parameters_are_read_and_unknown_ones_refused),
        cmocka_unit_test(different_questions_have_different_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
