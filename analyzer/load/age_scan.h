/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_AGE_SCAN_H
#define SEEP_ANALYZER_LOAD_AGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "load/recording_pool.h"

/* Scans of the live table, packed: a recording of a big program has 65 of them, each of
 * all sites with something alive, which would be 250 MB as plain structs, and are 40.
 *
 *     struct seep_age_cursor at = seep_age_scan_start(scan);
 *
 *     while (seep_age_scan_next(&at)) {
 *         ... at.now ...
 *     }
 */
struct seep_rec_age { /* what is alive of one site */
    uint32_t site;
    uint64_t live, live_bytes, oldest_birth_ns, newest_birth_ns, generations;
};

struct seep_age_block { /* of a scan's entries: where one begins, after which site */
    uint32_t site_before, at;
};

/* One scan. Those of a recording lie in an array: an entry may say no more than that it
 * is as in the scan before. All-zero but for its times: nothing was alive. */
struct seep_rec_ages {
    uint64_t t_ns, generation_width_ns;
    size_t count;          /* sites with something alive */
    const uint8_t *packed; /* of the recording's pool, as blocks */
    const struct seep_age_block *blocks;
    uint32_t block_count;
};

/* What is alive of one site. Returns: whether the scan lists it; else out is untouched.
 * Thread-safety: pure. Cost: O(log sites). */
bool seep_age_scan_find(const struct seep_rec_ages *scan, uint32_t site,
                        struct seep_rec_age *out);

struct seep_age_cursor {
    struct seep_rec_age now;          /* valid after seep_age_scan_next has said so */
    const struct seep_rec_ages *scan; /* borrowed */
    const uint8_t *at;
    size_t left;
};
/* Reads a scan's entries, ascending by site. Cost: of each, as much as of finding it. */
struct seep_age_cursor seep_age_scan_start(const struct seep_rec_ages *scan);
bool seep_age_scan_next(struct seep_age_cursor *cursor);

/* Packs scans, in order of time. All-zero with a budget is a valid new one. Owner thread.
 */
struct seep_age_state;
struct seep_age_writer {
    struct seep_pool_budget *budget; /* borrowed */
    struct seep_age_state *last;     /* owned; by site */
    size_t last_capacity;            /* rows */
    struct seep_buf packed, blocks;  /* of the scan that is being written */
    uint32_t scan, site;             /* its number, from 1; the newest entry's site */
    size_t count;
};
void seep_age_writer_begin(struct seep_age_writer *writer);
/* Adds an entry. entry: borrowed; of a site higher than that of the one before.
 * Returns: 0; -ENOMEM, and the scan is lost. */
int seep_age_writer_add(struct seep_age_writer *writer, const struct seep_rec_age *entry);
/* Gives the scan: sets all but its times. It must become the array's next.
 * Returns: 0; -ENOMEM, scan untouched. */
int seep_age_writer_end(struct seep_age_writer *writer, struct seep_pool *pool,
                        struct seep_rec_ages *scan);
void seep_age_writer_fini(struct seep_age_writer *writer);

#endif
