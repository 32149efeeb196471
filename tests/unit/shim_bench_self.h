/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_UNIT_SHIM_BENCH_SELF_H
#define SEEP_TESTS_UNIT_SHIM_BENCH_SELF_H

#include "guard.h"

/* A process and threads for tests of the shim's modules without its wrappers: a segment
 * of this process and a self per calling thread, made by hand. Ends the test program when
 * the segment cannot be made. */
void shim_bench_start(void);
struct seep_self *shim_bench_self(uint32_t shard);

/* As if a library had been closed. */
void shim_bench_unload(void);

#endif
