/* Folded stacks: one line per stack, outermost function first, then its value.
 *
 *     main;event_loop;hub_accept;hub_register;pma_alloc 552960
 *
 * Source: B. Gregg, FlameGraph, stackcollapse-*.pl and flamegraph.pl; read by speedscope,
 * inferno and others too. The largest value comes first, so that head and --top give the
 * stacks that matter; readers sort anyway.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/name_tree.h"
#include "report/renderer.h"

enum { NAME_MAX_BYTES = 1024 };

struct line {
    double value;
    uint32_t node;
};

static int largest_first(const void *left, const void *right)
{
    const struct line *a = left;
    const struct line *b = right;

    if (a->value != b->value) {
        return a->value < b->value ? 1 : -1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

/* The separator of frames, and what would end the line, cannot be part of a name. */
static void put_name(struct seep_buf *out, const struct seep_view_frame *frame)
{
    char room[NAME_MAX_BYTES];
    const char *name = seep_name_tree_name(frame, room, sizeof(room));

    const char *from = name; /* of what is written as it is */

    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;

        if (c == ';' || c < 0x20 || c == 0x7f) {
            seep_buf_put(out, from, (size_t)(name - from));
            seep_buf_put(out, c == ';' ? "," : " ", 1);
            from = name + 1;
        }
    }
    seep_buf_put(out, from, (size_t)(name - from));
}

static void put_line(struct seep_buf *out, const struct seep_name_tree *tree,
                     const struct line *line, uint32_t *stack)
{
    size_t depth = 0;

    for (uint32_t i = line->node; i != 0; i = tree->nodes[i].caller) {
        stack[depth++] = i;
    }
    if (depth == 0) {
        seep_buf_printf(out, "[no stack]");
    }
    while (depth-- > 0) {
        put_name(out, tree->nodes[stack[depth]].frame);
        seep_buf_put(out, ";", depth > 0);
    }
    seep_buf_printf(out, " %.0f\n", line->value);
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    enum seep_kind kind =
        options->kind != SEEP_KIND_NONE ? options->kind : SEEP_KIND_HEAP;
    struct seep_name_tree tree = {0};
    size_t count = 0;
    int status = seep_name_tree_make(findings, kind, options->value, &tree);

    if (status < 0) {
        return status;
    }
    struct line *lines = calloc(tree.count, sizeof(*lines));
    uint32_t *stack = calloc(tree.count, sizeof(*stack));

    if (lines == NULL || stack == NULL) {
        status = -ENOMEM;
        goto done;
    }
    for (uint32_t i = 0; i < tree.count; i++) {
        if (tree.nodes[i].self >= 0.5) { /* written as 1 at least */
            lines[count++] = (struct line){.value = tree.nodes[i].self, .node = i};
        }
    }
    qsort(lines, count, sizeof(*lines), largest_first);
    count = options->top != 0 && options->top < count ? options->top : count;
    for (size_t i = 0; i < count; i++) {
        put_line(out, &tree, &lines[i], stack);
    }
    status = out->failed ? -ENOMEM : 0;
done:
    free(lines);
    free(stack);
    seep_name_tree_fini(&tree);
    return status;
}

const struct seep_renderer SEEP_RENDERER_FOLDED = {
    .name = "folded", .render = render, .of_sites = true};
