/* A token bucket, kept as the instant at which it would be full (the generic cell rate
 * algorithm): one number per client, and no clock that ticks. A request moves that
 * instant by the time that one token takes to come; it may not lie further ahead than a
 * whole bucket takes.
 *
 * When the table is full, newcomers share one bucket: an attacker who fills it with
 * addresses gains one client's worth of requests and not one for each address. Evicting
 * the oldest would give him a full bucket for every address he comes back with.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/rate_limit.h"

#include "server/base/clock.h"

#define SWEEP_EVERY_NS (100 * PMA_MS_NS) /* at most, when the table is full */

void pma_rate_limit_init(struct pma_rate_limit *limit,
                         const struct pma_rate_limit_config *config)
{
    *limit = (struct pma_rate_limit){.config = *config};
    pma_address_table_init(&limit->buckets, config->max_clients);
}

void pma_rate_limit_fini(struct pma_rate_limit *limit)
{
    pma_address_table_fini(&limit->buckets);
}

static struct pma_address_entry *
bucket_of(struct pma_rate_limit *limit, const struct pma_address *client, uint64_t now_ns)
{
    const struct pma_address subscriber = pma_address_subscriber(client);
    struct pma_address_entry *bucket =
        pma_address_table_find(&limit->buckets, &subscriber);
    if (bucket != NULL) {
        return bucket;
    }
    if (limit->buckets.count == limit->config.max_clients &&
        now_ns - limit->swept_at_ns >= SWEEP_EVERY_NS) {
        pma_rate_limit_sweep(limit, now_ns);
    }
    bucket = pma_address_table_add(&limit->buckets, &subscriber);
    if (bucket == NULL) {
        limit->overflowed++;
        return &limit->overflow;
    }
    return bucket;
}

uint64_t pma_rate_limit_take(struct pma_rate_limit *limit,
                             const struct pma_address *client, uint64_t now_ns)
{
    const uint64_t token_ns = 60 * PMA_S_NS / limit->config.requests_per_minute;
    const uint64_t bucket_ns = token_ns * limit->config.burst_size;
    struct pma_address_entry *bucket = bucket_of(limit, client, now_ns);
    const uint64_t full_at_ns = bucket->at_ns > now_ns ? bucket->at_ns : now_ns;
    const uint64_t ahead_ns = full_at_ns + token_ns - now_ns;
    if (ahead_ns > bucket_ns) {
        limit->refused++;
        return ahead_ns - bucket_ns;
    }
    bucket->at_ns = full_at_ns + token_ns;
    return 0;
}

void pma_rate_limit_sweep(struct pma_rate_limit *limit, uint64_t now_ns)
{
    limit->swept_at_ns = now_ns;
    for (uint32_t at = limit->buckets.count; at > 0; at--) {
        if (limit->buckets.entries[at - 1].at_ns <= now_ns) {
            pma_address_table_remove(&limit->buckets, at - 1);
        }
    }
    pma_address_table_trim(&limit->buckets);
}
