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
/* Stacks that a stack left over is compared with, and how often a function may occur to
 * propose some: main is in all of them, and says nothing. */
enum { CANDIDATES_MAX = 8, POSTINGS_MAX = 256, COMMON_LOOKED_AT = 4096 };
static const double LIKENESS_LEAST = 0.6;
static const double OCTAVES_FAR = 4; /* of the rates of use */
static const double LEFT_OUT = 0.6;  /* cost of a twin without a partner */

/* A frame whose names are numbers: stacks are compared by the million. */
struct token {
    uint64_t function, module;
    const struct seep_match_frame *frame;
};

struct item {
    size_t index;
    const struct seep_match_site *site;
    uint64_t key;               /* of kind, subsystem, functions, modules */
    const struct token *tokens; /* of the innermost FRAMES_MAX frames; NULL when taken */
    size_t token_count;
    bool taken;
};

/* Where a function of the program occurs. */
struct posting {
    uint64_t function; /* and the site's kind */
    size_t item;
};

struct index {
    struct posting *postings; /* owned; sorted */
    size_t count;
    unsigned *shared; /* owned; of each item: rare functions in common; 0 between uses */
    size_t *touched;  /* owned; items that have some */
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

/* fmax is a call: it minds what is no number. */
static double larger(double a, double b)
{
    return a > b ? a : b;
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
    return (struct item){.index = index, .site = site, .key = seep_site_key(site)};
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

static size_t frames_of(const struct seep_match_site *site)
{
    return site->frame_count < FRAMES_MAX ? site->frame_count : FRAMES_MAX;
}

/* Returns: how many, frames_of(site). */
static size_t tokenize(const struct seep_match_site *site, struct token *out)
{
    size_t n = frames_of(site);

    for (size_t i = 0; i < n; i++) {
        const struct seep_match_frame *frame = &site->frames[i];

        out[i] = (struct token){fnv(1, frame->function, stable(frame->function)),
                                fnv(1, frame->module, unversioned(frame->module)), frame};
    }
    return n;
}

static double frame_likeness(const struct token *a, const struct token *b)
{
    bool modules = a->module == b->module;

    if (a->function != b->function) {
        return 0;
    }
    double least = fmin(weight_of(a->frame), weight_of(b->frame));

    if (strcmp(a->frame->function, "??") == 0) {
        return modules && strcmp(a->frame->build_id, b->frame->build_id) == 0 &&
                       a->frame->offset == b->frame->offset
                   ? least
               : modules ? least / 2
                         : 0;
    }
    return modules ? least : least * 0.8;
}

static double likeness(const struct token *a, size_t n, const struct token *b, size_t m)
{
    double rows[2][FRAMES_MAX + 1] = {0};
    double all = 0;

    if (n == 0 || m == 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        all += weight_of(a[i].frame);
    }
    for (size_t j = 0; j < m; j++) {
        all += weight_of(b[j].frame);
    }
    /* The heaviest common subsequence. */
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            double both = rows[(i - 1) % 2][j - 1] + frame_likeness(&a[i - 1], &b[j - 1]);

            rows[i % 2][j] =
                larger(both, larger(rows[(i - 1) % 2][j], rows[i % 2][j - 1]));
        }
    }
    return 2 * rows[n % 2][m] / all;
}

double seep_site_likeness(const struct seep_match_site *a,
                          const struct seep_match_site *b)
{
    struct token tokens[2][FRAMES_MAX];

    if (a->kind != b->kind) {
        return 0;
    }
    size_t n = tokenize(a, tokens[0]);
    size_t m = tokenize(b, tokens[1]);

    return likeness(tokens[0], n, tokens[1], m);
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

/* Gives all items that are left their tokens. Returns: owned; NULL when memory is out. */
static struct token *tokenize_left(struct item *items, size_t n)
{
    struct token *tokens = NULL;
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += items[i].taken ? 0 : frames_of(items[i].site);
    }
    tokens = calloc(count + 1, sizeof(*tokens));
    count = 0;
    for (size_t i = 0; i < n && tokens != NULL; i++) {
        if (!items[i].taken) {
            items[i].tokens = tokens + count;
            items[i].token_count = tokenize(items[i].site, tokens + count);
            count += items[i].token_count;
        }
    }
    return tokens;
}

/* The program's functions alone may propose: libraries' are in too many stacks. */
static uint64_t proposal_of(const struct item *item, size_t token)
{
    const struct token *from = &item->tokens[token];

    return from->frame->weight == SEEP_MATCH_PROGRAM ? from->function ^ item->site->kind
                                                     : 0;
}

static int by_function(const void *left, const void *right)
{
    const struct posting *a = left;
    const struct posting *b = right;

    if (a->function != b->function) {
        return a->function < b->function ? -1 : 1;
    }
    return (a->item > b->item) - (a->item < b->item);
}

