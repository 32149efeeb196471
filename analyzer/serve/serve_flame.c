/* A flame graph as a tree for the page, which draws it.
 *
 * A caller is at least as wide as what it calls and has a lower index, so that the widest
 * nodes, in the order of width and then of index, never lack their callers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_flame.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/name_tree.h"
#include "serve/serve_json.h"

enum { NAME_BYTES = 1024 };

struct width {
    double total;
    uint32_t node;
};

static int widest_first(const void *left, const void *right)
{
    const struct width *a = left;
    const struct width *b = right;

    if (a->total != b->total) {
        return a->total < b->total ? 1 : -1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

static json_t *node_of(const struct seep_view_frame *frame, double total)
{
    static const char *const roles[] = {"", "runtime", "library", "program"};
    const char *slash = strrchr(frame->file, '/');
    char name[NAME_BYTES];
    char place[NAME_BYTES] = "";

    if (frame->file[0] != '\0' && frame->line != 0) {
        (void)snprintf(place, sizeof(place), "%s:%u",
                       slash != NULL ? slash + 1 : frame->file, frame->line);
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:[]}", "name",
                     seep_serve_text(seep_name_tree_name(frame, name, sizeof(name))),
                     "value", seep_serve_number(total), "place", seep_serve_text(place),
                     "module", seep_serve_text(frame->module), "role",
                     roles[frame->role <= SEEP_ROLE_PROGRAM ? frame->role : 0],
                     "children");
}

static json_t *root_of(enum seep_kind kind, enum seep_site_value value, double total)
{
    bool bytes = value == SEEP_VALUE_LIVE_BYTES ||
                 (value != SEEP_VALUE_LIVE && seep_site_value_is_of_bytes(kind));

    return json_pack("{s:s, s:o, s:s, s:s, s:[]}", "name", "all", "value",
                     seep_serve_number(total), "kind", seep_kind_name(kind), "unit",
                     value == SEEP_VALUE_GROWTH ? (bytes ? "bytes/h" : "1/h")
                                                : (bytes ? "bytes" : ""),
                     "children");
}

/* Hangs the widest nodes under their callers. Returns: how many; 0 without memory. */
static size_t hang(const struct seep_name_tree *tree, const struct width *widths,
                   size_t count, json_t **nodes)
{
    size_t shown = 0;

    for (; shown < count && shown < SEEP_FLAME_NODES; shown++) {
        uint32_t node = widths[shown].node;
        json_t *made = node_of(tree->nodes[node].frame, widths[shown].total);

        if (made == NULL ||
            json_array_append_new(
                json_object_get(nodes[tree->nodes[node].caller], "children"), made) < 0) {
            return 0;
        }
        nodes[node] = made;
    }
    return shown;
}

int seep_flame_put(const struct seep_findings *findings, enum seep_kind kind,
                   enum seep_site_value value, uint64_t generation, struct seep_buf *out)
{
    struct seep_name_tree tree = {0};
    struct width *widths = NULL;
    json_t **nodes = NULL;
    double *totals = NULL;
    size_t count = 0;
    int status = -ENOMEM;

    kind = kind != SEEP_KIND_NONE ? kind : SEEP_KIND_HEAP;
    if (seep_name_tree_make(findings, kind, value, &tree) < 0) {
        return -ENOMEM;
    }
    totals = calloc(tree.count + 1, sizeof(*totals));
    widths = calloc(tree.count + 1, sizeof(*widths));
    nodes = calloc(tree.count + 1, sizeof(json_t *));
    if (totals == NULL || widths == NULL || nodes == NULL) {
        goto done;
    }
    for (size_t i = tree.count; i-- > 1;) {
        totals[i] += tree.nodes[i].self;
        totals[tree.nodes[i].caller] += totals[i];
    }
    totals[0] += tree.count > 0 ? tree.nodes[0].self : 0;
    for (uint32_t i = 1; i < tree.count; i++) {
        if (totals[i] > 0) {
            widths[count++] = (struct width){totals[i], i};
        }
    }
    qsort(widths, count, sizeof(*widths), widest_first);
    nodes[0] = root_of(kind, value, totals[0]);
    if (nodes[0] != NULL) {
        size_t shown = hang(&tree, widths, count, nodes);

        json_object_set_new(nodes[0], "left_off", seep_serve_count(count - shown));
        json_object_set_new(nodes[0], "generation", seep_serve_count(generation));
        status = shown == 0 && count > 0 ? -ENOMEM : 0;
        if (status == 0) {
            status = seep_serve_put(out, json_incref(nodes[0]));
        }
        json_decref(nodes[0]);
    }
done:
    free(totals);
    free(widths);
    free(nodes);
    seep_name_tree_fini(&tree);
    return status;
}
