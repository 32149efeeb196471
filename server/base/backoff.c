/* Doubling without overflow, jitter in integers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/backoff.h"

uint64_t pma_backoff_ns(uint64_t first_ns, uint64_t most_ns, uint32_t attempt,
                        uint32_t random)
{
    uint64_t whole_ns = first_ns;
    for (uint32_t i = 0; i < attempt && whole_ns < most_ns; i++) {
        whole_ns = whole_ns > most_ns / 2 ? most_ns : whole_ns * 2;
    }
    if (whole_ns > most_ns) {
        whole_ns = most_ns;
    }
    const uint64_t half_ns = whole_ns / 2;
    /* 2^32 parts of what is left; a half of up to 2^32 ns times 2^32 would just fit, so a
     * longer one is divided first. */
    const uint64_t rest_ns = whole_ns - half_ns;
    const uint64_t jitter_ns =
        rest_ns <= UINT32_MAX ? rest_ns * random >> 32 : (rest_ns >> 32) * random;
    return half_ns + jitter_ns;
}
