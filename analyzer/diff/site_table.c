/* Sites with their stacks, for the comparison of two builds.
 *
 * Frames lie in one array, so that a hundred thousand sites are not as many allocations;
 * sites point into it when it has stopped growing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/site_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/stack_view.h"

enum { INLINE_MAX = 64 };

struct growing {
    struct seep_match_frame *frames;
    size_t count, capacity;
};

static enum seep_match_weight weight_of(const struct seep_symbol_frame *frame)
{
    static const char *const system[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};

    if (seep_stack_view_is_runtime(frame->module_path) ||
        strcmp(frame->function, "_start") == 0) {
        return SEEP_MATCH_RUNTIME;
    }
    for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
        if (strncmp(frame->module_path, system[i], strlen(system[i])) == 0) {
            return SEEP_MATCH_LIBRARY;
        }
    }
    return SEEP_MATCH_PROGRAM;
}

/* The program itself has one name in all builds: ./server-v1 is ./server-v2. */
static const char *module_of(const struct seep_symbol_frame *frame, const char *exe)
{
    return exe[0] != '\0' && strcmp(frame->module_path, exe) == 0 ? "(program)"
                                                                  : frame->module;
}

static int add_node(struct seep_symbolizer *symbolizer, uint32_t node, const char *exe,
                    struct growing *to)
{
    struct seep_symbol_frame frames[INLINE_MAX];
    size_t n = seep_symbol_frames(symbolizer, node, frames, INLINE_MAX);

    if (to->capacity - to->count < n) {
        size_t grown = to->capacity * 2 + 4 * INLINE_MAX;
        struct seep_match_frame *larger = realloc(to->frames, grown * sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        to->frames = larger;
        to->capacity = grown;
    }
    for (size_t i = 0; i < n; i++) {
        if (strncmp(frames[i].module, "libseep.so", 10) != 0) {
            to->frames[to->count++] =
                (struct seep_match_frame){.function = frames[i].function,
                                          .module = module_of(&frames[i], exe),
                                          .build_id = frames[i].build_id,
                                          .offset = frames[i].offset,
                                          .line = frames[i].line,
                                          .weight = weight_of(&frames[i])};
        }
    }
    return 0;
}

uint64_t seep_site_table_acquired(const struct seep_recording *recording, uint32_t site,
                                  const struct seep_window *window)
{
    const struct seep_rec_site *from = &recording->sites[site];

    if (window->end <= window->warm) {
        return 0;
    }
    uint64_t last = seep_points_at(&from->points, window->end - 1).acquired;
    uint64_t first = seep_points_at(&from->points, window->warm).acquired;

    return last > first ? last - first : 0;
}

/* Adds a site; its frames are counted, and found when all are there. */
static int add_site(const struct seep_recording *recording,
                    struct seep_symbolizer *symbolizer, uint32_t id,
                    struct seep_site_table *table, struct growing *frames)
{
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    const struct seep_rec_site *site = &recording->sites[id];
    size_t n = seep_recording_stack(recording, id, nodes, SEEP_STACK_MAX_FRAMES, NULL);
    size_t before = frames->count;
    int status = 0;

    for (size_t i = 0; i < n && status == 0; i++) {
        status = add_node(symbolizer, nodes[i], recording->program.exe, frames);
    }
    table->ids[table->count] = id;
    table->sites[table->count++] =
        (struct seep_match_site){.kind = (enum seep_kind)site->kind,
                                 .subsystem = recording->subsystems[site->subsystem],
                                 .frame_count = frames->count - before};
    return status;
}

int seep_site_table_make(const struct seep_recording *recording,
                         struct seep_symbolizer *symbolizer,
                         const struct seep_window *window, struct seep_site_table *out)
{
    struct seep_site_table table = {
        .sites = calloc(recording->site_count + 1, sizeof(*table.sites)),
        .ids = calloc(recording->site_count + 1, sizeof(*table.ids))};
    struct growing frames = {0};
    double seconds = seep_window_seconds(recording, window);
    size_t at = 0;
    int status = table.sites == NULL || table.ids == NULL ? -ENOMEM : 0;

    for (uint32_t id = 1; id < recording->site_count && status == 0; id++) {
        if (recording->sites[id].points.count > 0) {
            status = add_site(recording, symbolizer, id, &table, &frames);
        }
    }
    table.frames = frames.frames;
    if (status < 0) {
        seep_site_table_fini(&table);
        return status;
    }
    for (size_t i = 0; i < table.count; i++) {
        uint64_t acquired = seep_site_table_acquired(recording, table.ids[i], window);

        table.sites[i].frames = table.frames + at;
        table.sites[i].acquired_per_s = seconds > 0 ? (double)acquired / seconds : 0;
        at += table.sites[i].frame_count;
    }
    *out = table;
    return 0;
}

void seep_site_table_fini(struct seep_site_table *table)
{
    free(table->sites);
    free(table->ids);
    free(table->frames);
    *table = (struct seep_site_table){0};
}

size_t seep_site_table_find(const struct seep_site_table *table, uint32_t site)
{
    size_t low = 0;
    size_t high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->ids[middle] < site) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < table->count && table->ids[low] == site ? low : SEEP_MATCH_NONE;
}
