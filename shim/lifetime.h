/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_LIFETIME_H
#define SEEP_SHIM_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

/* How many threads of each creation site were made, ended and taken back, and how long
 * they lived (struct seep_lifetime). Threads that begin and end between two looks of the
 * collector are known from here alone.
 *
 * `entry` is what seep_lifetime_of gave; 0 is ignored. Thread-safety: any thread;
 * async-signal-safe; no lock. Allocates: no.
 */

/* The entry of a thread site, claimed when new. Returns: its number plus 1; 0 when there
 * is no room near it (counted), or for site 0. */
uint32_t seep_lifetime_of(uint32_t site);

void seep_lifetime_created(uint32_t entry, bool detached);
void seep_lifetime_started(uint32_t entry);
void seep_lifetime_joined(uint32_t entry);
void seep_lifetime_detached(uint32_t entry);
/* state: of the thread (SEEP_THREAD_*): tells how it ended; without ENDED it went past
 * the C library. lived_ns: from its start to its end. */
void seep_lifetime_ended(uint32_t entry, uint32_t state, uint64_t lived_ns,
                         uint64_t cpu_ns);

#endif
