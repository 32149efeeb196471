/* Workers: cancelled, woken, joined, and reported when they do not stop.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/monitor/memory_sample.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool eventually(bool (*condition)(void *arg), void *arg)
{
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (!condition(arg)) {
        if (pma_now_ns() > deadline_ns) {
            return false;
        }
        usleep(1000);
    }
    return true;
}

static void count_runs(void *arg, struct pma_cancel *cancel)
{
    (void)cancel;
    atomic_fetch_add((_Atomic unsigned *)arg, 1);
}

static void wait_until_cancelled(void *arg, struct pma_cancel *cancel)
{
    atomic_store((_Atomic bool *)arg, true);
    while (!pma_cancel_wait(cancel, 3600 * PMA_S_NS)) {
    }
}

static void be_busy_until_told(void *arg, struct pma_cancel *cancel)
{
    (void)cancel;
    while (!atomic_load((_Atomic bool *)arg)) {
        usleep(1000);
    }
}

static bool ran_three_times(void *arg)
{
    return atomic_load((_Atomic unsigned *)arg) >= 3;
}

static bool is_true(void *arg)
{
    return atomic_load((_Atomic bool *)arg);
}

static bool has_threads(void *arg)
{
    return pma_thread_count() == *(const uint32_t *)arg;
}

static struct pma_worker *start(const char *name, uint64_t interval_ns,
                                void (*run)(void *, struct pma_cancel *), void *arg)
{
    struct pma_worker *worker = NULL;
    const struct pma_worker_spec spec = {.name = name,
                                         .subsystem = "test",
                                         .interval_ns = interval_ns,
                                         .run = run,
                                         .arg = arg};
    assert_int_equal(pma_worker_start(&spec, &worker), 0);
    return worker;
}

static void an_interval_worker_runs_again_and_again(void **state)
{
    _Atomic unsigned runs = 0;
    (void)state;
    struct pma_worker *worker = start("ticker", PMA_MS_NS, count_runs, &runs);
    assert_true(eventually(ran_three_times, &runs));
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
    const unsigned at_stop = runs;
    usleep(5000);
    assert_int_equal(runs, at_stop);
}

static void a_long_wait_ends_at_once_when_stopped(void **state)
{
    _Atomic bool waiting = false;
    (void)state;
    const uint32_t threads = pma_thread_count();
    struct pma_worker *worker = start("sleeper", 0, wait_until_cancelled, &waiting);
    assert_true(eventually(is_true, &waiting));
    assert_int_equal(pma_thread_count(), threads + 1);
    const uint64_t begin_ns = pma_now_ns();
    assert_int_equal(pma_worker_stop(worker, 5 * PMA_S_NS), 0);
    assert_true(pma_now_ns() - begin_ns < PMA_S_NS);
    assert_int_equal(pma_worker_count(), 0);
    uint32_t expected = threads; /* a joined thread leaves /proc a moment later */
    assert_true(eventually(has_threads, &expected));
}

static void a_busy_worker_outlives_the_deadline_and_can_be_stopped_later(void **state)
{
    _Atomic bool told = false;
    (void)state;
    pma_log_set_level(PMA_LOG_NONE);
    struct pma_worker *worker = start("busy", 0, be_busy_until_told, &told);
    const uint64_t begin_ns = pma_now_ns();
    assert_int_equal(pma_worker_stop(worker, 20 * PMA_MS_NS), -ETIMEDOUT);
    assert_true(pma_now_ns() - begin_ns >= 20 * PMA_MS_NS);
    struct pma_worker_info info;
    assert_int_equal(pma_worker_list(&info, 1), 1);
    assert_true(info.stopping);
    assert_false(info.ended);
    told = true;
    assert_int_equal(pma_worker_stop(worker, 5 * PMA_S_NS), 0);
    assert_int_equal(pma_worker_count(), 0);
}

