/* Flame graphs as SVG.
 *
 * A frame is a box as wide as what was acquired below it, drawn under its caller: the
 * graph reads from main downwards, as a stack in the report does from its end. Each box
 * is an <svg> of its own with x and width in per cent, so that the graph has the page's
 * width without a script and names are cut at their box instead of squeezed; zooming
 * changes these two numbers only. The widest FRAMES_MAX frames are drawn: a caller is at
 * least as wide as what it calls and comes first, so that no drawn frame lacks its own.
 *
 * Source: B. Gregg, "The Flame Graph", CACM 59(6), 2016 (there with the root below and
 * callees in alphabetical order; here the widest first).
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/html_flame.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fmt.h"
#include "base/whole.h"
#include "report/html_text.h"
#include "report/name_tree.h"

enum { FRAMES_MAX = 800, ROW = 20, NAME_MAX_BYTES = 1024 };
static const double SHARE_LEAST = 1e-6;  /* of the whole; less is rounding, not a box */
static const double BESIDE_LEAST = 1e-3; /* of the run compared with */

struct box {
    uint32_t node, caller;
    double total; /* of the node and all below it */
};

struct graph {
    const struct seep_html_flame *flame;
    const struct seep_name_tree *tree;
    struct box *boxes; /* one for each node, in any order */
    double *totals, *x, *filled;
    double *others; /* totals of the same stacks in the run compared with; NULL: none */
    uint32_t *depth;
    size_t drawn; /* boxes that are shown */
};

