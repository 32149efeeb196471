/* From all sites to a profile.
 *
 * 100,000 sites pass a few thousand places. A list of frames per site was rejected: it
 * would copy main() 100,000 times. Places are interned by address, frames of stacks by
 * the recording's own tree, so that a site costs its struct and a new stack its new part.
 *
 * Growth is a least-squares slope, not the robust one of findings: only a linear estimate
 * lets a parent's growth be the sum of its children's. A site's series is constant
 * between its points, so that sums of weights over time (weights below) give the slope in
 * O(points).
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/profile_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "verdict/growth_scan.h"
#include "verdict/stack_view.h"

enum { INLINE_MAX = 64, FIRST_SLOTS = 1024, TELL_EVERY = 256 };
enum { PIECE_SITES = 256, WORKER_SITES = 4000 };

struct key {
    uint32_t module;
    uint64_t offset;
    const char
        *function;  /* as the symbolizer has it: an interrupted address is another */
    uint32_t place; /* 0: free */
};

struct builder {
    struct seep_analysis *analysis;
    struct seep_view_profile *profile;
    uint32_t *node_of; /* by the recording's node: index into nodes, plus 1; 0 unknown */
    uint32_t *site_of; /* by site of the profile: that of the recording */
    const char **subsystems; /* by id */
    double *weights;         /* [i]: sum of the weights before snapshot i of the window */
    struct key *slots;       /* places by address */
    size_t slot_count;       /* power of two */
};

static struct key *slot_for(struct key *slots, size_t count, const struct key *key)
{
    uint64_t hash =
        (key->offset ^ (uint64_t)key->module << 40) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 20) & (count - 1);

    while (slots[i].place != 0 &&
           (slots[i].module != key->module || slots[i].offset != key->offset ||
            slots[i].function != key->function)) {
        i = (i + 1) & (count - 1);
    }
    return &slots[i];
}

/* Room for one place more, here and in the table. Returns: 0; -ENOMEM. */
static int grow(struct builder *b)
{
    struct seep_view_profile *profile = b->profile;
    size_t count = b->slot_count != 0 ? b->slot_count * 2 : FIRST_SLOTS;

    if (profile->place_count * 2 < b->slot_count) {
        return 0;
    }
    struct key *slots = calloc(count, sizeof(*slots));
    struct seep_view_place *places =
        seep_findings_alloc(b->analysis->findings, count / 2 + 1, sizeof(*places));

    if (slots == NULL || places == NULL) {
        free(slots);
        return -ENOMEM;
    }
    for (size_t i = 0; i < b->slot_count; i++) {
        if (b->slots[i].place != 0) {
            *slot_for(slots, count, &b->slots[i]) = b->slots[i];
        }
    }
    if (profile->place_count > 0) {
        memcpy(places, profile->places, profile->place_count * sizeof(*places));
    } else {
        profile->place_count = 1;
    }
    free(b->slots);
    b->slots = slots;
    b->slot_count = count;
    profile->places = places;
    return 0;
}

/* The place of a node of the recording; a place without frames is libseep.so's own.
 * Returns: 0; -ENOMEM. */
static int place_of(struct builder *b, uint32_t node, uint32_t *out)
{
    struct seep_analysis *analysis = b->analysis;
    struct seep_symbol_frame found[INLINE_MAX];
    struct seep_view_frame frames[INLINE_MAX];
    const struct seep_rec_node *from = &analysis->recording->nodes[node];
    struct key key = {.module = from->module, .offset = from->offset};

    (void)seep_symbol_frames(analysis->symbolizer, node, found, INLINE_MAX);
    key.function = found[0].function;
    if (grow(b) < 0) {
        return -ENOMEM;
    }
    struct key *slot = slot_for(b->slots, b->slot_count, &key);

    if (slot->place == 0) {
        size_t n = seep_stack_view_node(analysis->findings, analysis->symbolizer, node,
                                        frames, INLINE_MAX);
        struct seep_view_frame *kept =
            seep_findings_alloc(analysis->findings, n, sizeof(*kept));

        if (n > 0 && kept == NULL) {
            return -ENOMEM;
        }
        if (n > 0) {
            memcpy(kept, frames, n * sizeof(*kept));
        }
        key.place = (uint32_t)b->profile->place_count++;
        b->profile->places[key.place] =
            (struct seep_view_place){.frames = kept, .frame_count = n};
        *slot = key;
    }
    *out = slot->place;
    return 0;
}

/* The view of a site's stack, outermost first, as far as it is not known yet. */
static int stack_of(struct builder *b, uint32_t site, uint32_t *out)
{
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    size_t n = seep_recording_stack(b->analysis->recording, site, nodes,
                                    SEEP_STACK_MAX_FRAMES, NULL);
    size_t known = 0;
    uint32_t caller = 0;

    while (known < n && b->node_of[nodes[known]] == 0) {
        known++;
    }
    caller = known < n ? b->node_of[nodes[known]] - 1 : 0;
    while (known-- > 0) {
        uint32_t place = 0;

        if (b->node_of[nodes[known]] != 0) { /* a cycle of a damaged recording */
            caller = b->node_of[nodes[known]] - 1;
            continue;
        }
        if (place_of(b, nodes[known], &place) < 0) {
            return -ENOMEM;
        }
        if (b->profile->places[place].frame_count > 0) {
            uint32_t made = (uint32_t)b->profile->node_count++;

            b->profile->nodes[made] =
                (struct seep_view_node){.place = place, .caller = caller};
            caller = made;
        }
        b->node_of[nodes[known]] = caller + 1;
    }
    *out = caller;
    return 0;
}

