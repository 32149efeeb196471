/* A program with an allocator of its own, which comes before any preloaded library, and
 * which lacks reallocarray: that of the C library must go on to call this realloc.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 20, HEADER_BYTES = 16 };

static _Alignas(16) uint8_t arena[ARENA_BYTES];
static _Atomic size_t used;

static int is_ours(const void *block)
{
    return (uintptr_t)block - (uintptr_t)arena < ARENA_BYTES;
}

void *malloc(size_t size)
{
    size_t need = (size + 2 * HEADER_BYTES - 1) & ~(size_t)(HEADER_BYTES - 1);
    size_t at = __atomic_fetch_add((size_t *)&used, need, __ATOMIC_RELAXED);

    if (at + need > ARENA_BYTES) {
        return NULL;
    }
    memcpy(arena + at, &size, sizeof(size));
    return arena + at + HEADER_BYTES;
}

void free(void *block)
{
    if (block != NULL && !is_ours(block)) {
        abort();
    }
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size); /* never handed out before: zero */
}

void *realloc(void *block, size_t size)
{
    void *moved = malloc(size);
    size_t before = 0;

    if (block != NULL && moved != NULL) {
        if (!is_ours(block)) {
            abort();
        }
        memcpy(&before, (uint8_t *)block - HEADER_BYTES, sizeof(before));
        memcpy(moved, block, before < size ? before : size);
    }
    return moved;
}

int main(void)
{
    char *volatile text = malloc(10);

    (void)snprintf(text, 10, "kept");
    text = reallocarray(text, 100, 10);
    (void)printf("%s, %s\n", text, is_ours(text) ? "ours" : "foreign");
    free(text);
    return 0;
}
