/* An allocator that a signal handler may interrupt at any instruction, allocate in, fork
 * in, or leave by siglongjmp: lock-free stacks of blocks, one per power of two.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 28, UNIT = 16, CLASSES = 20 };

static _Alignas(UNIT) uint8_t arena[ARENA_BYTES];
static _Atomic uint64_t used;
static _Atomic uint64_t heads[CLASSES]; /* tag << 32 | unit + 1 */
static _Atomic uint32_t
    next_unit[ARENA_BYTES / UNIT]; /* of the block that starts there */
static uint8_t class_of_unit[ARENA_BYTES / UNIT];

void *malloc(size_t size);
void free(void *block);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);

static uint32_t pop(unsigned class)
{
    uint64_t head = atomic_load(&heads[class]);

    while ((uint32_t)head != 0) {
        uint64_t wanted =
            ((head >> 32) + 1) << 32 | atomic_load(&next_unit[(uint32_t)head - 1]);

        if (atomic_compare_exchange_weak(&heads[class], &head, wanted)) {
            break;
        }
    }
    return (uint32_t)head;
}

static void *take(size_t size)
{
    size_t units = (size + UNIT - 1) / UNIT;
    unsigned class = units <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(units - 1);
    uint32_t unit = 0;
    uint64_t at = 0;

    if (class >= CLASSES) {
        return NULL;
    }
    unit = pop(class);
    if (unit == 0) {
        at = atomic_fetch_add(&used, (uint64_t)UNIT << class);
        if (at + ((uint64_t)UNIT << class) > ARENA_BYTES) {
            return NULL;
        }
        unit = (uint32_t)(at / UNIT) + 1;
        class_of_unit[unit - 1] = (uint8_t) class;
    }
    return arena + (size_t)(unit - 1) * UNIT;
}

static void give_back(void *block)
{
    uint32_t unit = (uint32_t)(((uint8_t *)block - arena) / UNIT);
    _Atomic uint64_t *stack = NULL;
    uint64_t head = 0;

    if (block == NULL) {
        return;
    }
    stack = &heads[class_of_unit[unit]];
    head = atomic_load(stack);
    do {
        atomic_store(&next_unit[unit], (uint32_t)head);
    } while (!atomic_compare_exchange_weak(
        stack, &head, ((head >> 32) + 1) << 32 | (uint64_t)(unit + 1)));
}

/* The exported ones do not call each other, which would be wrapped once more. */
void *malloc(size_t size)
{
    return take(size);
}

void free(void *block)
{
    give_back(block);
}

void *calloc(size_t count, size_t size)
{
    void *block = take(count * size);

    return block != NULL ? memset(block, 0, count * size) : NULL;
}

void *realloc(void *block, size_t size)
{
    void *moved = take(size);

    if (block != NULL && moved != NULL) {
        uint32_t unit = (uint32_t)(((uint8_t *)block - arena) / UNIT);
        size_t before = (size_t)UNIT << class_of_unit[unit];

        memcpy(moved, block, before < size ? before : size);
        give_back(block);
    }
    return moved;
}
