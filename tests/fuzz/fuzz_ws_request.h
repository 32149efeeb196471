/* The fuzz target of what WebSocket clients send, and its counts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FUZZ_WS_REQUEST_H
#define FUZZ_WS_REQUEST_H

#include <stddef.h>
#include <stdint.h>

/* Answers to the inputs so far, that were no errors: zero means that all was noise. */
extern uint64_t pma_fuzz_accepted;

/* One document. Aborts with the promise that is broken. Returns: 0. Thread-safety: none.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Gives back the hub of the target. */
void pma_fuzz_fini(void);

#endif
