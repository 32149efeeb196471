/* What is said of a fleet, in words: once, so that formats cannot disagree.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_words.h"

#include <stdio.h>
#include <string.h>

#include "base/fmt.h"

static const double HOUR_S = 3600, DAY_S = 86400;

static void say(struct seep_buf *out, const char *text)
{
    seep_buf_put(out, text, strlen(text));
}

static void say_count(struct seep_buf *out, uint64_t count, const char *one,
                      const char *many)
{
    char text[SEEP_FMT_MAX];

    say(out, seep_fmt_count(text, sizeof(text), count));
    say(out, " ");
    say(out, count == 1 ? one : many);
}

static void say_amount(struct seep_buf *out, double amount, bool of_bytes)
{
    char text[SEEP_FMT_MAX];

    if (of_bytes) {
        say(out, seep_fmt_bytes(text, sizeof(text), amount));
    } else {
        seep_buf_printf(out, "%.3g", amount);
    }
}

bool seep_fleet_is_inconclusive(const struct seep_fleet_report *report)
{
    return report->table->lives == 0;
}

void seep_fleet_say_total(const struct seep_fleet_report *report, struct seep_buf *out)
{
    const struct seep_fleet_table *table = report->table;

    say_count(out, table->unit_keys.count, "instance", "instances");
    say(out, ", ");
    say_count(out, table->site_keys.count, "site", "sites");
    say(out, ", ");
    say_count(out, table->row_count, "series", "series");
    say(out, ": ");
    if (seep_fleet_is_inconclusive(report)) {
        say(out,
            table->row_count == 0 ? "nothing to judge" : "all too short to be judged");
    } else if (report->findings->count == 0) {
        say(out, "none grows");
    } else {
        say_count(out, report->findings->count, "site grows", "sites grow");
    }
}

static void say_share(const struct seep_fleet_report *report,
                      const struct seep_fleet_share *share, struct seep_buf *out)
{
    const struct seep_two_groups *units = &share->units;

    seep_buf_printf(out, "%zu of ", units->in_marked);
    say_count(out, units->in_all, "instance of ", "instances of ");
    say(out, report->question->labels.names[SEEP_FLEET_GROUP + share->group]);
    say(out, " ");
    say(out, seep_fleet_text(report->table, share->value));
    seep_buf_printf(out, ", on %zu of ", units->out_marked);
    say_count(out, units->out_all, "of the others", "of the others");
}

static void say_common(const struct seep_fleet_report *report,
                       const struct seep_fleet_common *common, size_t absent,
                       struct seep_buf *out)
{
    switch (common->kind) {
    case SEEP_FLEET_COMMON_BEST:
        say_share(report, &common->share, out);
        break;
    case SEEP_FLEET_COMMON_SAME:
        say(out, "; the same instances are those of ");
        say(out, report->question->labels.names[SEEP_FLEET_GROUP + common->share.group]);
        say(out, " ");
        say(out, seep_fleet_text(report->table, common->share.value));
        break;
    case SEEP_FLEET_COMMON_WITHIN:
        say(out, "; among those on ");
        say_share(report, &common->share, out);
        break;
    case SEEP_FLEET_COMMON_ONLY:
        say_share(report, &common->share, out);
        seep_buf_printf(out, "; %zu of the fleet do not have this place", absent);
        break;
    }
}

static void say_no_common(const struct seep_fleet_report *report,
                          const struct seep_fleet_finding *finding, struct seep_buf *out)
{
    const struct seep_fleet_labels *labels = &report->question->labels;

    seep_buf_printf(out, "%zu of ", finding->growing);
    say_count(out, finding->judged, "instance", "instances");
    if (finding->judged < SEEP_FLEET_MANY_UNITS) {
        return;
    }
    if ((double)finding->growing >= SEEP_FLEET_SHARE_ALIKE * (double)finding->judged) {
        say(out, ": on all alike, so their load may have risen together (a longer "
                 "--since tells)");
    } else if (finding->chance > SEEP_FLEET_P_CHANCE) {
        say(out, ": so few of so many that it may be chance");
    } else if (labels->count > SEEP_FLEET_GROUP) {
        say(out, "; those have no ");
        for (size_t i = SEEP_FLEET_GROUP; i < labels->count; i++) {
            say(out, i == SEEP_FLEET_GROUP ? "" : i + 1 == labels->count ? " or " : ", ");
            say(out, labels->names[i]);
        }
        say(out, " in common");
    }
}

void seep_fleet_say_where(const struct seep_fleet_report *report,
                          const struct seep_fleet_finding *finding, struct seep_buf *out)
{
    say(out, "grows on ");
    if (finding->common_count == 0) {
        say_no_common(report, finding, out);
    }
    for (size_t i = 0; i < finding->common_count; i++) {
        say_common(report, &finding->common[i], finding->absent, out);
    }
}

/* A pace that the hour is too short to show is told by the day. */
static bool is_slow(double per_s, bool of_bytes)
{
    return of_bytes ? per_s * HOUR_S < 1024 : per_s * HOUR_S < 1;
}

