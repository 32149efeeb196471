/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_THREADS_THREAD_WORDS_H
#define SEEP_ANALYZER_THREADS_THREAD_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "verdict/finding.h"

/* What a thread does, from its state in the shim's table (SEEP_THREAD_*) and the kernel's
 * letter (0 unknown). Returns: one of the words of struct seep_thread_group. */
const char *seep_thread_state_word(uint32_t table_state, char os_state);

/* The function of the C library that the program called, from the innermost frames:
 * "pthread_cond_wait" of __futex_abstimed_wait_common, ___pthread_cond_wait, worker.
 *
 * out: always terminated; "" when the stack does not begin in the C library.
 * Thread-safety: pure. */
void seep_thread_call_word(const struct seep_view_frame *frames, size_t count, char *out,
                           size_t out_bytes);

/* Orders names as strcmp does, where any number is as good as another: 0 for "worker-3"
 * and "worker-12". Thread-safety: pure. */
int seep_thread_name_order(const char *a, const char *b);

/* The names of n threads in few words: "worker-0 .. worker-33 (34), main".
 *
 * names: borrowed, any order; "" counts as "(no name)", unless none has one: then
 *        nothing is said.
 * out:   always terminated; cut with "..." after some kinds of names.
 * Returns: 0; -ENOMEM. */
int seep_thread_names_words(const char *const *names, size_t n, char *out,
                            size_t out_bytes);

#endif
