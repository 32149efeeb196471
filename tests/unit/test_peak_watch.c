/* Waking at a new high-water mark, how often, and who held the heap then.
 *
 * SPDX-License-Identifier: MIT
 */
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/peak_look.h"
#include "collect/peak_watch.h"

enum { DEADLINE_MS = 5000, QUIET_MS = 50, MANY = 140 };

static int new_segment(struct seep_segment_header **header)
{
    int fd = memfd_create("segment", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 65536), 0);
    *header = mmap(NULL, sizeof(**header), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(*header != MAP_FAILED);
    return fd;
}

static void raise_word(struct seep_segment_header *header)
{
    (*header).peak_wanted++;
    (void)syscall(SYS_futex, &header->peak_wanted, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool is_raised(const struct seep_peak_watch *watch, int wait_ms)
{
    struct pollfd fd = {.fd = seep_peak_watch_fd(watch), .events = POLLIN};
    eventfd_t unused = 0;

    return poll(&fd, 1, wait_ms) == 1 && eventfd_read(fd.fd, &unused) == 0;
}

static void a_raised_word_is_heard_from_another_process(void **state)
{
    struct seep_peak_watch *watch = NULL;
    struct seep_segment_header *headers[2];
    int fds[2] = {new_segment(&headers[0]), new_segment(&headers[1])};
    int slots[2];

    (void)state;
    assert_int_equal(seep_peak_watch_new(&watch), 0);
    for (int i = 0; i < 2; i++) {
        slots[i] = seep_peak_watch_add(watch, fds[i]);
        assert_true(slots[i] >= 0);
    }
    assert_false(is_raised(watch, QUIET_MS));
    for (unsigned round = 0; round < 20; round++) {
        pid_t child = fork();

        if (child == 0) {
            raise_word(headers[round % 2]);
            _exit(0);
        }
        assert_true(is_raised(watch, DEADLINE_MS));
        assert_true(seep_peak_watch_take(watch, slots[round % 2]));
        assert_false(seep_peak_watch_take(watch, slots[round % 2]));
        assert_false(seep_peak_watch_take(watch, slots[1 - round % 2]));
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    seep_peak_watch_remove(watch, slots[0]);
    raise_word(headers[0]);
    assert_false(is_raised(watch, QUIET_MS));
    raise_word(headers[1]);
    assert_true(is_raised(watch, DEADLINE_MS));
    seep_peak_watch_remove(watch, slots[1]);
    seep_peak_watch_free(watch);
    for (int i = 0; i < 2; i++) {
        (void)munmap(headers[i], sizeof(*headers[i]));
        close(fds[i]);
    }
}

static void what_was_raised_before_is_heard_at_once(void **state)
{
    struct seep_peak_watch *watch = NULL;
    struct seep_segment_header *header = NULL;
    int fd = new_segment(&header);
    int slot = 0;

    (void)state;
    raise_word(header);
    assert_int_equal(seep_peak_watch_new(&watch), 0);
    slot = seep_peak_watch_add(watch, fd);
    assert_true(is_raised(watch, DEADLINE_MS));
    assert_true(seep_peak_watch_take(watch, slot));
    seep_peak_watch_remove(watch, slot);
    seep_peak_watch_free(watch);
    (void)munmap(header, sizeof(*header));
    close(fd);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* And one that rests does not keep another from being heard. */
static void a_slot_that_rests_is_told_of_when_its_rest_is_over(void **state)
{
    const uint64_t rest_ns = UINT64_C(400000000);
    struct seep_peak_watch *watch = NULL;
    struct seep_segment_header *headers[2];
    int fds[2] = {new_segment(&headers[0]), new_segment(&headers[1])};
    int slots[2];
    uint64_t until_ns = 0;

    (void)state;
    assert_int_equal(seep_peak_watch_new(&watch), 0);
    for (int i = 0; i < 2; i++) {
        slots[i] = seep_peak_watch_add(watch, fds[i]);
    }
    until_ns = now_ns() + rest_ns;
    seep_peak_watch_rest(watch, slots[0], until_ns);
    raise_word(headers[0]);
    raise_word(headers[1]);
    assert_true(is_raised(watch, DEADLINE_MS));
    assert_true(seep_peak_watch_take(watch, slots[1]));
    if (!seep_peak_watch_take(watch, slots[0])) {
        assert_true(is_raised(watch, DEADLINE_MS));
        assert_true(seep_peak_watch_take(watch, slots[0]));
    }
    assert_true(now_ns() >= until_ns);        /* whenever that was: not before */
    assert_false(is_raised(watch, QUIET_MS)); /* each is told of once */
    for (int i = 0; i < 2; i++) {
        seep_peak_watch_remove(watch, slots[i]);
    }
    seep_peak_watch_free(watch);
    for (int i = 0; i < 2; i++) {
        (void)munmap(headers[i], sizeof(*headers[i]));
        close(fds[i]);
    }
}

static void more_processes_than_slots_are_refused_not_lost(void **state)
{
    struct seep_peak_watch *watch = NULL;
    struct seep_segment_header *header = NULL;
    int fd = new_segment(&header);
    int taken = 0;

    (void)state;
    assert_int_equal(seep_peak_watch_new(&watch), 0);
    while (taken < MANY && seep_peak_watch_add(watch, fd) == taken) {
        taken++;
    }
    assert_int_equal(taken, FUTEX_WAITV_MAX - 1);
    raise_word(header);
    assert_true(is_raised(watch, DEADLINE_MS));
    while (taken-- > 0) {
        seep_peak_watch_remove(watch, taken);
    }
    seep_peak_watch_free(watch);
    (void)munmap(header, sizeof(*header));
    close(fd);
}

static void the_largest_sites_are_kept_of_the_highest_moment(void **state)
{
    enum { SITES = 200 };
    static struct seep_counters sums[SITES];
    static uint8_t kinds[SITES];
    struct seep_peak_look look = {0};
    struct seep_peak_sums now = {1, sums, kinds, SITES};

    (void)state;
    for (uint32_t i = 1; i < SITES; i++) {
        kinds[i] = i % 10 == 0 ? SEEP_KIND_FD : SEEP_KIND_HEAP;
        sums[i] = (struct seep_counters){2, 1, (uint64_t)(i * 37 % 199 + 5), 5};
    }
    assert_true(seep_peak_look_consider(&look, &now));
    assert_int_equal(look.holder_count, SEEP_PEAK_HOLDERS_MAX);
    for (uint32_t i = 0; i < look.holder_count; i++) {
        uint32_t site = look.holders[i].site;

        assert_int_equal(kinds[site], SEEP_KIND_HEAP);
        assert_int_equal(look.holders[i].live_bytes, site * 37 % 199);
        assert_true(i == 0 ||
                    look.holders[i - 1].live_bytes >= look.holders[i].live_bytes);
    }
    assert_true(look.unwritten);
    look.unwritten = false;
    now.t_ns = 2;
    assert_false(seep_peak_look_consider(&look, &now)); /* as high is not higher */
    assert_int_equal(look.t_ns, 1);
    sums[1].acquired_bytes++;
    assert_true(seep_peak_look_consider(&look, &now));
    assert_true(look.unwritten);
    sums[2].released_bytes = UINT64_MAX; /* a reader sees a release before its birth */
    assert_false(seep_peak_look_consider(&look, &now));
}

static void bursts_are_short_and_the_long_run_is_slow(void **state)
{
    struct seep_peak_pace pace = {0};
    uint64_t now = UINT64_C(1000000000000);
    uint64_t end = now + UINT64_C(10000000000);
    unsigned first = 0;
    unsigned looks = 0;

    (void)state;
    for (uint64_t start = now; now < end; looks++) {
        seep_peak_pace_book(&pace, now, 10000);
        assert_true(pace.not_before_ns > now);
        now = pace.not_before_ns;
        first += now - start < 20000000;
    }
    assert_in_range(first, 18, 20);
    assert_in_range(looks, 500, 545);
    seep_peak_pace_book(&pace, now, 5000000); /* 5 ms of work: 5 % of 100 ms */
    assert_int_equal(pace.not_before_ns - now, 100000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_raised_word_is_heard_from_another_process),
        cmocka_unit_test(what_was_raised_before_is_heard_at_once),
        cmocka_unit_test(a_slot_that_rests_is_told_of_when_its_rest_is_over),
        cmocka_unit_test(more_processes_than_slots_are_refused_not_lost),
        cmocka_unit_test(the_largest_sites_are_kept_of_the_highest_moment),
        cmocka_unit_test(bursts_are_short_and_the_long_run_is_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
