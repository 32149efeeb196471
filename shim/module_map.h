/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_MODULE_MAP_H
#define SEEP_SHIM_MODULE_MAP_H

#include <link.h>
#include <stdint.h>

/* Gives a loaded module its id in the segment, registering it when it is new.
 *
 * A module is its load base, its path and its build id together, so that a library loaded
 * where another was is another module.
 *
 * map:   borrowed; the loader's record of it.
 * start, end:  the mapped range.
 * Returns: the id; 0 when the table is full (counted).
 * Thread-safety: any thread; async-signal-safe; no lock. Allocates: no. Cost: O(modules);
 * callers cache.
 */
uint32_t seep_module_map_id(const struct link_map *map, uintptr_t start, uintptr_t end);

#endif
