/* Chained hashing over a dense array: entries move when another is removed, so that a
 * sweep is a walk from end to end.
 *
 * The hash has a random seed. Without one, whoever controls a /64 could choose addresses
 * that all fall into one chain, and each of his connections would cost a walk.
 *
 * I1: count <= limit, count <= capacity; entries[0 .. count) are in use.
 * I2: each of them is in the chain of its hash, once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/address_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CAPACITY_AT_FIRST 16

void pma_address_table_init(struct pma_address_table *table, uint32_t limit)
{
    *table = (struct pma_address_table){.limit = limit};
    /* When there are no random bytes yet, an address of the stack has to do. */
    if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) !=
        (ssize_t)sizeof table->seed) {
        table->seed = (uint64_t)(uintptr_t)&table;
    }
}

void pma_address_table_fini(struct pma_address_table *table)
{
    free(table->entries);
    free(table->buckets);
    table->entries = NULL;
    table->buckets = NULL;
    table->count = table->capacity = 0;
}

/* Two rounds of a 128-bit multiplication, each half folded into the other. */
static uint64_t hash_of(const struct pma_address_table *table,
                        const struct pma_address *address)
{
    uint64_t halves[2];
    memcpy(halves, address->bytes, sizeof halves);
    __extension__ unsigned __int128 mixed =
        (unsigned __int128)(halves[0] ^ table->seed ^ 0x9E3779B97F4A7C15U) *
        (halves[1] ^ (table->seed >> 32 | table->seed << 32) ^ 0xE7037ED1A0B428DBU);
    const uint64_t folded = (uint64_t)mixed ^ (uint64_t)(mixed >> 64);
    mixed = (unsigned __int128)(folded ^ table->seed) * 0x8EBC6AF09C88C6E3U;
    return (uint64_t)mixed ^ (uint64_t)(mixed >> 64);
}

static uint32_t *bucket_of(const struct pma_address_table *table,
                           const struct pma_address *address)
{
    return &table->buckets[hash_of(table, address) & (table->capacity - 1)];
}

/* The link that points to entry `at`. */
static uint32_t *link_to(const struct pma_address_table *table, uint32_t at)
{
    uint32_t *link = bucket_of(table, &table->entries[at].address);
    while (*link != at + 1) {
        link = &table->entries[*link - 1].chained;
    }
    return link;
}

static void chain(struct pma_address_table *table, uint32_t at)
{
    uint32_t *bucket = bucket_of(table, &table->entries[at].address);
    table->entries[at].chained = *bucket;
    *bucket = at + 1;
}

static bool grow(struct pma_address_table *table)
{
    const uint32_t capacity =
        table->capacity != 0 ? 2 * table->capacity : CAPACITY_AT_FIRST;
    uint32_t *buckets = calloc(capacity, sizeof *buckets);
    struct pma_address_entry *entries =
        buckets != NULL ? realloc(table->entries, capacity * sizeof *entries) : NULL;
    if (entries == NULL) {
        free(buckets);
        return false;
    }
    free(table->buckets);
    table->buckets = buckets;
    table->entries = entries;
    table->capacity = capacity;
    for (uint32_t at = 0; at < table->count; at++) {
        chain(table, at);
    }
    return true;
}

struct pma_address_entry *pma_address_table_find(const struct pma_address_table *table,
                                                 const struct pma_address *address)
{
    if (table->count == 0) {
        return NULL;
    }
    for (uint32_t next = *bucket_of(table, address); next != 0;
         next = table->entries[next - 1].chained) {
        if (pma_address_equal(&table->entries[next - 1].address, address)) {
            return &table->entries[next - 1];
        }
    }
    return NULL;
}

struct pma_address_entry *pma_address_table_add(struct pma_address_table *table,
                                                const struct pma_address *address)
{
    if (table->count >= table->limit ||
        (table->count == table->capacity && !grow(table))) {
        return NULL;
    }
    const uint32_t at = table->count++;
    table->entries[at] = (struct pma_address_entry){.address = *address};
    chain(table, at);
    return &table->entries[at];
}

void pma_address_table_remove(struct pma_address_table *table, uint32_t at)
{
    *link_to(table, at) = table->entries[at].chained;
    const uint32_t last = --table->count;
    if (at != last) {
        *link_to(table, last) = at + 1;
        table->entries[at] = table->entries[last];
    }
}

void pma_address_table_trim(struct pma_address_table *table)
{
    if (table->count == 0) {
        pma_address_table_fini(table);
    }
}

bool pma_address_table_is_valid(const struct pma_address_table *table)
{
    uint32_t chained = 0;
    if (table->count > table->limit || table->count > table->capacity) {
        return false;
    }
    for (uint32_t bucket = 0; bucket < table->capacity; bucket++) {
        for (uint32_t next = table->buckets[bucket]; next != 0;
             next = table->entries[next - 1].chained) {
            if (next > table->count || ++chained > table->count ||
                bucket_of(table, &table->entries[next - 1].address) !=
                    &table->buckets[bucket]) {
                return false;
            }
        }
    }
    return chained == table->count;
}
