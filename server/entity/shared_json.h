/* A JSON document that never changes and belongs to all who hold a reference.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_SHARED_JSON_H
#define PMA_SHARED_JSON_H

#include <jansson.h>

struct pma_shared_json;

/* Wraps a document. json: taken on success; nobody may change it or keep a part of it.
 * shared: out, with one reference. Returns: 0; -ENOMEM (also for a NULL document, which
 * is what jansson gives without memory). Thread-safety: any thread. Allocates. */
int pma_shared_json_new(json_t *json, struct pma_shared_json **shared);

/* One more reference. Thread-safety: any thread that has one. */
struct pma_shared_json *pma_shared_json_retain(struct pma_shared_json *shared);

/* One reference less; the last one frees. NULL is allowed. Thread-safety: any thread. */
void pma_shared_json_release(struct pma_shared_json *shared);

/* The document; borrowed while a reference is held. Others read it at the same time: it
 * may be read and deep-copied, but neither it nor a part of it may get a reference of
 * jansson's. Thread-safety: any thread. */
const json_t *pma_shared_json_get(const struct pma_shared_json *shared);

#endif
