/* A table of series that only grows, up to its limits.
 *
 * A request pays for its metrics on every reply, so the way there has no lock: series are
 * found in an open-addressed table of atomic pointers, and are added by one
 * compare-and-swap; none is ever removed, so a pointer that was loaded stays good.
 * Rejected: prometheus client libraries in C (they take a lock per value and have no
 * limit of series), and a table keyed by the raw URL, which grows with what clients think
 * up (fault F33 of the first implementation).
 *
 * I1: a slot changes once, from NULL to its series. I2: series of a metric <= limit + 1,
 * the one more being that of "other". I3: the table is never more than half full.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/metrics/metrics.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/pool/pool.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS         16384
#define KEY_BYTES     (PMA_METRIC_LABELS_MAX * (PMA_METRIC_LABEL_BYTES_MAX + 1))
#define LIMIT_DEFAULT 200
#define OTHER         "other"

_Static_assert((PMA_METRIC_SERIES_MAX + 2) * PMA_METRIC_END <= SLOTS / 2, "I3");

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_GAUGE_COUNTER, KIND_HISTOGRAM };

struct family {
    enum kind kind;
    const char *name, *help;
    const char *labels[PMA_METRIC_LABELS_MAX];
};

/* Upper bounds of a histogram's buckets: Prometheus' defaults, and one below them. */
static const struct {
    uint64_t ns;
    const char *text;
} buckets[] = {
    {1000000, "0.001"}, {5000000, "0.005"},  {10000000, "0.01"},  {25000000, "0.025"},
    {50000000, "0.05"}, {100000000, "0.1"},  {250000000, "0.25"}, {500000000, "0.5"},
    {1000000000, "1"},  {2500000000, "2.5"}, {5000000000, "5"},   {10000000000, "10"},
};

#define BUCKETS (sizeof buckets / sizeof buckets[0])

/* Values are relaxed: each is a number of its own and orders nothing. */
struct series {
    enum pma_metric metric;
    uint32_t hash;
    _Atomic uint64_t value;    /* counter: the sum; gauge: the bits of a double */
    _Atomic uint64_t *entries; /* histogram: BUCKETS and what is above them */
    _Atomic uint64_t sum_ns;   /* histogram */
    uint32_t key_bytes;
    char key[]; /* the values of the labels, each with its NUL */
};

struct key {
    char bytes[KEY_BYTES];
    uint32_t used;
};

