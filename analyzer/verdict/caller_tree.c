/* Which callers have several growing sites below them.
 *
 * A hundred small leaks in a parser are one bug; each alone may be too small for any
 * test. The calling-context tree already says what lies below whom: a node is a return
 * address, so all below it was reached through one call, and the function called is the
 * one that answers.
 *
 * Parents have smaller ids than their children in a sound recording, so two passes over
 * the nodes, one down and one up, do all: counts add up to the parents, then each node
 * gets its stretch of the sites' order. A node whose parent has no smaller id is taken as
 * a root: nothing can loop. Recursion over the tree was rejected: stacks are 1,024 deep.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/caller_tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "load/site_points.h"
#include "verdict/stack_view.h"

struct sums {
    struct seep_caller_tally tally;
    uint32_t sites, strong;
    uint32_t next; /* where the next of its sites stands in the order */
    bool outermost;
    float rise, most; /* of all below; of one child, or of one site of its own */
};

struct builder {
    const struct seep_recording *recording;
    const struct seep_window *window;
    enum seep_kind kind;
    double least; /* rise that is worth it */
    struct sums *nodes;
    bool *runtime; /* by module */
};

/* What has a declared limit speaks for itself. */
static bool is_wanted(const struct builder *b, uint32_t site)
{
    const struct seep_rec_site *from = &b->recording->sites[site];

    return from->kind == b->kind && from->limit == 0 && from->node >= SEEP_NODE_FIRST &&
           from->node < b->recording->node_count;
}

/* 0 for a root. */
static uint32_t parent_of(const struct builder *b, uint32_t node)
{
    uint32_t parent = b->recording->nodes[node].parent;

    return parent >= SEEP_NODE_FIRST && parent < node ? parent : 0;
}

static float rise_of(const struct seep_counters *first, const struct seep_counters *last)
{
    return (float)((double)last->acquired - (double)first->acquired -
                   ((double)last->released - (double)first->released));
}

void seep_caller_tally_site(struct seep_caller_tally *tally,
                            const struct seep_counters *first,
                            const struct seep_counters *last)
{
    double came = (double)last->acquired - (double)first->acquired;
    float rise = rise_of(first, last);

    tally->active += came > 0;
    tally->changed += rise != 0;
    tally->rising += rise > 0;
    if (rise > 0 && rise >= SEEP_CALLER_KEPT_MIN * came) {
        tally->keepers++;
        tally->kept_bytes +=
            (float)((double)last->acquired_bytes - (double)first->acquired_bytes -
                    ((double)last->released_bytes - (double)first->released_bytes));
    }
}

bool seep_caller_mostly_rises(const struct seep_caller_tally *tally)
{
    return (tally->rising >= SEEP_CALLER_SITES_MIN &&
            tally->rising > SEEP_CALLER_RISING_MIN * tally->active) ||
           (tally->keepers >= SEEP_CALLER_SITES_MIN &&
            tally->keepers > SEEP_CALLER_RISING_MIN * tally->changed &&
            tally->kept_bytes >= SEEP_CALLER_KEPT_BYTES_MIN);
}

static void count_site(struct builder *b, uint32_t site)
{
    const struct seep_rec_site *from = &b->recording->sites[site];
    struct sums *sums = &b->nodes[from->node];

    sums->sites++;
    if (from->points.last_snapshot <= b->window->warm) {
        return; /* nothing happened in the window */
    }
    const struct seep_points_pair ends =
        seep_points_at_both(&from->points, b->window->warm, b->window->end - 1);
    float rise = rise_of(&ends.first, &ends.last);

    seep_caller_tally_site(&sums->tally, &ends.first, &ends.last);
    if (rise > 0) {
        sums->strong += rise >= b->least;
        sums->rise += rise;
        sums->most = rise > sums->most ? rise : sums->most;
    }
}

static void add_up(struct builder *b)
{
    for (size_t n = b->recording->node_count; n > SEEP_NODE_FIRST; n--) {
        uint32_t node = (uint32_t)n - 1;
        const struct sums *from = &b->nodes[node];
        uint32_t parent = parent_of(b, node);
        struct sums *to = &b->nodes[parent];

        if (parent == 0) {
            continue;
        }
        to->sites += from->sites;
        to->strong += from->strong;
        to->tally.active += from->tally.active;
        to->tally.rising += from->tally.rising;
        to->tally.changed += from->tally.changed;
        to->tally.keepers += from->tally.keepers;
        to->tally.kept_bytes += from->tally.kept_bytes;
        to->rise += from->rise;
        to->most = from->rise > to->most ? from->rise : to->most;
    }
}

