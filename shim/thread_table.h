/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_THREAD_TABLE_H
#define SEEP_SHIM_THREAD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "guard.h"

/* The thread table: one slot per thread from its creation until it is joined, or detached
 * and ended.
 *
 * T1: a thread of a wrapped creation is counted as acquired exactly once, by whoever
 * registers it first: its creator or itself; and released exactly once, by whoever
 * completes "joined" or "detached and ended". T2: its live entry lies at its pthread_t
 * and holds its slot.
 */

/* Empties the table for a fresh segment. Attach state only. */
void seep_thread_table_reset(void);

/* A slot for the calling thread, which no wrapper created. Returns: 0 when the table is
 * full (counted). */
uint32_t seep_thread_table_take_foreign(void);

/* A slot for a thread about to be created.
 *
 * site:        where; 0 = unknown.
 * start:       address of its start routine.
 * Returns: the slot; 0 when the table is full (counted).
 */
uint32_t seep_thread_table_take(struct seep_self *self, uint32_t site, uintptr_t start,
                                uint64_t stack_bytes, bool detached);

/* Which life of the slot this is: to be given to register by the creator. */
uint64_t seep_thread_table_ticket(uint32_t slot);

/* Makes the slot's thread known by its pthread_t and counts it (T1). ticket: of the
 * slot's present life. When it returns the thread can be found, whoever of the two did
 * the work: the slower waits for the faster, for a bounded time. */
void seep_thread_table_register(struct seep_self *self, uint32_t slot, uint64_t ticket,
                                uintptr_t pthread);

/* The creation failed: the slot is free again. */
void seep_thread_table_drop(uint32_t slot);

/* The thread itself: it runs / it ends (own slot; first destructor round) / it writes no
 * counter any more. */
void seep_thread_table_start(uint32_t slot);
/* ... it is registered and about to run / about to end that way (SEEP_THREAD_RETURNED,
 * SEEP_THREAD_LEFT; 0 slots are ignored). */
void seep_thread_table_run(uint32_t slot);
void seep_thread_table_ending(uint32_t slot, uint32_t way);
void seep_thread_table_end(uint32_t slot);
void seep_thread_table_leave(struct seep_self *self);
void seep_thread_table_release_shard(uint32_t shard);

/* The kernel does not know the thread any more that the slot had in this generation, and
 * that has not said that it ended: ends it. Harmless when it has, and when the slot is
 * another thread's by now. Any other thread. */
void seep_thread_table_bury(struct seep_self *self, uint32_t slot, uint32_t generation);

/* The live entry of a thread, to be given to the two below; 0 when it is not ours. */
uint64_t seep_thread_table_find(uintptr_t pthread);
/* It was joined / detached: releases it now or when it ends. */
void seep_thread_table_joined(struct seep_self *self, uint64_t entry);
void seep_thread_table_detached(struct seep_self *self, uint64_t entry);
void seep_thread_table_name(struct seep_self *self, uintptr_t pthread, const char *name);

/* Own shards used so far: higher ones hold nothing. */
uint32_t seep_thread_table_shards_used(void);
uint32_t seep_thread_table_shard(uint32_t slot);
/* 0 unknown. */
uint64_t seep_thread_table_stack_bytes(uint32_t slot);
uint32_t seep_thread_table_subsystem(uint32_t slot);

#endif
