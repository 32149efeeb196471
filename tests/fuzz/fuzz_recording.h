/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_FUZZ_RECORDING_H
#define SEEP_TESTS_FUZZ_RECORDING_H

#include <stddef.h>
#include <stdint.h>

/* Reads bytes as a recording and asks it everything; aborts on whatever breaks a promise
 * of load/recording.h. The name is libFuzzer's. Returns: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inputs so far that opened as recordings, for the mutator's own check. */
extern uint64_t seep_fuzz_opened;

#endif
