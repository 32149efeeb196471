/* Generations alive, the evidence that does not depend on the shape of a series: a leak
 * leaves survivors of every stretch of the run, a busy but healthy site only young ones.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/ages.h"

enum { GENERATIONS = 64, POSSIBLE_MIN = 4 };

const struct seep_rec_ages *seep_ages_scan(const struct seep_recording *recording,
                                           const struct seep_window *window)
{
    const struct seep_rec_ages *scan = NULL;
    uint64_t from_ns = 0;
    uint64_t to_ns =
        UINT64_MAX; /* where nothing was cut, the scan after the last snapshot counts */

    if (window->end <= window->warm) {
        return NULL;
    }
    from_ns = recording->snapshots[window->warm].t_ns;
    if (window->end < recording->snapshot_count) {
        to_ns = recording->snapshots[window->end - 1].t_ns;
    }
    for (size_t i = 0; i < recording->ages_count; i++) {
        if (recording->ages[i].t_ns <= to_ns && recording->ages[i].t_ns > from_ns) {
            scan = &recording->ages[i];
        }
    }
    return scan;
}

/* What is alive of any of the sites, as one entry. */
static struct seep_rec_age merge(const struct seep_rec_ages *scan, const uint32_t *sites,
                                 size_t count)
{
    struct seep_rec_age all = {.oldest_birth_ns = UINT64_MAX};

    for (size_t i = 0; i < count; i++) {
        struct seep_rec_age entry;

        if (seep_age_scan_find(scan, sites[i], &entry) && entry.live > 0) {
            all.live += entry.live;
            all.generations |= entry.generations;
            if (entry.oldest_birth_ns < all.oldest_birth_ns) {
                all.oldest_birth_ns = entry.oldest_birth_ns;
            }
        }
    }
    return all;
}

struct seep_ages seep_ages_of_site(const struct seep_recording *recording,
                                   const struct seep_window *window,
                                   const struct seep_rec_ages *scan, uint32_t site)
{
    return seep_ages_of_sites(recording, window, scan, &site, 1);
}

struct seep_ages seep_ages_of_sites(const struct seep_recording *recording,
                                    const struct seep_window *window,
                                    const struct seep_rec_ages *scan,
                                    const uint32_t *sites, size_t count)
{
    struct seep_ages ages = {0};

    if (scan == NULL || scan->generation_width_ns == 0) {
        return ages;
    }
    uint64_t width = scan->generation_width_ns;
    uint64_t from = recording->snapshots[window->warm].t_ns;
    const struct seep_rec_age all = merge(scan, sites, count);

    ages.window_possible = (size_t)((scan->t_ns - from) / width);
    ages.known = ages.window_possible >= POSSIBLE_MIN;
    if (all.live == 0) {
        return ages;
    }
    if (scan->t_ns > all.oldest_birth_ns) {
        ages.oldest_age_s = (double)(scan->t_ns - all.oldest_birth_ns) / 1e9;
    }
    for (unsigned g = 0; g < GENERATIONS; g++) {
        if ((all.generations >> g & 1) == 0) {
            continue;
        }
        ages.generations++;
        ages.window_generations += g * width >= from;
        ages.early_generations +=
            g * width >= from && g * width < from + (scan->t_ns - from) / 2;
    }
    return ages;
}

struct seep_ages seep_ages_of_threads(const struct seep_recording *recording,
                                      const struct seep_window *window, uint32_t site)
{
    struct seep_ages ages = {0};
    uint64_t seen = 0; /* generations alive, a 64th of the run each */
    uint64_t at = recording->threads_t_ns;
    uint64_t width = at / GENERATIONS + 1;

    if (window->end <= window->warm || at <= recording->snapshots[window->warm].t_ns) {
        return ages;
    }
    uint64_t from = recording->snapshots[window->warm].t_ns;

    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        if (thread->site != site || thread->created_ns >= at ||
            (thread->state & SEEP_THREAD_JOINED) != 0) {
            continue;
        }
        double age_s = (double)(at - thread->created_ns) / 1e9;

        ages.oldest_age_s = age_s > ages.oldest_age_s ? age_s : ages.oldest_age_s;
        seen |= UINT64_C(1) << (thread->created_ns / width);
    }
    ages.known = seen != 0;
    ages.window_possible = (size_t)((at - from) / width);
    for (unsigned g = 0; g < GENERATIONS; g++) {
        bool alive = (seen >> g & 1) != 0;

        ages.generations += alive;
        ages.window_generations += alive && g * width >= from;
        ages.early_generations +=
            alive && g * width >= from && g * width < from + (at - from) / 2;
    }
    return ages;
}
