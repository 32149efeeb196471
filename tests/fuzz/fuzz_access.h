/* The fuzz target of what clients say about themselves: addresses, networks, forwarded
 * headers, bearer tokens, JWTs, queries.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FUZZ_ACCESS_H
#define PMA_FUZZ_ACCESS_H

#include <stddef.h>
#include <stdint.h>

/* Inputs that a parser took, and all inputs. */
extern uint64_t pma_fuzz_taken, pma_fuzz_inputs;

/* The first byte chooses the parser. Aborts on a broken promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