static const struct family families[PMA_METRIC_END] = {
#define PMA_METRIC_ROW(id, value, kind, name, help, ...)                                 \
    [PMA_METRIC_##id] = {KIND_##kind, name, help, {__VA_ARGS__}},
    PMA_METRICS(PMA_METRIC_ROW)
#undef PMA_METRIC_ROW
};

/* A series is published by release and found by acquire. */
static _Atomic(struct series *) slots[SLOTS];
static _Atomic uint32_t counts[PMA_METRIC_END]; /* claims; I2 */
static _Atomic uint32_t limit = LIMIT_DEFAULT;

static void make_key(enum pma_metric metric, const char *const *labels, struct key *key)
{
    key->used = 0;
    for (size_t i = 0; i < PMA_METRIC_LABELS_MAX && families[metric].labels[i] != NULL;
         i++) {
        const char *value = labels != NULL && labels[i] != NULL ? labels[i] : "";
        for (size_t at = 0; value[at] != '\0' && at < PMA_METRIC_LABEL_BYTES_MAX; at++) {
            const bool plain = value[at] >= 0x20 && value[at] < 0x7F;
            key->bytes[key->used++] = value[at];
            if (!plain) {
                key->bytes[key->used - 1] = '_';
            }
        }
        key->bytes[key->used++] = '\0';
    }
}

/* FNV-1a. */
static uint32_t hash_of(enum pma_metric metric, const struct key *key)
{
    uint32_t hash = 2166136261U ^ (uint32_t)metric;
    for (uint32_t i = 0; i < key->used; i++) {
        hash = (hash ^ (unsigned char)key->bytes[i]) * 16777619U;
    }
    return hash ^ hash >> 15;
}

static struct series *make_series(enum pma_metric metric, uint32_t hash,
                                  const struct key *key)
{
    SEEP_SUBSYSTEM("monitor");
    struct series *series = calloc(1, sizeof *series + key->used);
    if (series == NULL) {
        return NULL;
    }
    if (families[metric].kind == KIND_HISTOGRAM) {
        series->entries = calloc(BUCKETS + 1, sizeof *series->entries);
        if (series->entries == NULL) {
            free(series);
            return NULL;
        }
    }
    series->metric = metric;
    series->hash = hash;
    series->key_bytes = key->used;
    memcpy(series->key, key->bytes, key->used);
    return series;
}

static void free_series(struct series *series)
{
    free(series->entries);
    free(series);
}

static bool is_same(const struct series *series, enum pma_metric metric, uint32_t hash,
                    const struct key *key)
{
    return series->hash == hash && series->metric == metric &&
           series->key_bytes == key->used &&
           memcmp(series->key, key->bytes, key->used) == 0;
}

/* Whether one series more fits the metric; claims its place. */
static bool claim(enum pma_metric metric, bool is_other)
{
    const uint32_t before =
        atomic_fetch_add_explicit(&counts[metric], 1, memory_order_relaxed);
    if (is_other || before < atomic_load_explicit(&limit, memory_order_relaxed)) {
        return true;
    }
    atomic_fetch_sub_explicit(&counts[metric], 1, memory_order_relaxed);
    return false;
}

/* The series of a key, made when there is none. Returns: NULL: the metric is full, or
 * there is no memory (*full says which). */
static struct series *find(enum pma_metric metric, const struct key *key, bool is_other,
                           bool *full)
{
    const uint32_t hash = hash_of(metric, key);
    struct series *fresh = NULL;
    for (uint32_t slot = hash % SLOTS;; slot = (slot + 1) % SLOTS) {
        struct series *there = atomic_load_explicit(&slots[slot], memory_order_acquire);
        if (there == NULL && fresh == NULL) {
            *full = !claim(metric, is_other);
            fresh = *full ? NULL : make_series(metric, hash, key);
            if (fresh == NULL) {
                return NULL;
            }
        }
        if (there == NULL && atomic_compare_exchange_strong_explicit(
                                 &slots[slot], &there, fresh, memory_order_acq_rel,
                                 memory_order_acquire)) {
            return fresh;
        }
        if (is_same(there, metric, hash, key)) {
            if (fresh != NULL) {
                free_series(fresh); /* another thread was faster */
                atomic_fetch_sub_explicit(&counts[metric], 1, memory_order_relaxed);
            }
            return there;
        }
    }
}

static struct series *series_of(enum pma_metric metric, const char *const *labels)
{
    struct key key;
    bool full = false;
    if (metric <= PMA_METRIC_NONE || metric >= PMA_METRIC_END) {
        return NULL;
    }
    make_key(metric, labels, &key);
    struct series *series = find(metric, &key, false, &full);
    if (series == NULL && full) {
        make_key(metric, PMA_LABELS(OTHER, OTHER, OTHER), &key);
        series = find(metric, &key, true, &full);
        if (metric != PMA_METRIC_OVERFLOW) {
            pma_metric_add(PMA_METRIC_OVERFLOW, 1, PMA_LABELS(families[metric].name));
        }
    }
    return series;
}

void pma_metric_add(enum pma_metric metric, uint64_t amount, const char *const *labels)
{
    struct series *series = series_of(metric, labels);
    if (series != NULL) {
        atomic_fetch_add_explicit(&series->value, amount, memory_order_relaxed);
    }
}

void pma_metric_total(enum pma_metric metric, uint64_t total, const char *const *labels)
{
    struct series *series = series_of(metric, labels);
    uint64_t before = series != NULL
                          ? atomic_load_explicit(&series->value, memory_order_relaxed)
                          : UINT64_MAX;
    while (before < total && !atomic_compare_exchange_weak_explicit(
                                 &series->value, &before, total, memory_order_relaxed,
                                 memory_order_relaxed)) {
    }
}

void pma_metric_set(enum pma_metric metric, double value, const char *const *labels)
{
    struct series *series = series_of(metric, labels);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (series != NULL) {
        atomic_store_explicit(&series->value, bits, memory_order_relaxed);
    }
}

void pma_metric_observe(enum pma_metric metric, uint64_t ns, const char *const *labels)
{
    struct series *series = series_of(metric, labels);
    size_t bucket = 0;
    if (series == NULL || series->entries == NULL) {
        return;
    }
    while (bucket < BUCKETS && ns > buckets[bucket].ns) {
        bucket++;
    }
    atomic_fetch_add_explicit(&series->entries[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->sum_ns, ns, memory_order_relaxed);
}

void pma_metrics_limit(uint32_t series_max)
{
    const uint32_t least = series_max > 0 ? series_max : 1;
    atomic_store_explicit(&limit,
                          least < PMA_METRIC_SERIES_MAX ? least : PMA_METRIC_SERIES_MAX,
                          memory_order_relaxed);
}

size_t pma_metrics_series(void)
{
    size_t count = 0;
    for (size_t metric = 0; metric < PMA_METRIC_END; metric++) {
        count += atomic_load_explicit(&counts[metric], memory_order_relaxed);
    }
    return count;
}

/* {method="GET",path="/health"}; `le` is the bound of a bucket, or NULL. */
static void render_labels(struct pma_buffer *text, const struct series *series,
                          const char *le)
{
    const struct family *family = &families[series->metric];
    const char *value = series->key;
    const char *before = "{";
    for (size_t i = 0; i < PMA_METRIC_LABELS_MAX && family->labels[i] != NULL; i++) {
        pma_buffer_printf(text, "%s%s=\"", before, family->labels[i]);
        for (; *value != '\0'; value++) {
            if (*value == '"' || *value == '\\') {
                pma_buffer_append(text, "\\", 1);
            }
            pma_buffer_append(text, value, 1);
        }
        value++;
        pma_buffer_append(text, "\"", 1);
        before = ",";
    }
    if (le != NULL) {
        pma_buffer_printf(text, "%sle=\"%s\"", before, le);
        before = ",";
    }
    pma_buffer_append(text, *before == ',' ? "} " : " ", *before == ',' ? 2 : 1);
}

static void render_histogram(struct pma_buffer *text, const struct series *series)
{
    const char *name = families[series->metric].name;
    uint64_t count = 0;
    for (size_t i = 0; i <= BUCKETS; i++) {
        count += atomic_load_explicit(&series->entries[i], memory_order_relaxed);
        pma_buffer_printf(text, "%s_bucket", name);
        render_labels(text, series, i < BUCKETS ? buckets[i].text : "+Inf");
        pma_buffer_printf(text, "%" PRIu64 "\n", count);
    }
    const uint64_t sum_ns = atomic_load_explicit(&series->sum_ns, memory_order_relaxed);
    pma_buffer_printf(text, "%s_sum", name);
    render_labels(text, series, NULL);
    pma_buffer_printf(text, "%.9f\n%s_count", (double)sum_ns / 1e9, name);
    render_labels(text, series, NULL);
    pma_buffer_printf(text, "%" PRIu64 "\n", count);
}

static void render_series(struct pma_buffer *text, const struct series *series)
{
    const struct family *family = &families[series->metric];
    const uint64_t bits = atomic_load_explicit(&series->value, memory_order_relaxed);
    if (family->kind == KIND_HISTOGRAM) {
        render_histogram(text, series);
        return;
    }
    pma_buffer_append(text, family->name, strlen(family->name));
    render_labels(text, series, NULL);
    if (family->kind == KIND_COUNTER) {
        pma_buffer_printf(text, "%" PRIu64 "\n", bits);
    } else {
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            pma_buffer_printf(text, "%.15g\n", value);
        } else {
            pma_buffer_append(text, "NaN\n", 4);
        }
    }
}

void pma_metrics_render(struct pma_buffer *text)
{
    static const char *const types[] = {[KIND_COUNTER] = "counter",
                                        [KIND_GAUGE] = "gauge",
                                        [KIND_GAUGE_COUNTER] = "counter",
                                        [KIND_HISTOGRAM] = "histogram"};
    for (int metric = PMA_METRIC_NONE + 1; metric < PMA_METRIC_END; metric++) {
        const struct family *family = &families[metric];
        pma_buffer_printf(text, "# HELP %s %s\n# TYPE %s %s\n", family->name,
                          family->help, family->name, types[family->kind]);
        for (size_t slot = 0; slot < SLOTS; slot++) {
            const struct series *series =
                atomic_load_explicit(&slots[slot], memory_order_acquire);
            if (series != NULL && series->metric == (enum pma_metric)metric) {
                render_series(text, series);
            }
        }
    }
}

void pma_metrics_fini(void)
{
    for (size_t slot = 0; slot < SLOTS; slot++) {
        struct series *series =
            atomic_exchange_explicit(&slots[slot], NULL, memory_order_acq_rel);
        if (series != NULL) {
            free_series(series);
        }
    }
    for (size_t metric = 0; metric < PMA_METRIC_END; metric++) {
        atomic_store_explicit(&counts[metric], 0, memory_order_relaxed);
    }
}
