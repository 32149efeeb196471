/* tcmalloc's own names; prints its own counts per function: [acquired, released, acquired
 * bytes, released bytes].
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *tc_malloc(size_t size);
void *tc_malloc_skip_new_handler(size_t size);
void *tc_calloc(size_t count, size_t size);
void *tc_realloc(void *block, size_t size);
void *tc_memalign(size_t align, size_t size);
int tc_posix_memalign(void **out, size_t align, size_t size);
void *tc_valloc(size_t size);
void *tc_pvalloc(size_t size);
void tc_free(void *block);
void tc_free_sized(void *block, size_t size);
void tc_cfree(void *block);
void cfree(void *block);
size_t tc_malloc_size(void *block);
size_t tc_nallocx(size_t size, int flags);
void *tc_new(size_t size);
void *tc_newarray(size_t size);
void *tc_new_nothrow(size_t size, const void *tag);
void *tc_newarray_nothrow(size_t size, const void *tag);
void *tc_new_aligned(size_t size, size_t align);
void *tc_newarray_aligned(size_t size, size_t align);
void *tc_new_aligned_nothrow(size_t size, size_t align, const void *tag);
void *tc_newarray_aligned_nothrow(size_t size, size_t align, const void *tag);
void tc_delete(void *block);
void tc_deletearray(void *block);
void tc_delete_sized(void *block, size_t size);
void tc_deletearray_sized(void *block, size_t size);
void tc_delete_nothrow(void *block, const void *tag);
void tc_deletearray_nothrow(void *block, const void *tag);
void tc_delete_aligned(void *block, size_t align);
void tc_deletearray_aligned(void *block, size_t align);
void tc_delete_sized_aligned(void *block, size_t size, size_t align);
void tc_deletearray_sized_aligned(void *block, size_t size, size_t align);
void tc_delete_aligned_nothrow(void *block, size_t align, const void *tag);
void tc_deletearray_aligned_nothrow(void *block, size_t align, const void *tag);

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            (void)fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                \
            abort();                                                                     \
        }                                                                                \
    } while (0)

static void *volatile block;
static char tag; /* std::nothrow's address does not matter */

__attribute__((noinline)) static void by_malloc(void)
{
    block = tc_malloc(5);
    CHECK(tc_malloc_size(block) == tc_nallocx(5, 0));
    tc_free_sized(block, 5);
    block = tc_malloc_skip_new_handler(100);
    tc_free_sized(block, 100);
    block = tc_calloc(3, 10);
    CHECK(((char *)block)[29] == 0);
    tc_cfree(block);
    block = tc_malloc(20);
    memset(block, 7, 20);
    block = tc_realloc(block, 3000);
    CHECK(((char *)block)[19] == 7);
    cfree(block);
    block = tc_realloc(NULL, 40);
    block = tc_realloc(block, 0);
}

__attribute__((noinline)) static void by_aligned(void)
{
    void *memory = NULL;

    block = tc_memalign(256, 100);
    CHECK((uintptr_t)block % 256 == 0);
    tc_free(block);
    CHECK(tc_posix_memalign(&memory, 512, 100) == 0 && (uintptr_t)memory % 512 == 0);
    free(memory);
    block = tc_valloc(100);
    CHECK((uintptr_t)block % 4096 == 0);
    tc_free(block);
    block = tc_pvalloc(100);
    CHECK((uintptr_t)block % 4096 == 0);
    free(block);
}

__attribute__((noinline)) static void by_new(void)
{
    tc_delete(tc_new(9));
    tc_deletearray(tc_newarray(9));
    tc_delete_sized(tc_new(9), 9);
    tc_deletearray_sized(tc_newarray(90), 90);
    tc_delete_nothrow(tc_new_nothrow(9, &tag), &tag);
    tc_deletearray_nothrow(tc_newarray_nothrow(9, &tag), &tag);
    tc_delete_aligned(tc_new_aligned(9, 64), 64);
    tc_deletearray_aligned(tc_newarray_aligned(9, 64), 64);
    tc_delete_sized_aligned(tc_new_aligned(90, 64), 90, 64);
    tc_deletearray_sized_aligned(tc_newarray_aligned(9, 64), 9, 64);
    tc_delete_aligned_nothrow(tc_new_aligned_nothrow(9, 64, &tag), 64, &tag);
    tc_deletearray_aligned_nothrow(tc_newarray_aligned_nothrow(9, 64, &tag), 64, &tag);
}

__attribute__((noinline)) static void keep_some(void)
{
    for (int i = 0; i < 7; i++) {
        block = tc_new(33);
    }
}

int main(void)
{
    by_malloc();
    by_aligned();
    by_new();
    keep_some();
    (void)puts("{\"by_malloc\":[6,6,3195,3195],\"by_aligned\":[4,4,400,400],"
               "\"by_new\":[12,12,270,270],\"keep_some\":[7,0,231,0]}");
    return 0;
}