/* Gives each node its stretch of the order, and says which nodes belong to the start of a
 * stack: the first frame, and the runtime's after it. */
static void lay_out(struct builder *b, struct seep_caller_tree *tree)
{
    uint32_t used = 0;

    for (uint32_t node = SEEP_NODE_FIRST; node < b->recording->node_count; node++) {
        uint32_t parent = parent_of(b, node);
        uint32_t *next = parent != 0 ? &b->nodes[parent].next : &used;

        b->nodes[node].next = *next;
        *next += b->nodes[node].sites;
        b->nodes[node].outermost =
            parent == 0 ||
            (b->nodes[parent].outermost && b->runtime[b->recording->nodes[node].module]);
    }
    for (uint32_t site = 1; site < b->recording->site_count; site++) {
        if (is_wanted(b, site)) {
            tree->order[b->nodes[b->recording->sites[site].node].next++] = site;
        }
    }
    tree->count = used;
}

static bool is_branch(const struct builder *b, const struct sums *sums)
{
    return (seep_caller_mostly_rises(&sums->tally) ||
            sums->strong >= SEEP_CALLER_SITES_MIN) &&
           !sums->outermost && sums->sites <= SEEP_CALLER_SITES_MAX &&
           sums->rise >= b->least && sums->most <= SEEP_CALLER_COVERED_MAX * sums->rise;
}

static int by_rise(const void *a, const void *b)
{
    const struct seep_caller_branch *x = a;
    const struct seep_caller_branch *y = b;

    if (x->rise != y->rise) {
        return x->rise < y->rise ? 1 : -1;
    }
    return (x->node > y->node) - (x->node < y->node);
}

/* A node's stretch ends where the next of its sites would stand. */
static int gather(struct builder *b, struct seep_caller_tree *tree)
{
    size_t n = 0;
    size_t read = 0;
    size_t kept = 0;

    for (size_t node = SEEP_NODE_FIRST; node < b->recording->node_count; node++) {
        n += is_branch(b, &b->nodes[node]);
    }
    tree->branches = calloc(n + 1, sizeof(*tree->branches));
    if (tree->branches == NULL) {
        return -ENOMEM;
    }
    for (uint32_t node = SEEP_NODE_FIRST; node < b->recording->node_count; node++) {
        const struct sums *sums = &b->nodes[node];

        if (is_branch(b, sums)) {
            tree->branches[tree->branch_count++] = (struct seep_caller_branch){
                .node = node,
                .first = sums->next - sums->sites,
                .count = sums->sites,
                .mostly_rises = seep_caller_mostly_rises(&sums->tally),
                .rise = sums->rise};
        }
    }
    qsort(tree->branches, tree->branch_count, sizeof(*tree->branches), by_rise);
    for (size_t i = 0; i < tree->branch_count && kept < SEEP_CALLER_BRANCHES_MAX; i++) {
        if (read + tree->branches[i].count <= SEEP_CALLER_READ_MAX) {
            read += tree->branches[i].count;
            tree->branches[kept++] = tree->branches[i];
        }
    }
    tree->branch_count = kept;
    return 0;
}

int seep_caller_tree_init(const struct seep_recording *recording,
                          const struct seep_window *window, enum seep_kind kind,
                          double least, struct seep_caller_tree *out)
{
    struct builder b = {
        .recording = recording, .window = window, .kind = kind, .least = least};
    struct seep_caller_tree tree = {0};
    int status = -ENOMEM;

    b.nodes = calloc(recording->node_count + SEEP_NODE_FIRST + 1, sizeof(*b.nodes));
    b.runtime = calloc(recording->module_count + 1, sizeof(*b.runtime));
    tree.order = calloc(recording->site_count + 1, sizeof(*tree.order));
    if (b.nodes != NULL && b.runtime != NULL && tree.order != NULL) {
        for (size_t i = 0; i < recording->module_count; i++) {
            b.runtime[i] = seep_stack_view_is_runtime(recording->modules[i].path);
        }
        for (uint32_t site = 1; site < recording->site_count; site++) {
            if (is_wanted(&b, site)) {
                count_site(&b, site);
            }
        }
        add_up(&b);
        lay_out(&b, &tree);
        status = gather(&b, &tree);
    }
    free(b.nodes);
    free(b.runtime);
    if (status < 0 || tree.branch_count == 0) {
        seep_caller_tree_fini(&tree);
    }
    if (status == 0) {
        *out = tree;
    }
    return status;
}

void seep_caller_tree_fini(struct seep_caller_tree *tree)
{
    free(tree->order);
    free(tree->branches);
    *tree = (struct seep_caller_tree){0};
}
