/* Pools keep what they may, free the rest, and count.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/pool/pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    pma_pools_trim();
    pma_pools_reset();
    return pma_pool_resize(PMA_POOL_BUFFER, 4);
}

static struct pma_pool_stats stats_of(enum pma_pool_id id)
{
    struct pma_pool_stats stats;
    pma_pool_stats_read(id, &stats);
    return stats;
}

static void a_buffer_given_back_is_the_next_one(void **state)
{
    struct pma_buffer *first = pma_pool_get(PMA_POOL_BUFFER);
    (void)state;
    pma_buffer_append(first, "abc", 3);
    pma_pool_put(first);
    struct pma_buffer *second = pma_pool_get(PMA_POOL_BUFFER);
    assert_ptr_equal(second, first);
    assert_int_equal(second->used, 0);
    assert_string_equal(second->bytes, "");
    const struct pma_pool_stats stats = stats_of(PMA_POOL_BUFFER);
    assert_int_equal(stats.gets, 2);
    assert_int_equal(stats.puts, 1);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 1);
    assert_int_equal(stats.size, 0);
    pma_pool_put(second);
}

static void a_pool_keeps_no_more_than_its_size(void **state)
{
    struct pma_buffer *buffers[10];
    (void)state;
    for (int i = 0; i < 10; i++) {
        buffers[i] = pma_pool_get(PMA_POOL_BUFFER);
    }
    for (int i = 0; i < 10; i++) {
        pma_pool_put(buffers[i]);
    }
    assert_int_equal(stats_of(PMA_POOL_BUFFER).size, 4);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).discarded, 6);
    assert_int_equal(pma_pool_resize(PMA_POOL_BUFFER, 2), 0);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).size, 2);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).max_size, 2);
    assert_int_equal(pma_pool_resize(PMA_POOL_BUFFER, PMA_POOL_SIZE_MAX + 1), -EINVAL);
    assert_int_equal(pma_pool_resize(PMA_POOL_NONE, 1), -EINVAL);
    assert_int_equal(pma_pool_trim(PMA_POOL_BUFFER), 2 * 1024);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).size, 0);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).idle_bytes, 0);
}

static void a_buffer_that_has_grown_too_large_is_freed(void **state)
{
    struct pma_buffer *buffer = pma_pool_get(PMA_POOL_BUFFER);
    (void)state;
    for (int i = 0; i < 20000; i++) {
        pma_buffer_append(buffer, "12345678", 8);
    }
    assert_int_equal(buffer->used, 160000);
    assert_int_equal(strlen(buffer->bytes), 160000);
    pma_pool_put(buffer);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).size, 0);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).discarded, 1);
}

static void printf_grows_the_buffer_when_it_must(void **state)
{
    char longer[3000];
    struct pma_buffer *buffer = pma_pool_get(PMA_POOL_BUFFER);
    (void)state;
    memset(longer, 'y', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    pma_buffer_printf(buffer, "%d-%s-%s", 7, longer, "end");
    assert_int_equal(buffer->used, 2 + 2999 + 4);
    assert_string_equal(buffer->bytes + buffer->used - 5, "y-end");
    /* Exactly what fits, and one byte more. */
    buffer->used = 0;
    pma_buffer_printf(buffer, "%*s", (int)buffer->capacity_bytes - 1, "x");
    pma_buffer_printf(buffer, "z");
    assert_string_equal(buffer->bytes + buffer->used - 2, "xz");
    pma_pool_put(buffer);
}

static void fill_goes_up_to_the_count_and_no_further_than_the_size(void **state)
{
    (void)state;
    assert_int_equal(pma_pool_fill(PMA_POOL_BUFFER, 3), 3);
    assert_int_equal(pma_pool_fill(PMA_POOL_BUFFER, 3), 0);
    assert_int_equal(pma_pool_fill(PMA_POOL_BUFFER, 100), 1);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).size, 4);
    assert_int_equal(stats_of(PMA_POOL_BUFFER).idle_bytes, 4 * 1024);
}

static void a_file_is_read_whole(void **state)
{
    char path[] = "/tmp/pma_pool_XXXXXX";
    struct pma_buffer *buffer = pma_pool_get(PMA_POOL_BUFFER);
    (void)state;
    const int fd = mkstemp(path);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(write(fd, "line\n", 5), 5);
    }
    close(fd);
    assert_int_equal(pma_buffer_read_file(buffer, path), 0);
    assert_int_equal(buffer->used, 25000);
    unlink(path);
    assert_int_equal(pma_buffer_read_file(buffer, path), -ENOENT);
    pma_pool_put(buffer);
}

static void pools_are_found_by_their_names(void **state)
{
    (void)state;
    assert_int_equal(pma_pool_find("byte_slice_large"), PMA_POOL_BYTE_SLICE_LARGE);
    assert_int_equal(pma_pool_find("nonsense"), PMA_POOL_NONE);
    assert_int_equal(pma_pool_find(""), PMA_POOL_NONE);
    assert_null(pma_pool_get(PMA_POOL_NONE));
}

#define POOL_TEST(test) cmocka_unit_test_setup(test, setup)

static int trim_all(void **state)
{
    (void)state;
    pma_pools_trim();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(a_buffer_given_back_is_the_next_one),
        POOL_TEST(a_pool_keeps_no_more_than_its_size),
        POOL_TEST(a_buffer_that_has_grown_too_large_is_freed),
        POOL_TEST(printf_grows_the_buffer_when_it_must),
        POOL_TEST(fill_goes_up_to_the_count_and_no_further_than_the_size),
        POOL_TEST(a_file_is_read_whole),
        POOL_TEST(pools_are_found_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, trim_all);
}
