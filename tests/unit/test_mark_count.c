/* Marks by label: the table's entries, met in every state.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mark_count.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "segment_map.h"

enum { THREADS = 4, RACED = 200, ROUNDS = 50 };

static int set_up(void **state)
{
    int fd = -1;

    (void)state;
    if (seep_segment_create(4, &fd) != 0) {
        return -1;
    }
    return close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    seep_segment_unmap();
    return 0;
}

/* How often the label was marked before this mark. */
static uint64_t mark(const char *label)
{
    uint64_t before = UINT64_MAX;

    assert_int_equal(seep_mark_count(label, &before), 0);
    return before;
}

static size_t entries(void)
{
    size_t n = 0;

    for (size_t i = 0; i < SEEP_MARK_LABELS_MAX; i++) {
        n += seep_segment_mark_labels()[i].key != 0;
    }
    return n;
}

static struct seep_mark_label *entry_of(const char *label)
{
    for (size_t i = 0; i < SEEP_MARK_LABELS_MAX; i++) {
        if (strcmp(seep_segment_mark_labels()[i].label, label) == 0) {
            return &seep_segment_mark_labels()[i];
        }
    }
    return NULL;
}

static void a_label_is_one_wherever_it_lies(void **state)
{
    char elsewhere[] = "request";

    (void)state;
    assert_int_equal(mark("request"), 0);
    assert_int_equal(mark("request"), 1);
    assert_int_equal(mark(elsewhere), 2);
    strcpy(elsewhere, "message");
    assert_int_equal(mark(elsewhere), 0);
    assert_int_equal(mark(""), 0);
    assert_int_equal(mark(""), 1);
    assert_int_equal(entries(), 3);
    assert_int_equal(entry_of("request")->count, 3);
}

/* As when a signal's handler marks while its thread is about to write the same label. */
static void an_entry_without_its_label_yet_counts_all_the_same(void **state)
{
    struct seep_mark_label *entry = NULL;

    (void)state;
    (void)mark("request");
    entry = entry_of("request");
    entry->ready = 0;
    memset(entry->label, 0, sizeof(entry->label));
    assert_int_equal(mark("request"), 1);
    assert_int_equal(entries(), 1);
    assert_int_equal(entry->count, 2);
}

static void two_labels_of_one_hash_are_told_apart(void **state)
{
    struct seep_mark_label *other = NULL;

    (void)state;
    (void)mark("request");
    other = entry_of("request");
    strcpy(other->label, "of the same hash");
    assert_int_equal(mark("request"), 0);
    assert_int_equal(mark("request"), 1);
    assert_int_equal(entries(), 2);
    assert_int_equal(other->count, 1);
}

static void labels_are_told_apart_by_their_first_63_bytes(void **state)
{
    char label[80];

    (void)state;
    memset(label, 'x', sizeof(label));
    label[79] = '\0';
    assert_int_equal(mark(label), 0);
    label[63] = 'y';
    assert_int_equal(mark(label), 1);
    label[62] = 'y';
    assert_int_equal(mark(label), 0);
    label[62] = '\0';
    assert_int_equal(mark(label), 0);
    assert_int_equal(entries(), 3);
}

static void a_full_table_refuses_new_labels_and_counts_old_ones(void **state)
{
    uint64_t before = 7;
    char label[16];

    (void)state;
    for (int i = 0; i < SEEP_MARK_LABELS_MAX; i++) {
        (void)snprintf(label, sizeof(label), "label %d", i);
        assert_int_equal(mark(label), 0);
    }
    assert_int_equal(seep_mark_count("one more", &before), -ENOSPC);
    assert_int_equal(before, 7);
    assert_int_equal(seep_segment_header()->lost[SEEP_LOSS_MARKS_FULL], 1);
    assert_int_equal(seep_segment_header()->mark_label_count, SEEP_MARK_LABELS_MAX);
    assert_int_equal(mark("label 0"), 1);
    assert_int_equal(mark("label 255"), 1);
}

static void *mark_all(void *argument)
{
    uint64_t before = 0;
    char label[16];

    for (int i = 0; i < RACED * ROUNDS; i++) {
        (void)snprintf(label, sizeof(label), "label %d", i % RACED);
        (void)seep_mark_count(label, &before);
    }
    return argument;
}

static void many_threads_claim_each_label_once(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, mark_all, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(entries(), RACED);
    assert_int_equal(seep_segment_header()->mark_label_count, RACED);
    for (size_t i = 0; i < SEEP_MARK_LABELS_MAX; i++) {
        const struct seep_mark_label *entry = &seep_segment_mark_labels()[i];

        assert_int_equal(entry->count, entry->key != 0 ? THREADS * ROUNDS : 0);
    }
}

/* Where the hints lead to is another segment's: a forked child's. */
static void a_new_segment_begins_at_zero(void **state)
{
    static const char label[] = "request";

    assert_int_equal(mark(label), 0);
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up(state), 0);
    assert_int_equal(mark(label), 0);
    assert_int_equal(entries(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_label_is_one_wherever_it_lies, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            an_entry_without_its_label_yet_counts_all_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_labels_of_one_hash_are_told_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(labels_are_told_apart_by_their_first_63_bytes,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_full_table_refuses_new_labels_and_counts_old_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_claim_each_label_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_new_segment_begins_at_zero, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
