/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_SPAN_H
#define SEEP_ANALYZER_BASE_SPAN_H

#include <stdint.h>

/* [start, end) of some address space. */
struct seep_span {
    uint64_t start, end; /* start <= end */
};

#endif
