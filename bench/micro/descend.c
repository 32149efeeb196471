/* The two functions are one text, made twice: gcc would merge equal ones, and equal
 * frames would be kinder to a cache of rules than programs are. Each call is followed by
 * an empty assembler line of its own, so that no two call sites become one and none a
 * jump.
 *
 * SPDX-License-Identifier: MIT
 */
#include "descend.h"

typedef void level_function(const struct bench_descent *descent, unsigned level,
                            unsigned path);

static level_function even_level, odd_level;

static unsigned choice_at(const struct bench_descent *descent, unsigned level,
                          unsigned path)
{
    unsigned branch = level - descent->branch_first;

    return level < descent->branch_first || branch >= descent->branch_levels
               ? 0
               : path >> (4 * branch) & 15;
}

#define SITE(n, next)                                                                    \
    case n:                                                                              \
        next(descent, level + 1, path);                                                  \
        __asm__ volatile("# " #n ::: "memory");                                          \
        break;

#define LEVEL(name, next, local_bytes)                                                   \
    __attribute__((noinline, noclone)) static void name(                                 \
        const struct bench_descent *descent, unsigned level, unsigned path)              \
    {                                                                                    \
        volatile char local[local_bytes];                                                \
                                                                                         \
        local[0] = (char)level;                                                          \
        if (level == descent->depth) {                                                   \
            descent->leaf(descent->argument);                                            \
            (void)local[0];                                                              \
            return;                                                                      \
        }                                                                                \
        switch (choice_at(descent, level, path)) {                                       \
            SITE(0, next)                                                                \
            SITE(1, next)                                                                \
            SITE(2, next)                                                                \
            SITE(3, next)                                                                \
            SITE(4, next)                                                                \
            SITE(5, next)                                                                \
            SITE(6, next)                                                                \
            SITE(7, next)                                                                \
            SITE(8, next)                                                                \
            SITE(9, next)                                                                \
            SITE(10, next)                                                               \
            SITE(11, next)                                                               \
            SITE(12, next)                                                               \
            SITE(13, next)                                                               \
            SITE(14, next)                                                               \
        default:                                                                         \
            next(descent, level + 1, path);                                              \
            __asm__ volatile("# 15" ::: "memory");                                       \
        }                                                                                \
        (void)local[0];                                                                  \
    }

LEVEL(even_level, odd_level, 8)
LEVEL(odd_level, even_level, 72)

void bench_descend(const struct bench_descent *descent, unsigned path)
{
    even_level(descent, 1, path);
    __asm__ volatile("" ::: "memory");
}
