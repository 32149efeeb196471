/* Object pools: buffers that are used again instead of being allocated per request.
 *
 *     struct pma_buffer *text = pma_pool_get(PMA_POOL_STRING_BUILDER);
 *     pma_buffer_printf(text, "%u clients\n", clients);
 *     ...
 *     pma_pool_put(text);
 *
 * Every pool is bounded: it keeps at most max_size idle buffers, and of each no more than
 * its keep limit; the rest goes back to the allocator. Memory pressure and POST memory/gc
 * empty all of them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_POOL_H
#define PMA_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(ID, value, name, first_bytes, keep_bytes): a buffer begins with room for first_bytes,
 * and is kept idle only while it has no more than keep_bytes. */
#define PMA_POOLS(X)                                                                     \
    X(BUFFER, 1, "buffer", 1024, 65536)                                                  \
    X(JSON_RESPONSE, 2, "json_response", 2048, 65536)                                    \
    X(STRING_BUILDER, 3, "string_builder", 4096, 262144)                                 \
    X(BYTE_SLICE_SMALL, 4, "byte_slice_small", 1024, 1024)                               \
    X(BYTE_SLICE_MEDIUM, 5, "byte_slice_medium", 8192, 8192)                             \
    X(BYTE_SLICE_LARGE, 6, "byte_slice_large", 65536, 65536)

enum pma_pool_id {
    PMA_POOL_NONE = 0,
#define PMA_POOL_VALUE(id, value, name, first_bytes, keep_bytes) PMA_POOL_##id = (value),
    PMA_POOLS(PMA_POOL_VALUE)
#undef PMA_POOL_VALUE
        PMA_POOL_END
};

#define PMA_POOL_SIZE_MAX     4096
#define PMA_POOL_SIZE_DEFAULT 32

/* Text or bytes under construction. Read its fields; change them by the functions only.
 * I1: bytes[used] is NUL and used < capacity_bytes. */
struct pma_buffer {
    char *bytes;
    size_t used;
    size_t capacity_bytes;
    bool failed; /* memory ran out: what was appended since then is missing */
    enum pma_pool_id pool;
    struct pma_buffer *next; /* while idle: the pool's */
};

/* The original's PoolStats. */
struct pma_pool_stats {
    const char *name; /* borrowed for ever */
    uint64_t gets, puts;
    uint64_t hits, misses; /* of gets: an idle buffer was there, or not */
    uint64_t discarded;    /* of puts: the pool was full, or the buffer too large */
    uint32_t size;         /* idle buffers */
    uint32_t max_size;
    uint64_t idle_bytes;
    uint64_t last_reset_ns, created_at_ns; /* CLOCK_MONOTONIC */
};

/* An empty buffer, owned by the caller until pma_pool_put.
 * Returns: NULL without memory. Thread-safety: any thread. Allocates when the pool is
 * empty. */
struct pma_buffer *pma_pool_get(enum pma_pool_id id);

/* Gives a buffer back; taken. NULL is allowed. Thread-safety: any thread. */
void pma_pool_put(struct pma_buffer *buffer);

/* Appends; on lack of memory the buffer is marked as failed. Thread-safety: the buffer's
 * owner. Allocates when it grows. Cost: amortised O(bytes). */
void pma_buffer_append(struct pma_buffer *buffer, const char *bytes, size_t count);
void pma_buffer_printf(struct pma_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends everything that can be read from a file (of /proc). Returns: 0; -errno, with
 * what was read until then appended. Thread-safety: the buffer's owner. Allocates. */
int pma_buffer_read_file(struct pma_buffer *buffer, const char *path);

/* How many idle buffers a pool keeps from now on, at most; more are freed at once. The
 * limit counts for statistics as well. Returns: 0; -EINVAL: no such pool, or above
 * PMA_POOL_SIZE_MAX. Thread-safety: any thread. */
int pma_pool_resize(enum pma_pool_id id, uint32_t max_size);

/* Fills a pool up to `count` idle buffers, or its max_size. Returns: how many were added.
 * Thread-safety: any thread. Allocates. */
uint32_t pma_pool_fill(enum pma_pool_id id, uint32_t count);

/* Frees the idle buffers of a pool. Returns: bytes freed. Thread-safety: any thread. */
uint64_t pma_pool_trim(enum pma_pool_id id);

/* pma_pool_trim for all pools; for the end of the program and for memory pressure. */
uint64_t pma_pools_trim(void);

/* Fills *stats. Thread-safety: any thread. */
void pma_pool_stats_read(enum pma_pool_id id, struct pma_pool_stats *stats);

/* Starts the counts of all pools anew. Thread-safety: any thread. */
void pma_pools_reset(void);

/* The pool of a name. Returns: PMA_POOL_NONE when there is none. Thread-safety: pure. */
enum pma_pool_id pma_pool_find(const char *name);

#endif
