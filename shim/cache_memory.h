/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_CACHE_MEMORY_H
#define SEEP_SHIM_CACHE_MEMORY_H

#include <stdint.h>

/* Memory for the caches of threads, which grow as far as one budget for the whole process
 * goes: a thousand threads must not take a thousand times what one may. */

/* A cache of old_bytes (mapped here, or 0) wants an area of `bytes` instead.
 *
 * Returns: the new area, zeroed; the caller unmaps the old one once nothing refers to it
 * any more. NULL when the budget or the kernel refuses. Any thread. Allocates: no.
 */
void *seep_cache_memory_grow(uint32_t old_bytes, uint32_t bytes);

/* An area that a larger one has replaced. A signal handler may come with the system call
 * and jump away, or fork: the cache must not refer to it even now. */
void seep_cache_memory_unmap(void *old, uint32_t old_bytes);

/* The first area of a cache, outside the budget. Returns: zeroed; NULL when refused. */
void *seep_cache_memory_first(uint32_t bytes);

#endif
