/* The fuzz target of replies of metrics servers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_FUZZ_QUERY_H
#define SEEP_FUZZ_QUERY_H

#include <stddef.h>
#include <stdint.h>

/* Replies that were taken. */
extern uint64_t seep_fuzz_query_taken;

/* Any bytes; aborts on a broken promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
