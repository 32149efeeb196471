/* One budget for all that a recording makes us allocate.
 *
 * Rejected: obstack and a general arena: neither counts, and a file of 64 MiB can
 * describe far more than a machine has.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/recording_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    CHUNK_FIRST_BYTES = 4 << 10,
    CHUNK_MAX_BYTES = 256 << 10,
    LARGE_CHUNK_BYTES = 8 << 20,
    LARGE_FROM_BYTES = 32 << 20, /* of a pool */
    PAGE_BYTES = 4096,
    ALIGN_BYTES = 16
};

struct seep_pool_chunk {
    struct seep_pool_chunk *older;
    size_t used_bytes, capacity_bytes;
    _Alignas(ALIGN_BYTES) uint8_t data[];
};

static bool budget_take(struct seep_pool_budget *budget, uint64_t bytes)
{
    uint64_t left = atomic_load_explicit(&budget->left_bytes, memory_order_relaxed);

    do {
        if (bytes > left) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&budget->left_bytes, &left,
                                                    left - bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void budget_give(struct seep_pool_budget *budget, uint64_t bytes)
{
    (void)atomic_fetch_add_explicit(&budget->left_bytes, bytes, memory_order_relaxed);
}

/* For what is large: a hundred MB of points, and the sites, lie anywhere to whoever reads
 * them in order of time, and small pages cost a fault and a TLB entry each. */
static void ask_for_huge_pages(void *memory, size_t bytes)
{
    uintptr_t from = ((uintptr_t)memory + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
    size_t whole = (size_t)((uintptr_t)memory + bytes - from) & ~(size_t)(PAGE_BYTES - 1);

    if (bytes >= LARGE_CHUNK_BYTES) {
        (void)madvise((void *)from, whole, MADV_HUGEPAGE); /* a hint, no more */
    }
}

/* Zeroed. */
static struct seep_pool_chunk *new_chunk(size_t capacity_bytes)
{
    size_t bytes =
        sizeof(struct seep_pool_chunk) + capacity_bytes + SEEP_POOL_SLACK_BYTES;
    struct seep_pool_chunk *chunk = calloc(1, bytes);

    if (chunk != NULL) {
        ask_for_huge_pages(chunk, bytes);
    }
    return chunk;
}

static struct seep_pool_chunk *add_chunk(struct seep_pool *pool, size_t need_bytes)
{
    struct seep_pool_chunk *chunk = NULL;
    size_t capacity_bytes =
        pool->chunks != NULL ? pool->chunks->capacity_bytes * 2 : CHUNK_FIRST_BYTES;

    capacity_bytes = capacity_bytes < CHUNK_MAX_BYTES ? capacity_bytes : CHUNK_MAX_BYTES;
    capacity_bytes =
        pool->taken_bytes < LARGE_FROM_BYTES ? capacity_bytes : (size_t)LARGE_CHUNK_BYTES;
    if (need_bytes > CHUNK_MAX_BYTES || need_bytes > capacity_bytes) {
        capacity_bytes = need_bytes;
    }
    if (!budget_take(pool->budget, capacity_bytes)) {
        return NULL;
    }
    chunk = new_chunk(capacity_bytes);
    if (chunk == NULL) {
        budget_give(pool->budget, capacity_bytes);
        return NULL;
    }
    pool->taken_bytes += capacity_bytes;
    chunk->capacity_bytes = capacity_bytes;
    if (need_bytes > CHUNK_MAX_BYTES && pool->chunks != NULL) {
        chunk->older = pool->chunks->older; /* full at once: the newest stays open */
        pool->chunks->older = chunk;
    } else {
        chunk->older = pool->chunks;
        pool->chunks = chunk;
    }
    return chunk;
}

void *seep_pool_take(struct seep_pool *pool, size_t bytes)
{
    struct seep_pool_chunk *chunk = pool->chunks;
    size_t need_bytes = 0;
    void *piece = NULL;

    if (__builtin_add_overflow(bytes, ALIGN_BYTES - 1, &need_bytes)) {
        return NULL;
    }
    need_bytes &= ~(size_t)(ALIGN_BYTES - 1);
    if (chunk == NULL || chunk->capacity_bytes - chunk->used_bytes < need_bytes) {
        chunk = add_chunk(pool, need_bytes);
        if (chunk == NULL) {
            return NULL;
        }
    }
    piece = chunk->data + chunk->used_bytes;
    chunk->used_bytes += need_bytes;
    return piece;
}

char *seep_pool_take_string(struct seep_pool *pool, const char *text, size_t len_bytes)
{
    char *copy = seep_pool_take(pool, len_bytes + 1);

    if (copy != NULL && len_bytes != 0) {
        memcpy(copy, text, len_bytes);
    }
    return copy;
}

void seep_pool_fini(struct seep_pool *pool)
{
    while (pool->chunks != NULL) {
        struct seep_pool_chunk *older = pool->chunks->older;

        free(pool->chunks);
        pool->chunks = older;
    }
    if (pool->budget != NULL) {
        budget_give(pool->budget, pool->taken_bytes);
    }
    pool->taken_bytes = 0;
}

int seep_pool_grow_table(struct seep_pool_budget *budget, void **table, size_t *capacity,
                         size_t need, size_t row_bytes)
{
    size_t rows = *capacity != 0 ? *capacity : 1;
    size_t bytes = 0;
    uint8_t *grown = NULL;

    if (need <= *capacity) {
        return 0;
    }
    while (rows < need) {
        if (__builtin_mul_overflow(rows, (size_t)2, &rows)) {
            return -ENOMEM;
        }
    }
    if (__builtin_mul_overflow(rows, row_bytes, &bytes) ||
        !budget_take(budget, bytes - *capacity * row_bytes)) {
        return -ENOMEM;
    }
    grown = realloc(*table, bytes);
    if (grown == NULL) {
        budget_give(budget, bytes - *capacity * row_bytes);
        return -ENOMEM;
    }
    ask_for_huge_pages(grown, bytes);
    memset(grown + *capacity * row_bytes, 0, bytes - *capacity * row_bytes);
    *table = grown;
    *capacity = rows;
    return 0;
}
