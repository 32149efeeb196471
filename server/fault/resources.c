/* The table of those who can be asked.
 *
 * The problem: a detector is judged against the truth, and the truth has to come from
 * whoever holds the resource, not from an observer that might share the detector's
 * errors. So each part counts for itself, and this module only collects. A function per
 * part rather than per figure: one lock of the part gives figures that belong together.
 * Rejected: counters that parts increment here; they could not be wrong in the same way
 * as the part's own table, which is just what a fault makes wrong.
 *
 * I1: no lock of ours is held while a part is asked.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/resources.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct part {
    const char *name;
    void (*read)(void *arg, struct pma_figures *figures);
    void *arg;
};

static pthread_mutex_t parts_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_RESOURCES */
static struct part parts[PMA_RESOURCE_PARTS_MAX];
static size_t parts_count;

int pma_resource_add(const char *part,
                     void (*read)(void *arg, struct pma_figures *figures), void *arg)
{
    if (part == NULL || part[0] == '\0' || read == NULL) {
        return -EINVAL;
    }
    int err = 0;
    pthread_mutex_lock(&parts_lock);
    if (parts_count < PMA_RESOURCE_PARTS_MAX) {
        parts[parts_count++] = (struct part){.name = part, .read = read, .arg = arg};
    } else {
        err = -ENOSPC;
    }
    pthread_mutex_unlock(&parts_lock);
    return err;
}

void pma_resource_forget(const void *arg)
{
    size_t kept = 0;
    pthread_mutex_lock(&parts_lock);
    for (size_t i = 0; i < parts_count; i++) {
        if (parts[i].arg != arg) {
            parts[kept++] = parts[i];
        }
    }
    parts_count = kept;
    pthread_mutex_unlock(&parts_lock);
}

static void put(struct pma_figures *figures, const char *name,
                enum pma_resource_kind kind, uint64_t value, uint64_t limit)
{
    if (figures->count == figures->capacity) {
        figures->lost++;
        return;
    }
    struct pma_figure *figure = &figures->items[figures->count++];
    snprintf(figure->name, sizeof figure->name, "%s.%s", figures->part, name);
    figure->kind = kind;
    figure->value = value;
    figure->limit = limit;
}

void pma_figure_put(struct pma_figures *figures, const char *name,
                    enum pma_resource_kind kind, uint64_t value)
{
    put(figures, name, kind, value, 0);
}

void pma_figure_put_kept(struct pma_figures *figures, const char *name, uint64_t value,
                         uint64_t limit)
{
    put(figures, name, PMA_RESOURCE_OBJECT, value, limit > 0 ? limit : 1);
}

size_t pma_resource_read(struct pma_figure *items, size_t capacity, uint64_t *lost)
{
    struct part asked[PMA_RESOURCE_PARTS_MAX];
    pthread_mutex_lock(&parts_lock);
    const size_t asked_count = parts_count;
    memcpy(asked, parts, sizeof asked);
    pthread_mutex_unlock(&parts_lock);

    struct pma_figures figures = {.items = items, .capacity = capacity};
    for (size_t i = 0; i < asked_count; i++) { /* I1 */
        figures.part = asked[i].name;
        asked[i].read(asked[i].arg, &figures);
    }
    if (lost != NULL) {
        *lost = figures.lost;
    }
    return figures.count;
}

uint64_t pma_figure_sum(const struct pma_figure *items, size_t count,
                        enum pma_resource_kind kind)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += items[i].kind == kind ? items[i].value : 0;
    }
    return sum;
}

const char *pma_resource_kind_name(enum pma_resource_kind kind)
{
    static const char *const names[] = {
        [PMA_RESOURCE_NONE] = "none",     [PMA_RESOURCE_OBJECT] = "object",
        [PMA_RESOURCE_THREAD] = "thread", [PMA_RESOURCE_FD] = "fd",
        [PMA_RESOURCE_TIMER] = "timer",   [PMA_RESOURCE_QUEUE] = "queue",
        [PMA_RESOURCE_TOTAL] = "total",
    };
    const size_t at = (size_t)kind;
    return at < sizeof names / sizeof names[0] ? names[at] : "none";
}
