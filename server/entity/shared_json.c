/* Documents shared between threads.
 *
 * jansson counts references atomically, but gives them back with a release that nothing
 * acquires: on a machine with weak ordering the last owner may free what another still
 * reads. So the document has one owner, this wrapper, and the wrapper has the count.
 * Rejected: a deep copy per reader under the lock that guards the documents, which makes
 * that lock's time grow with what is asked for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/shared_json.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct pma_shared_json {
    _Atomic uint32_t references; /* >= 1; written by all owners */
    json_t *json;
};

int pma_shared_json_new(json_t *json, struct pma_shared_json **shared)
{
    struct pma_shared_json *fresh = json != NULL ? malloc(sizeof *fresh) : NULL;
    if (fresh == NULL) {
        return -ENOMEM;
    }
    atomic_init(&fresh->references, 1);
    fresh->json = json;
    *shared = fresh;
    return 0;
}

struct pma_shared_json *pma_shared_json_retain(struct pma_shared_json *shared)
{
    /* Relaxed: whoever retains has a reference already, so the document is visible. */
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

void pma_shared_json_release(struct pma_shared_json *shared)
{
    /* Release pairs with the acquire of the last owner: all reads come before the free.
     */
    if (shared != NULL &&
        atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) == 1) {
        json_decref(shared->json);
        free(shared);
    }
}

const json_t *pma_shared_json_get(const struct pma_shared_json *shared)
{
    return shared->json;
}
