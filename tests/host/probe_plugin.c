/* A library that asks by weak references whether jemalloc or tcmalloc is there: in its
 * constructor, which runs before a preloaded library's, from code and from data.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int probe_plugin(void);
int probe_early(void);

__attribute__((weak)) void *mallocx(size_t size, int flags);
__attribute__((weak)) void *rallocx(void *block, size_t size, int flags);
__attribute__((weak)) void dallocx(void *block, int flags);
__attribute__((weak)) void *tc_malloc(size_t size);

extern void *(*volatile probe_in_data)(size_t, int);
void *(*volatile probe_in_data)(size_t, int) = mallocx;
static void *(*volatile early_mallocx)(size_t, int);
static void *(*volatile early_rallocx)(void *, size_t, int);
static void (*volatile early_dallocx)(void *, int);

__attribute__((constructor)) static void look_early(void)
{
    early_mallocx = mallocx;
    early_rallocx = rallocx;
    early_dallocx = dallocx;
}

/* Bits: what is visible now. */
int probe_plugin(void)
{
    return (mallocx != NULL) | (rallocx != NULL) << 1 | (dallocx != NULL) << 2 |
           (tc_malloc != NULL) << 3 | (probe_in_data != NULL) << 4;
}

/* What a constructor found is used later. Returns: whether it does what it should, or is
 * not there. */
int probe_early(void)
{
    char *block = NULL;
    int right = 1;

    if (early_mallocx == NULL || early_rallocx == NULL || early_dallocx == NULL) {
        return 1;
    }
    block = early_mallocx(100, 12 | 0x40); /* zeroed, 4096 bytes aligned */
    for (int i = 0; i < 100; i++) {
        right = right && block[i] == 0;
    }
    right = right && (size_t)block % 4096 == 0;
    memset(block, 7, 100);
    block = early_rallocx(block, 5000, 0x40);
    right = right && block[99] == 7;
    block = early_rallocx(block, 90, 0);
    right = right && block[89] == 7;
    early_dallocx(block, 0);
    return right;
}
