/* Asks in every way whether an allocator's own functions are there; prints the answers.
 * The same must come out with the shim and without.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES(X)                                                                         \
    X(mallocx)                                                                           \
    X(rallocx)                                                                           \
    X(xallocx)                                                                           \
    X(sallocx)                                                                           \
    X(dallocx)                                                                           \
    X(sdallocx)                                                                          \
    X(nallocx)                                                                           \
    X(mallctl)                                                                           \
    X(tc_malloc)                                                                         \
    X(tc_new)                                                                            \
    X(tc_delete_sized)                                                                   \
    X(tc_nallocx)                                                                        \
    X(free_sized)                                                                        \
    X(free_aligned_sized)

#define DECLARE(name) __attribute__((weak)) void name(void);
NAMES(DECLARE)

int probe_plugin(void);
int probe_early(void);

/* As folly does: with all of them there it is jemalloc. */
static int looks_like_jemalloc(void)
{
    return mallocx != NULL && rallocx != NULL && xallocx != NULL && sallocx != NULL &&
           dallocx != NULL && sdallocx != NULL && nallocx != NULL;
}

int main(int argc, char **argv)
{
    /* an error that is pending stays the program's own */
    const char *error = dlerror();

    (void)printf("plugin %d early %d jemalloc %d error %s\n", probe_plugin(),
                 probe_early(), looks_like_jemalloc(), error != NULL ? error : "none");
#define PRINT(name)                                                                      \
    (void)printf(#name " %d %d\n", name != NULL, dlsym(RTLD_DEFAULT, #name) != NULL);
    NAMES(PRINT)
    for (int i = 1; i < argc; i++) { /* a library that came later */
        void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        void *symbol = library != NULL ? dlsym(library, "probe_plugin") : NULL;

        (void)printf("later %d\n", symbol != NULL ? (*(int (**)(void)) & symbol)() : -1);
    }
    return 0;
}
