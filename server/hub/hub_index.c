/* Chained hash table with the links in the nodes, so that adding and removing never
 * allocate (only doubling the bucket array does, and it may fail without harm).
 *
 * The hash is seeded per process: names are chosen by clients, and a fixed hash would let
 * one client put all of its topics into one bucket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_index.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS_AT_START 64

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint32_t seed;

static void draw_seed(void)
{
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
        seed = (uint32_t)(uintptr_t)&seed_once;
    }
}

/* FNV-1a with a seed and a final mix. */
static uint32_t hash_name(const char *name, size_t name_bytes)
{
    uint32_t hash = 2166136261U ^ seed;

    for (size_t at = 0; at < name_bytes; at++) {
        hash = (hash ^ (unsigned char)name[at]) * 16777619U;
    }
    hash ^= hash >> 15;
    hash *= 0x2c1b3c6dU;
    return hash ^ hash >> 12;
}

static struct pma_index_node **bucket_of(const struct pma_index *index, uint32_t hash)
{
    return &index->buckets[hash & (index->bucket_count - 1)];
}

static void grow(struct pma_index *index)
{
    struct pma_index bigger = {.bucket_count = index->bucket_count * 2};

    bigger.buckets = calloc(bigger.bucket_count, sizeof(struct pma_index_node *));
    if (bigger.buckets == NULL) {
        return;
    }
    for (size_t at = 0; at < index->bucket_count; at++) {
        while (index->buckets[at] != NULL) {
            struct pma_index_node *node = index->buckets[at];
            struct pma_index_node **home = bucket_of(&bigger, node->hash);

            index->buckets[at] = node->next;
            node->next = *home;
            *home = node;
        }
    }
    free(index->buckets);
    index->buckets = bigger.buckets;
    index->bucket_count = bigger.bucket_count;
}

int pma_index_init(struct pma_index *index)
{
    /* Pointers are what it holds. NOLINTNEXTLINE(bugprone-sizeof-expression) */
    struct pma_index_node **buckets = calloc(BUCKETS_AT_START, sizeof(*buckets));

    if (buckets == NULL) {
        return -ENOMEM;
    }
    pthread_once(&seed_once, draw_seed);
    *index = (struct pma_index){.buckets = buckets, .bucket_count = BUCKETS_AT_START};
    return 0;
}

void pma_index_fini(struct pma_index *index)
{
    free(index->buckets);
    *index = (struct pma_index){0};
}

void pma_index_add(struct pma_index *index, struct pma_index_node *node)
{
    struct pma_index_node **home;

    if (index->count >= index->bucket_count) {
        grow(index);
    }
    node->hash = hash_name(node->name, strlen(node->name));
    home = bucket_of(index, node->hash);
    node->next = *home;
    *home = node;
    index->count++;
}

void pma_index_remove(struct pma_index *index, struct pma_index_node *node)
{
    struct pma_index_node **link = bucket_of(index, node->hash);

    while (*link != node) {
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    index->count--;
}

struct pma_index_node *pma_index_find(const struct pma_index *index, const char *name,
                                      size_t name_bytes)
{
    uint32_t hash = hash_name(name, name_bytes);
    struct pma_index_node *node = *bucket_of(index, hash);

    while (node != NULL &&
           (node->hash != hash || strncmp(node->name, name, name_bytes) != 0 ||
            node->name[name_bytes] != '\0')) {
        node = node->next;
    }
    return node;
}

struct pma_index_node *pma_index_next(const struct pma_index *index,
                                      const struct pma_index_node *node)
{
    size_t at = 0;

    if (node != NULL) {
        if (node->next != NULL) {
            return node->next;
        }
        at = (node->hash & (index->bucket_count - 1)) + 1;
    }
    while (at < index->bucket_count) {
        if (index->buckets[at] != NULL) {
            return index->buckets[at];
        }
        at++;
    }
    return NULL;
}

bool pma_index_is_valid(const struct pma_index *index)
{
    size_t seen = 0;

    for (size_t at = 0; at < index->bucket_count; at++) {
        for (const struct pma_index_node *node = index->buckets[at]; node != NULL;
             node = node->next) {
            if ((node->hash & (index->bucket_count - 1)) != at ||
                node->hash != hash_name(node->name, strlen(node->name))) {
                return false;
            }
            seen++;
        }
    }
    return seen == index->count;
}
