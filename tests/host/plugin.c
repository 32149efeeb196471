/* A library that allocates through a frame of its own size; built twice, under two names.
 *
 * SPDX-License-Identifier: MIT
 */
#include <alloca.h>
#include <stdlib.h>

void *PLUGIN_FUNCTION(int bytes);

__attribute__((noinline)) static void *inner(int bytes)
{
    volatile char space[PLUGIN_FRAME_BYTES] = {0};
    void *volatile block = malloc((size_t)bytes + (size_t)space[0]);

    return block;
}

__attribute__((visibility("default"))) void *PLUGIN_FUNCTION(int bytes)
{
    volatile char *space = alloca(PLUGIN_FRAME_BYTES / 2);
    void *block = NULL;

    space[0] = 0;
    block = inner(bytes + space[0]);
    space[1] = 1;
    return block;
}
