/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SCRATCH_H
#define SEEP_ANALYZER_COLLECT_SCRATCH_H

#include <stdint.h>

#include "base/buf.h"
#include "collect/fd_sample.h"
#include "collect/frame.h"
#include "collect/holding_read.h"
#include "collect/live_scan.h"

/* Working memory that all sessions of a collector share. All-zero is valid; owner thread.
 */
struct seep_scratch {
    struct seep_frame_coder coder;
    struct seep_buf payload;
    struct seep_buf body;       /* what of a payload is compared before it is written */
    void *piece;                /* SEEP_SCRATCH_PIECE_BYTES */
    struct seep_counters *sums; /* capacity entries */
    struct seep_age *ages;      /* capacity entries */
    uint32_t capacity;
    struct seep_holdings holdings; /* of one table at a time */
    struct seep_fd_sample fds;
};
enum { SEEP_SCRATCH_PIECE_BYTES = 1 << 18 };

/* Returns: 0; -ENOMEM. */
int seep_scratch_init(struct seep_scratch *scratch);
void seep_scratch_fini(struct seep_scratch *scratch);

/* Makes room for `sites` sums and ages. Returns: 0; -ENOMEM. */
int seep_scratch_reserve(struct seep_scratch *scratch, uint32_t sites);

/* The capacity, doubling from 1,024, that holds `need` entries. */
uint32_t seep_scratch_capacity(uint32_t capacity, uint32_t need);

#endif
