/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_UNIT_TRUTH_H
#define SEEP_TESTS_UNIT_TRUTH_H

#include <stdint.h>

struct seep_self;

/* Sanitized, everything takes some ten times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TRUTH_SANITIZED = 1, TRUTH_SHARE = 12 };
#else
enum { TRUTH_SANITIZED = 0, TRUTH_SHARE = 1 };
#endif

/* What a stack's site must be, found without anything remembered. */

/* The leaf node of the stack, walked whole and looked up in the shared tree. */
uint32_t truth_leaf_node(const struct seep_self *self, uintptr_t sp, uintptr_t fp);

/* Fails the test unless the stack walked from the calling function's caller is
 * libunwind's, frame by frame. sp, fp: as the calling function was entered with. */
void truth_check_walk(const struct seep_self *self, uintptr_t sp, uintptr_t fp);

/* A seed for the test program's random numbers: SEEP_TEST_SEED, else of the clock.
 * Printed, so that a failure can be had again. */
uint64_t truth_seed(void);

#endif
