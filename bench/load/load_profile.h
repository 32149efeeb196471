/* Kinds of load with a name: how much of what.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_PROFILE_H
#define LOAD_PROFILE_H

#include "load_script.h"

/* A kind of step and its share in percent; the shares of a list add up to 100. */
struct load_share {
    int kind;
    uint32_t percent;
};

struct load_profile {
    const char *name, *what;
    uint32_t clients, slow_clients, burst_calls;
    double operations_per_s, churn_per_s, rest_per_s, changes_per_s;
    bool has_objects;                /* its calls need the entities load_0, load_1 ... */
    const struct load_share *shares; /* of enum load_call */
};

/* Returns: NULL when there is none of that name. */
const struct load_profile *load_profile_find(const char *name);

/* All of them, the default first. */
const struct load_profile *load_profiles(size_t *count);

#endif
