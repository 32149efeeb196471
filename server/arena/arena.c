/* jemalloc's arenas and statistics by mallctl.
 *
 * mallctl is a weak symbol: a sanitizer brings its own malloc, and then the same code
 * runs with glibc's figures. mallocx is not used: blocks made by it would bypass whoever
 * interposes malloc, and with it the leak report.
 * Rejected: counting bytes per subsystem in a wrapper of our own, a second malloc in
 * front of the allocator that every library call would go around.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/arena/arena.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MAX_ARENAS 32
/* MALLCTL_ARENAS_ALL of jemalloc.h, which is not included because of its malloc macros.
 */
#define PURGE_ALL "arena.4096.purge"
#define STATS_ALL "stats.arenas.4096"

extern int mallctl(const char *name, void *old_value, size_t *old_bytes, void *new_value,
                   size_t new_bytes) __attribute__((weak));

/* NOLINTBEGIN(readability-identifier-naming): their names are not ours. */
/* What a sanitizer's allocator holds. Source: sanitizer/allocator_interface.h. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
extern size_t __sanitizer_get_heap_size(void) __attribute__((weak));
/* NOLINTEND(readability-identifier-naming) */

struct arena {
    const char *subsystem;
    unsigned index; /* jemalloc's number */
};

static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_ARENA */
static struct arena arenas[MAX_ARENAS];
static size_t arenas_count;
static _Thread_local const char *bound; /* the subsystem of the calling thread */

void pma_heap_flush_thread(void)
{
    if (mallctl != NULL) {
        mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    }
}

bool pma_heap_is_jemalloc(void)
{
    return mallctl != NULL;
}

static bool find_or_create(const char *subsystem, unsigned *index)
{
    bool found = false;
    pthread_mutex_lock(&arena_lock);
    for (size_t i = 0; i < arenas_count && !found; i++) {
        if (strcmp(arenas[i].subsystem, subsystem) == 0) {
            *index = arenas[i].index;
            found = true;
        }
    }
    size_t bytes = sizeof *index;
    if (!found && arenas_count < MAX_ARENAS &&
        mallctl("arenas.create", index, &bytes, NULL, 0) == 0) {
        arenas[arenas_count++] = (struct arena){.subsystem = subsystem, .index = *index};
        found = true;
    }
    pthread_mutex_unlock(&arena_lock);
    return found;
}

void pma_arena_bind(const char *subsystem)
{
    unsigned index = 0;
    if (mallctl == NULL || (bound != NULL && strcmp(bound, subsystem) == 0) ||
        !find_or_create(subsystem, &index)) {
        return;
    }
    if (mallctl("thread.arena", NULL, NULL, &index, sizeof index) == 0) {
        bound = subsystem;
    }
}

static uint64_t read_bytes(const char *name)
{
    size_t value = 0;
    size_t value_bytes = sizeof value;
    return mallctl(name, &value, &value_bytes, NULL, 0) == 0 ? value : 0;
}

static uint64_t read_unsigned(const char *name)
{
    unsigned value = 0;
    size_t value_bytes = sizeof value;
    return mallctl(name, &value, &value_bytes, NULL, 0) == 0 ? value : 0;
}

/* jemalloc's figures are those of the last epoch. */
static void refresh(void)
{
    uint64_t epoch = 1;
    size_t epoch_bytes = sizeof epoch;
    mallctl("epoch", &epoch, &epoch_bytes, &epoch, sizeof epoch);
}

void pma_heap_figures_read(struct pma_heap_figures *figures)
{
    if (mallctl != NULL) {
        refresh();
        figures->allocated_bytes = read_bytes("stats.allocated");
        figures->active_bytes = read_bytes("stats.active");
        figures->resident_bytes = read_bytes("stats.resident");
        figures->mapped_bytes = read_bytes("stats.mapped");
        figures->metadata_bytes = read_bytes("stats.metadata");
        return;
    }
    size_t allocated = 0;
    size_t mapped = 0;
    if (__sanitizer_get_current_allocated_bytes != NULL &&
        __sanitizer_get_heap_size != NULL) {
        allocated = __sanitizer_get_current_allocated_bytes();
        mapped = __sanitizer_get_heap_size();
    } else {
        const struct mallinfo2 info = mallinfo2();
        allocated = info.uordblks + info.hblkhd;
        mapped = info.arena + info.hblkhd;
    }
    figures->allocated_bytes = allocated;
    figures->active_bytes = allocated;
    figures->resident_bytes = mapped;
    figures->mapped_bytes = mapped;
    figures->metadata_bytes = 0;
}

