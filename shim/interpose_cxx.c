/* C++ operator new and delete, in all their forms.
 *
 * Most implementations call malloc and free, which are recorded already; allocators' own
 * do not. So the wrapper calls the original and records the block only if nobody has by
 * then. Nothing is suppressed meanwhile: an exception or a new-handler passes through as
 * if the wrapper were not there.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "interpose.h"
#include "live.h"
#include "optional.h"
#include "real.h"
#include "record.h"
#include "sample.h"

typedef void *new_plain(size_t);
typedef void *new_tag(size_t, const void *);
typedef void *new_align(size_t, size_t);
typedef void *new_align_tag(size_t, size_t, const void *);

#define SEEP_X(name, way, kind, arguments, result, parameters, ...) FORM_##name,
enum { SEEP_CXX_FUNCTIONS(SEEP_X) FORMS };
#undef SEEP_X
#define SEEP_X(name, way, kind, arguments, result, parameters, ...) #name,
static const char *const names[] = {SEEP_CXX_FUNCTIONS(SEEP_X)};
#undef SEEP_X
static void *originals[FORMS]; /* of the operators; relaxed atomics */

/* The original of an operator. Looked up when first called only in a program whose C++
 * library came by dlopen. */
static void *original(unsigned form)
{
    void *found = __atomic_load_n(&originals[form], __ATOMIC_RELAXED);

    if (__builtin_expect(found == NULL, 0) && seep_real_ready()) {
        found = seep_real_cxx(names[form]);
        __atomic_store_n(&originals[form], found, __ATOMIC_RELAXED);
    }
    return found;
}

void seep_interpose_cxx_start(void)
{
    seep_optional_hide();
    if (seep_real_cxx_loaded()) {
        for (unsigned form = 0; form < FORMS; form++) {
            (void)original(form);
        }
    }
}

static void *recorded(void *block, size_t size, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = block != NULL ? seep_guard_self() : NULL;

    if (self != NULL && !seep_sample_has_passed(self, block) &&
        !seep_record_is_live(block)) {
        seep_record_acquire(self, SEEP_KIND_HEAP, block, size, sp, fp);
    }
    return block;
}

/* No C++ library has the operator that somebody calls: what is left is the C heap. */
static void *without_library(size_t size, size_t align, uintptr_t sp, uintptr_t fp)
{
    return align != 0 ? seep_wrap_aligned_alloc(align, (size + align - 1) / align * align,
                                                sp, fp)
                      : seep_wrap_malloc(size != 0 ? size : 1, sp, fp);
}

#define NEW_FORM(name, type, parameters, arguments, align)                               \
    void *seep_wrap_##name parameters                                                    \
    {                                                                                    \
        type *real = (type *)original(FORM_##name);                                      \
                                                                                         \
        if (real == NULL) {                                                              \
            return without_library(size, align, sp, fp);                                 \
        }                                                                                \
        return recorded(real arguments, size, sp, fp);                                   \
    }

NEW_FORM(_Znwm, new_plain, (size_t size, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size)), 0)
NEW_FORM(_Znam, new_plain, (size_t size, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size)), 0)
NEW_FORM(_ZnwmRKSt9nothrow_t, new_tag,
         (size_t size, const void *tag, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size), tag), 0)
NEW_FORM(_ZnamRKSt9nothrow_t, new_tag,
         (size_t size, const void *tag, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size), tag), 0)
NEW_FORM(_ZnwmSt11align_val_t, new_align,
         (size_t size, size_t align, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size), align), align)
NEW_FORM(_ZnamSt11align_val_t, new_align,
         (size_t size, size_t align, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size), align), align)
NEW_FORM(_ZnwmSt11align_val_tRKSt9nothrow_t, new_align_tag,
         (size_t size, size_t align, const void *tag, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size), align, tag), align)
NEW_FORM(_ZnamSt11align_val_tRKSt9nothrow_t, new_align_tag,
         (size_t size, size_t align, const void *tag, uintptr_t sp, uintptr_t fp),
         (seep_live_fit(size), align, tag), align)

static void release(void *block)
{
    struct seep_self *self =
        block != NULL && seep_real_ready() ? seep_guard_self() : NULL;

    if (self != NULL) {
        seep_record_settle(self, seep_record_take(block));
    }
}

#define DELETE_FORM(name, parameters, type, arguments)                                   \
    SEEP_EXPORT void name parameters                                                     \
    {                                                                                    \
        void(*real) type = (void(*) type)original(FORM_##name);                          \
                                                                                         \
        if (seep_real_is_boot(block)) {                                                  \
            return;                                                                      \
        }                                                                                \
        if (real == NULL) {                                                              \
            free(block);                                                                 \
            return;                                                                      \
        }                                                                                \
        release(block);                                                                  \
        real arguments;                                                                  \
    }
/* A raised block (live.h, L1) is freed without its size, which is not the one that its
 * size class was chosen for. */
#define DELETE_SIZED_FORM(name, parameters, type, arguments, unsized, unsized_arguments) \
    static void sized##name parameters;                                                  \
    SEEP_EXPORT void name parameters                                                     \
    {                                                                                    \
        if (size < seep_live_least_bytes) {                                              \
            unsized unsized_arguments;                                                   \
        } else {                                                                         \
            sized##name arguments;                                                       \
        }                                                                                \
    }                                                                                    \
    static void sized##name parameters                                                   \
    {                                                                                    \
        void(*real) type = (void(*) type)original(FORM_##name);                          \
                                                                                         \
        if (real == NULL) {                                                              \
            unsized unsized_arguments;                                                   \
            return;                                                                      \
        }                                                                                \
        if (!seep_real_is_boot(block)) {                                                 \
            release(block);                                                              \
            real arguments;                                                              \
        }                                                                                \
    }

DELETE_FORM(_ZdlPv, (void *block), (void *), (block))
DELETE_FORM(_ZdaPv, (void *block), (void *), (block))
DELETE_SIZED_FORM(_ZdlPvm, (void *block, size_t size), (void *, size_t), (block, size),
                  _ZdlPv, (block))
DELETE_SIZED_FORM(_ZdaPvm, (void *block, size_t size), (void *, size_t), (block, size),
                  _ZdaPv, (block))
DELETE_FORM(_ZdlPvSt11align_val_t, (void *block, size_t align), (void *, size_t),
            (block, align))
DELETE_FORM(_ZdaPvSt11align_val_t, (void *block, size_t align), (void *, size_t),
            (block, align))
DELETE_SIZED_FORM(_ZdlPvmSt11align_val_t, (void *block, size_t size, size_t align),
                  (void *, size_t, size_t), (block, size, align), _ZdlPvSt11align_val_t,
                  (block, align))
DELETE_SIZED_FORM(_ZdaPvmSt11align_val_t, (void *block, size_t size, size_t align),
                  (void *, size_t, size_t), (block, size, align), _ZdaPvSt11align_val_t,
                  (block, align))
DELETE_FORM(_ZdlPvRKSt9nothrow_t, (void *block, const void *tag), (void *, const void *),
            (block, tag))
DELETE_FORM(_ZdaPvRKSt9nothrow_t, (void *block, const void *tag), (void *, const void *),
            (block, tag))
DELETE_FORM(_ZdlPvSt11align_val_tRKSt9nothrow_t,
            (void *block, size_t align, const void *tag), (void *, size_t, const void *),
            (block, align, tag))
DELETE_FORM(_ZdaPvSt11align_val_tRKSt9nothrow_t,
            (void *block, size_t align, const void *tag), (void *, size_t, const void *),
            (block, align, tag))
