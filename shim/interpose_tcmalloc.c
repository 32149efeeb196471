/* tcmalloc's own names of malloc, free, and operator new and delete.
 *
 * Design: as the functions that they are another name of. A program without tcmalloc does
 * not see them (optional.h); whoever got hold of one before they were hidden is served by
 * what the program has under those other names. tcmalloc's functions call each other by
 * name: those calls are passed through, the outer one is recorded.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "interpose.h"
#include "interpose_block.h"
#include "optional.h"

void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmRKSt9nothrow_t(size_t size, const void *tag);
void *_ZnamRKSt9nothrow_t(size_t size, const void *tag);
void *_ZnwmSt11align_val_t(size_t size, size_t align);
void *_ZnamSt11align_val_t(size_t size, size_t align);
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *tag);
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *tag);

/* The original of a name; NULL: the program has none. */
#define ORIGINAL(name) (seep_real_ready() ? seep_optional_get()->name : NULL)

/* name, (parameters), (arguments of the original), requested bytes, what else to call */
#define ACQUIRE(name, parameters, arguments, bytes, otherwise)                           \
    void *seep_wrap_##name parameters                                                    \
    {                                                                                    \
        if (ORIGINAL(name) == NULL) {                                                    \
            return otherwise;                                                            \
        }                                                                                \
        if (seep_optional_is_inner(&seep_optional_tcmalloc, sp)) {                       \
            return seep_optional.name arguments;                                         \
        }                                                                                \
        return seep_block_acquired(seep_optional.name arguments, bytes, sp, fp);         \
    }

ACQUIRE(tc_malloc, (size_t size, uintptr_t sp, uintptr_t fp), (seep_block_fit(size)),
        size, malloc(size))
ACQUIRE(tc_malloc_skip_new_handler, (size_t size, uintptr_t sp, uintptr_t fp),
        (seep_block_fit(size)), size, malloc(size))
ACQUIRE(tc_memalign, (size_t align, size_t size, uintptr_t sp, uintptr_t fp),
        (align, seep_block_fit(size)), size, memalign(align, size))
ACQUIRE(tc_valloc, (size_t size, uintptr_t sp, uintptr_t fp), (seep_block_fit(size)),
        size, valloc(size))
ACQUIRE(tc_pvalloc, (size_t size, uintptr_t sp, uintptr_t fp), (seep_block_fit(size)),
        size, pvalloc(size))
ACQUIRE(tc_new, (size_t size, uintptr_t sp, uintptr_t fp), (seep_block_fit(size)), size,
        _Znwm(size))
ACQUIRE(tc_newarray, (size_t size, uintptr_t sp, uintptr_t fp), (seep_block_fit(size)),
        size, _Znam(size))
ACQUIRE(tc_new_nothrow, (size_t size, const void *tag, uintptr_t sp, uintptr_t fp),
        (seep_block_fit(size), tag), size, _ZnwmRKSt9nothrow_t(size, tag))
ACQUIRE(tc_newarray_nothrow, (size_t size, const void *tag, uintptr_t sp, uintptr_t fp),
        (seep_block_fit(size), tag), size, _ZnamRKSt9nothrow_t(size, tag))
ACQUIRE(tc_new_aligned, (size_t size, size_t align, uintptr_t sp, uintptr_t fp),
        (seep_block_fit(size), align), size, _ZnwmSt11align_val_t(size, align))
ACQUIRE(tc_newarray_aligned, (size_t size, size_t align, uintptr_t sp, uintptr_t fp),
        (seep_block_fit(size), align), size, _ZnamSt11align_val_t(size, align))
ACQUIRE(tc_new_aligned_nothrow,
        (size_t size, size_t align, const void *tag, uintptr_t sp, uintptr_t fp),
        (seep_block_fit(size), align, tag), size,
        _ZnwmSt11align_val_tRKSt9nothrow_t(size, align, tag))
ACQUIRE(tc_newarray_aligned_nothrow,
        (size_t size, size_t align, const void *tag, uintptr_t sp, uintptr_t fp),
        (seep_block_fit(size), align, tag), size,
        _ZnamSt11align_val_tRKSt9nothrow_t(size, align, tag))

void *seep_wrap_tc_calloc(size_t count, size_t size, uintptr_t sp, uintptr_t fp)
{
    size_t bytes = 0;

    if (ORIGINAL(tc_calloc) == NULL) {
        return calloc(count, size);
    }
    if (seep_optional_is_inner(&seep_optional_tcmalloc, sp)) {
        return seep_optional.tc_calloc(count, size);
    }
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return seep_block_acquired(seep_optional.tc_calloc(1, seep_block_fit(bytes)), bytes,
                               sp, fp);
}

