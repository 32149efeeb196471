/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_FMT_H
#define SEEP_ANALYZER_BASE_FMT_H

#include <stddef.h>
#include <stdint.h>

/* Human units: "0 B", "512 B", "61.4 KiB", "2.1 GiB"; "0.4 s", "58 s", "12 min", "3.4 h",
 * "2.5 days"; counts with thousands separators: "1,024".
 *
 * out:     borrowed; always NUL-terminated.
 * Returns: out. Thread-safety: pure. Allocates: no. 32 bytes are always enough.
 */
enum { SEEP_FMT_MAX = 32 };
const char *seep_fmt_bytes(char *out, size_t out_bytes, double bytes);
const char *seep_fmt_seconds(char *out, size_t out_bytes, double seconds);
const char *seep_fmt_count(char *out, size_t out_bytes, uint64_t count);

#endif
