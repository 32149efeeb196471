/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_FD_SAMPLE_H
#define SEEP_ANALYZER_COLLECT_FD_SAMPLE_H

#include <stdint.h>

#include "base/buf.h"
#include "collect/fd_list.h"
#include "collect/holding_read.h"
#include "collect/socket_names.h"

/* One open descriptor, from both sides. */
struct seep_fd_row {
    const struct seep_fd *seen; /* borrowed from the sample's list */
    uint32_t site;              /* 0 = none known */
    uint64_t acquired_ns;
    uint32_t flags;     /* SEEP_DESCRIPTOR_* */
    uint32_t other_end; /* of a pipe: 1 + the descriptor at its other end; 0 none */
    const struct seep_socket_name *socket; /* borrowed from the sample; NULL: none */
};

/* The shim's table of descriptors held against the kernel's. Working memory that is used
 * again for each look; all-zero is empty. */
struct seep_fd_sample {
    struct seep_fd_list list;
    struct seep_holdings before; /* the table before the kernel was asked */
    struct seep_fd_row *rows;    /* owned; one per entry of the list */
    uint32_t row_capacity;
    struct seep_socket_name *sockets; /* owned */
    uint32_t socket_count, socket_capacity;
    uint32_t recorded, inherited; /* of the rows */
    uint32_t gone;                /* in the shim's table, and not open */
};

void seep_fd_sample_fini(struct seep_fd_sample *sample);

/* Lists what is open and finds each descriptor's place in the shim's table.
 *
 * A descriptor that only one side knows is looked at a second time, by itself: the two
 * sides cannot be read at one instant, and what came or went between is no difference.
 *
 * proc_dir_fd: borrowed /proc/PID.
 * inherited:   what was open when the shim started; borrowed.
 * sample:      in/out; what it held before is replaced.
 * after:       out; the shim's table as read last, without what is gone.
 * Returns: 0; as seep_fd_list_read and seep_holdings_read.
 */
int seep_fd_sample_take(struct seep_fd_sample *sample, int proc_dir_fd,
                        const struct seep_segment *segment,
                        const struct seep_holding_bounds *bounds,
                        const struct seep_fd_list *inherited,
                        struct seep_holdings *after);

/* Appends the payload of a DESCRIPTORS frame. */
void seep_fd_sample_put(const struct seep_fd_sample *sample, uint64_t t_ns,
                        struct seep_buf *out);

#endif
