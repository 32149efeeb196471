/* Working memory: grown as the largest session needs it, never given back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/scratch.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 1024 };

int seep_scratch_init(struct seep_scratch *scratch)
{
    *scratch = (struct seep_scratch){0};
    scratch->piece = malloc(SEEP_SCRATCH_PIECE_BYTES);
    if (scratch->piece == NULL || seep_frame_coder_init(&scratch->coder) < 0) {
        free(scratch->piece);
        scratch->piece = NULL;
        return -ENOMEM;
    }
    return 0;
}

void seep_scratch_fini(struct seep_scratch *scratch)
{
    if (scratch->piece != NULL) {
        seep_frame_coder_fini(&scratch->coder);
    }
    seep_buf_fini(&scratch->payload);
    seep_buf_fini(&scratch->body);
    seep_holdings_fini(&scratch->holdings);
    seep_fd_sample_fini(&scratch->fds);
    free(scratch->piece);
    free(scratch->sums);
    free(scratch->ages);
    *scratch = (struct seep_scratch){0};
}

uint32_t seep_scratch_capacity(uint32_t capacity, uint32_t need)
{
    uint32_t next = capacity > 0 ? capacity : FIRST_CAPACITY;

    while (next < need) {
        next *= 2;
    }
    return next;
}

int seep_scratch_reserve(struct seep_scratch *scratch, uint32_t sites)
{
    uint32_t capacity = seep_scratch_capacity(scratch->capacity, sites);

    if (sites <= scratch->capacity) {
        return 0;
    }
    struct seep_counters *sums = reallocarray(scratch->sums, capacity, sizeof(*sums));

    scratch->sums = sums != NULL ? sums : scratch->sums;

    struct seep_age *ages = reallocarray(scratch->ages, capacity, sizeof(*ages));

    scratch->ages = ages != NULL ? ages : scratch->ages;
    if (sums == NULL || ages == NULL) {
        return -ENOMEM;
    }
    scratch->capacity = capacity;
    return 0;
}
