/* The cache in this process: bounded, aged, and what fault F16 does to it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/store/local_cache.h"
#include "server/store/store.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define TTL_NS  (40 * PMA_MS_NS)
#define LONG_NS (3600 * PMA_S_NS)

static struct pma_local_cache *made(uint32_t max_entries, uint64_t max_bytes,
                                    uint64_t ttl_ns)
{
    const struct pma_local_cache_config config = {.max_entries = max_entries,
                                                  .max_bytes = max_bytes,
                                                  .ttl_ns = ttl_ns,
                                                  .sweep_interval_ns = 10 * PMA_MS_NS};
    struct pma_local_cache *cache = NULL;
    assert_int_equal(pma_local_cache_new(&config, &cache), 0);
    return cache;
}

static void put(struct pma_local_cache *cache, const char *key, const char *text)
{
    pma_local_cache_put(cache, key, text, strlen(text));
}

static void assert_has(struct pma_local_cache *cache, const char *key, const char *text)
{
    char *read = NULL;
    size_t read_bytes = 0;
    const bool found = pma_local_cache_get(cache, key, &read, &read_bytes);
    assert_int_equal(found, text != NULL);
    if (text != NULL) {
        assert_string_equal(read, text);
        assert_int_equal(read_bytes, strlen(text));
    }
    free(read);
}

static struct pma_local_cache_figures figures(struct pma_local_cache *cache)
{
    struct pma_local_cache_figures read;
    pma_local_cache_figures_read(cache, &read);
    return read;
}

static void set_f16(bool enabled)
{
    const struct pma_fault_setting setting = {.enabled = enabled};
    assert_int_equal(pma_fault_set(PMA_FAULT_F16, &setting), 0);
}

static void a_text_is_kept_replaced_and_removed(void **state)
{
    (void)state;
    struct pma_local_cache *cache = made(10, 10000, LONG_NS);
    assert_has(cache, "a", NULL);
    put(cache, "a", "one");
    put(cache, "b", "");
    assert_has(cache, "a", "one");
    assert_has(cache, "b", "");
    put(cache, "a", "two");
    assert_has(cache, "a", "two");
    assert_int_equal(figures(cache).entries, 2);
    pma_local_cache_remove(cache, "a");
    pma_local_cache_remove(cache, "a");
    assert_has(cache, "a", NULL);
    assert_int_equal(pma_local_cache_clear(cache), 1);
    assert_int_equal(figures(cache).bytes, 0);
    pma_local_cache_free(cache);
}

static void the_entry_used_longest_ago_gives_way(void **state)
{
    (void)state;
    struct pma_local_cache *cache = made(3, 10000, LONG_NS);
    put(cache, "a", "1");
    put(cache, "b", "2");
    put(cache, "c", "3");
    assert_has(cache, "a", "1");
    put(cache, "d", "4");
    assert_has(cache, "b", NULL);
    assert_has(cache, "a", "1");
    assert_has(cache, "c", "3");
    assert_has(cache, "d", "4");
    json_t *keys = pma_local_cache_keys_json(cache, 2);
    assert_int_equal(json_array_size(keys), 2);
    assert_string_equal(json_string_value(json_array_get(keys, 0)), "d");
    json_decref(keys);
    pma_local_cache_free(cache);
}

static void bytes_are_bounded_and_a_large_text_is_not_kept(void **state)
{
    (void)state;
    char text[600];
    char key[16];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    struct pma_local_cache *cache = made(1000, 8000, LONG_NS);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(cache, key, text);
        assert_true(figures(cache).bytes <= 8000);
    }
    assert_in_range(figures(cache).entries, 8, 12);
    char *large = calloc(1, 1200);
    memset(large, 'y', 1199);
    put(cache, "k99", large); /* and the older text of that key goes */
    assert_has(cache, "k99", NULL);
    free(large);
    pma_local_cache_free(cache);
}

static void what_is_too_old_is_a_miss_and_is_swept(void **state)
{
    (void)state;
    struct pma_local_cache *cache = made(10, 10000, TTL_NS);
    put(cache, "a", "1");
    put(cache, "b", "2");
    usleep(TTL_NS / 1000);
    put(cache, "c", "3");
    assert_has(cache, "a", NULL);
    assert_int_equal(pma_local_cache_sweep(cache), 1); /* b */
    assert_int_equal(figures(cache).entries, 1);
    assert_int_equal(pma_local_cache_start(cache), 0);
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (figures(cache).entries > 0 && pma_now_ns() < deadline_ns) {
        usleep(500);
    }
    assert_int_equal(figures(cache).entries, 0);
    assert_int_equal(pma_local_cache_stop(cache, PMA_S_NS), 0);
    pma_local_cache_free(cache);
}

static void a_cache_of_nothing_keeps_nothing(void **state)
{
    (void)state;
    struct pma_local_cache *cache = made(0, 10000, LONG_NS);
    put(cache, "a", "1");
    assert_has(cache, "a", NULL);
    put(NULL, "a", "1");
    assert_has(NULL, "a", NULL);
    pma_local_cache_remove(NULL, "a");
    assert_int_equal(pma_local_cache_sweep(NULL), 0);
    assert_int_equal(pma_local_cache_clear(NULL), 0);
    pma_local_cache_free(cache);
    struct pma_local_cache *none = NULL;
    const struct pma_local_cache_config wrong = {.max_entries = 1, .max_bytes = 1};
    assert_int_equal(pma_local_cache_new(&wrong, &none), -EINVAL);
}

