/* Sites across two builds.
 *
 * Addresses change with every build and lines with every edit; names of functions and
 * modules seldom do. So names decide, and places only choose between sites whose names
 * are all the same. A match by the finding's id alone was rejected: one function inlined
 * or one wrapper added gives another id.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/site_match.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_MAX = 64, TWINS_MAX = 64, LINES_FAR = 40 };
static const double LIKENESS_LEAST = 0.6;
static const double OCTAVES_FAR = 4; /* of the rates of use */
static const double LEFT_OUT = 0.6;  /* cost of a twin without a partner */

struct item {
    size_t index;
    const struct seep_match_site *site;
    uint64_t key;    /* of kind, subsystem, functions, modules */
    uint64_t own[2]; /* of the two innermost functions of the program; 0 none */
    bool taken;
};

/* Length of a name without what compilers append to clones. */
static size_t stable(const char *name)
{
    const char *clone = strstr(name, " [clone");
    const char *dot = clone == NULL ? strchr(name, '.') : NULL;

    if (clone != NULL) {
        return (size_t)(clone - name);
    }
    return dot != NULL && dot > name && islower((unsigned char)dot[1]) != 0
               ? (size_t)(dot - name)
               : strlen(name);
}

static size_t unversioned(const char *module)
{
    const char *version = strstr(module, ".so.");

    return version != NULL ? (size_t)(version - module) : strlen(module);
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* Source: FNV-1a, 64 bits. */
static uint64_t fnv(uint64_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

uint64_t seep_site_key(const struct seep_match_site *site)
{
    uint64_t key = fnv(UINT64_C(0xcbf29ce484222325) + site->kind, site->subsystem,
                       strlen(site->subsystem));

    for (size_t i = 0; i < site->frame_count; i++) {
        const struct seep_match_frame *frame = &site->frames[i];

        key = fnv(key, frame->function, stable(frame->function));
        key = fnv(key, frame->module, unversioned(frame->module));
    }
    return key;
}

static struct item item_of(const struct seep_match_site *site, size_t index)
{
    struct item item = {.index = index, .site = site, .key = seep_site_key(site)};
    size_t own = 0;

    for (size_t i = 0; i < site->frame_count && own < 2; i++) {
        const struct seep_match_frame *frame = &site->frames[i];

        if (frame->weight == SEEP_MATCH_PROGRAM) {
            item.own[own++] = fnv(1, frame->function, stable(frame->function));
        }
    }
    return item;
}

static int by_place(const struct seep_match_site *a, const struct seep_match_site *b)
{
    for (size_t i = 0; i < a->frame_count && i < b->frame_count; i++) {
        const struct seep_match_frame *x = &a->frames[i];
        const struct seep_match_frame *y = &b->frames[i];

        if (x->line != y->line) {
            return x->line < y->line ? -1 : 1;
        }
        if (x->offset != y->offset) {
            return x->offset < y->offset ? -1 : 1;
        }
    }
    return 0;
}

static int by_key(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    int place = 0;

    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    place = by_place(a->site, b->site);
    return place != 0 ? place : (a->index > b->index) - (a->index < b->index);
}

static double weight_of(const struct seep_match_frame *frame)
{
    return strcmp(frame->function, "??") == 0 ? frame->weight / 2.0 : frame->weight;
}

static double frame_likeness(const struct seep_match_frame *a,
                             const struct seep_match_frame *b)
{
    bool modules =
        same(a->module, unversioned(a->module), b->module, unversioned(b->module));
    double least = fmin(weight_of(a), weight_of(b));

    if (!same(a->function, stable(a->function), b->function, stable(b->function))) {
        return 0;
    }
    if (strcmp(a->function, "??") == 0) {
        return modules && strcmp(a->build_id, b->build_id) == 0 && a->offset == b->offset
                   ? least
               : modules ? least / 2
                         : 0;
    }
    return modules ? least : least * 0.8;
}

double seep_site_likeness(const struct seep_match_site *a,
                          const struct seep_match_site *b)
{
    double rows[2][FRAMES_MAX + 1] = {0};
    size_t n = a->frame_count < FRAMES_MAX ? a->frame_count : FRAMES_MAX;
    size_t m = b->frame_count < FRAMES_MAX ? b->frame_count : FRAMES_MAX;
    double all = 0;

    if (a->kind != b->kind || n == 0 || m == 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        all += weight_of(&a->frames[i]);
    }
    for (size_t j = 0; j < m; j++) {
        all += weight_of(&b->frames[j]);
    }
    /* The heaviest common subsequence. */
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            double both = rows[(i - 1) % 2][j - 1] +
                          frame_likeness(&a->frames[i - 1], &b->frames[j - 1]);

            rows[i % 2][j] = fmax(both, fmax(rows[(i - 1) % 2][j], rows[i % 2][j - 1]));
        }
    }
    return 2 * rows[n % 2][m] / all;
}

static bool is_same_place(const struct seep_match_site *a,
                          const struct seep_match_site *b)
{
    for (size_t i = 0; i < a->frame_count; i++) {
        if (a->frames[i].offset != b->frames[i].offset ||
            a->frames[i].build_id[0] == '\0' ||
            strcmp(a->frames[i].build_id, b->frames[i].build_id) != 0) {
            return false;
        }
    }
    return true;
}