static uint64_t read_arena_bytes(unsigned index, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "stats.arenas.%u.%s", index, what);
    return read_bytes(name);
}

/* Live blocks of all size classes. */
static uint64_t count_blocks(unsigned index, unsigned bins, unsigned large_classes)
{
    char name[80];
    uint64_t blocks = 0;
    for (unsigned i = 0; i < bins; i++) {
        snprintf(name, sizeof name, "stats.arenas.%u.bins.%u.curregs", index, i);
        blocks += read_bytes(name);
    }
    for (unsigned i = 0; i < large_classes; i++) {
        snprintf(name, sizeof name, "stats.arenas.%u.lextents.%u.curlextents", index, i);
        blocks += read_bytes(name);
    }
    return blocks;
}

size_t pma_arena_list(struct pma_arena_info *infos, size_t capacity)
{
    struct arena known[MAX_ARENAS];
    pthread_mutex_lock(&arena_lock);
    const size_t known_count = arenas_count;
    memcpy(known, arenas, sizeof known);
    pthread_mutex_unlock(&arena_lock);
    if (known_count == 0) {
        return 0;
    }
    refresh();
    const uint64_t page_bytes = read_bytes("arenas.page");
    const unsigned bins = (unsigned)read_unsigned("arenas.nbins");
    const unsigned large_classes = (unsigned)read_unsigned("arenas.nlextents");
    size_t count = 0;
    for (; count < known_count && count < capacity; count++) {
        const unsigned index = known[count].index;
        snprintf(infos[count].subsystem, sizeof infos[count].subsystem, "%s",
                 known[count].subsystem);
        infos[count].allocated_bytes = read_arena_bytes(index, "small.allocated") +
                                       read_arena_bytes(index, "large.allocated");
        infos[count].active_bytes = read_arena_bytes(index, "pactive") * page_bytes;
        infos[count].cached_bytes = read_arena_bytes(index, "tcache_bytes");
        infos[count].blocks = count_blocks(index, bins, large_classes);
    }
    return count;
}

uint64_t pma_heap_purge(void)
{
    struct pma_heap_figures before;
    struct pma_heap_figures after;
    pma_heap_figures_read(&before);
    if (mallctl != NULL) {
        mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
        mallctl(PURGE_ALL, NULL, NULL, NULL, 0);
    } else {
        malloc_trim(0);
    }
    pma_heap_figures_read(&after);
    return before.resident_bytes > after.resident_bytes
               ? before.resident_bytes - after.resident_bytes
               : 0;
}

static uint64_t read_u64(const char *name)
{
    uint64_t value = 0;
    size_t value_bytes = sizeof value;
    return mallctl(name, &value, &value_bytes, NULL, 0) == 0 ? value : 0;
}

uint64_t pma_heap_total_bytes(void)
{
    static const struct {
        const char *count, *size, *made;
    } classes[] = {
        {"arenas.nbins", "arenas.bin", STATS_ALL ".bins"},
        {"arenas.nlextents", "arenas.lextent", STATS_ALL ".lextents"},
    };
    uint64_t total = 0;
    if (mallctl == NULL) {
        return 0;
    }
    for (size_t kind = 0; kind < sizeof classes / sizeof classes[0]; kind++) {
        const unsigned count = (unsigned)read_unsigned(classes[kind].count);
        for (unsigned i = 0; i < count; i++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%u.nmalloc", classes[kind].made, i);
            const uint64_t made = read_u64(name);
            if (made > 0) {
                snprintf(name, sizeof name, "%s.%u.size", classes[kind].size, i);
                total += made * read_bytes(name);
            }
        }
    }
    return total;
}

uint64_t pma_heap_cached_bytes(void)
{
    return mallctl != NULL ? read_bytes(STATS_ALL ".tcache_bytes") : 0;
}