static void f16_keeps_one_entry_per_distinct_key_until_it_is_read_again(void **state)
{
    (void)state;
    char key[16];
    struct pma_local_cache *cache = made(3, 10000, TTL_NS);
    set_f16(true);
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(cache, key, "text");
    }
    put(cache, "k7", "other"); /* not a distinct key: an entry like others */
    assert_int_equal(figures(cache).forgotten, 49);
    assert_int_equal(pma_fault_total(PMA_FAULT_F16), 50);
    assert_has(cache, "k0", "text");
    usleep(TTL_NS / 1000);
    assert_int_equal(pma_local_cache_sweep(cache), 1);
    assert_int_equal(figures(cache).forgotten, 49);
    assert_has(cache, "k0", NULL);
    assert_int_equal(figures(cache).forgotten, 48);
    set_f16(false);
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "n%d", i);
        put(cache, key, "text");
    }
    assert_int_equal(figures(cache).forgotten, 48);
    assert_int_equal(figures(cache).entries, 3);
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_has(cache, key, NULL); /* frees the rest */
    }
    assert_int_equal(figures(cache).forgotten, 0);
    pma_local_cache_free(cache);
}

static struct pma_store *opened(struct pma_local_cache *cache)
{
    const struct pma_store_config config = {.path = ":memory:", .cache = cache};
    struct pma_store *store = NULL;
    assert_int_equal(pma_store_open(&config, &store), 0);
    return store;
}

/* What the store has under "a"; -1: nothing. */
static json_int_t stored(struct pma_store *store)
{
    json_t *document = NULL;
    if (pma_store_get(store, PMA_COLLECTION_ROOMS, "a", &document) != 0) {
        return -1;
    }
    const json_int_t value = json_integer_value(document);
    json_decref(document);
    return value;
}

static json_int_t hits(struct pma_local_cache *cache)
{
    json_t *stats = pma_local_cache_stats_json(cache);
    const json_int_t count = json_integer_value(json_object_get(stats, "hit_count"));
    json_decref(stats);
    return count;
}

static void the_store_reads_from_it_and_never_what_was_replaced(void **state)
{
    (void)state;
    struct pma_local_cache *cache = made(10, 100000, LONG_NS);
    struct pma_store *store = opened(cache);
    for (json_int_t i = 0; i < 5; i++) {
        json_t *document = json_integer(i);
        assert_int_equal(stored(store), i - 1);
        assert_int_equal(pma_store_put(store, PMA_COLLECTION_ROOMS, "a", document), 0);
        assert_int_equal(stored(store), i);
        assert_int_equal(hits(cache), 2 * i);
        assert_int_equal(stored(store), i);
        json_decref(document);
    }
    assert_int_equal(pma_store_remove(store, PMA_COLLECTION_ROOMS, "a"), 0);
    assert_int_equal(stored(store), -1);
    pma_store_close(store);
    pma_local_cache_free(cache);
}

struct churn {
    struct pma_store *store;
    int wrong;
};

static void churn(void *arg, struct pma_cancel *cancel)
{
    struct churn *churn = arg;
    json_int_t last = -1;
    for (int i = 0; i < 2000 && !pma_cancel_requested(cancel); i++) {
        const json_int_t now = stored(churn->store);
        churn->wrong += now < last;
        last = now;
    }
}

static void readers_never_see_a_value_go_back(void **state)
{
    (void)state;
    struct pma_local_cache *cache = made(10, 100000, LONG_NS);
    struct churn readers[THREADS];
    struct pma_worker *workers[THREADS];
    struct pma_store *store = opened(cache);
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct churn){.store = store};
        const struct pma_worker_spec spec = {
            .name = "reader", .subsystem = "store", .run = churn, .arg = &readers[i]};
        assert_int_equal(pma_worker_start(&spec, &workers[i]), 0);
    }
    for (json_int_t i = 0; i < 1000; i++) {
        json_t *document = json_integer(i);
        assert_int_equal(pma_store_put(store, PMA_COLLECTION_ROOMS, "a", document), 0);
        assert_int_equal(stored(store), i);
        json_decref(document);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pma_worker_stop(workers[i], 10 * PMA_S_NS), 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    pma_store_close(store);
    pma_local_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_kept_replaced_and_removed),
        cmocka_unit_test(the_entry_used_longest_ago_gives_way),
        cmocka_unit_test(bytes_are_bounded_and_a_large_text_is_not_kept),
        cmocka_unit_test(what_is_too_old_is_a_miss_and_is_swept),
        cmocka_unit_test(a_cache_of_nothing_keeps_nothing),
        cmocka_unit_test(f16_keeps_one_entry_per_distinct_key_until_it_is_read_again),
        cmocka_unit_test(the_store_reads_from_it_and_never_what_was_replaced),
        cmocka_unit_test(readers_never_see_a_value_go_back),
    };
    return cmocka_run_group_tests_name("pma_local_cache", tests, NULL, NULL);
}
