/* Counters, gauges, histograms, their limits and their text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/metrics/metrics.h"
#include "server/pool/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS  5000

static struct pma_buffer *text;

static int setup(void **state)
{
    (void)state;
    pma_metrics_limit(200);
    text = pma_pool_get(PMA_POOL_STRING_BUILDER);
    return text == NULL;
}

static int teardown(void **state)
{
    (void)state;
    pma_pool_put(text);
    pma_metrics_fini();
    pma_pools_trim();
    return 0;
}

static void assert_line(const char *line)
{
    char wanted[256];
    text->used = 0;
    pma_metrics_render(text);
    assert_false(text->failed);
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (strstr(text->bytes, wanted) == NULL) {
        fail_msg("no line %s", line);
    }
}

static void a_counter_adds_up_per_label_set(void **state)
{
    (void)state;
    pma_metric_add(PMA_METRIC_LLM_REQUESTS, 1, PMA_LABELS("ollama", "true"));
    pma_metric_add(PMA_METRIC_LLM_REQUESTS, 2, PMA_LABELS("ollama", "true"));
    pma_metric_add(PMA_METRIC_LLM_REQUESTS, 5, PMA_LABELS("ollama", "false"));
    assert_line("pma_llm_requests_total{provider=\"ollama\",success=\"true\"} 3");
    assert_line("pma_llm_requests_total{provider=\"ollama\",success=\"false\"} 5");
    assert_int_equal(pma_metrics_series(), 2);
}

static void a_gauge_has_the_value_set_last(void **state)
{
    (void)state;
    pma_metric_set(PMA_METRIC_GOROUTINES, 9, PMA_NO_LABELS);
    pma_metric_set(PMA_METRIC_GOROUTINES, 7.5, PMA_NO_LABELS);
    assert_line("goroutines_count 7.5");
}

static void a_total_from_elsewhere_never_goes_down(void **state)
{
    (void)state;
    pma_metric_total(PMA_METRIC_LLM_TOKENS, 70, PMA_LABELS("p"));
    pma_metric_total(PMA_METRIC_LLM_TOKENS, 60, PMA_LABELS("p"));
    assert_line("pma_llm_tokens_used_total{provider=\"p\"} 70");
    pma_metric_total(PMA_METRIC_LLM_TOKENS, 71, PMA_LABELS("p"));
    assert_line("pma_llm_tokens_used_total{provider=\"p\"} 71");
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
    (void)state;
    pma_metric_observe(PMA_METRIC_DATABASE_DURATION, 1000000, PMA_LABELS("put"));
    pma_metric_observe(PMA_METRIC_DATABASE_DURATION, 1000001, PMA_LABELS("put"));
    pma_metric_observe(PMA_METRIC_DATABASE_DURATION, 20000000000, PMA_LABELS("put"));
#define LINE "pma_database_query_duration_seconds"
    assert_line(LINE "_bucket{operation=\"put\",le=\"0.001\"} 1");
    assert_line(LINE "_bucket{operation=\"put\",le=\"0.005\"} 2");
    assert_line(LINE "_bucket{operation=\"put\",le=\"10\"} 2");
    assert_line(LINE "_bucket{operation=\"put\",le=\"+Inf\"} 3");
    assert_line(LINE "_sum{operation=\"put\"} 20.002000001");
    assert_line(LINE "_count{operation=\"put\"} 3");
}

static void labels_are_escaped_and_cut(void **state)
{
    char longer[300];
    char line[400];
    (void)state;
    pma_metric_add(PMA_METRIC_LLM_TOKENS, 1, PMA_LABELS("a\"b\\c\nd\xff"));
    assert_line("pma_llm_tokens_used_total{provider=\"a\\\"b\\\\c_d_\"} 1");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    pma_metric_add(PMA_METRIC_LLM_TOKENS, 1, PMA_LABELS(longer));
    snprintf(line, sizeof line, "pma_llm_tokens_used_total{provider=\"%.*s\"} 1",
             PMA_METRIC_LABEL_BYTES_MAX, longer);
    assert_line(line);
    pma_metric_add(PMA_METRIC_LLM_TOKENS, 1, PMA_NO_LABELS);
    assert_line("pma_llm_tokens_used_total{provider=\"\"} 1");
}

static void series_beyond_the_limit_are_one_and_counted(void **state)
{
    char label[16];
    (void)state;
    pma_metrics_limit(10);
    for (int i = 0; i < 1000; i++) {
        snprintf(label, sizeof label, "p%d", i);
        pma_metric_add(PMA_METRIC_LLM_TOKENS, 1, PMA_LABELS(label));
    }
    assert_line("pma_llm_tokens_used_total{provider=\"p9\"} 1");
    assert_line("pma_llm_tokens_used_total{provider=\"other\"} 990");
    assert_line("pma_metrics_overflow_total{metric=\"pma_llm_tokens_used_total\"} 990");
    assert_int_equal(pma_metrics_series(), 12);
}

static void *feed(void *arg)
{
    char label[16];
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(label, sizeof label, "p%d", i % 50);
        pma_metric_add(PMA_METRIC_LLM_TOKENS, 1, PMA_LABELS(label));
        pma_metric_observe(PMA_METRIC_HTTP_DURATION, 1, PMA_LABELS("GET", label));
    }
    return NULL;
}

static void threads_lose_nothing_and_make_no_series_twice(void **state)
{
    pthread_t threads[THREADS];
    char line[64];
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, feed, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(pma_metrics_series(), 100);
    for (int i = 0; i < 50; i++) {
        snprintf(line, sizeof line, "pma_llm_tokens_used_total{provider=\"p%d\"} %d", i,
                 THREADS * ROUNDS / 50);
        assert_line(line);
    }
}

static void a_metric_that_does_not_exist_is_ignored(void **state)
{
    (void)state;
    pma_metric_add(PMA_METRIC_NONE, 1, PMA_NO_LABELS);
    pma_metric_set(PMA_METRIC_END, 1, PMA_NO_LABELS);
    pma_metric_observe((enum pma_metric)999, 1, PMA_NO_LABELS);
    assert_int_equal(pma_metrics_series(), 0);
}

#define METRICS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(a_counter_adds_up_per_label_set),
        METRICS_TEST(a_gauge_has_the_value_set_last),
        METRICS_TEST(a_total_from_elsewhere_never_goes_down),
        METRICS_TEST(a_histogram_counts_up_to_each_bound),
        METRICS_TEST(labels_are_escaped_and_cut),
        METRICS_TEST(series_beyond_the_limit_are_one_and_counted),
        METRICS_TEST(threads_lose_nothing_and_make_no_series_twice),
        METRICS_TEST(a_metric_that_does_not_exist_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
