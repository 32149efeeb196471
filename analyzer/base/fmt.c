/* Numbers as a tired person reads them: at most three digits that matter, and the unit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/fmt.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *seep_fmt_bytes(char *out, size_t out_bytes, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    double value = fabs(bytes);

    while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024.0;
        unit++;
    }
    (void)snprintf(out, out_bytes, "%s%.*f %s", bytes < 0 ? "-" : "",
                   unit == 0 || value >= 99.95 ? 0 : 1, value, units[unit]);
    return out;
}

const char *seep_fmt_seconds(char *out, size_t out_bytes, double seconds)
{
    static const struct {
        double below_s, per_unit_s;
        const char *unit;
    } steps[] = {
        {120, 1, "s"}, {7200, 60, "min"}, {172800, 3600, "h"}, {INFINITY, 86400, "days"}};
    size_t step = 0;

    while (fabs(seconds) >= steps[step].below_s && !isinf(steps[step].below_s)) {
        step++;
    }
    double value = seconds / steps[step].per_unit_s;

    (void)snprintf(out, out_bytes, "%.*f %s", fabs(value) < 9.95 ? 1 : 0, value,
                   steps[step].unit);
    return out;
}

const char *seep_fmt_count(char *out, size_t out_bytes, uint64_t count)
{
    char digits[24];
    char grouped[32];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    size_t k = 0;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            grouped[k++] = ',';
        }
        grouped[k++] = digits[i];
    }
    grouped[k] = '\0';
    (void)snprintf(out, out_bytes, "%s", grouped);
    return out;
}
