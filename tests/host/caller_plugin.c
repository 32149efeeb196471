/* A library that calls back through a frame of its own size; built twice.
 *
 * SPDX-License-Identifier: MIT
 */
void plugin_call(void (*next)(void *), int depth);

__attribute__((visibility("default"), noinline)) void plugin_call(void (*next)(void *),
                                                                  int depth)
{
    volatile char space[PLUGIN_FRAME_BYTES];

    space[0] = 0;
    if (depth > 0) {
        plugin_call(next, depth - 1);
    } else {
        next((void *)0);
    }
    space[PLUGIN_FRAME_BYTES - 1] = space[0];
}
