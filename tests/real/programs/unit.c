/* Something to compile: includes, inlining, a switch and loops worth optimising.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    uint32_t key, value;
};

static int by_key(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

uint64_t digest(const unsigned char *bytes, size_t count)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211u;
    }
    return hash;
}

const char *name_of(int number)
{
    switch (number) {
    case 1:
        return "one";
    case 2:
        return "two";
    case 7:
        return "seven";
    default:
        return number < 0 ? "negative" : "many";
    }
}

int sorted(struct pair *pairs, size_t count, FILE *out)
{
    qsort(pairs, count, sizeof pairs[0], by_key);
    for (size_t i = 1; i < count; i++) {
        if (pairs[i - 1].key > pairs[i].key) {
            return fprintf(out, "%s\n", name_of((int)i));
        }
    }
    return 0;
}
