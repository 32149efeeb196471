/* States of the breaker.
 *
 * "Half-open" is not stored: it is open with its time over, so no timer has to change a
 * state and no state can be missed. The first implementation let every request through
 * when half-open, which throws the whole load at a provider that is just coming back;
 * here `probing` holds the one place.
 *
 * I1: probing implies open.
 * I2: failures <= threshold.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/circuit_breaker.h"

void pma_breaker_init(struct pma_breaker *breaker, uint32_t threshold, uint64_t open_ns)
{
    *breaker = (struct pma_breaker){.threshold = threshold, .open_ns = open_ns};
}

bool pma_breaker_admit(struct pma_breaker *breaker, uint64_t now_ns, bool *probe,
                       uint64_t *retry_after_ns)
{
    *probe = false;
    *retry_after_ns = 0;
    if (!breaker->open) {
        return true;
    }
    const uint64_t open_until_ns = breaker->since_ns + breaker->open_ns;
    if (now_ns < open_until_ns) {
        *retry_after_ns = open_until_ns - now_ns;
        return false;
    }
    if (breaker->probing) {
        return false;
    }
    breaker->probing = true;
    *probe = true;
    return true;
}

void pma_breaker_succeed(struct pma_breaker *breaker, bool probe)
{
    if (probe) {
        breaker->open = false;
        breaker->probing = false;
    }
    if (!breaker->open) {
        breaker->failures = 0;
    }
}

static void trip(struct pma_breaker *breaker, uint64_t now_ns)
{
    breaker->open = true;
    breaker->probing = false;
    breaker->since_ns = now_ns;
    breaker->openings++;
}

void pma_breaker_fail(struct pma_breaker *breaker, uint64_t now_ns, bool probe)
{
    breaker->last_change_ns = now_ns;
    if (breaker->failures < breaker->threshold) {
        breaker->failures++;
    }
    if (probe || (!breaker->open && breaker->failures >= breaker->threshold)) {
        trip(breaker, now_ns);
    }
}

void pma_breaker_give_back(struct pma_breaker *breaker, bool probe)
{
    if (probe) {
        breaker->probing = false;
    }
}

bool pma_breaker_sweep(struct pma_breaker *breaker, uint64_t now_ns, uint64_t age_ns)
{
    if (breaker->open || breaker->failures == 0 ||
        now_ns - breaker->last_change_ns < age_ns) {
        return false;
    }
    breaker->failures = 0;
    return true;
}

enum pma_circuit pma_breaker_state(const struct pma_breaker *breaker, uint64_t now_ns)
{
    if (!breaker->open) {
        return PMA_CIRCUIT_CLOSED;
    }
    return now_ns < breaker->since_ns + breaker->open_ns ? PMA_CIRCUIT_OPEN
                                                         : PMA_CIRCUIT_HALF_OPEN;
}
