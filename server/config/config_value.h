/* Scalars of the configuration: durations, sizes, numbers, switches.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_VALUE_H
#define PMA_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* All return 0, or -EINVAL when `text` is not of the form, or -ERANGE when it does not
 * fit; the result is untouched then. Thread-safety: pure. */

/* "250ms", "1.5s", "5m", "1h30m", "0": nanoseconds. A number without unit is refused,
 * because it could be seconds or milliseconds. */
int pma_parse_duration(const char *text, uint64_t *ns);

/* "1048576", "512KiB", "1.5 GiB" (KB, MB, GB and K, M, G mean the same powers of 1,024).
 */
int pma_parse_bytes(const char *text, uint64_t *bytes);

/* Decimal digits only. */
int pma_parse_count(const char *text, uint64_t *count);

/* A finite decimal number, not negative. */
int pma_parse_real(const char *text, double *real);

/* "true", "false", "on", "off", "yes", "no" in lower case. */
int pma_parse_bool(const char *text, bool *truth);

#endif
