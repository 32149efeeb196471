/* Times of entities: RFC 3339 texts that compare as texts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_TIME_H
#define PMA_ENTITY_TIME_H

#include "server/base/clock.h"

/* Reads an RFC 3339 time as microseconds since 1970. text: borrowed, any bytes. Returns:
 * as pma_instant_normalise. Thread-safety: pure. */
int pma_instant_parse(const char *text, int64_t *unix_us);

/* Rewrites an RFC 3339 time ("2026-01-31T12:00:00.5+02:00") in UTC with microseconds, as
 * pma_timestamp_now writes it. text: borrowed, any bytes. instant: out.
 * Returns: 0; -EINVAL: not such a time, or outside the years 1970 to 9999 (untouched).
 * Thread-safety: pure. */
int pma_instant_normalise(const char *text, char instant[PMA_TIMESTAMP_BYTES]);

/* Microseconds since 1970, of the wall clock, and their text. Thread-safety: any thread.
 */
int64_t pma_instant_now_us(void);
void pma_instant_text(int64_t unix_us, char instant[PMA_TIMESTAMP_BYTES]);

#endif
