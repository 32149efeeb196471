/* One loop on several processors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/parallel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 10007, PIECE = 10 };

static atomic_uint done[ITEMS];

struct worker {
    atomic_int inside; /* calls at the same time */
    size_t before;     /* end of the piece before */
    bool is_wrong;
    size_t fails_at;
};

static int mark(void *arg, size_t first, size_t end)
{
    struct worker *worker = arg;

    worker->is_wrong |= atomic_fetch_add(&worker->inside, 1) != 0 ||
                        first < worker->before || end <= first || end - first > PIECE ||
                        end > ITEMS;
    worker->before = end;
    for (size_t i = first; i < end; i++) {
        (void)atomic_fetch_add(&done[i], 1);
    }
    (void)atomic_fetch_sub(&worker->inside, 1);
    return worker->fails_at != 0 && end > worker->fails_at ? -EILSEQ : 0;
}

static int run(struct worker *workers, size_t count, size_t items)
{
    void *each[SEEP_PARALLEL_WORKERS_MAX];

    for (size_t i = 0; i < count; i++) {
        each[i] = &workers[i];
    }
    memset(done, 0, sizeof(done));
    return seep_parallel_run(items, PIECE, each, count, mark);
}

static void
each_item_is_done_once_by_one_worker_at_a_time_in_ascending_pieces(void **state)
{
    (void)state;
    for (size_t count = 1; count <= SEEP_PARALLEL_WORKERS_MAX; count++) {
        struct worker workers[SEEP_PARALLEL_WORKERS_MAX] = {0};

        assert_int_equal(run(workers, count, ITEMS), 0);
        for (size_t i = 0; i < ITEMS; i++) {
            assert_int_equal(done[i], 1);
        }
        for (size_t i = 0; i < count; i++) {
            assert_false(workers[i].is_wrong);
        }
    }
}

static void no_items_are_no_calls(void **state)
{
    struct worker workers[2] = {0};

    (void)state;
    assert_int_equal(run(workers, 2, 0), 0);
    assert_int_equal(workers[0].before + workers[1].before, 0);
}

static void an_error_ends_the_loop_and_is_returned(void **state)
{
    struct worker workers[2] = {{.fails_at = 100}, {.fails_at = 100}};
    size_t finished = 0;

    (void)state;
    assert_int_equal(run(workers, 2, ITEMS), -EILSEQ);
    for (size_t i = 0; i < ITEMS; i++) {
        finished += done[i];
    }
    assert_in_range(finished, 100, 100 + 3 * PIECE);
}

static void workers_are_no_more_than_items_are_worth(void **state)
{
    (void)state;
    assert_int_equal(seep_parallel_workers(0, 100), 1);
    assert_int_equal(seep_parallel_workers(199, 100), 1);
    assert_in_range(seep_parallel_workers(SIZE_MAX, 1), 1, SEEP_PARALLEL_WORKERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            each_item_is_done_once_by_one_worker_at_a_time_in_ascending_pieces),
        cmocka_unit_test(no_items_are_no_calls),
        cmocka_unit_test(an_error_ends_the_loop_and_is_returned),
        cmocka_unit_test(workers_are_no_more_than_items_are_worth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
