/* Idle buffers in a list per pool.
 *
 * The first implementation's pools counted nothing as they were used and ignored their
 * sizes. Here a pool is a list under its own lock, last in first out, so that the buffer
 * that comes back is the one whose bytes are still in the cache. Rejected: per-thread
 * caches. jemalloc has them already; what a pool saves is the growth of a buffer to its
 * usual size, and that does not need a second layer.
 *
 * I1: count of the list = idle <= max_size. I2: no buffer in the list has more than
 * keep_bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/pool/pool.h"

#include "server/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pool {
    const char *name;
    size_t first_bytes, keep_bytes;
    pthread_mutex_t lock; /* PMA_LOCK_POOL: what follows */
    struct pma_buffer *idle;
    uint64_t idle_bytes;
    uint32_t idle_count;
    uint32_t max_size;
    uint64_t gets, puts, hits, discarded;
    uint64_t reset_ns, created_ns;
};

static struct pool pools[PMA_POOL_END] = {
    [PMA_POOL_NONE] = {.name = "", .lock = PTHREAD_MUTEX_INITIALIZER},
#define PMA_POOL_ROW(id, value, text, first, keep)                                       \
    [PMA_POOL_##id] = {.name = (text),                                                   \
                       .first_bytes = (first),                                           \
                       .keep_bytes = (keep),                                             \
                       .lock = PTHREAD_MUTEX_INITIALIZER,                                \
                       .max_size = PMA_POOL_SIZE_DEFAULT},
    PMA_POOLS(PMA_POOL_ROW)
#undef PMA_POOL_ROW
};

static bool is_pool(enum pma_pool_id id)
{
    return id > PMA_POOL_NONE && id < PMA_POOL_END;
}

static void free_buffer(struct pma_buffer *buffer)
{
    free(buffer->bytes);
    free(buffer);
}

static struct pma_buffer *new_buffer(enum pma_pool_id id)
{
    struct pma_buffer *buffer = calloc(1, sizeof *buffer);
    if (buffer == NULL) {
        return NULL;
    }
    buffer->pool = id;
    buffer->capacity_bytes = pools[id].first_bytes;
    buffer->bytes = malloc(buffer->capacity_bytes);
    if (buffer->bytes == NULL) {
        free(buffer);
        return NULL;
    }
    buffer->bytes[0] = '\0';
    return buffer;
}

/* Under the pool's lock. */
static void note_time(struct pool *pool)
{
    if (pool->created_ns == 0) {
        pool->created_ns = pma_now_ns();
        pool->reset_ns = pool->created_ns;
    }
}

/* Under the pool's lock. */
static void push(struct pool *pool, struct pma_buffer *buffer)
{
    buffer->next = pool->idle;
    pool->idle = buffer;
    pool->idle_count++;
    pool->idle_bytes += buffer->capacity_bytes;
}

/* Under the pool's lock. Returns: NULL when the list is empty. */
static struct pma_buffer *pop(struct pool *pool)
{
    struct pma_buffer *buffer = pool->idle;
    if (buffer != NULL) {
        pool->idle = buffer->next;
        pool->idle_count--;
        pool->idle_bytes -= buffer->capacity_bytes;
        buffer->next = NULL;
    }
    return buffer;
}

struct pma_buffer *pma_pool_get(enum pma_pool_id id)
{
    if (!is_pool(id)) {
        return NULL;
    }
    struct pool *pool = &pools[id];
    pthread_mutex_lock(&pool->lock);
    note_time(pool);
    pool->gets++;
    struct pma_buffer *buffer = pop(pool);
    pool->hits += buffer != NULL;
    pthread_mutex_unlock(&pool->lock);
    return buffer != NULL ? buffer : new_buffer(id);
}

void pma_pool_put(struct pma_buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    struct pool *pool = &pools[buffer->pool];
    buffer->used = 0;
    buffer->failed = false;
    buffer->bytes[0] = '\0';
    pthread_mutex_lock(&pool->lock);
    pool->puts++;
    const bool kept =
        pool->idle_count < pool->max_size && buffer->capacity_bytes <= pool->keep_bytes;
    if (kept) {
        push(pool, buffer);
    } else {
        pool->discarded++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!kept) {
        free_buffer(buffer);
    }
}

