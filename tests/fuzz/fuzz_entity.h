/* The target that libFuzzer and mutate_entity.c call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FUZZ_ENTITY_H
#define FUZZ_ENTITY_H

#include <stddef.h>
#include <stdint.h>

/* Inputs that were entities: none would mean that nothing was tried. */
extern uint64_t pma_fuzz_decoded;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