static void index_fini(struct index *index)
{
    free(index->postings);
    free(index->shared);
    free(index->touched);
}

static int index_make(const struct item *items, size_t n, struct index *out)
{
    struct index index = {0};

    for (size_t i = 0; i < n; i++) {
        index.count += items[i].token_count;
    }
    index.postings = calloc(index.count + 1, sizeof(*index.postings));
    index.shared = calloc(n + 1, sizeof(*index.shared));
    index.touched = calloc(n + 1, sizeof(*index.touched));
    if (index.postings == NULL || index.shared == NULL || index.touched == NULL) {
        index_fini(&index);
        return -ENOMEM;
    }
    index.count = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < items[i].token_count; k++) {
            uint64_t function = proposal_of(&items[i], k);

            if (function != 0) {
                index.postings[index.count++] = (struct posting){function, i};
            }
        }
    }
    qsort(index.postings, index.count, sizeof(*index.postings), by_function);
    *out = index;
    return 0;
}

/* The first posting of a function, or of the next one. */
static size_t first_of(const struct index *index, uint64_t function)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->postings[middle].function < function) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Counts the functions that each base item has in common with a fresh one: those that are
 * rare, or where all are common, of the two innermost what comes first.
 * Returns: items with any. */
static size_t count_shared(struct index *index, const struct item *base,
                           const struct item *fresh, bool rare)
{
    size_t most = rare ? POSTINGS_MAX : COMMON_LOOKED_AT;
    size_t touched = 0;
    size_t own = 0;

    for (size_t k = 0; k < fresh->token_count && (rare || own < 2); k++) {
        uint64_t function = proposal_of(fresh, k);
        size_t from = first_of(index, function);
        size_t to = from;

        while (function != 0 && to < index->count && to - from <= most &&
               index->postings[to].function == function) {
            to++;
        }
        own += to > from;
        for (size_t i = from; i < to && (!rare || to - from <= most); i++) {
            size_t item = index->postings[i].item;

            if (!base[item].taken && index->shared[item]++ == 0) {
                index->touched[touched++] = item;
            }
        }
    }
    return touched;
}

/* The items with the most in common, the best first; forgets the counts.
 * Returns: how many, up to CANDIDATES_MAX. */
static size_t choose(struct index *index, size_t touched, size_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < touched; i++) {
        size_t item = index->touched[i];
        size_t at = n < CANDIDATES_MAX ? n++ : CANDIDATES_MAX;

        while (at > 0 && index->shared[out[at - 1]] < index->shared[item]) {
            if (at < CANDIDATES_MAX) {
                out[at] = out[at - 1];
            }
            at--;
        }
        if (at < CANDIDATES_MAX) {
            out[at] = item;
        }
    }
    for (size_t i = 0; i < touched; i++) {
        index->shared[index->touched[i]] = 0;
    }
    return n;
}

/* A fresh site left takes that base site left which is most like it. */
static void pair_one(struct index *index, struct item *base, struct item *fresh,
                     size_t *pair)
{
    size_t candidates[CANDIDATES_MAX];
    size_t touched = count_shared(index, base, fresh, true);

    if (touched == 0) {
        touched = count_shared(index, base, fresh, false);
    }
    size_t n = choose(index, touched, candidates);
    struct item *best = NULL;
    double most = LIKENESS_LEAST;

    for (size_t i = 0; i < n; i++) {
        struct item *item = &base[candidates[i]];
        double like =
            likeness(item->tokens, item->token_count, fresh->tokens, fresh->token_count);

        if (like > most) {
            most = like;
            best = item;
        }
    }
    if (best != NULL) {
        take(best, fresh, pair);
    }
}

static int pair_by_likeness(struct item *base, size_t n, struct item *fresh, size_t m,
                            size_t *pair)
{
    struct token *tokens[] = {tokenize_left(base, n), tokenize_left(fresh, m)};
    struct index index = {0};
    int status =
        tokens[0] == NULL || tokens[1] == NULL ? -ENOMEM : index_make(base, n, &index);

    for (size_t j = 0; j < m && status == 0; j++) {
        if (!fresh[j].taken) {
            pair_one(&index, base, &fresh[j], pair);
        }
    }
    index_fini(&index);
    free(tokens[0]);
    free(tokens[1]);
    return status;
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
    size_t *found = calloc(fresh_count + 1, sizeof(*found));
    int status = from == NULL || to == NULL || found == NULL ? -ENOMEM : 0;

    if (status == 0) {
        for (size_t j = 0; j < fresh_count; j++) {
            found[j] = SEEP_MATCH_NONE;
        }
        pair_by_name(from, base_count, to, fresh_count, found);
        status = pair_by_likeness(from, base_count, to, fresh_count, found);
    }
    if (status == 0) {
        memcpy(pair, found, fresh_count * sizeof(*pair));
    }
    free(found);
    free(from);
    free(to);
    return status;
}
