/* The calls of call_tree.h: CALL_TREE names the function.
 *
 * SPDX-License-Identifier: MIT
 */
#include "call_tree.h"

#include <alloca.h>
#include <stdlib.h>

static void stray(struct call_tree *tree);

__attribute__((noinline)) static void plain(struct call_tree *tree)
{
    stray(tree);
    tree->sink += 1;
}

/* Many registers in use: the frame pointer's becomes an ordinary one. */
__attribute__((noinline)) static void busy(struct call_tree *tree)
{
    uint32_t a = tree->sink;
    uint32_t b = a * 3;
    uint32_t c = b + tree->depth;
    uint32_t d = c ^ a;
    uint32_t e = d * 5;
    uint32_t f = e - b;

    stray(tree);
    tree->sink = a + b * c + d * e + f;
    stray(tree);
    tree->sink += a ^ b ^ c ^ d ^ e ^ f;
}

__attribute__((noinline)) static void sized(struct call_tree *tree)
{
    size_t bytes = 16 + call_tree_random(&tree->random) % 400;
    volatile char *room = alloca(bytes);

    room[0] = (char)tree->depth;
    room[bytes - 1] = 1;
    stray(tree);
    tree->sink += (uint32_t)room[0];
}

__attribute__((noinline)) static void large(struct call_tree *tree)
{
    volatile char room[700];

    room[tree->depth] = 1;
    stray(tree);
    tree->sink += (uint32_t)room[tree->depth];
}

static _Thread_local struct call_tree *in_library;

static int below_library(const void *a, const void *b)
{
    struct call_tree *tree = in_library;

    if (tree != NULL) {
        in_library = NULL;
        stray(tree);
    }
    return *(const int *)a - *(const int *)b;
}

/* Through frames that somebody else compiled. */
__attribute__((noinline)) static void library(struct call_tree *tree)
{
    int numbers[2] = {2, 1};

    in_library = tree;
    qsort(numbers, 2, sizeof(numbers[0]), below_library);
    tree->sink += (uint32_t)numbers[0];
}

__attribute__((noinline)) static void stray(struct call_tree *tree)
{
    static void (*const kinds[])(struct call_tree *) = {plain, busy, sized, large,
                                                        library};

    tree->depth++;
    while (tree->events_left > 0) {
        uint64_t random = call_tree_random(&tree->random) >> 20;

        if (random % 64 == 0) {
            tree->target = (uint32_t)(random >> 8) % tree->depth_most;
        }
        if (random % 3 == 0) {
            tree->event(tree);
            tree->events_left--;
        } else if (tree->depth < tree->depth_most &&
                   (tree->depth < tree->target || random % 8 == 1)) {
            kinds[(random >> 8) % (sizeof(kinds) / sizeof(kinds[0]))](tree);
        } else if (tree->depth > tree->target + 1 || random % 8 == 2) {
            break;
        }
    }
    tree->depth--;
}

void CALL_TREE(struct call_tree *tree)
{
    tree->depth = 0;
    tree->target = tree->depth_most / 2;
    while (tree->events_left > 0) {
        stray(tree);
    }
}
