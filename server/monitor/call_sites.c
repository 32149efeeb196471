/* The mark is a table by site: ids never move or change, so growth is a subtraction. What
 * holds most is often a table that is meant to be large; what has grown since the server
 * was warm is the suspect.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/call_sites.h"

#include "seep/seep.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARKED_SITES 16384

static pthread_mutex_t mark_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_CALL_SITES */
static uint64_t *marked; /* weight by site; NULL: none */

struct top {
    struct pma_call_site *sites;
    size_t count, capacity;
};

static uint64_t difference(uint64_t more, uint64_t less)
{
    return more > less ? more - less : 0;
}

static uint64_t weight(const struct seep_site_figures *site)
{
    return site->kind == SEEP_SITE_HEAP
               ? difference(site->acquired_bytes, site->released_bytes)
               : difference(site->acquired, site->released);
}

static int remember(void *arg, const struct seep_site_figures *site)
{
    uint64_t *table = arg;
    if (site->site < MARKED_SITES) {
        table[site->site] = weight(site);
    }
    return 0;
}

void pma_call_sites_mark(void)
{
    static const uint32_t kinds[] = {SEEP_SITE_HEAP, SEEP_SITE_THREAD, SEEP_SITE_FD,
                                     SEEP_SITE_TIMER};
    if (!seep_present()) {
        return;
    }
    pthread_mutex_lock(&mark_lock);
    if (marked == NULL) {
        marked = calloc(MARKED_SITES, sizeof *marked);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && marked != NULL; i++) {
        (void)seep_sites(kinds[i], remember, marked);
    }
    pthread_mutex_unlock(&mark_lock);
}

void pma_call_sites_fini(void)
{
    pthread_mutex_lock(&mark_lock);
    free(marked);
    marked = NULL;
    pthread_mutex_unlock(&mark_lock);
}

/* Keeps the greatest, in order. Under mark_lock. */
static int keep_greatest(void *arg, const struct seep_site_figures *site)
{
    struct top *top = arg;
    const uint64_t before =
        marked != NULL && site->site < MARKED_SITES ? marked[site->site] : 0;
    const uint64_t grown = difference(weight(site), before);
    size_t at = top->count;
    while (at > 0 && top->sites[at - 1].grown < grown) {
        at--;
    }
    if (grown == 0 || at == top->capacity) {
        return 0;
    }
    top->count += top->count < top->capacity;
    memmove(&top->sites[at + 1], &top->sites[at],
            (top->count - at - 1) * sizeof top->sites[0]);
    struct pma_call_site *kept = &top->sites[at];
    memset(kept, 0, sizeof *kept);
    kept->site = site->site;
    kept->live = difference(site->acquired, site->released);
    kept->live_bytes = difference(site->acquired_bytes, site->released_bytes);
    kept->grown = grown;
    snprintf(kept->subsystem, sizeof kept->subsystem, "%s", site->subsystem);
    return 0;
}

size_t pma_call_sites_grown(uint32_t kind, struct pma_call_site *sites, size_t capacity)
{
    struct top top = {.sites = sites, .capacity = capacity};
    pthread_mutex_lock(&mark_lock);
    const int err = capacity > 0 ? seep_sites(kind, keep_greatest, &top) : -1;
    pthread_mutex_unlock(&mark_lock);
    if (err < 0) {
        return 0;
    }
    for (size_t i = 0; i < top.count; i++) {
        const int depth =
            seep_stack(sites[i].site, sites[i].frames, PMA_CALL_SITE_FRAMES);
        sites[i].depth = depth < PMA_CALL_SITE_FRAMES ? depth : PMA_CALL_SITE_FRAMES;
        sites[i].depth = depth < 0 ? 0 : sites[i].depth;
    }
    return top.count;
}

void pma_frame_text(uintptr_t address, char *text, size_t text_bytes)
{
    Dl_info info;
    /* A return address may be the first of the next function: the call is before it. */
    if (address == 0 || dladdr((void *)(address - 1), &info) == 0) { /* NOLINT */
        snprintf(text, text_bytes, "0x%" PRIxPTR, address);
        return;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    const char *module = slash != NULL ? slash + 1 : info.dli_fname;
    if (info.dli_sname != NULL) {
        snprintf(text, text_bytes, "%s+0x%" PRIxPTR " (%s)", info.dli_sname,
                 address - (uintptr_t)info.dli_saddr, module);
    } else {
        snprintf(text, text_bytes, "%s+0x%" PRIxPTR, module,
                 address - (uintptr_t)info.dli_fbase);
    }
}
