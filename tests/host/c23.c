/* free_sized and free_aligned_sized, where a library has them; prints its own counts:
 * [acquired, released, acquired bytes, released bytes].
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

void free_sized(void *block, size_t size_bytes);
void free_aligned_sized(void *block, size_t align_bytes, size_t size_bytes);

static void *volatile block;

__attribute__((noinline)) static void by_size(void)
{
    for (size_t bytes = 0; bytes < 200; bytes++) {
        block = malloc(bytes);
        free_sized(block, bytes);
        block = aligned_alloc(64, bytes);
        free_aligned_sized(block, 64, bytes);
    }
    free_sized(NULL, 5);
}

int main(void)
{
    by_size();
    (void)puts("{\"by_size\":[400,400,39800,39800]}");
    return 0;
}
