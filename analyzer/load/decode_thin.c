/* Snapshots that are left out of memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/decode_thin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An array of `capacity` items that becomes one of `need`, new ones zero. */
static void *grow(void *array, size_t capacity, size_t need, size_t item_bytes)
{
    char *grown = reallocarray(array, need, item_bytes);

    if (grown != NULL) {
        memset(grown + capacity * item_bytes, 0, (need - capacity) * item_bytes);
    }
    return grown;
}

static int reserve(struct seep_thin *thin, size_t sites)
{
    struct seep_counters *counters = NULL;
    uint8_t *is_held = NULL;
    uint32_t *held = NULL;

    if (sites <= thin->capacity) {
        return 0;
    }
    counters = grow(thin->counters, thin->capacity, sites, sizeof(*counters));
    thin->counters = counters != NULL ? counters : thin->counters;
    is_held = grow(thin->is_held, thin->capacity, sites, sizeof(*is_held));
    thin->is_held = is_held != NULL ? is_held : thin->is_held;
    held = grow(thin->held, thin->capacity, sites, sizeof(*held));
    thin->held = held != NULL ? held : thin->held;
    if (counters == NULL || is_held == NULL || held == NULL) {
        return -ENOMEM;
    }
    thin->capacity = sites;
    return 0;
}

int seep_thin_hold(struct seep_thin *thin, uint32_t site, size_t sites,
                   const struct seep_counters *counters)
{
    if (reserve(thin, sites) < 0) {
        return -ENOMEM;
    }
    thin->counters[site] = *counters;
    if (!thin->is_held[site]) {
        thin->is_held[site] = true;
        thin->held[thin->held_count++] = site;
    }
    return 0;
}

void seep_thin_release(struct seep_thin *thin)
{
    for (size_t i = 0; i < thin->held_count; i++) {
        thin->is_held[thin->held[i]] = false;
    }
    thin->held_count = 0;
    thin->merged = 0;
}

void seep_thin_fini(struct seep_thin *thin)
{
    free(thin->counters);
    free(thin->is_held);
    free(thin->held);
    thin->counters = NULL;
    thin->is_held = NULL;
    thin->held = NULL;
    thin->held_count = thin->capacity = 0;
}
