/* Interned texts: open addressing over numbers, at most half full.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/text_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

/* Source: FNV-1a, 64 bits, draft-eastlake-fnv-17. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash ^ hash >> 29;
}

static uint32_t *slot_for(const struct seep_text_table *table, uint32_t *slots,
                          size_t slot_count, const char *text)
{
    size_t i = (size_t)hash_of(text) & (slot_count - 1);

    while (slots[i] != 0 && strcmp(table->texts[slots[i] - 1], text) != 0) {
        i = (i + 1) & (slot_count - 1);
    }
    return &slots[i];
}

static int grow(struct seep_text_table *table)
{
    size_t count = table->slot_count != 0 ? table->slot_count * 2 : FIRST_SLOTS;

    if (table->count * 2 < table->slot_count) {
        return 0;
    }
    char **texts = realloc(table->texts, (count / 2 + 1) * sizeof(*texts));

    if (texts == NULL) {
        return -ENOMEM;
    }
    table->texts = texts;
    uint32_t *slots = calloc(count, sizeof(*slots));

    if (slots == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < table->count; i++) {
        *slot_for(table, slots, count, texts[i]) = (uint32_t)i + 1;
    }
    free(table->slots);
    table->slots = slots;
    table->slot_count = count;
    return 0;
}

int seep_text_table_intern(struct seep_text_table *table, const char *text, uint32_t *out)
{
    if (grow(table) < 0) {
        return -ENOMEM;
    }
    uint32_t *slot = slot_for(table, table->slots, table->slot_count, text);

    if (*slot != 0) {
        *out = *slot - 1;
        return 0;
    }
    char *copy = strdup(text);

    if (copy == NULL) {
        return -ENOMEM;
    }
    table->texts[table->count] = copy;
    *out = (uint32_t)table->count++;
    *slot = *out + 1;
    return 1;
}

void seep_text_table_fini(struct seep_text_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->texts[i]);
    }
    free(table->texts);
    free(table->slots);
    *table = (struct seep_text_table){0};
}
