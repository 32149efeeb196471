/* The sequences.
 *
 * Each kind of work draws from a generator of its own, and draws the same number of
 * values for every step whatever comes of it: how fast the backend answers changes
 * nothing in the sequence. (One common generator would tie the order of REST calls to the
 * rate of WebSocket operations.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_plan.h"

static const struct load_share operation_shares[] = {{LOAD_PING, 55},
                                                     {LOAD_SWAP, 30},
                                                     {LOAD_RENAME, 10},
                                                     {LOAD_GOOD_BYE, 3},
                                                     {LOAD_NOISE, 2}};
static const struct load_share churn_shares[] = {
    {LOAD_RESET, 40}, {LOAD_VANISH, 30}, {LOAD_CUT, 10}, {LOAD_HALF_OPEN, 20}};

/* SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014. */
static uint64_t draw(struct load_random *random)
{
    uint64_t value = random->state += 0x9e3779b97f4a7c15U;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    return value ^ value >> 31;
}

uint32_t load_random_below(struct load_random *random, uint32_t bound)
{
    return (uint32_t)((draw(random) >> 32) * bound >> 32);
}

struct load_random load_random_make(uint64_t seed, uint64_t stream)
{
    struct load_random random = {.state = seed};

    random.state = draw(&random) + stream * 0xd1342543de82ef95U;
    return random;
}

/* Draws a kind; the shares add up to 100. */
static int draw_kind(struct load_random *random, const struct load_share *shares)
{
    uint32_t at = load_random_below(random, 100);

    while (at >= shares->percent) {
        at -= shares->percent;
        shares++;
    }
    return shares->kind;
}

void load_plan_init(struct load_plan *plan, const struct load_profile *profile,
                    uint64_t seed, uint32_t clients)
{
    *plan = (struct load_plan){.profile = profile,
                               .operations = load_random_make(seed, 1),
                               .churn = load_random_make(seed, 2),
                               .calls = load_random_make(seed, 3),
                               .clients = clients};
}

struct load_operation load_plan_operation(struct load_plan *plan)
{
    struct load_random *random = &plan->operations;
    struct load_operation operation;

    operation.kind = (enum load_operation_kind)draw_kind(random, operation_shares);
    operation.client = load_random_below(random, plan->clients);
    operation.slot = load_random_below(random, LOAD_TOPICS_PER_CLIENT);
    operation.topic = load_random_below(random, LOAD_TOPICS);
    operation.name = ++plan->names;
    return operation;
}

struct load_churn load_plan_churn(struct load_plan *plan)
{
    struct load_churn churn;

    churn.kind = (enum load_churn_kind)draw_kind(&plan->churn, churn_shares);
    churn.client = load_random_below(&plan->churn, plan->clients);
    churn.back_after_ms = 100 + load_random_below(&plan->churn, 501);
    return churn;
}

enum load_call load_plan_call(struct load_plan *plan, uint32_t *number)
{
    const int kind = draw_kind(&plan->calls, plan->profile->shares);

    /* Those below LOAD_CHANGED belong to the changes that carry their time. */
    *number = LOAD_CHANGED + load_random_below(&plan->calls, LOAD_OBJECTS - LOAD_CHANGED);
    if (kind == LOAD_CALL_ENTITY_LIFE) {
        *number = LOAD_OBJECTS + plan->lives++;
    }
    return (enum load_call)kind;
}

const char *load_operation_name(enum load_operation_kind kind)
{
    static const char *const names[] = {[LOAD_PING] = "ping",
                                        [LOAD_SWAP] = "swap",
                                        [LOAD_RENAME] = "rename",
                                        [LOAD_GOOD_BYE] = "good-bye",
                                        [LOAD_NOISE] = "noise"};

    return names[kind];
}

const char *load_churn_name(enum load_churn_kind kind)
{
    static const char *const names[] = {[LOAD_RESET] = "reset",
                                        [LOAD_VANISH] = "vanish",
                                        [LOAD_CUT] = "cut",
                                        [LOAD_HALF_OPEN] = "half-open"};

    return names[kind];
}
