/* The ticker: the words of segments that were added change, those of others do not.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/ticker.h"
#include "seep/segment_layout.h"

enum { SEGMENTS = 20, CHANGES = 5, DEADLINE_S = 20, PAUSE_NS = 1000000 };

struct subject {
    int fd;
    const struct seep_tick *seen;
    struct seep_tick *page; /* the ticker's */
};

static struct subject subject_new(void)
{
    struct subject made = {.fd = memfd_create("test-ticker", MFD_CLOEXEC)};

    assert_true(made.fd >= 0);
    assert_int_equal(ftruncate(made.fd, SEEP_AT_TICK + SEEP_TICK_BYTES), 0);
    made.seen = mmap(NULL, SEEP_TICK_BYTES, PROT_READ, MAP_SHARED, made.fd, SEEP_AT_TICK);
    assert_true(made.seen != MAP_FAILED);
    return made;
}

static void subject_free(struct subject *subject)
{
    (void)munmap((void *)subject->seen, SEEP_TICK_BYTES);
    close(subject->fd);
}

static uint64_t tick_of(const struct subject *subject)
{
    return atomic_load(&subject->seen->tick);
}

/* Waits until the word is another than this one, and not 0. Returns: it. */
static uint64_t next_tick(const struct subject *subject, uint64_t before)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_NS};
    time_t deadline = time(NULL) + DEADLINE_S;
    uint64_t now = 0;

    do {
        (void)nanosleep(&pause, NULL);
        assert_true(time(NULL) < deadline);
        now = tick_of(subject);
    } while (now == before || now == 0);
    return now;
}

static void what_was_added_ticks_until_it_is_removed(void **state)
{
    struct seep_ticker *ticker = NULL;
    struct subject subjects[SEGMENTS];
    struct subject never = subject_new();

    (void)state;
    assert_int_equal(seep_ticker_new(&ticker), 0);
    for (int i = 0; i < SEGMENTS; i++) {
        subjects[i] = subject_new();
        assert_int_equal(seep_ticker_add(ticker, subjects[i].fd, &subjects[i].page), 0);
    }
    for (int i = 0; i < SEGMENTS; i++) {
        uint64_t tick = 0;

        for (int change = 0; change < CHANGES; change++) {
            tick = next_tick(&subjects[i], tick);
        }
    }
    seep_ticker_remove(ticker, never.page); /* changes nothing */
    for (int i = 0; i < SEGMENTS; i += 2) {
        seep_ticker_remove(ticker, subjects[i].page);
        assert_int_equal(tick_of(&subjects[i]), 0);
    }
    for (int i = 1; i < SEGMENTS; i += 2) {
        (void)next_tick(&subjects[i], tick_of(&subjects[i]));
    }
    for (int i = 0; i < SEGMENTS; i++) {
        assert_true((tick_of(&subjects[i]) == 0) == (i % 2 == 0));
        seep_ticker_remove(ticker, i % 2 == 0 ? NULL : subjects[i].page);
        subject_free(&subjects[i]);
    }
    assert_int_equal(tick_of(&never), 0);
    subject_free(&never);
    seep_ticker_free(ticker);
}

/* It sleeps while there is nobody, and is to wake for the first. */
static void the_first_of_an_idle_ticker_ticks(void **state)
{
    static const struct timespec pause = {.tv_nsec = 50 * PAUSE_NS};
    struct seep_ticker *ticker = NULL;
    struct subject subject = subject_new();

    (void)state;
    assert_int_equal(seep_ticker_new(&ticker), 0);
    for (int round = 0; round < 3; round++) {
        (void)nanosleep(&pause, NULL); /* most likely asleep by then; right either way */
        assert_int_equal(seep_ticker_add(ticker, subject.fd, &subject.page), 0);
        (void)next_tick(&subject, 0);
        seep_ticker_remove(ticker, subject.page);
        assert_int_equal(tick_of(&subject), 0);
    }
    seep_ticker_free(ticker);
    subject_free(&subject);
}

static void a_ticker_without_work_ends(void **state)
{
    struct seep_ticker *ticker = NULL;

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(seep_ticker_new(&ticker), 0);
        seep_ticker_free(ticker);
    }
    seep_ticker_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_ticks_until_it_is_removed),
        cmocka_unit_test(the_first_of_an_idle_ticker_ticks),
        cmocka_unit_test(a_ticker_without_work_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
