/* The fuzz target of what a tool server may say: lines, messages, the protocol.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FUZZ_MCP_SESSION_H
#define PMA_FUZZ_MCP_SESSION_H

#include <stddef.h>
#include <stdint.h>

/* Messages that were understood, lines that were not, sessions that got ready, calls that
 * were answered, and all inputs. */
extern uint64_t pma_fuzz_understood, pma_fuzz_malformed, pma_fuzz_ready,
    pma_fuzz_answered, pma_fuzz_inputs;

/* The first byte chooses how the rest is cut into pieces. Aborts on a broken promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