/* 0: the very place in the very build; below 1 otherwise. */
static double twin_cost(const struct seep_match_site *a, const struct seep_match_site *b)
{
    static const double least_per_s = 1e-3;
    double moved = 0;
    double octaves = 0;

    if (is_same_place(a, b)) {
        return 0;
    }
    for (size_t i = 0; i < a->frame_count; i++) {
        moved = fmax(moved, fabs((double)a->frames[i].line - (double)b->frames[i].line));
    }
    octaves =
        fabs(log2((a->acquired_per_s + least_per_s) / (b->acquired_per_s + least_per_s)));
    return 0.02 + 0.5 * fmin(moved, LINES_FAR) / LINES_FAR +
           0.4 * fmin(octaves, OCTAVES_FAR) / OCTAVES_FAR;
}

static void take(struct item *base, struct item *fresh, size_t *pair)
{
    base->taken = fresh->taken = true;
    pair[fresh->index] = base->index;
}

/* Twins pair without crossing, at the least cost: an alignment of two sequences. */
static void pair_twins(struct item *base, size_t n, struct item *fresh, size_t m,
                       size_t *pair)
{
    double cost[TWINS_MAX + 1][TWINS_MAX + 1];

    if (n > TWINS_MAX || m > TWINS_MAX) {
        for (size_t i = 0; i < n && i < m; i++) {
            take(&base[i], &fresh[i], pair);
        }
        return;
    }
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            cost[i][j] = i == 0 ? (double)j * LEFT_OUT : (double)i * LEFT_OUT;
            if (i > 0 && j > 0) {
                double both =
                    cost[i - 1][j - 1] + twin_cost(base[i - 1].site, fresh[j - 1].site);

                cost[i][j] = fmin(both, LEFT_OUT + fmin(cost[i - 1][j], cost[i][j - 1]));
            }
        }
    }
    for (size_t i = n, j = m; i > 0 && j > 0;) {
        if (cost[i][j] ==
            cost[i - 1][j - 1] + twin_cost(base[i - 1].site, fresh[j - 1].site)) {
            take(&base[--i], &fresh[--j], pair);
        } else if (cost[i][j] == LEFT_OUT + cost[i - 1][j]) {
            i--;
        } else {
            j--;
        }
    }
}

static size_t group_end(const struct item *items, size_t from, size_t n)
{
    size_t end = from;

    while (end < n && items[end].key == items[from].key) {
        end++;
    }
    return end;
}

static void pair_by_name(struct item *base, size_t n, struct item *fresh, size_t m,
                         size_t *pair)
{
    for (size_t i = 0, j = 0; i < n && j < m;) {
        size_t i_end = group_end(base, i, n);
        size_t j_end = group_end(fresh, j, m);

        if (base[i].key == fresh[j].key) {
            pair_twins(base + i, i_end - i, fresh + j, j_end - j, pair);
            i = i_end;
            j = j_end;
        } else if (base[i].key < fresh[j].key) {
            i = i_end;
        } else {
            j = j_end;
        }
    }
}

static bool may_be_alike(const struct item *a, const struct item *b)
{
    for (size_t i = 0; i < 4; i++) {
        if (a->own[i / 2] != 0 && a->own[i / 2] == b->own[i % 2]) {
            return true;
        }
    }
    return false;
}

/* Each fresh site left takes the base site left that is most like it. */
static void pair_by_likeness(struct item *base, size_t n, struct item *fresh, size_t m,
                             size_t *pair)
{
    for (size_t j = 0; j < m; j++) {
        struct item *best = NULL;
        double most = LIKENESS_LEAST;

        for (size_t i = 0; i < n && !fresh[j].taken; i++) {
            double likeness = base[i].taken || !may_be_alike(&base[i], &fresh[j])
                                  ? 0
                                  : seep_site_likeness(base[i].site, fresh[j].site);

            if (likeness > most) {
                most = likeness;
                best = &base[i];
            }
        }
        if (best != NULL) {
            take(best, &fresh[j], pair);
        }
    }
}

static struct item *items_of(const struct seep_match_site *sites, size_t n)
{
    struct item *items = calloc(n + 1, sizeof(*items));

    for (size_t i = 0; items != NULL && i < n; i++) {
        items[i] = item_of(&sites[i], i);
    }
    if (items != NULL) {
        qsort(items, n, sizeof(*items), by_key);
    }
    return items;
}

int seep_site_match(const struct seep_match_site *base, size_t base_count,
                    const struct seep_match_site *fresh, size_t fresh_count, size_t *pair)
{
    struct item *from = items_of(base, base_count);
    struct item *to = items_of(fresh, fresh_count);

    if (from == NULL || to == NULL) {
        free(from);
        free(to);
        return -ENOMEM;
    }
    for (size_t j = 0; j < fresh_count; j++) {
        pair[j] = SEEP_MATCH_NONE;
    }
    pair_by_name(from, base_count, to, fresh_count, pair);
    pair_by_likeness(from, base_count, to, fresh_count, pair);
    free(from);
    free(to);
    return 0;
}