/* Weights of the least-squares slope over the window: slope = sum of weight x value. */
static void fill_weights(struct builder *b)
{
    const struct seep_analysis *analysis = b->analysis;
    const double *t = analysis->series.t_s;
    size_t from = analysis->window.warm;
    size_t end = analysis->window.end;
    double mean = 0;
    double squares = 0;

    if (end - from < 2 ||
        seep_growth_too_little(analysis->recording, &analysis->window) != NULL) {
        return;
    }
    for (size_t i = from; i < end; i++) {
        mean += t[i] / (double)(end - from);
    }
    for (size_t i = from; i < end; i++) {
        squares += (t[i] - mean) * (t[i] - mean);
    }
    for (size_t i = from; i < end; i++) {
        b->weights[i + 1] = b->weights[i] + (t[i] - mean) / squares;
    }
}

/* Growth of a value that held from snapshot `first` up to `next`. */
static void add_growth(const struct builder *b, struct seep_view_site *out, size_t first,
                       size_t next)
{
    size_t warm = b->analysis->window.warm;

    first = first < warm ? warm : first;
    if (first < next) {
        double weight = b->weights[next] - b->weights[first];

        out->growth_per_s += (double)out->live * weight;
        out->growth_bytes_per_s += (double)out->live_bytes * weight;
    }
}

static void fill_figures(const struct builder *b, const struct seep_rec_site *from,
                         struct seep_view_site *out)
{
    const struct seep_window *window = &b->analysis->window;
    size_t end = window->end > 0 ? window->end : b->analysis->series.n;
    struct seep_points_cursor at = seep_points_start(&from->points);
    const struct seep_counters *now = &at.now.counters;
    size_t since = 0;

    while (seep_points_next(&at) && at.now.snapshot < end) {
        add_growth(b, out, since, at.now.snapshot);
        since = at.now.snapshot;
        out->acquired = now->acquired;
        out->acquired_bytes = now->acquired_bytes;
        out->released = now->released;
        out->live = now->acquired > now->released ? now->acquired - now->released : 0;
        out->live_bytes = now->acquired_bytes > now->released_bytes
                              ? now->acquired_bytes - now->released_bytes
                              : 0;
    }
    add_growth(b, out, since, end);
}

static bool is_wanted(const struct seep_recording *recording,
                      const struct seep_rec_site *site, enum seep_kind kind,
                      const char *subsystem)
{
    return site->points.count != 0 && site->kind != SEEP_KIND_NONE &&
           site->kind < SEEP_KIND_END && (kind == SEEP_KIND_NONE || site->kind == kind) &&
           (subsystem == NULL ||
            strcmp(recording->subsystems[site->subsystem], subsystem) == 0);
}

static int fill_pieces(void *worker, size_t first, size_t end)
{
    const struct builder *b = worker;

    for (size_t i = first; i < end; i++) {
        fill_figures(b, &b->analysis->recording->sites[b->site_of[i]],
                     &b->profile->sites[i]);
    }
    return 0;
}

/* The figures of all sites are made on all processors; naming takes turns. */
static int fill(struct builder *b, enum seep_kind kind, const char *subsystem)
{
    const struct seep_recording *recording = b->analysis->recording;
    struct seep_view_profile *profile = b->profile;
    void *workers[SEEP_PARALLEL_WORKERS_MAX];
    int status = 0;

    for (uint32_t i = 0; i < recording->site_count; i++) {
        const struct seep_rec_site *from = &recording->sites[i];

        if (is_wanted(recording, from, kind, subsystem)) {
            profile->sites[profile->site_count] =
                (struct seep_view_site){.kind = (enum seep_kind)from->kind,
                                        .subsystem = b->subsystems[from->subsystem]};
            b->site_of[profile->site_count++] = i;
        }
    }
    for (size_t i = 0; i < SEEP_PARALLEL_WORKERS_MAX; i++) {
        workers[i] = b; /* each writes the sites that it is given, and nothing else */
    }
    (void)seep_parallel_run(profile->site_count, PIECE_SITES, workers,
                            seep_parallel_workers(profile->site_count, WORKER_SITES),
                            fill_pieces);
    for (size_t i = 0; i < profile->site_count && status == 0; i++) {
        if (i % TELL_EVERY == 0) {
            seep_progress_tell(b->analysis->progress, "naming functions in", i,
                               profile->site_count);
        }
        status = stack_of(b, b->site_of[i], &profile->sites[i].node);
    }
    return status;
}

int seep_profile_view_fill(struct seep_analysis *analysis, enum seep_kind kind,
                           const char *subsystem)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_findings *findings = analysis->findings;
    struct builder b = {.analysis = analysis, .profile = &findings->profile};
    int status = -ENOMEM;

    b.node_of = calloc(recording->node_count + 1, sizeof(*b.node_of));
    b.weights = calloc(recording->snapshot_count + 2, sizeof(*b.weights));
    b.site_of = calloc(recording->site_count + 1, sizeof(*b.site_of));
    b.subsystems = calloc(recording->subsystem_count + 1, sizeof(*b.subsystems));
    b.profile->nodes = seep_findings_alloc(findings, recording->node_count + 1,
                                           sizeof(*b.profile->nodes));
    b.profile->node_count = 1;
    b.profile->sites = seep_findings_alloc(findings, recording->site_count + 1,
                                           sizeof(*b.profile->sites));
    if (b.node_of != NULL && b.weights != NULL && b.site_of != NULL &&
        b.subsystems != NULL && b.profile->nodes != NULL && b.profile->sites != NULL) {
        for (size_t i = 0; i < recording->subsystem_count; i++) {
            b.subsystems[i] = seep_findings_text(findings, recording->subsystems[i]);
        }
        fill_weights(&b);
        status = fill(&b, kind, subsystem);
    }
    free(b.node_of);
    free(b.weights);
    free(b.site_of);
    free(b.subsystems);
    free(b.slots);
    return status;
}
