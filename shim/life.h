/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_LIFE_H
#define SEEP_SHIM_LIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct seep_self;

/* Starts recording in a process that does not yet: the first one, or a forked child.
 *
 * Returns: whether the process records now. When not, either it is off for good, or it is
 * too early and a later event will try again. Thread-safety: any thread;
 * async-signal-safe; one caller does the work, the others get false meanwhile.
 */
bool seep_life_attach(void);

/* Counts an event that came before recording had started. */
void seep_life_lose_early(void);

/* Upper end of the main thread's stack; 0 until known. */
uintptr_t seep_life_main_stack_end(void);
bool seep_life_is_main_thread(void);

/* Around the closing of a library, which may unmap code: between the two nothing about
 * code is cached. May nest, and overlap in several threads. */
void seep_life_unload_begin(void);
void seep_life_unload_end(void);
bool seep_life_unloading(void);

/* The host is about to limit its own address space: when the segment would take too much
 * of it, recording ends here and its address space is given back. Keeps errno. */
void seep_life_limit_address_space(uint64_t limit_bytes);

/* The process is about to end: how (SEEP_EXIT_WAY_*), and with what. async-signal-safe.
 */
void seep_life_note_exit(uint32_t way, int status);

/* Asks for a call at the end of the calling thread. */
void seep_life_watch_thread_end(struct seep_self *self);

#endif
