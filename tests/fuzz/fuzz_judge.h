/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_FUZZ_JUDGE_H
#define SEEP_TESTS_FUZZ_JUDGE_H

#include <stdint.h>

#include "load/recording.h"

/* Judges a recording as `seep report` does, with a profile, shows it in one of the
 * formats, and compares it with itself as `seep diff` does; aborts on whatever breaks a
 * promise of verdict/verdict.h, report/renderer.h or diff/diff.h.
 *
 * choice: picks format and options, so that an input can be tried again.
 */
void seep_fuzz_judge(const struct seep_recording *recording, uint64_t choice);

/* Findings so far, for the mutator's own check: none would mean that nothing was tried.
 */
extern uint64_t seep_fuzz_findings;

#endif