static void waking_brings_the_next_run_at_once(void **state)
{
    _Atomic unsigned runs = 0;
    (void)state;
    struct pma_worker *worker = start("hourly", 3600 * PMA_S_NS, count_runs, &runs);
    for (unsigned i = 0; i < 3; i++) {
        pma_worker_wake(worker);
        const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
        while (runs <= i && pma_now_ns() < deadline_ns) {
            usleep(500);
        }
    }
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
    assert_int_equal(runs, 3);
}

static void stop_self(void *arg, struct pma_cancel *cancel)
{
    struct pma_worker *_Atomic *self = arg;
    while (atomic_load(self) == NULL && !pma_cancel_wait(cancel, PMA_MS_NS)) {
    }
    assert_int_equal(pma_worker_stop(atomic_load(self), PMA_S_NS), -EDEADLK);
}

static void a_worker_cannot_stop_itself(void **state)
{
    struct pma_worker *_Atomic self = NULL;
    (void)state;
    struct pma_worker *worker = start("self", 0, stop_self, &self);
    self = worker;
    struct pma_worker_info info = {0};
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (!info.ended && pma_now_ns() < deadline_ns) {
        usleep(500);
        assert_int_equal(pma_worker_list(&info, 1), 1);
    }
    assert_true(info.ended);
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
}

static void the_list_tells_name_subsystem_and_kernel_name(void **state)
{
    _Atomic bool waiting = false;
    char path[64];
    char name[32] = "";
    (void)state;
    struct pma_worker *worker =
        start("a-name-longer-than-15", 0, wait_until_cancelled, &waiting);
    assert_true(eventually(is_true, &waiting));
    struct pma_worker_info info;
    assert_int_equal(pma_worker_list(&info, 1), 1);
    assert_string_equal(info.name, "a-name-longer-than-15");
    assert_string_equal(info.subsystem, "test");
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", info.tid);
    FILE *comm = fopen(path, "re");
    assert_non_null(comm);
    assert_non_null(fgets(name, sizeof name, comm));
    fclose(comm);
    assert_string_equal(name, "a-name-longer-t\n");
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
}

static void the_commonest_name_is_found(void **state)
{
    _Atomic bool waiting = false;
    struct pma_worker *workers[4];
    char name[32];
    (void)state;
    assert_int_equal(pma_worker_commonest(name), 0);
    assert_string_equal(name, "");
    workers[0] = start("one", 0, wait_until_cancelled, &waiting);
    for (size_t i = 1; i < 4; i++) {
        workers[i] = start("many", 0, wait_until_cancelled, &waiting);
    }
    assert_int_equal(pma_worker_commonest(name), 3);
    assert_string_equal(name, "many");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pma_worker_stop(workers[i], PMA_S_NS), 0);
    }
}

static void an_incomplete_specification_is_refused(void **state)
{
    struct pma_worker *worker = NULL;
    struct pma_worker_spec spec = {.name = "x", .subsystem = "test", .run = count_runs};
    (void)state;
    spec.name = "";
    assert_int_equal(pma_worker_start(&spec, &worker), -EINVAL);
    spec.name = "x";
    spec.run = NULL;
    assert_int_equal(pma_worker_start(&spec, &worker), -EINVAL);
    spec.run = count_runs;
    spec.subsystem = NULL;
    assert_int_equal(pma_worker_start(&spec, &worker), -EINVAL);
    assert_null(worker);
    assert_int_equal(pma_worker_stop(NULL, 0), 0);
}

/* What a run was told about its time: before and after it has passed. */
struct told {
    _Atomic uint64_t at_first_ns, at_last_ns;
    _Atomic bool has_ended;
};

