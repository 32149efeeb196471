/* The C heap: malloc and its family.
 *
 * Each wrapper is: find the caller's self, call the real function, record. Wrappers of
 * acquisitions are entered through assembler stubs (interpose_stubs.c) that add the
 * caller's stack and frame pointer to the arguments.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "interpose.h"
#include "interpose_block.h"
#include "live.h"
#include "optional.h"
#include "real.h"
#include "record.h"
#include "record_fast.h"

enum { PAGE_BYTES = 4096 };

/* A block whose event may not take the short way. Out of line, and each with the same
 * arguments as what it is the rest of. */
static __attribute__((noinline)) void *recorded_slow(void *block, size_t size_bytes,
                                                     uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = block != NULL ? seep_guard_self() : NULL;

    if (self != NULL) {
        seep_record_acquire(self, SEEP_KIND_HEAP, block, size_bytes, sp, fp);
    }
    return block;
}

static __attribute__((noinline)) void *recorded(void *block, size_t size_bytes,
                                                uintptr_t sp, uintptr_t fp)
{
    if (__builtin_expect(
            block != NULL && seep_record_acquire_fast(block, size_bytes, sp, fp), 1)) {
        return block;
    }
    return recorded_slow(block, size_bytes, sp, fp);
}

static __attribute__((noinline)) void free_flushing(void *block)
{
    seep_peak_flush(seep_guard_tls);
    seep_real.free(block);
}

static __attribute__((noinline)) void free_slow(void *block)
{
    struct seep_self *self = NULL;

    if (block == NULL || seep_real_is_boot(block) || !seep_real_ready()) {
        return;
    }
    self = seep_guard_self();
    if (self != NULL) {
        seep_record_settle(self, seep_record_take(block));
    }
    seep_real.free(block);
}

static void *boot(size_t size_bytes, size_t align_bytes)
{
    void *block = seep_real_boot_alloc(size_bytes, align_bytes);

    if (block == NULL) {
        errno = ENOMEM;
    }
    return block;
}

SEEP_ARCH_IN_ONE_PAGE(1024)
void *seep_wrap_malloc(size_t size, uintptr_t sp, uintptr_t fp)
{
    if (!seep_real_ready()) {
        return boot(size, 0);
    }
    void *block = seep_real.malloc(seep_live_fit(size));

    if (__builtin_expect(block != NULL && seep_record_acquire_fast(block, size, sp, fp),
                         1)) {
        return block;
    }
    return recorded_slow(block, size, sp, fp);
}

void *seep_wrap_calloc(size_t count, size_t size, uintptr_t sp, uintptr_t fp)
{
    size_t bytes = 0;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (!seep_real_ready()) {
        return boot(bytes, 0); /* static memory, never used before: zero */
    }
    return recorded(seep_real.calloc(1, seep_live_fit(bytes)), bytes, sp, fp);
}

/* A block of the static area moves to the heap. Byte by byte: memcpy may not be bound
 * yet. */
static void *from_boot(void *block, size_t size, uintptr_t sp, uintptr_t fp)
{
    volatile uint8_t *moved = seep_wrap_malloc(size, sp, fp);
    size_t old = seep_real_boot_size(block);

    for (size_t i = 0; moved != NULL && i < old && i < size; i++) {
        moved[i] = ((const uint8_t *)block)[i];
    }
    return (void *)moved;
}

void *seep_wrap_realloc(void *block, size_t size, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = NULL;
    struct seep_taken taken = {0};
    void *moved = NULL;

    if (block == NULL) {
        return seep_wrap_malloc(size, sp, fp);
    }
    if (__builtin_expect(seep_real_is_boot(block), 0)) {
        return from_boot(block, size, sp, fp);
    }
    if (!seep_real_ready()) {
        return boot(size, 0);
    }
    self = seep_guard_self();
    if (self == NULL) {
        return seep_real.realloc(block, size != 0 ? seep_live_fit(size) : 0);
    }
    taken = seep_record_take(block);
    moved = seep_real.realloc(block, size != 0 ? seep_live_fit(size) : 0);
    if (moved == NULL && size != 0) {
        seep_record_restore(block, taken);
        return NULL;
    }
    seep_record_settle(self, taken);
    return moved != NULL ? recorded(moved, size, sp, fp) : NULL;
}

