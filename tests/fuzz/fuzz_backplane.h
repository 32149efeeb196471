/* The target that libFuzzer and mutate_backplane.c call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FUZZ_BACKPLANE_H
#define FUZZ_BACKPLANE_H

#include <stddef.h>
#include <stdint.h>

/* Inputs that were messages: none would mean that nothing was tried. */
extern uint64_t pma_fuzz_decoded;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
