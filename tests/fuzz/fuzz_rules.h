/* The fuzz target of rule files: suppressions and subsystem rules.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_FUZZ_RULES_H
#define SEEP_FUZZ_RULES_H

#include <stddef.h>
#include <stdint.h>

/* Inputs that a parser took, and all inputs. */
extern uint64_t seep_fuzz_taken, seep_fuzz_inputs;

/* The first byte chooses the parser. Aborts on a broken promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
