/* Table of named things: an intrusive hash over strings, for clients, topics and
 * sessions.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_INDEX_H
#define PMA_HUB_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of whatever is indexed. */
struct pma_index_node {
    struct pma_index_node *next; /* in the same bucket */
    const char *name;            /* borrowed: lives as long as the node is in the table */
    uint32_t hash;
};

struct pma_index {
    struct pma_index_node **buckets; /* bucket_count of them, a power of two */
    size_t bucket_count;
    size_t count; /* nodes */
};

/* Returns: 0; -ENOMEM. Allocates. */
int pma_index_init(struct pma_index *index);

/* Frees the buckets; the nodes are their owners' business. */
void pma_index_fini(struct pma_index *index);

/* Adds a node that is not in the table; node->name is set, equal names may coexist. Never
 * fails: without memory for more buckets the chains just get longer. May allocate. */
void pma_index_add(struct pma_index *index, struct pma_index_node *node);

/* Takes out a node that is in the table. */
void pma_index_remove(struct pma_index *index, struct pma_index_node *node);

/* The newest node of that name (name_bytes long, no NUL needed), or NULL. Borrowed. */
struct pma_index_node *pma_index_find(const struct pma_index *index, const char *name,
                                      size_t name_bytes);

/* The node after `node` in no particular order, the first for NULL; NULL at the end. The
 * table may not change between two calls. Cost: O(buckets) for a whole walk. */
struct pma_index_node *pma_index_next(const struct pma_index *index,
                                      const struct pma_index_node *node);

/* Each node in its own bucket, the count right. Thread-safety: all of this module: under
 * LOCK. */
bool pma_index_is_valid(const struct pma_index *index);

#endif
