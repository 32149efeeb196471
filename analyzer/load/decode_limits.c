/* Limits that the program declared of its containers.
 *
 * In the file a bounded container is a subsystem of its own, which is how the shim tells
 * its sites from others. Whoever reads a report has one subsystem in mind, so when all is
 * read the sites go back to the first of that name and keep the limit as a property of
 * their own. Asking for the plain name at each place that adds up by subsystem was
 * rejected: there are a dozen, and each that forgets shows a name twice.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/decode_limits.h"

#include <string.h>

enum { LIMIT_MIN_BYTES = 3 };

/* The subsystem's row, made when new. Returns: NULL when memory is out. */
static struct seep_rec_limit *row_of(struct seep_decoder *d, uint32_t subsystem)
{
    struct seep_recording *rec = d->recording;

    for (size_t i = 1; i < rec->limit_count; i++) {
        if (rec->limits[i].subsystem == subsystem) {
            return &rec->limits[i];
        }
    }
    size_t row = rec->limit_count > 0 ? rec->limit_count : 1;

    if (!seep_decode_add_row(d, (void **)&rec->limits, &d->store->limits, row,
                             sizeof(*rec->limits))) {
        return NULL;
    }
    rec->limits[0] = (struct seep_rec_limit){.container = rec->subsystems[0]};
    rec->limits[row] = (struct seep_rec_limit){.subsystem = subsystem};
    rec->limit_count = row + 1;
    return &rec->limits[row];
}

void seep_decode_limits(struct seep_decoder *d)
{
    size_t count = seep_decode_count(d, LIMIT_MIN_BYTES);

    for (size_t i = 0; i < count && !seep_decode_failed(d); i++) {
        uint32_t subsystem = seep_decode_u32(d);
        uint64_t most = seep_decode_u(d);
        char *container = seep_decode_string(d, &d->store->pool);

        if (seep_decode_failed(d)) {
            return;
        }
        if (subsystem == 0 || subsystem >= d->recording->subsystem_count) {
            seep_decode_wrong(d, "a limit of an unknown subsystem");
            return;
        }
        if (most == 0) {
            seep_decode_wrong(d, "a limit of 0");
            return;
        }
        struct seep_rec_limit *limit = row_of(d, subsystem);

        if (limit == NULL) {
            return;
        }
        /* A limit that has fallen since says nothing of what was held before. */
        limit->most = most > limit->most ? most : limit->most;
        limit->container = container;
    }
}

/* The first subsystem of the same name that has no limit; for "" that is 0. Where the
 * file has none, the bounded one stands for itself. */
static uint32_t plain_of(const struct seep_recording *recording, uint32_t subsystem)
{
    for (uint32_t id = 0; id < recording->subsystem_count; id++) {
        bool bounded = false;

        for (size_t i = 1; i < recording->limit_count; i++) {
            bounded |= recording->limits[i].subsystem == id;
        }
        if (!bounded &&
            strcmp(recording->subsystems[id], recording->subsystems[subsystem]) == 0) {
            return id;
        }
    }
    return subsystem;
}

void seep_limits_settle(struct seep_recording *recording)
{
    for (uint32_t row = 1; row < recording->limit_count; row++) {
        uint32_t from = recording->limits[row].subsystem;
        uint32_t plain = plain_of(recording, from);

        for (size_t i = 0; i < recording->site_count; i++) {
            struct seep_rec_site *site = &recording->sites[i];

            if (site->subsystem == from && site->limit == 0) {
                site->subsystem = plain;
                site->limit = row;
            }
        }
        for (size_t i = 0; i < recording->thread_count; i++) {
            if (recording->threads[i].subsystem == from) {
                recording->threads[i].subsystem = plain;
            }
        }
    }
}
