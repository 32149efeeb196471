/* Every function of the malloc family once, checked for what it must give; prints its own
 * counts per function: [acquired, released, acquired bytes].
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            (void)fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                \
            abort();                                                                     \
        }                                                                                \
    } while (0)

static void *volatile block;
static volatile size_t huge = SIZE_MAX; /* unknown to the compiler, which would warn */

__attribute__((noinline)) static void use_reallocarray(void)
{
    block = reallocarray(NULL, 10, 20);
    CHECK(block != NULL);
    block = reallocarray(block, 30, 20);
    errno = 0;
    CHECK(reallocarray(block, huge / 2, 4) == NULL && errno == ENOMEM);
    free(block);
}

__attribute__((noinline)) static void use_aligned(void)
{
    block = aligned_alloc(4096, 8192);
    CHECK(block != NULL && (uintptr_t)block % 4096 == 0);
    free(block);
    block = memalign(1024, 100);
    CHECK(block != NULL && (uintptr_t)block % 1024 == 0);
    free(block);
    block = valloc(100);
    CHECK(block != NULL && (uintptr_t)block % 4096 == 0);
    free(block);
    block = pvalloc(100);
    CHECK(block != NULL && (uintptr_t)block % 4096 == 0 &&
          malloc_usable_size(block) >= 4096);
    free(block);
}

__attribute__((noinline)) static void use_calloc(void)
{
    block = calloc(100, 10);
    for (int i = 0; i < 1000; i++) {
        CHECK(((char *)block)[i] == 0);
    }
    CHECK(malloc_usable_size(block) >= 1000);
    free(block);
    errno = 0;
    CHECK(calloc(huge / 2, 4) == NULL && errno == ENOMEM);
}

/* realloc that fails keeps the block; realloc to nothing gives it back. */
__attribute__((noinline)) static void use_realloc(void)
{
    block = realloc(NULL, 100);
    memset(block, 7, 100);
    errno = 0;
    CHECK(realloc(block, huge / 2) == NULL && errno == ENOMEM);
    CHECK(((char *)block)[99] == 7);
    block = realloc(block, 200000);
    CHECK(((char *)block)[99] == 7);
    CHECK(realloc(block, 0) == NULL);
}

__attribute__((noinline)) static void use_posix_memalign(void)
{
    void *memory = (void *)1;

    errno = 5;
    CHECK(posix_memalign(&memory, 3, 100) == EINVAL && memory == (void *)1);
    CHECK(posix_memalign(&memory, 64, 100) == 0 && (uintptr_t)memory % 64 == 0);
    CHECK(errno == 5);
    free(memory);
    free(NULL);
}

__attribute__((noinline)) static void keep_some(void)
{
    for (int i = 0; i < 7; i++) {
        block = malloc(i == 0 ? 0 : 33);
        CHECK(block != NULL);
    }
    errno = 0;
    block = malloc(huge - 100);
    CHECK(block == NULL && errno == ENOMEM);
}

int main(void)
{
    use_reallocarray();
    use_aligned();
    use_calloc();
    use_realloc();
    use_posix_memalign();
    keep_some();
    (void)puts("{\"use_reallocarray\":[2,2,800],\"use_aligned\":[4,4,8492],\"use_"
               "calloc\":[1,1,1000],"
               "\"use_realloc\":[2,2,200100],\"use_posix_memalign\":[1,1,100],\"keep_"
               "some\":[7,0,198]}");
    return 0;
}
