/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_PAGE_MAP_H
#define SEEP_ANALYZER_ATTACH_PAGE_MAP_H

#include <stdint.h>

#include "base/span.h"

/* Calls `visit` with the address of each page of a process between two addresses that is
 * in memory or swapped out, ascending, until it returns something else than 0.
 *
 * fd:   borrowed; /proc/PID/pagemap.
 * span: its pages are those that it touches.
 * Returns: 0; what visit returned; -errno of pread; -ESRCH: the process is gone.
 * Source: Documentation/admin-guide/mm/pagemap.rst (bits 62, 63).
 */
int seep_page_map_walk(int fd, struct seep_span span,
                       int (*visit)(void *arg, uint64_t page), void *arg);

#endif
