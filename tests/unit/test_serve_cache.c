/* Answers that are kept.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void keep(struct seep_cache *cache, const char *name, size_t bytes,
                 uint64_t cost_ns, uint64_t now_ns)
{
    struct seep_target target = {.kind = SEEP_TARGET_SITES};
    struct seep_buf body = {0};
    char *text = calloc(1, bytes);

    (void)snprintf(target.name, sizeof(target.name), "%s", name);
    seep_buf_put(&body, text, bytes);
    free(text);
    struct seep_answer *answer = seep_answer_new(200, "text/plain", &body);

    assert_non_null(answer);
    seep_cache_put(cache, &target, answer, cost_ns, now_ns);
    seep_answer_release(answer);
}

static bool has(struct seep_cache *cache, const char *name, bool any, uint64_t now_ns)
{
    struct seep_target target = {.kind = SEEP_TARGET_SITES};
    char key[SEEP_TARGET_KEY_BYTES];

    (void)snprintf(target.name, sizeof(target.name), "%s", name);
    seep_target_key(&target, key);
    struct seep_answer *answer = seep_cache_get(cache, key, any, now_ns);

    seep_answer_release(answer);
    return answer != NULL;
}

static void an_answer_is_kept_until_its_recording_changes(void **state)
{
    struct seep_cache cache = {0};
    (void)state;

    keep(&cache, "a", 10, 0, 1);
    keep(&cache, "b", 10, 0, 1);
    assert_true(has(&cache, "a", false, 2));
    assert_false(has(&cache, "c", true, 2));
    seep_cache_touch(&cache, "a");
    assert_false(has(&cache, "a", false, 2));
    assert_true(has(&cache, "b", false, 2));
    assert_true(has(&cache, "a", true, 2)); /* nobody can make another */
    seep_cache_fini(&cache);
}

static void what_was_dear_rests_thirty_times_as_long(void **state)
{
    struct seep_cache cache = {0};
    (void)state;

    keep(&cache, "a", 10, 10000000, 0);
    seep_cache_touch(&cache, "a");
    assert_true(has(&cache, "a", false, 299999999));
    assert_false(has(&cache, "a", false, 300000000));
    seep_cache_fini(&cache);
}

static void the_longest_unused_gives_way(void **state)
{
    struct seep_cache cache = {0};
    char name[32];
    (void)state;

    for (uint64_t i = 0; i < SEEP_CACHE_ENTRIES; i++) {
        (void)snprintf(name, sizeof(name), "%u", (unsigned)i);
        keep(&cache, name, 10, 0, i);
    }
    assert_true(has(&cache, "0", false, 1000));
    keep(&cache, "new", 10, 0, 1001);
    assert_true(has(&cache, "0", false, 1002));
    assert_false(has(&cache, "1", false, 1002));
    assert_true(cache.count <= SEEP_CACHE_ENTRIES);
    /* By bytes, too. */
    keep(&cache, "large", SEEP_CACHE_BYTES / 2, 0, 2000);
    keep(&cache, "larger", SEEP_CACHE_BYTES / 2, 0, 2001);
    assert_true(cache.bytes <= SEEP_CACHE_BYTES);
    assert_true(has(&cache, "larger", false, 2002));
    keep(&cache, "too large", SEEP_CACHE_BYTES, 0, 2003);
    assert_false(has(&cache, "too large", true, 2003));
    seep_cache_fini(&cache);
    assert_int_equal(cache.bytes, 0);
}

static void errors_are_not_kept(void **state)
{
    struct seep_cache cache = {0};
    const struct seep_target target = {.kind = SEEP_TARGET_SITES, .name = "a"};
    struct seep_answer *answer = seep_answer_error(404, "\"%s\"", "a\nb");
    (void)state;

    assert_non_null(answer);
    assert_string_equal(answer->type, "application/json");
    assert_memory_equal(answer->body, "{\"error\": \"\\\"a\\nb\\\"\"}", 21);
    seep_cache_put(&cache, &target, answer, 0, 0);
    assert_int_equal(cache.count, 0);
    seep_answer_release(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_kept_until_its_recording_changes),
        cmocka_unit_test(what_was_dear_rests_thirty_times_as_long),
        cmocka_unit_test(the_longest_unused_gives_way),
        cmocka_unit_test(errors_are_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