static int widest_first(const void *left, const void *right)
{
    const struct box *a = left;
    const struct box *b = right;

    if (a->total != b->total) {
        return a->total < b->total ? 1 : -1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

static int callers_first(const void *left, const void *right)
{
    const struct box *a = left;
    const struct box *b = right;

    if (a->caller != b->caller) {
        return a->caller < b->caller ? -1 : 1;
    }
    return widest_first(left, right);
}

/* Sums each node's own value into its callers', which have lower indexes. */
static void sum(const struct seep_name_tree *tree, double *totals)
{
    for (size_t i = 0; i < tree->count; i++) {
        totals[i] = tree->nodes[i].self;
    }
    for (size_t i = tree->count; i-- > 1;) {
        totals[tree->nodes[i].caller] += totals[i];
    }
}

static void add_up(struct graph *graph)
{
    const struct seep_name_tree *tree = graph->tree;

    sum(tree, graph->totals);
    for (uint32_t i = 0; i < tree->count; i++) {
        graph->boxes[i] = (struct box){i, tree->nodes[i].caller, graph->totals[i]};
    }
}

/* Chooses what is drawn and places it. Returns: rows. */
static uint32_t place(struct graph *graph)
{
    size_t n = 0;
    uint32_t deepest = 0;

    for (size_t i = 1; i < graph->tree->count; i++) {
        if (graph->boxes[i].total > graph->totals[0] * SHARE_LEAST) {
            graph->boxes[++n] = graph->boxes[i]; /* few of many: the rest is not sorted */
        }
    }
    qsort(graph->boxes + 1, n, sizeof(*graph->boxes), widest_first);
    n = n < FRAMES_MAX ? n : FRAMES_MAX;
    graph->drawn = n;
    qsort(graph->boxes + 1, n, sizeof(*graph->boxes), callers_first);
    for (size_t i = 1; i <= n; i++) {
        const struct box *box = &graph->boxes[i];

        graph->x[box->node] = graph->x[box->caller] + graph->filled[box->caller];
        graph->filled[box->caller] += box->total;
        graph->depth[box->node] = graph->depth[box->caller] + 1;
        deepest = graph->depth[box->node] > deepest ? graph->depth[box->node] : deepest;
    }
    return deepest + 1;
}

/* "1.2 MiB", "340 KiB/h", "12". */
static void put_value(struct seep_buf *out, const struct seep_html_flame *flame,
                      double value)
{
    bool bytes =
        flame->value == SEEP_VALUE_LIVE_BYTES ||
        (flame->value != SEEP_VALUE_LIVE && seep_site_value_is_of_bytes(flame->kind));
    char text[SEEP_FMT_MAX];

    seep_buf_printf(out, "%s%s",
                    bytes ? seep_fmt_bytes(text, sizeof(text), value)
                          : seep_fmt_count(text, sizeof(text), seep_whole(value + 0.5)),
                    flame->value == SEEP_VALUE_GROWTH ? "/h" : "");
}

/* Fills graph->others. Returns: 0; -ENOMEM. */
static int compare(struct graph *graph)
{
    const struct seep_html_flame *flame = graph->flame;
    struct seep_name_tree other = {0};
    uint32_t *pair = calloc(graph->tree->count, sizeof(*pair));
    double *totals = NULL;
    int status = seep_name_tree_make(flame->against, flame->kind, flame->value, &other);

    graph->others = calloc(graph->tree->count, sizeof(*graph->others));
    totals = calloc(other.count + 1, sizeof(*totals));
    if (status == 0 && (pair == NULL || totals == NULL || graph->others == NULL)) {
        status = -ENOMEM;
    }
    if (status == 0) {
        status = seep_name_tree_pair(graph->tree, &other, pair);
    }
    if (status == 0) {
        sum(&other, totals);
        for (size_t i = 0; i < graph->tree->count; i++) {
            graph->others[i] = i == 0 || pair[i] != 0 ? totals[pair[i]] : 0;
        }
    }
    seep_name_tree_fini(&other);
    free(totals);
    free(pair);
    return status;
}

/* A box's class: by its module, or by how it compares. Thresholds are of colour alone: a
 * fifth is what the eye may tell. */
static const char *class_of(const struct graph *graph, uint32_t node)
{
    static const char *const roles[] = {"", "runtime", "library", "program"};

    if (graph->others == NULL) {
        return node == 0 ? "" : roles[graph->tree->nodes[node].frame->role];
    }
    double now = graph->totals[node];
    double other = graph->others[node];
    double share = (now - other) / (now > other ? now : other);

    return share > 0.6    ? "more2"
           : share > 0.2  ? "more1"
           : share < -0.6 ? "less2"
           : share < -0.2 ? "less1"
                          : "even";
}

static void put_box(struct seep_buf *out, const struct graph *graph,
                    const struct box *box)
{
    const struct seep_view_frame *frame = graph->tree->nodes[box->node].frame;
    double all = graph->totals[0];
    char room[NAME_MAX_BYTES];
    const char *name =
        box->node == 0 ? "all" : seep_name_tree_name(frame, room, sizeof(room));

    seep_buf_printf(out,
                    "<svg class=\"f %s\" x=\"%.4f%%\" width=\"%.4f%%\" y=\"%u\" "
                    "height=\"%d\"><title>",
                    class_of(graph, box->node), 100 * graph->x[box->node] / all,
                    100 * box->total / all, graph->depth[box->node] * ROW, ROW - 1);
    seep_html_text_put(out, name);
    if (box->node != 0 && frame->file[0] != '\0') {
        seep_buf_printf(out, " (");
        seep_html_text_put(out, frame->file);
        seep_buf_printf(out, ")");
    }
    seep_buf_printf(out, ": ");
    put_value(out, graph->flame, box->total);
    if (graph->others != NULL) {
        seep_buf_printf(out, " (%s ", graph->flame->against_name);
        put_value(out, graph->flame, graph->others[box->node]);
        seep_buf_printf(out, ")");
    }
    seep_buf_printf(out,
                    ", %.1f %%</title><rect width=\"100%%\" height=\"100%%\"/><text "
                    "x=\"4\" y=\"14\">",
                    100 * box->total / all);
    seep_html_text_put(out, name);
    seep_buf_printf(out, "</text></svg>\n");
}

static void draw(struct seep_buf *out, struct graph *graph)
{
    uint32_t rows = place(graph);
    size_t left_out = 0;

    for (size_t i = 1; i < graph->tree->count; i++) {
        left_out += graph->totals[i] > graph->totals[0] * SHARE_LEAST;
    }
    left_out -= graph->drawn;
    graph->boxes[0] = (struct box){.total = graph->totals[0]};
    seep_buf_printf(out, "<figure class=\"flame\"><figcaption><b>%s</b> <span>",
                    graph->flame->title);
    put_value(out, graph->flame, graph->totals[0]);
    seep_buf_printf(out,
                    "</span><output></output></figcaption>\n<svg class=\"flames\" "
                    "width=\"100%%\" height=\"%u\" role=\"group\" "
                    "aria-label=\"%s, by function, callers above\">\n",
                    rows * ROW, graph->flame->title);
    for (size_t i = 0; i <= graph->drawn; i++) {
        put_box(out, graph, &graph->boxes[i]);
    }
    seep_buf_printf(out, "</svg>\n");
    if (left_out > 0) {
        seep_buf_printf(out,
                        "<p class=\"dim\">%zu narrower frames are not drawn; "
                        "--format folded has all.</p>\n",
                        left_out);
    }
    seep_buf_printf(out, "</figure>\n");
}

/* Next to nothing beside the other run: its picture would be of rounding. */
static void put_nothing(struct seep_buf *out, const struct graph *graph)
{
    seep_buf_printf(out, "<p><b>%s</b> ", graph->flame->title);
    put_value(out, graph->flame, graph->totals[0]);
    seep_buf_printf(out, "</p>\n");
}

int seep_html_flame_put(struct seep_buf *out, const struct seep_findings *findings,
                        const struct seep_html_flame *flame)
{
    struct seep_name_tree tree = {0};
    int status = seep_name_tree_make(findings, flame->kind, flame->value, &tree);

    if (status < 0) {
        return status;
    }
    struct graph graph = {.flame = flame,
                          .tree = &tree,
                          .boxes = calloc(tree.count, sizeof(*graph.boxes)),
                          .totals = calloc(tree.count, sizeof(*graph.totals)),
                          .x = calloc(tree.count, sizeof(*graph.x)),
                          .filled = calloc(tree.count, sizeof(*graph.filled)),
                          .depth = calloc(tree.count, sizeof(*graph.depth))};

    if (graph.boxes == NULL || graph.totals == NULL || graph.x == NULL ||
        graph.filled == NULL || graph.depth == NULL) {
        status = -ENOMEM;
        goto done;
    }
    status = flame->against != NULL ? compare(&graph) : 0;
    if (status < 0) {
        goto done;
    }
    add_up(&graph);
    if (graph.others != NULL && graph.others[0] > 0 &&
        graph.totals[0] <= graph.others[0] * BESIDE_LEAST) {
        put_nothing(out, &graph);
    } else if (graph.totals[0] > 0) {
        draw(out, &graph);
    }
    status = out->failed ? -ENOMEM : 0;
done:
    free(graph.boxes);
    free(graph.totals);
    free(graph.others);
    free(graph.x);
    free(graph.filled);
    free(graph.depth);
    seep_name_tree_fini(&tree);
    return status;
}
