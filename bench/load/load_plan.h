/* What the load does, in which order: three endless sequences that depend on the seed
 * alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_PLAN_H
#define LOAD_PLAN_H

#include "load_profile.h"

#include <stdint.h>

#define LOAD_TOPICS            32 /* names that all clients share */
#define LOAD_TOPICS_PER_CLIENT 4  /* of them, at any time, beside one name of its own */

/* Generator of one sequence. */
struct load_random {
    uint64_t state;
};

enum load_operation_kind {
    LOAD_PING = 1,     /* and wait for the pong */
    LOAD_SWAP = 2,     /* one shared topic for another */
    LOAD_RENAME = 3,   /* its own topic for a new name that nobody had before */
    LOAD_GOOD_BYE = 4, /* close frame, then back again */
    LOAD_NOISE = 5,    /* a document that the backend must refuse */
};

struct load_operation {
    enum load_operation_kind kind;
    uint32_t client;
    uint32_t slot;  /* which of its shared topics, 0..LOAD_TOPICS_PER_CLIENT-1 */
    uint32_t topic; /* the new one, 0..LOAD_TOPICS-1 */
    uint32_t name;  /* number of the new name */
};

enum load_churn_kind {
    LOAD_RESET = 1,     /* RST */
    LOAD_VANISH = 2,    /* FIN without a close frame */
    LOAD_CUT = 3,       /* RST in the middle of a frame */
    LOAD_HALF_OPEN = 4, /* reads nothing for a while, then RST */
};

struct load_churn {
    enum load_churn_kind kind;
    uint32_t client;
    uint32_t back_after_ms; /* 100..600 */
};

struct load_plan {
    const struct load_profile *profile;
    struct load_random operations, churn, calls;
    uint32_t clients; /* from 1 for operations and churn */
    uint32_t names;   /* handed out so far */
    uint32_t lives;   /* entities that were made to be removed again */
};

/* profile: borrowed while the plan is used. */
void load_plan_init(struct load_plan *plan, const struct load_profile *profile,
                    uint64_t seed, uint32_t clients);

struct load_operation load_plan_operation(struct load_plan *plan);
struct load_churn load_plan_churn(struct load_plan *plan);
/* The next REST call; *number is that of its object: 0..LOAD_OBJECTS-1, or, of a life
 * from beginning to end, one that no other has. */
enum load_call load_plan_call(struct load_plan *plan, uint32_t *number);

/* A generator apart from the plan's, for what does not belong to the sequence. */
struct load_random load_random_make(uint64_t seed, uint64_t stream);
/* Uniform in 0..bound-1; bound from 1. */
uint32_t load_random_below(struct load_random *random, uint32_t bound);

const char *load_operation_name(enum load_operation_kind kind);
const char *load_churn_name(enum load_churn_kind kind);

#endif