static void say_pace(struct seep_buf *out, double per_s, bool of_bytes, bool by_day)
{
    say_amount(out, per_s * (by_day ? DAY_S : HOUR_S), of_bytes);
}

void seep_fleet_say_pace(const struct seep_fleet_finding *finding, struct seep_buf *out)
{
    bool bytes = finding->of_bytes;
    bool slow = is_slow(finding->median_per_s, bytes);
    const char *period = slow ? " per day" : " per hour";

    say_pace(out, finding->median_per_s, bytes, slow);
    say(out, period);
    if (finding->growing > 1) {
        say(out, " each (half of them from ");
        say_pace(out, finding->low_per_s, bytes, slow);
        say(out, " to ");
        say_pace(out, finding->high_per_s, bytes, slow);
        say(out, "), ");
        say_pace(out, finding->total_per_s, bytes, slow);
        say(out, period);
        say(out, " in all; they hold ");
    } else {
        say(out, "; it holds ");
    }
    say_amount(out, finding->total_live, bytes);
}

void seep_fleet_say_unit(const struct seep_fleet_table *table, uint32_t unit,
                         struct seep_buf *out)
{
    const char *instance = seep_fleet_text(table, table->units[unit].instance);
    const char *recording = seep_fleet_text(table, table->units[unit].recording);

    say(out, instance[0] != '\0' ? instance : "an instance without a name");
    if (recording[0] != '\0') {
        say(out, " ");
        say(out, recording);
    }
}

void seep_fleet_say_fastest(const struct seep_fleet_report *report,
                            const struct seep_fleet_finding *finding,
                            struct seep_buf *out)
{
    bool slow = is_slow(finding->median_per_s, finding->of_bytes);

    for (size_t i = 0; i < finding->fastest_count; i++) {
        say(out, i > 0 ? ", " : "");
        seep_fleet_say_unit(report->table, finding->fastest[i].unit, out);
        say(out, " (");
        say_pace(out, finding->fastest[i].u_per_s, finding->of_bytes, slow);
        say(out, slow ? " per day)" : " per hour)");
    }
}

void seep_fleet_say_site(const struct seep_fleet_report *report,
                         const struct seep_fleet_finding *finding, struct seep_buf *out)
{
    const struct seep_fleet_table *table = report->table;
    const struct seep_fleet_site *site = &table->sites[finding->site];
    const char *function = seep_fleet_text(table, site->function);
    const char *place = seep_fleet_text(table, site->place);

    say(out, function[0] != '\0' ? function : seep_fleet_text(table, site->id));
    if (place[0] != '\0') {
        say(out, " (");
        say(out, place);
        say(out, ")");
    }
}

bool seep_fleet_say_loss(const struct seep_fleet_report *report, size_t i,
                         struct seep_buf *out)
{
    const struct seep_fleet_table *table = report->table;
    const struct seep_fleet_losses *losses = &table->losses;
    const struct {
        uint64_t count;
        const char *one, *many;
    } lines[SEEP_FLEET_LOSS_LINES] = {
        {table->restarts, "restart: each life was judged for itself",
         "restarts: each life was judged for itself"},
        {table->short_lives, "life of fewer than 20 samples: not judged",
         "lives of fewer than 20 samples: not judged"},
        {table->cuts.gaps, "long gap: what is before and after was judged apart",
         "long gaps: what is before and after was judged apart"},
        {table->cuts.left_off, "life too many in a series: not judged",
         "lives too many in their series: not judged"},
        {table->cuts.missing, "sample missing between others",
         "samples missing between others"},
        {losses->not_finite, "sample that is no amount (NaN, infinite, negative)",
         "samples that are no amounts (NaN, infinite, negative)"},
        {losses->duplicates, "second sample of one time: the first was taken",
         "second samples of one time: the first was taken"},
        {losses->out_of_order, "sample out of order: left out",
         "samples out of order: left out"},
        {losses->off_grid, "sample outside of the range: left out",
         "samples outside of the range: left out"},
        {losses->cut_labels, "label longer than 511 bytes: cut",
         "labels longer than 511 bytes: cut"},
        {losses->histograms, "series of histograms: left out",
         "series of histograms: left out"},
        {losses->no_name, "series with neither an id nor a function: left out",
         "series with neither an id nor a function: left out"},
        {losses->warnings, "warning of the server", "warnings of the server"},
        {losses->partial, "reply that the server calls incomplete",
         "replies that the server calls incomplete"},
    };

    if (i >= SEEP_FLEET_LOSS_LINES || lines[i].count == 0) {
        return false;
    }
    say_count(out, lines[i].count, lines[i].one, lines[i].many);
    return true;
}