int seep_wrap_tc_posix_memalign(void **out, size_t align, size_t size, uintptr_t sp,
                                uintptr_t fp)
{
    int result = 0;

    if (ORIGINAL(tc_posix_memalign) == NULL) {
        return posix_memalign(out, align, size);
    }
    result = seep_optional.tc_posix_memalign(out, align, seep_block_fit(size));
    if (result == 0 && !seep_optional_is_inner(&seep_optional_tcmalloc, sp)) {
        (void)seep_block_acquired(*out, size, sp, fp);
    }
    return result;
}

void *seep_wrap_tc_realloc(void *block, size_t size, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = NULL;
    struct seep_taken taken = {0};
    void *moved = NULL;

    if (ORIGINAL(tc_realloc) == NULL || seep_real_is_boot(block)) {
        return realloc(block, size);
    }
    if (block == NULL) {
        return seep_wrap_tc_malloc(size, sp, fp);
    }
    self = seep_guard_self();
    if (self == NULL) {
        return seep_optional.tc_realloc(block, size != 0 ? seep_block_fit(size) : 0);
    }
    taken = seep_record_take(block);
    moved = seep_optional.tc_realloc(block, size != 0 ? seep_block_fit(size) : 0);
    if (moved == NULL && size != 0) {
        seep_record_restore(block, taken);
        return NULL;
    }
    seep_record_settle(self, taken);
    return seep_block_acquired(moved, size, sp, fp);
}

/* A raised block is freed without its size (live.h, L1). */
#define RELEASE(name, parameters, arguments)                                             \
    SEEP_EXPORT void name parameters                                                     \
    {                                                                                    \
        if (seep_real_ready() && seep_optional_get()->name == NULL) {                    \
            free(block);                                                                 \
        } else if (seep_block_released(block)) {                                         \
            seep_optional.name arguments;                                                \
        }                                                                                \
    }
#define RELEASE_SIZED(name, parameters, arguments, unsized, unsized_arguments)           \
    SEEP_EXPORT void name parameters                                                     \
    {                                                                                    \
        if (seep_block_is_raised(size) ||                                                \
            (seep_real_ready() && seep_optional_get()->name == NULL)) {                  \
            unsized unsized_arguments;                                                   \
        } else if (seep_block_released(block)) {                                         \
            seep_optional.name arguments;                                                \
        }                                                                                \
    }

RELEASE(tc_free, (void *block), (block))
RELEASE(tc_cfree, (void *block), (block))
RELEASE(tc_delete, (void *block), (block))
RELEASE(tc_deletearray, (void *block), (block))
RELEASE(tc_delete_nothrow, (void *block, const void *tag), (block, tag))
RELEASE(tc_deletearray_nothrow, (void *block, const void *tag), (block, tag))
RELEASE(tc_delete_aligned, (void *block, size_t align), (block, align))
RELEASE(tc_deletearray_aligned, (void *block, size_t align), (block, align))
RELEASE(tc_delete_aligned_nothrow, (void *block, size_t align, const void *tag),
        (block, align, tag))
RELEASE(tc_deletearray_aligned_nothrow, (void *block, size_t align, const void *tag),
        (block, align, tag))
RELEASE_SIZED(tc_free_sized, (void *block, size_t size), (block, size), tc_free, (block))
RELEASE_SIZED(tc_delete_sized, (void *block, size_t size), (block, size), tc_delete,
              (block))
RELEASE_SIZED(tc_deletearray_sized, (void *block, size_t size), (block, size),
              tc_deletearray, (block))
RELEASE_SIZED(tc_delete_sized_aligned, (void *block, size_t size, size_t align),
              (block, size, align), tc_delete_aligned, (block, align))
RELEASE_SIZED(tc_deletearray_sized_aligned, (void *block, size_t size, size_t align),
              (block, size, align), tc_deletearray_aligned, (block, align))

SEEP_EXPORT size_t tc_malloc_size(void *block)
{
    return ORIGINAL(tc_malloc_size) == NULL || seep_real_is_boot(block)
               ? malloc_usable_size(block)
               : seep_optional.tc_malloc_size(block);
}

/* What tc_malloc would give for the raised request. */
SEEP_EXPORT size_t tc_nallocx(size_t size, int flags)
{
    return ORIGINAL(tc_nallocx) == NULL
               ? nallocx(size, flags)
               : seep_optional.tc_nallocx(size != 0 ? seep_block_fit(size) : 0, flags);
}
