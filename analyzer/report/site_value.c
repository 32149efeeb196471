/* One number of a site.
 *
 * Per hour and not per second: profiles hold whole numbers, and a leak of a hundred bytes
 * a minute is a leak.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/site_value.h"

#include <string.h>

static const double SECONDS = 3600;

bool seep_site_value_is_of_bytes(enum seep_kind kind)
{
    return kind == SEEP_KIND_HEAP || kind == SEEP_KIND_MAPPING;
}

double seep_site_value(const struct seep_view_site *site, enum seep_site_value value)
{
    bool bytes = seep_site_value_is_of_bytes(site->kind);

    switch (value) {
    case SEEP_VALUE_LIVE:
        return (double)site->live;
    case SEEP_VALUE_LIVE_BYTES:
        return (double)site->live_bytes;
    case SEEP_VALUE_GROWTH:
        return SECONDS * (bytes ? site->growth_bytes_per_s : site->growth_per_s);
    case SEEP_VALUE_ALLOCATED:
        return (double)(bytes ? site->acquired_bytes : site->acquired);
    default:
        return (double)(bytes ? site->live_bytes : site->live);
    }
}

enum seep_site_value seep_site_value_from_name(const char *name)
{
    static const char *const names[] = {"", "live-bytes", "live", "growth", "allocated"};

    for (int i = SEEP_VALUE_LIVE_BYTES; i <= SEEP_VALUE_ALLOCATED; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum seep_site_value)i;
        }
    }
    return SEEP_VALUE_DEFAULT;
}