static void outlive_the_deadline(void *arg, struct pma_cancel *cancel)
{
    struct told *told = arg;
    const uint64_t begin_ns = pma_now_ns();
    atomic_store(&told->at_first_ns, pma_cancel_left_ns(cancel));
    while (pma_now_ns() - begin_ns < 8 * PMA_MS_NS) {
        usleep(1000);
    }
    atomic_store(&told->at_last_ns, pma_cancel_left_ns(cancel));
    atomic_store(&told->has_ended, true);
}

static struct pma_worker *start_with_deadline(uint64_t deadline_ns, struct told *told)
{
    struct pma_worker *worker = NULL;
    const struct pma_worker_spec spec = {.name = "late",
                                         .subsystem = "test",
                                         .deadline_ns = deadline_ns,
                                         .run = outlive_the_deadline,
                                         .arg = told};
    assert_int_equal(pma_worker_start(&spec, &worker), 0);
    return worker;
}

static void a_run_learns_how_long_it_may_take_and_is_counted_when_late(void **state)
{
    struct told told = {0};
    struct pma_worker_figures figures;
    (void)state;
    struct pma_worker *worker = start_with_deadline(5 * PMA_MS_NS, &told);
    assert_true(eventually(is_true, &told.has_ended));
    assert_true(told.at_first_ns <= 5 * PMA_MS_NS);
    assert_int_equal(told.at_last_ns, 0);
    do {
        pma_worker_figures_read(&figures);
    } while (figures.ended == 0);
    assert_int_equal(figures.overruns, 1);
    assert_int_equal(figures.running, 0);
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
}

static void without_a_deadline_there_is_always_time(void **state)
{
    struct told told = {0};
    (void)state;
    struct pma_worker *worker = start_with_deadline(0, &told);
    assert_true(eventually(is_true, &told.has_ended));
    assert_true(told.at_first_ns == UINT64_MAX && told.at_last_ns == UINT64_MAX);
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
}

static void an_interval_is_the_deadline_of_whoever_has_no_other(void **state)
{
    struct told told = {0};
    struct pma_worker_figures figures;
    struct pma_worker *worker = NULL;
    const struct pma_worker_spec spec = {.name = "late",
                                         .subsystem = "test",
                                         .interval_ns = 2 * PMA_MS_NS,
                                         .run = outlive_the_deadline,
                                         .arg = &told};
    (void)state;
    assert_int_equal(pma_worker_start(&spec, &worker), 0);
    assert_true(eventually(is_true, &told.has_ended));
    assert_true(told.at_first_ns <= 2 * PMA_MS_NS);
    assert_int_equal(told.at_last_ns, 0);
    do {
        pma_worker_figures_read(&figures);
    } while (figures.overruns == 0);
    assert_int_equal(figures.with_interval, 1);
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
}

static void cancelling_takes_the_time_away(void **state)
{
    struct told told = {0};
    (void)state;
    struct pma_worker *worker = start_with_deadline(3600 * PMA_S_NS, &told);
    pma_worker_cancel(worker);
    assert_true(eventually(is_true, &told.has_ended));
    assert_int_equal(told.at_last_ns, 0);
    assert_int_equal(pma_worker_stop(worker, PMA_S_NS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interval_worker_runs_again_and_again),
        cmocka_unit_test(a_long_wait_ends_at_once_when_stopped),
        cmocka_unit_test(a_busy_worker_outlives_the_deadline_and_can_be_stopped_later),
        cmocka_unit_test(waking_brings_the_next_run_at_once),
        cmocka_unit_test(a_worker_cannot_stop_itself),
        cmocka_unit_test(the_list_tells_name_subsystem_and_kernel_name),
        cmocka_unit_test(the_commonest_name_is_found),
        cmocka_unit_test(an_incomplete_specification_is_refused),
        cmocka_unit_test(a_run_learns_how_long_it_may_take_and_is_counted_when_late),
        cmocka_unit_test(an_interval_is_the_deadline_of_whoever_has_no_other),
        cmocka_unit_test(without_a_deadline_there_is_always_time),
        cmocka_unit_test(cancelling_takes_the_time_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
