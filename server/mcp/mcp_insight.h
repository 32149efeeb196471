/* What the numbers of the entities say: energy at present, patterns in a history.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_INSIGHT_H
#define PMA_MCP_INSIGHT_H

#include <jansson.h>
#include <stdint.h>

/* Sums the power (W) and energy (kWh) sensors among `entities` (borrowed, an array of
 * entities). device_id: only those of this device, or the entity of this id; NULL: all.
 * A sensor counts by its device_class (power, energy), else by its unit (W, kW, Wh, kWh).
 * Returns: {power_w, energy_kwh, devices:[{entity_id, device_id?, power_w | energy_kwh}],
 * count}; NULL: out of memory. Thread-safety: pure. Allocates. Cost: O(entities). */
json_t *pma_mcp_energy(const json_t *entities, const char *device_id);

/* Describes one entity's state history (borrowed, an array of {state, timestamp}, oldest
 * first; entries without both are skipped). since_unix_ms: entries before it are left
 * out; 0: none are. Returns: {changes, samples, states:{name: share of time in percent},
 * mean_interval_s, most_active_hour_utc?, numeric?:{min,max,mean,trend_per_h}}; NULL: out
 * of memory. Thread-safety: pure. Allocates. Cost: O(entries). */
json_t *pma_mcp_patterns(const json_t *history, int64_t since_unix_ms);

/* Parses "2026-11-27T20:38:12Z", with an optional fraction and offset. Returns: 0;
 * -EINVAL, *unix_ms untouched. Thread-safety: pure. */
int pma_mcp_time_parse(const char *text, int64_t *unix_ms);

#endif