/* Makes room for `count` bytes and the NUL. */
static bool reserve(struct pma_buffer *buffer, size_t count)
{
    if (buffer->failed || count > SIZE_MAX / 4) {
        buffer->failed = true;
        return false;
    }
    const size_t needed = buffer->used + count + 1;
    if (needed <= buffer->capacity_bytes) {
        return true;
    }
    size_t capacity = buffer->capacity_bytes;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *grown = realloc(buffer->bytes, capacity);
    if (grown == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->bytes = grown;
    buffer->capacity_bytes = capacity;
    return true;
}

void pma_buffer_append(struct pma_buffer *buffer, const char *bytes, size_t count)
{
    if (reserve(buffer, count)) {
        memcpy(buffer->bytes + buffer->used, bytes, count);
        buffer->used += count;
        buffer->bytes[buffer->used] = '\0';
    }
}

void pma_buffer_printf(struct pma_buffer *buffer, const char *format, ...)
{
    for (int attempt = 0; attempt < 2 && !buffer->failed; attempt++) {
        const size_t room = buffer->capacity_bytes - buffer->used;
        va_list arguments;
        va_start(arguments, format);
        const int wanted =
            /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above. */
            vsnprintf(buffer->bytes + buffer->used, room, format, arguments);
        va_end(arguments);
        if (wanted < 0) {
            buffer->failed = true;
        } else if ((size_t)wanted < room) {
            buffer->used += (size_t)wanted;
            return;
        } else {
            buffer->bytes[buffer->used] = '\0';
            reserve(buffer, (size_t)wanted);
        }
    }
}

int pma_buffer_read_file(struct pma_buffer *buffer, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int err = 0;
    for (;;) {
        if (!reserve(buffer, 512)) {
            err = -ENOMEM;
            break;
        }
        const ssize_t got = read(fd, buffer->bytes + buffer->used,
                                 buffer->capacity_bytes - buffer->used - 1);
        if (got <= 0) {
            err = got < 0 ? -errno : 0;
            break;
        }
        buffer->used += (size_t)got;
    }
    buffer->bytes[buffer->used] = '\0';
    close(fd);
    return err;
}

/* Frees idle buffers until `keep` are left. Returns: bytes freed. */
static uint64_t shrink(struct pool *pool, uint32_t keep)
{
    uint64_t freed_bytes = 0;
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        struct pma_buffer *buffer = pool->idle_count > keep ? pop(pool) : NULL;
        pthread_mutex_unlock(&pool->lock);
        if (buffer == NULL) {
            return freed_bytes;
        }
        freed_bytes += buffer->capacity_bytes;
        free_buffer(buffer);
    }
}

int pma_pool_resize(enum pma_pool_id id, uint32_t max_size)
{
    if (!is_pool(id) || max_size > PMA_POOL_SIZE_MAX) {
        return -EINVAL;
    }
    pthread_mutex_lock(&pools[id].lock);
    pools[id].max_size = max_size;
    pthread_mutex_unlock(&pools[id].lock);
    shrink(&pools[id], max_size);
    return 0;
}

uint32_t pma_pool_fill(enum pma_pool_id id, uint32_t count)
{
    if (!is_pool(id)) {
        return 0;
    }
    struct pool *pool = &pools[id];
    for (uint32_t added = 0;; added++) {
        struct pma_buffer *buffer = new_buffer(id);
        if (buffer == NULL) {
            return added;
        }
        pthread_mutex_lock(&pool->lock);
        note_time(pool);
        const bool wanted = pool->idle_count < count && pool->idle_count < pool->max_size;
        if (wanted) {
            push(pool, buffer);
        }
        pthread_mutex_unlock(&pool->lock);
        if (!wanted) {
            free_buffer(buffer);
            return added;
        }
    }
}

uint64_t pma_pool_trim(enum pma_pool_id id)
{
    return is_pool(id) ? shrink(&pools[id], 0) : 0;
}

uint64_t pma_pools_trim(void)
{
    uint64_t freed_bytes = 0;
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        freed_bytes += pma_pool_trim((enum pma_pool_id)id);
    }
    return freed_bytes;
}

void pma_pool_stats_read(enum pma_pool_id id, struct pma_pool_stats *stats)
{
    struct pool *pool = &pools[is_pool(id) ? id : PMA_POOL_NONE];
    pthread_mutex_lock(&pool->lock);
    *stats = (struct pma_pool_stats){
        .name = pool->name,
        .gets = pool->gets,
        .puts = pool->puts,
        .hits = pool->hits,
        .misses = pool->gets - pool->hits,
        .discarded = pool->discarded,
        .size = pool->idle_count,
        .max_size = pool->max_size,
        .idle_bytes = pool->idle_bytes,
        .last_reset_ns = pool->reset_ns,
        .created_at_ns = pool->created_ns,
    };
    pthread_mutex_unlock(&pool->lock);
}

void pma_pools_reset(void)
{
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        struct pool *pool = &pools[id];
        pthread_mutex_lock(&pool->lock);
        pool->gets = pool->puts = pool->hits = pool->discarded = 0;
        pool->reset_ns = pma_now_ns();
        pthread_mutex_unlock(&pool->lock);
    }
}

enum pma_pool_id pma_pool_find(const char *name)
{
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        if (strcmp(pools[id].name, name) == 0) {
            return (enum pma_pool_id)id;
        }
    }
    return PMA_POOL_NONE;
}
