/* jemalloc's own functions: mallocx and its family.
 *
 * Design: as malloc and its family, flags passed through. rallocx and xallocx are to
 * their caller what realloc is: the old size is released, the new one acquired. A small
 * request is raised (live.h, L1), so the size that the program gives when it frees may
 * name another size class than the block has: such a block is freed without a size.
 *
 * A program without jemalloc does not see these names (optional.h). Whoever got hold of
 * one before they were hidden is served by malloc: not by the original behind us, but by
 * whoever the program calls malloc, since its free goes there.
 *
 * SPDX-License-Identifier: MIT
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "interpose.h"
#include "interpose_block.h"
#include "optional.h"

/* Of jemalloc/jemalloc.h, which is not needed to build: the low six bits are the
 * alignment's logarithm. */
enum { LG_ALIGN_MASK = 0x3f, ZERO_FLAG = 0x40, MALLOC_ALIGN = 16 };

static size_t align_of(int flags)
{
    return (size_t)1 << (flags & LG_ALIGN_MASK);
}

static void *by_malloc(size_t size, int flags)
{
    size_t align = align_of(flags);
    void *block = NULL;

    if (align <= MALLOC_ALIGN) {
        return (flags & ZERO_FLAG) != 0 ? calloc(1, size) : malloc(size);
    }
    if (posix_memalign(&block, align, size) != 0) {
        return NULL;
    }
    if ((flags & ZERO_FLAG) != 0) {
        memset(block, 0, size);
    }
    return block;
}

void *seep_wrap_mallocx(size_t size, int flags, uintptr_t sp, uintptr_t fp)
{
    if (!seep_real_ready() || seep_optional_get()->mallocx == NULL) {
        return by_malloc(size, flags);
    }
    if (seep_optional_is_inner(&seep_optional_jemalloc, sp)) {
        return seep_optional.mallocx(seep_block_fit(size), flags);
    }
    return seep_block_acquired(seep_optional.mallocx(seep_block_fit(size), flags), size,
                               sp, fp);
}

/* A block moves to another; byte by byte: memcpy may not be bound yet. */
static void *moved(void *block, size_t old_bytes, size_t size, int flags, uintptr_t sp,
                   uintptr_t fp)
{
    volatile uint8_t *to = seep_wrap_mallocx(size, flags, sp, fp);

    for (size_t i = 0; to != NULL && i < old_bytes && i < size; i++) {
        to[i] = ((const uint8_t *)block)[i];
    }
    if (to != NULL) {
        free(block);
    }
    return (void *)to;
}

void *seep_wrap_rallocx(void *block, size_t size, int flags, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = NULL;
    struct seep_taken taken = {0};
    void *result = NULL;

    if (seep_real_is_boot(block)) {
        return moved(block, seep_real_boot_size(block), size, flags, sp, fp);
    }
    if (!seep_real_ready() || seep_optional_get()->rallocx == NULL) {
        return align_of(flags) > MALLOC_ALIGN || (flags & ZERO_FLAG) != 0
                   ? moved(block, malloc_usable_size(block), size, flags, sp, fp)
                   : realloc(block, size);
    }
    self = seep_guard_self();
    if (self == NULL) {
        return seep_optional.rallocx(block, seep_block_fit(size), flags);
    }
    taken = seep_record_take(block);
    result = seep_optional.rallocx(block, seep_block_fit(size), flags);
    if (result == NULL) {
        seep_record_restore(block, taken);
        return NULL;
    }
    seep_record_settle(self, taken);
    return seep_block_acquired(result, size, sp, fp);
}

/* In place. The result is the block's real size, whether it changed or not; below the
 * wanted one nothing has happened. */
size_t seep_wrap_xallocx(void *block, size_t size, size_t extra, int flags, uintptr_t sp,
                         uintptr_t fp)
{
    struct seep_self *self = NULL;
    struct seep_taken taken = {0};
    size_t result = 0;

    if (seep_real_is_boot(block) || !seep_real_ready() ||
        seep_optional_get()->xallocx == NULL) {
        return malloc_usable_size(block);
    }
    self = seep_guard_self();
    if (self == NULL) {
        return seep_optional.xallocx(block, seep_block_fit(size), extra, flags);
    }
    taken = seep_record_take(block);
    result = seep_optional.xallocx(block, seep_block_fit(size), extra, flags);
    if (result < size) {
        seep_record_restore(block, taken);
        return result;
    }
    seep_record_settle(self, taken);
    (void)seep_block_acquired(block, result - size < extra ? result : size + extra, sp,
                              fp);
    return result;
}

SEEP_EXPORT size_t sallocx(const void *block, int flags)
{
    if (seep_real_is_boot(block) || !seep_real_ready() ||
        seep_optional_get()->sallocx == NULL) {
        return malloc_usable_size((void *)(uintptr_t)block);
    }
    return seep_optional.sallocx(block, flags);
}

SEEP_EXPORT void dallocx(void *block, int flags)
{
    if (seep_real_ready() && seep_optional_get()->dallocx == NULL) {
        free(block);
    } else if (seep_block_released(block)) {
        seep_optional.dallocx(block, flags);
    }
}

SEEP_EXPORT void sdallocx(void *block, size_t size, int flags)
{
    if (seep_block_is_raised(size) ||
        (seep_real_ready() && seep_optional_get()->sdallocx == NULL)) {
        dallocx(block, flags);
    } else if (seep_block_released(block)) {
        seep_optional.sdallocx(block, size, flags);
    }
}

/* What mallocx would give for the raised request. */
SEEP_EXPORT size_t nallocx(size_t size, int flags)
{
    size_t align = align_of(flags);

    if (!seep_real_ready() || seep_optional_get()->nallocx == NULL) {
        return (size + align - 1) & ~(align - 1);
    }
    return seep_optional.nallocx(size != 0 ? seep_block_fit(size) : 0, flags);
}
