/* All sites of a recording with their stacks: what profiles and flame graphs are made of.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_VERDICT_PROFILE_SITES_H
#define SEEP_ANALYZER_VERDICT_PROFILE_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "seep/kinds.h"
#include "verdict/finding.h"

/* Code at one address: what is inlined there, innermost first, then the function itself.
 * Shared by all stacks that pass it. */
struct seep_view_place {
    const struct seep_view_frame *frames;
    size_t frame_count; /* >= 1 but for places[0] */
};

/* A frame of stacks: place and caller. Stacks with the same callers share them. */
struct seep_view_node {
    uint32_t place;  /* index into places */
    uint32_t caller; /* index into nodes, lower than this one's; 0: the stack ends */
};

struct seep_view_site {
    enum seep_kind kind;
    const char *subsystem;                       /* "" none */
    uint32_t node;                               /* innermost frame; 0: no stack */
    uint64_t live, live_bytes;                   /* at the end of what was judged */
    uint64_t acquired, acquired_bytes, released; /* up to then */
    /* Least squares over what was judged, so that sites may be added up; 0 when that is
     * too short. */
    double growth_per_s, growth_bytes_per_s;
};

/* Empty unless seep_verdict_options.profile asked for it. */
struct seep_view_profile {
    struct seep_view_place *places; /* [0]: none */
    size_t place_count;
    struct seep_view_node *nodes; /* [0]: none */
    size_t node_count;
    struct seep_view_site *sites; /* in the recording's order */
    size_t site_count;
};

#endif
