/* Counters of all threads, added up by the reader so that the writers never meet.
 *
 * A shard's owner writes with plain 8-byte stores; a read may see `released` newer than
 * `acquired` of the same site. Each field by itself never falls, and at rest the sums are
 * exact (S3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/counters_sum.h"
#include "seep/segment_layout.h"

#include <string.h>

static void add_piece(struct seep_counters *sums, const struct seep_counters *piece,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sums[i].acquired += piece[i].acquired;
        sums[i].released += piece[i].released;
        sums[i].acquired_bytes += piece[i].acquired_bytes;
        sums[i].released_bytes += piece[i].released_bytes;
    }
}

int seep_counters_sum(const struct seep_segment *segment, uint32_t site_count,
                      struct seep_counters *sums, void *scratch, size_t scratch_bytes)
{
    const uint64_t used_bytes = (uint64_t)site_count * sizeof(*sums);
    /* No more of a shard than is asked for: the rest of its pages would be copied, too.
     */
    const size_t piece_bytes =
        used_bytes < scratch_bytes ? (size_t)used_bytes : scratch_bytes;
    uint64_t from = SEEP_AT_SHARDS;

    if (site_count == 0) {
        return 0;
    }
    memset(sums, 0, (size_t)used_bytes);
    while (from < SEEP_AT_TOP) {
        uint64_t at = 0;
        int64_t bytes =
            seep_segment_read_data(segment, from, SEEP_AT_TOP, scratch, piece_bytes, &at);

        if (bytes <= 0) {
            return (int)bytes;
        }
        uint64_t shard_at = at - (at - SEEP_AT_SHARDS) % SEEP_SHARD_BYTES;
        uint64_t end = shard_at + used_bytes;

        if (at >= end) {
            from = shard_at + SEEP_SHARD_BYTES;
            continue;
        }
        if (at + (uint64_t)bytes > end) {
            bytes = (int64_t)(end - at);
        }
        add_piece(sums + (at - shard_at) / sizeof(*sums), scratch,
                  (size_t)bytes / sizeof(*sums));
        from = at + (uint64_t)bytes;
        if (from >= end) {
            from = shard_at + SEEP_SHARD_BYTES;
        }
    }
    return 0;
}