void *seep_wrap_reallocarray(void *block, size_t count, size_t size, uintptr_t sp,
                             uintptr_t fp)
{
    size_t bytes = 0;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (seep_real_ready() && seep_real.first_realloc != NULL) {
        return seep_real.first_realloc(block, bytes); /* the block is that allocator's */
    }
    return seep_wrap_realloc(block, bytes, sp, fp);
}

int seep_wrap_posix_memalign(void **out, size_t align, size_t size, uintptr_t sp,
                             uintptr_t fp)
{
    int result = 0;

    if (!seep_real_ready()) {
        void *block = seep_real_boot_alloc(size, align);

        *out = block != NULL ? block : *out;
        return block != NULL ? 0 : ENOMEM;
    }
    result = seep_real.posix_memalign(out, align, seep_live_fit(size));
    if (result == 0) {
        (void)recorded(*out, size, sp, fp);
    }
    return result;
}

void *seep_wrap_aligned_alloc(size_t align, size_t size, uintptr_t sp, uintptr_t fp)
{
    if (!seep_real_ready()) {
        return boot(size, align);
    }
    return recorded(seep_real.aligned_alloc(align, seep_live_fit(size)), size, sp, fp);
}

void *seep_wrap_memalign(size_t align, size_t size, uintptr_t sp, uintptr_t fp)
{
    if (!seep_real_ready()) {
        return boot(size, align);
    }
    return recorded(seep_real.memalign(align, seep_live_fit(size)), size, sp, fp);
}

void *seep_wrap_valloc(size_t size, uintptr_t sp, uintptr_t fp)
{
    if (!seep_real_ready()) {
        return boot(size, PAGE_BYTES);
    }
    return recorded(seep_real.valloc(seep_live_fit(size)), size, sp, fp);
}

void *seep_wrap_pvalloc(size_t size, uintptr_t sp, uintptr_t fp)
{
    if (!seep_real_ready()) {
        return boot((size + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1), PAGE_BYTES);
    }
    return recorded(seep_real.pvalloc(seep_live_fit(size)), size, sp, fp);
}

SEEP_ARCH_IN_ONE_PAGE(512) SEEP_EXPORT void free(void *block)
{
    switch (seep_record_release_fast(block)) {
    case SEEP_RELEASE_DONE:
        seep_real.free(block);
        break;
    case SEEP_RELEASE_FLUSH:
        free_flushing(block);
        break;
    case SEEP_RELEASE_NOT:
        free_slow(block);
        break;
    }
}

/* C23. A raised block is freed without its size (live.h, L1). */
SEEP_EXPORT void free_sized(void *block, size_t size)
{
    if (size < seep_live_least_bytes ||
        (seep_real_ready() && seep_optional_get()->free_sized == NULL)) {
        free(block);
    } else if (seep_block_released(block)) {
        seep_optional.free_sized(block, size);
    }
}

SEEP_EXPORT void free_aligned_sized(void *block, size_t align, size_t size)
{
    if (size < seep_live_least_bytes ||
        (seep_real_ready() && seep_optional_get()->free_aligned_sized == NULL)) {
        free(block);
    } else if (seep_block_released(block)) {
        seep_optional.free_aligned_sized(block, align, size);
    }
}

/* What free was called as well, until glibc 2.26; tcmalloc has it still. */
SEEP_EXPORT void cfree(void *block)
{
    free(block);
}

SEEP_EXPORT size_t malloc_usable_size(void *block)
{
    if (block == NULL || !seep_real_ready()) {
        return 0;
    }
    return seep_real_is_boot(block) ? seep_real_boot_size(block)
                                    : seep_real.malloc_usable_size(block);
}
