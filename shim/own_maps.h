/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_OWN_MAPS_H
#define SEEP_SHIM_OWN_MAPS_H

#include <stdint.h>

/* Memory that the shim maps for itself, in a list for whoever searches the process's
 * memory (seep/segment_tables.h). All functions: any thread, async-signal-safe, no
 * malloc. */

/* Zeroed memory, readable and writable. Returns: NULL when the kernel refuses. */
void *seep_own_maps_new(uint64_t bytes);
/* Unmaps what seep_own_maps_new gave. Cost: O(mappings). */
void seep_own_maps_free(void *at, uint64_t bytes);
/* Address of the list. */
uint64_t seep_own_maps_address(void);

#endif
