/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_NAME_TREE_H
#define SEEP_ANALYZER_REPORT_NAME_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "report/site_value.h"
#include "verdict/findings.h"

/* Stacks by the names of their functions, inlined ones too: stacks that differ only in
 * places within the same functions are one. */
struct seep_name_node {
    const struct seep_view_frame *frame; /* borrowed; the first seen of that name */
    uint32_t caller;                     /* index, lower than this one's; 0: outermost */
    uint32_t hash;                       /* of caller and name */
    double self;                         /* of sites whose innermost frame this is */
};
struct seep_name_tree {
    struct seep_name_node *nodes; /* owned; [0]: no stack */
    size_t count;
};

/* Builds the tree of the profile's sites of one kind (SEEP_KIND_NONE: all) from positive
 * values, so that a saw-tooth on its way down does not hide what grows.
 *
 * findings: borrowed, must outlive the tree.
 * tree:     out, owned (seep_name_tree_fini); untouched on error.
 * Returns: 0; -ENOMEM. Cost: O(sites + frames).
 */
int seep_name_tree_make(const struct seep_findings *findings, enum seep_kind kind,
                        enum seep_site_value value, struct seep_name_tree *tree);
void seep_name_tree_fini(struct seep_name_tree *tree);

/* Where each stack of one tree is in another: out[i] is the node of `other` with the same
 * names up to the outermost, 0 for none.
 *
 * out: as many as tree has nodes; untouched on error. Returns: 0; -ENOMEM.
 * Thread-safety: pure. Cost: O(frames of both). */
int seep_name_tree_pair(const struct seep_name_tree *tree,
                        const struct seep_name_tree *other, uint32_t *out);

/* The name of a frame for profiles: its function, else "[module]". */
const char *seep_name_tree_name(const struct seep_view_frame *frame, char *out,
                                size_t out_bytes);

#endif
