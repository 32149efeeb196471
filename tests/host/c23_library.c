/* A C library of C23, as far as its two new functions go: they check the size that they
 * are given.
 *
 * SPDX-License-Identifier: MIT
 */
#include <malloc.h>
#include <stdlib.h>

void free_sized(void *block, size_t size_bytes);
void free_aligned_sized(void *block, size_t align_bytes, size_t size_bytes);

void free_sized(void *block, size_t size_bytes)
{
    if (block != NULL && malloc_usable_size(block) < size_bytes) {
        abort();
    }
    free(block);
}

void free_aligned_sized(void *block, size_t align_bytes, size_t size_bytes)
{
    if ((size_t)block % align_bytes != 0) {
        abort();
    }
    free_sized(block, size_bytes);
}
