/* Errors of estimates from sampled blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/sampling_error.h"

#include <math.h>

#include "seep/sampling.h"

static const double Z_95 = 1.959964;

bool seep_sampling_is_on(const struct seep_recording *recording)
{
    return recording->program.mode == SEEP_MODE_SAMPLED;
}

struct seep_sampling_spread
seep_sampling_spread_of(const struct seep_recording *recording, uint32_t site)
{
    const struct seep_rec_site *from = &recording->sites[site];
    struct seep_sampling_spread spread = {0};
    double mean_bytes =
        (double)(recording->sample_bytes != 0 ? recording->sample_bytes
                                              : SEEP_SAMPLE_DEFAULT_BYTES);

    if (!seep_sampling_is_on(recording) || from->kind != SEEP_KIND_HEAP) {
        return spread;
    }
    if (from->samples != 0) {
        spread.live = (double)from->live_spread / SEEP_SPREAD_PARTS;
        spread.bytes = (double)from->bytes_spread;
        return spread;
    }
    spread.bytes = mean_bytes;
    if (from->points.count > 0) {
        const struct seep_counters *last = &from->points.last;
        double size = last->acquired > 0
                          ? (double)last->acquired_bytes / (double)last->acquired
                          : 0;

        spread.live = 1 / expm1((size + 1) / mean_bytes);
    }
    return spread;
}

double seep_sampling_error(double variance, double least_spread)
{
    double half = Z_95 * least_spread / 2;

    return Z_95 * (half + sqrt(variance + half * half));
}
