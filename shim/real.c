/* The way out: the originals of everything that is wrapped.
 *
 * Design: dlsym(RTLD_NEXT) once for all of them, at the first wrapped call. dlsym itself
 * may allocate; such blocks come from a static area that free ignores. Calling glibc's
 * __libc_malloc instead was rejected: a host with its own allocator would be bypassed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "live.h"

enum { BOOT_BYTES = 65536, BOOT_ALIGN = 16 };

struct seep_real seep_real;
_Atomic uint32_t seep_real_state = SEEP_REAL_UNKNOWN;

static _Alignas(BOOT_ALIGN) uint8_t boot[BOOT_BYTES];
static _Atomic size_t boot_used;

void *seep_real_boot_alloc(size_t size_bytes, size_t align_bytes)
{
    size_t align = align_bytes > BOOT_ALIGN ? align_bytes : BOOT_ALIGN;
    size_t need = 0;
    size_t at = 0;

    if (size_bytes > BOOT_BYTES || align > BOOT_BYTES) {
        return NULL;
    }
    need = (size_bytes + BOOT_ALIGN + align + BOOT_ALIGN - 1) & ~(size_t)(BOOT_ALIGN - 1);
    at = atomic_fetch_add_explicit(&boot_used, need, memory_order_relaxed);
    if (at + need > BOOT_BYTES) {
        return NULL;
    }
    uint8_t *block = (uint8_t *)(((uintptr_t)&boot[at] + BOOT_ALIGN + align - 1) &
                                 ~(uintptr_t)(align - 1));

    memcpy(block - sizeof(size_bytes), &size_bytes, sizeof(size_bytes));
    return block;
}

bool seep_real_is_boot(const void *block)
{
    return (uintptr_t)block - (uintptr_t)boot < BOOT_BYTES;
}

size_t seep_real_boot_size(const void *block)
{
    size_t size_bytes = 0;

    memcpy(&size_bytes, (const uint8_t *)block - sizeof(size_bytes), sizeof(size_bytes));
    return size_bytes;
}

bool seep_real_resolve(void)
{
    uint32_t expected = SEEP_REAL_UNKNOWN;

    if (!atomic_compare_exchange_strong_explicit(
            &seep_real_state, &expected, SEEP_REAL_RESOLVING, memory_order_acq_rel,
            memory_order_acquire)) {
        return expected == SEEP_REAL_READY;
    }
#define SEEP_X(type, name, parameters)                                                   \
    *(void **)&seep_real.name = dlsym(RTLD_NEXT, #name);
    SEEP_REAL_FUNCTIONS(SEEP_X)
#undef SEEP_X
    seep_live_learn_allocator((const void *)(uintptr_t)seep_real.malloc);
    atomic_store_explicit(&seep_real_state, SEEP_REAL_READY, memory_order_release);
    return true;
}

void *seep_real_cxx(const char *name)
{
    static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1"};
    void *found = dlsym(RTLD_NEXT, name);

    for (size_t i = 0; found == NULL && i < sizeof(libraries) / sizeof(libraries[0]);
         i++) {
        void *library = dlopen(
            libraries[i], RTLD_LAZY | RTLD_NOLOAD); /* came by dlopen, out of our scope */

        if (library != NULL) {
            found = dlsym(library, name);
            (void)seep_real.dlclose(library);
        }
    }
    return found;
}
