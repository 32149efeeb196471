/* The way out: the originals of everything that is wrapped.
 *
 * Design: dlsym(RTLD_NEXT) once for all of them, at the first wrapped call. dlsym itself
 * may allocate; such blocks come from a static area that free ignores. Calling glibc's
 * __libc_malloc instead was rejected: a host with its own allocator would be bypassed.
 *
 * I1: dlsym and dlopen run at the start only, where possible: they take the loader's
 * lock, and they change what the host's next dlerror() says.
 *
 * SPDX-License-Identifier: MIT
 */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "arch.h"
#include "live.h"

enum { BOOT_ALIGN = 16 };

SEEP_HOT_DATA struct seep_real seep_real;
SEEP_HOT_DATA _Atomic uint32_t seep_real_state = SEEP_REAL_UNKNOWN;

static const char *const cxx_libraries[] = {"libstdc++.so.6", "libc++.so.1"};
enum { CXX_LIBRARIES = sizeof(cxx_libraries) / sizeof(cxx_libraries[0]) };

/* Another address until the loader has relocated us: an IFUNC resolver of another library
 * may call malloc before that. */
static void *volatile relocated = &seep_real;

_Alignas(BOOT_ALIGN) uint8_t seep_real_boot[SEEP_BOOT_BYTES];
static _Atomic size_t boot_used;

void *seep_real_boot_alloc(size_t size_bytes, size_t align_bytes)
{
    size_t align = align_bytes > BOOT_ALIGN ? align_bytes : BOOT_ALIGN;
    size_t need = 0;
    size_t at = 0;

    if (size_bytes > SEEP_BOOT_BYTES || align > SEEP_BOOT_BYTES) {
        return NULL;
    }
    need = (size_bytes + BOOT_ALIGN + align + BOOT_ALIGN - 1) & ~(size_t)(BOOT_ALIGN - 1);
    at = atomic_fetch_add_explicit(&boot_used, need, memory_order_relaxed);
    if (at + need > SEEP_BOOT_BYTES) {
        return NULL;
    }
    uint8_t *block =
        (uint8_t *)(((uintptr_t)&seep_real_boot[at] + BOOT_ALIGN + align - 1) &
                    ~(uintptr_t)(align - 1));

    memcpy(block - sizeof(size_bytes), &size_bytes, sizeof(size_bytes));
    return block;
}

size_t seep_real_boot_size(const void *block)
{
    size_t size_bytes = 0;

    memcpy(&size_bytes, (const uint8_t *)block - sizeof(size_bytes), sizeof(size_bytes));
    return size_bytes;
}

static const void *module_of(const void *code)
{
    Dl_info info = {0};

    return dladdr(code, &info) != 0 ? info.dli_fbase : NULL;
}

/* The function that the program's other parts get under this name; NULL when that is
 * ours. */
static void *definition_before_us(const char *name)
{
    void *first = dlsym(RTLD_DEFAULT, name);

    return module_of(first) != module_of(&seep_real) ? first : NULL;
}

bool seep_real_resolve(void)
{
    uint32_t expected = SEEP_REAL_UNKNOWN;

    if (relocated != &seep_real) {
        return false;
    }
    if (!atomic_compare_exchange_strong_explicit(
            &seep_real_state, &expected, SEEP_REAL_RESOLVING, memory_order_acq_rel,
            memory_order_acquire)) {
        return expected == SEEP_REAL_READY;
    }
#define SEEP_X(name, way, kind, arguments, result, parameters, ...)                      \
    *(void **)&seep_real.name = dlsym(RTLD_NEXT, #name);
    SEEP_C_FUNCTIONS(SEEP_X)
#undef SEEP_X
    (void)dlerror(); /* of those that nobody has */
    *(void **)&seep_real.first_realloc = definition_before_us("realloc");
    seep_live_learn_allocator(definition_before_us("malloc") != NULL
                                  ? NULL
                                  : (const void *)(uintptr_t)seep_real.malloc);
    atomic_store_explicit(&seep_real_state, SEEP_REAL_READY, memory_order_release);
    return true;
}

void *seep_real_early(const char *name)
{
    return relocated == &seep_real ? dlsym(RTLD_NEXT, name) : NULL;
}

int seep_real_missing(void)
{
    if (relocated == &seep_real) { /* else errno cannot be reached yet */
        errno = ENOSYS;
    }
    return -1;
}

void *seep_real_cxx(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    for (size_t i = 0; found == NULL && i < CXX_LIBRARIES; i++) {
        void *library = dlopen(cxx_libraries[i], RTLD_LAZY | RTLD_NOLOAD); /* came by
                                                        dlopen, out of our scope */

        if (library != NULL) {
            found = dlsym(library, name);
            (void)seep_real.dlclose(library);
        }
    }
    return found;
}

bool seep_real_cxx_loaded(void)
{
    for (const struct link_map *map = _r_debug.r_map; map != NULL; map = map->l_next) {
        for (size_t i = 0; i < CXX_LIBRARIES; i++) {
            if (strstr(map->l_name, cxx_libraries[i]) != NULL) {
                return true;
            }
        }
    }
    return false;
}
