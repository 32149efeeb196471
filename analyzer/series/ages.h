/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERIES_AGES_H
#define SEEP_ANALYZER_SERIES_AGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "series/window.h"

/* How old a site's live resources are, from the last scan of the live table inside the
 * window. */
struct seep_ages {
    bool known;          /* a scan was there, and fine enough to tell generations apart */
    double oldest_age_s; /* at the scan */
    size_t generations;  /* alive, of the whole run */
    size_t window_generations; /* alive and born inside the window */
    size_t window_possible;    /* generations that the window spans */
    size_t early_generations;  /* alive and born in the window's first half */
};

/* The scan that speaks for the window: the last one not after its end; NULL when there is
 * none. */
const struct seep_rec_ages *seep_ages_scan(const struct seep_recording *recording,
                                           const struct seep_window *window);

/* The ages of one site. A site that the scan does not list has nothing alive: known, all
 * zero.
 *
 * scan:  borrowed; of seep_ages_scan, or NULL (gives known = false).
 * Thread-safety: pure. Allocates: no. Cost: O(log sites).
 */
struct seep_ages seep_ages_of_site(const struct seep_recording *recording,
                                   const struct seep_window *window,
                                   const struct seep_rec_ages *scan, uint32_t site);

/* The same for several sites taken as one: what is alive of any of them. Cost: O(count
 * log sites). */
struct seep_ages seep_ages_of_sites(const struct seep_recording *recording,
                                    const struct seep_window *window,
                                    const struct seep_rec_ages *scan,
                                    const uint32_t *sites, size_t count);

/* The same for a site of threads, from the thread table: threads that run, or ended and
 * were never joined. known is false when the table is older than the window or lists none
 * of the site. Cost: O(threads). */
struct seep_ages seep_ages_of_threads(const struct seep_recording *recording,
                                      const struct seep_window *window, uint32_t site);

#endif
