/* Sites, units and what was found of each pair, for the whole fleet: some 60 bytes a
 * series, and a kilobyte for the few that may grow.
 *
 * The false discovery rate is controlled over all series of a kind in the fleet at once:
 * of 200,000 series that are tested one by one at 5 %, 10,000 would be flagged.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trend/fdr.h"

void seep_fleet_table_fini(struct seep_fleet_table *table)
{
    seep_text_table_fini(&table->texts);
    seep_text_table_fini(&table->site_keys);
    seep_text_table_fini(&table->unit_keys);
    free(table->sites);
    free(table->units);
    free(table->rows);
    free(table->suspects);
    *table = (struct seep_fleet_table){0};
}

/* Makes room for one more item. Returns: the array, which may have moved; NULL when
 * memory is out. */
static void *room(void *items, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity) {
        return items;
    }
    size_t larger = *capacity * 2 + 64;
    void *moved = realloc(items, larger * item_bytes);

    if (moved != NULL) {
        *capacity = larger;
    }
    return moved;
}

static int intern_labels(struct seep_fleet_table *table,
                         const struct seep_fleet_slice *slice, size_t i, uint32_t *out)
{
    for (size_t k = 0; k < slice->labels->count; k++) {
        if (seep_text_table_intern(&table->texts, seep_fleet_slice_label(slice, i, k),
                                   &out[k]) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* Numbers joined into a text: a key of any number of parts. */
static void put_key(char *out, const uint32_t *parts, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        for (unsigned shift = 32; shift > 0; shift -= 4) {
            *out++ = digits[parts[i] >> (shift - 4) & 0xf];
        }
    }
    *out = '\0';
}

static int site_of(struct seep_fleet_table *table, const uint32_t *texts,
                   enum seep_kind kind, uint32_t *out)
{
    const char *id = seep_fleet_text(table, texts[SEEP_FLEET_ID]);
    uint32_t parts[] = {(uint32_t)kind, texts[SEEP_FLEET_ID],
                        id[0] != '\0' ? 0 : texts[SEEP_FLEET_FUNCTION],
                        texts[SEEP_FLEET_SUBSYSTEM]};
    char key[8 * sizeof(parts) / sizeof(parts[0]) + 1];

    put_key(key, parts, sizeof(parts) / sizeof(parts[0]));
    int status = seep_text_table_intern(&table->site_keys, key, out);

    if (status == 1) {
        struct seep_fleet_site *sites =
            room(table->sites, *out, &table->site_capacity, sizeof(*sites));

        if (sites == NULL) {
            return -ENOMEM;
        }
        table->sites = sites;
        sites[*out] = (struct seep_fleet_site){
            kind, texts[SEEP_FLEET_ID], texts[SEEP_FLEET_FUNCTION],
            texts[SEEP_FLEET_PLACE], texts[SEEP_FLEET_SUBSYSTEM]};
    }
    return status < 0 ? status : 0;
}

static int unit_of(struct seep_fleet_table *table, const uint32_t *texts, size_t count,
                   uint32_t *out)
{
    char key[8 * SEEP_FLEET_LABELS_MAX + 1];

    put_key(key, texts + SEEP_FLEET_INSTANCE, count - SEEP_FLEET_INSTANCE);
    int status = seep_text_table_intern(&table->unit_keys, key, out);

    if (status == 1) {
        struct seep_fleet_unit *units =
            room(table->units, *out, &table->unit_capacity, sizeof(*units));

        if (units == NULL) {
            return -ENOMEM;
        }
        table->units = units;
        units[*out] = (struct seep_fleet_unit){.instance = texts[SEEP_FLEET_INSTANCE],
                                               .recording = texts[SEEP_FLEET_RECORDING]};
        for (size_t i = SEEP_FLEET_GROUP; i < count; i++) {
            units[*out].groups[i - SEEP_FLEET_GROUP] = texts[i];
        }
    }
    return status < 0 ? status : 0;
}

static int add_lives(struct seep_fleet_table *table, uint32_t row,
                     const struct seep_fleet_series_judged *judged)
{
    for (size_t i = 0; i < judged->suspect_count; i++) {
        struct seep_fleet_suspect *suspects =
            room(table->suspects, table->suspect_count, &table->suspect_capacity,
                 sizeof(*suspects));

        if (suspects == NULL) {
            return -ENOMEM;
        }
        table->suspects = suspects;
        suspects[table->suspect_count] = judged->suspects[i];
        suspects[table->suspect_count++].row = row;
    }
    table->tested[judged->kind] += judged->tested;
    table->lives += judged->lives;
    table->short_lives += judged->short_lives;
    return 0;
}

int seep_fleet_table_add(struct seep_fleet_table *table,
                         const struct seep_fleet_slice *slice, size_t i,
                         const struct seep_fleet_series_judged *judged)
{
    uint32_t texts[SEEP_FLEET_LABELS_MAX] = {0};
    struct seep_fleet_row row = {
        .of_bytes = judged->of_bytes, .judged = judged->lives > 0, .live = judged->live};
    struct seep_fleet_row *rows = NULL;

    if (intern_labels(table, slice, i, texts) < 0 ||
        site_of(table, texts, judged->kind, &row.site) < 0 ||
        unit_of(table, texts, slice->labels->count, &row.unit) < 0) {
        return -ENOMEM;
    }
    rows = room(table->rows, table->row_count, &table->row_capacity, sizeof(*rows));
    if (rows == NULL) {
        return -ENOMEM;
    }
    table->rows = rows;
    rows[table->row_count++] = row;
    return add_lives(table, (uint32_t)(table->row_count - 1), judged);
}

static void give_verdict(struct seep_fleet_table *table,
                         struct seep_fleet_suspect *suspect, double q)
{
    struct seep_fleet_row *row = &table->rows[suspect->row];

    suspect->evidence.q_value = q;
    enum seep_verdict verdict = seep_growth_verdict(&suspect->evidence);

    if (verdict > row->verdict) {
        row->verdict = verdict;
        row->u_per_s = suspect->slope.u_per_s;
    }
}

static int settle_kind(struct seep_fleet_table *table, enum seep_kind kind)
{
    size_t most = table->suspect_count > 0 ? table->suspect_count : 1;
    double *p = calloc(most, 2 * sizeof(*p));
    size_t *indexes = calloc(most, 2 * sizeof(*indexes));
    size_t n = 0;

    if (p == NULL || indexes == NULL) {
        free(p);
        free(indexes);
        return -ENOMEM;
    }
    for (size_t i = 0; i < table->suspect_count; i++) {
        if (table->suspects[i].evidence.kind == kind) {
            p[n] = table->suspects[i].p;
            indexes[n++] = i;
        }
    }
    (void)seep_fdr_q_values(p, n, table->tested[kind], indexes + most, p + most);
    for (size_t i = 0; i < n; i++) { /* a suspect is a test: n <= tested */
        give_verdict(table, &table->suspects[indexes[i]], p[most + i]);
    }
    free(p);
    free(indexes);
    return 0;
}

/* By site, then by unit; of the same, the worst first. */
static int by_site(const void *left, const void *right)
{
    const struct seep_fleet_row *a = left;
    const struct seep_fleet_row *b = right;

    if (a->site != b->site) {
        return a->site < b->site ? -1 : 1;
    }
    if (a->unit != b->unit) {
        return a->unit < b->unit ? -1 : 1;
    }
    if (a->verdict != b->verdict) {
        return a->verdict > b->verdict ? -1 : 1;
    }
    return (a->u_per_s < b->u_per_s) - (a->u_per_s > b->u_per_s);
}

static void merge_rows(struct seep_fleet_table *table)
{
    size_t kept = 0;

    if (table->row_count == 0) {
        return;
    }
    qsort(table->rows, table->row_count, sizeof(*table->rows), by_site);
    for (size_t i = 0; i < table->row_count; i++) {
        struct seep_fleet_row *row = &table->rows[i];
        struct seep_fleet_row *last = kept > 0 ? &table->rows[kept - 1] : NULL;

        if (last != NULL && last->site == row->site && last->unit == row->unit) {
            last->judged |= row->judged;
            last->live += row->live;
        } else {
            table->rows[kept++] = *row;
        }
    }
    table->row_count = kept;
}

int seep_fleet_table_settle(struct seep_fleet_table *table)
{
    for (int kind = SEEP_KIND_NONE + 1; kind < SEEP_KIND_END; kind++) {
        if (settle_kind(table, (enum seep_kind)kind) < 0) {
            return -ENOMEM;
        }
    }
    merge_rows(table); /* suspects' rows are stale from here on */
    free(table->suspects);
    table->suspects = NULL;
    table->suspect_count = table->suspect_capacity = 0;
    return 0;
}
