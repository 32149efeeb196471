/* SPDX-License-Identifier: MIT */
#include "history/history_measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "report/text_layout.h"

enum { UNIT_COLUMNS = 40 };
static const double S_PER_HOUR = 3600;

bool seep_measure_is_bytes(enum seep_kind kind)
{
    return kind == SEEP_KIND_HEAP || kind == SEEP_KIND_MAPPING;
}

static bool grows_with_time(const struct seep_history_finding *finding)
{
    return strcmp(finding->cause, "unjoined") == 0;
}

static double per_unit(const struct seep_history_finding *finding)
{
    return seep_measure_is_bytes(finding->kind) ? finding->growth_bytes_per_unit
                                                : finding->growth_per_unit;
}

enum seep_measure_basis seep_measure_basis_of(const struct seep_history_finding *finding)
{
    if (finding->unit[0] != '\0' && isfinite(per_unit(finding))) {
        return SEEP_MEASURE_PER_UNIT;
    }
    return isfinite(finding->growth_per_s) || grows_with_time(finding)
               ? SEEP_MEASURE_PER_HOUR
               : SEEP_MEASURE_AMOUNT;
}

enum seep_measure_basis seep_measure_shared(const struct seep_history_finding *a,
                                            const struct seep_history_finding *b)
{
    enum seep_measure_basis of_a = seep_measure_basis_of(a);
    enum seep_measure_basis of_b = seep_measure_basis_of(b);

    if (of_a == SEEP_MEASURE_PER_UNIT && of_b == SEEP_MEASURE_PER_UNIT &&
        strcmp(a->unit, b->unit) == 0) {
        return SEEP_MEASURE_PER_UNIT;
    }
    return of_a != SEEP_MEASURE_AMOUNT && of_b != SEEP_MEASURE_AMOUNT
               ? SEEP_MEASURE_PER_HOUR
               : SEEP_MEASURE_AMOUNT;
}

struct seep_measure seep_measure_take(const struct seep_history_finding *finding,
                                      double duration_s, enum seep_measure_basis basis)
{
    bool bytes = seep_measure_is_bytes(finding->kind);
    double live = bytes ? (double)finding->live_bytes : (double)finding->live;
    double per_s = bytes ? finding->growth_bytes_per_s : finding->growth_per_s;
    struct seep_view_range ci =
        bytes ? finding->growth_bytes_per_s_ci : finding->growth_per_s_ci;
    double factor = S_PER_HOUR;

    if (basis == SEEP_MEASURE_AMOUNT) {
        return (struct seep_measure){live, NAN, NAN};
    }
    if (basis == SEEP_MEASURE_PER_UNIT) { /* the interval of the growth, in its scale */
        factor = per_s > 0 ? per_unit(finding) / per_s : NAN;
        return (struct seep_measure){per_unit(finding), ci.low * factor,
                                     ci.high * factor};
    }
    if (!isfinite(per_s) && grows_with_time(finding) && duration_s > 0) {
        return (struct seep_measure){live / duration_s * S_PER_HOUR, NAN, NAN};
    }
    return (struct seep_measure){per_s * factor, ci.low * factor, ci.high * factor};
}

static const char *noun(enum seep_kind kind)
{
    return kind == SEEP_KIND_THREAD  ? "threads"
           : kind == SEEP_KIND_FD    ? "descriptors"
           : kind == SEEP_KIND_TIMER ? "timers"
                                     : "resources";
}

const char *seep_measure_text(double value, enum seep_kind kind,
                              enum seep_measure_basis basis, const char *unit, char *out)
{
    char amount[64];
    char cut[SEEP_MEASURE_TEXT_MAX / 2];
    char bytes[SEEP_FMT_MAX];

    if (!isfinite(value)) {
        (void)snprintf(out, SEEP_MEASURE_TEXT_MAX, "unknown");
        return out;
    }
    if (seep_measure_is_bytes(kind)) {
        (void)snprintf(amount, sizeof(amount), "%s%s", value < 0 ? "-" : "",
                       seep_fmt_bytes(bytes, sizeof(bytes), fabs(value)));
    } else {
        (void)snprintf(amount, sizeof(amount), "%.3g %s", value, noun(kind));
    }
    (void)snprintf(out, SEEP_MEASURE_TEXT_MAX, "%s%s%s", amount,
                   basis == SEEP_MEASURE_PER_HOUR   ? " per hour"
                   : basis == SEEP_MEASURE_PER_UNIT ? " per unit of "
                                                    : "",
                   basis == SEEP_MEASURE_PER_UNIT
                       ? seep_layout_cut_middle(unit, UNIT_COLUMNS, cut, sizeof(cut))
                       : "");
    return out;
}

const char *seep_measure_basis_name(enum seep_measure_basis basis)
{
    return basis == SEEP_MEASURE_PER_UNIT   ? "per_unit"
           : basis == SEEP_MEASURE_PER_HOUR ? "per_hour"
                                            : "amount";
}
