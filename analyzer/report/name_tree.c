/* From stacks of places to stacks of names.
 *
 * The profile's nodes come callers first, so one pass maps each to a node of names: its
 * caller's, then down through the frames of its place, outermost first. A hash of
 * (caller, name) finds the child. Merging by text was rejected: it writes every stack out
 * to compare it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/name_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 1024 };

struct slots {
    uint32_t *nodes; /* 0: free */
    size_t count;    /* power of two */
};

static bool has_name(const struct seep_view_frame *frame)
{
    return strcmp(frame->function, "??") != 0 && frame->function[0] != '\0';
}

const char *seep_name_tree_name(const struct seep_view_frame *frame, char *out,
                                size_t out_bytes)
{
    if (has_name(frame)) {
        return frame->function;
    }
    (void)snprintf(out, out_bytes, "[%s]", frame->module);
    return out;
}

static bool same_name(const struct seep_view_frame *a, const struct seep_view_frame *b)
{
    return a == b || (strcmp(a->function, b->function) == 0 &&
                      (has_name(a) || strcmp(a->module, b->module) == 0));
}

/* Source: FNV-1a, 64 bits, draft-eastlake-fnv-17. */
static uint32_t hash_of(uint32_t caller, const struct seep_view_frame *frame)
{
    const char *name = has_name(frame) ? frame->function : frame->module;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ caller;

    hash *= UINT64_C(0x100000001b3);
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    }
    return (uint32_t)(hash ^ hash >> 29);
}

static bool same_node(const struct seep_name_node *a, const struct seep_name_node *b)
{
    return a->hash == b->hash && a->caller == b->caller && same_name(a->frame, b->frame);
}

/* The slot of the node with the same caller and name, or where it belongs. */
static uint32_t *slot_for(const struct slots *slots, const struct seep_name_tree *tree,
                          const struct seep_name_node *node)
{
    size_t i = node->hash & (slots->count - 1);

    while (slots->nodes[i] != 0 && !same_node(&tree->nodes[slots->nodes[i]], node)) {
        i = (i + 1) & (slots->count - 1);
    }
    return &slots->nodes[i];
}

/* Room for one node more. Returns: 0; -ENOMEM. */
static int grow(struct slots *slots, struct seep_name_tree *tree)
{
    size_t count = slots->count != 0 ? slots->count * 2 : FIRST_SLOTS;
    struct slots larger = {.count = count};

    if (tree->count * 2 < slots->count) {
        return 0;
    }
    struct seep_name_node *nodes =
        realloc(tree->nodes, (count / 2 + 1) * sizeof(*tree->nodes));

    if (nodes == NULL) {
        return -ENOMEM;
    }
    tree->nodes = nodes;
    if (tree->count == 0) {
        nodes[0] = (struct seep_name_node){0};
        tree->count = 1;
    }
    larger.nodes = calloc(count, sizeof(*larger.nodes));
    if (larger.nodes == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < slots->count; i++) {
        uint32_t node = slots->nodes[i];

        if (node != 0) {
            *slot_for(&larger, tree, &tree->nodes[node]) = node;
        }
    }
    free(slots->nodes);
    *slots = larger;
    return 0;
}

static int child(struct slots *slots, struct seep_name_tree *tree,
                 const struct seep_view_frame *frame, uint32_t *node)
{
    if (grow(slots, tree) < 0) {
        return -ENOMEM;
    }
    const struct seep_name_node wanted = {
        .frame = frame, .caller = *node, .hash = hash_of(*node, frame)};
    uint32_t *slot = slot_for(slots, tree, &wanted);

    if (*slot == 0) {
        *slot = (uint32_t)tree->count++;
        tree->nodes[*slot] = wanted;
    }
    *node = *slot;
    return 0;
}

static int build(const struct seep_view_profile *profile, struct slots *slots,
                 uint32_t *named, struct seep_name_tree *tree)
{
    int status = grow(slots, tree);

    for (size_t i = 1; i < profile->node_count && status == 0; i++) {
        const struct seep_view_place *place = &profile->places[profile->nodes[i].place];
        uint32_t node = named[profile->nodes[i].caller];

        for (size_t k = place->frame_count; k > 0 && status == 0; k--) {
            status = child(slots, tree, &place->frames[k - 1], &node);
        }
        named[i] = node;
    }
    return status;
}

int seep_name_tree_make(const struct seep_findings *findings, enum seep_kind kind,
                        enum seep_site_value value, struct seep_name_tree *tree)
{
    const struct seep_view_profile *profile = &findings->profile;
    struct seep_name_tree made = {0};
    struct slots slots = {0};
    uint32_t *named = calloc(profile->node_count + 1, sizeof(*named));
    int status = named != NULL ? build(profile, &slots, named, &made) : -ENOMEM;

    for (size_t i = 0; i < profile->site_count && status == 0; i++) {
        const struct seep_view_site *site = &profile->sites[i];
        double amount = seep_site_value(site, value);

        if ((kind == SEEP_KIND_NONE || site->kind == kind) && amount > 0) {
            made.nodes[named[site->node]].self += amount;
        }
    }
    free(named);
    free(slots.nodes);
    if (status < 0) {
        seep_name_tree_fini(&made);
        return status;
    }
    *tree = made;
    return 0;
}

int seep_name_tree_pair(const struct seep_name_tree *tree,
                        const struct seep_name_tree *other, uint32_t *out)
{
    struct slots slots = {.count = FIRST_SLOTS};

    while (slots.count < other->count * 2) {
        slots.count *= 2;
    }
    slots.nodes = calloc(slots.count, sizeof(*slots.nodes));
    if (slots.nodes == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 1; i < other->count; i++) {
        *slot_for(&slots, other, &other->nodes[i]) = i;
    }
    out[0] = 0;
    for (size_t i = 1; i < tree->count; i++) {
        uint32_t caller = tree->nodes[i].caller;

        out[i] = 0;
        if (caller == 0 || out[caller] != 0) {
            const struct seep_view_frame *frame = tree->nodes[i].frame;
            const struct seep_name_node wanted = {.frame = frame,
                                                  .caller = out[caller],
                                                  .hash = hash_of(out[caller], frame)};

            out[i] = *slot_for(&slots, other, &wanted);
        }
    }
    free(slots.nodes);
    return 0;
}

void seep_name_tree_fini(struct seep_name_tree *tree)
{
    free(tree->nodes);
    *tree = (struct seep_name_tree){0};
}
