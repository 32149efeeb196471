/* The fuzz target of what providers answer, what a script may hold and what clients send
 * to a chat.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FUZZ_AI_ANSWER_H
#define PMA_FUZZ_AI_ANSWER_H

#include <stddef.h>
#include <stdint.h>

/* Answers that were read, those with tool calls, those refused; scripts and bodies that
 * were taken; all inputs. */
extern uint64_t pma_fuzz_read, pma_fuzz_with_calls, pma_fuzz_refused, pma_fuzz_scripts,
    pma_fuzz_bodies, pma_fuzz_inputs;

/* The data is a text, JSON or not. Aborts on a broken promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
