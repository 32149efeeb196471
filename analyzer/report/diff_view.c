/* What changed between two runs, for people and for tools.
 *
 * Text and Markdown say the same lines, one set plainly and one with its marks; what was
 * not told apart is a line each: all that one can do about it is to run longer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/diff_view.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/fmt.h"

enum { FRAMES_SHOWN = 6, UNSURE_SHOWN = 5 };
static const double SECONDS_PER_HOUR = 3600;

const char *seep_diff_view_rate(char *out, const struct seep_diff_entry *entry,
                                double per_s)
{
    char bytes[SEEP_FMT_MAX];

    if (!isfinite(per_s)) {
        (void)snprintf(out, SEEP_DIFF_RATE_BYTES, "?");
    } else if (entry->of_bytes) {
        (void)snprintf(out, SEEP_DIFF_RATE_BYTES, "%s/h",
                       seep_fmt_bytes(bytes, sizeof(bytes), per_s * SECONDS_PER_HOUR));
    } else {
        (void)snprintf(out, SEEP_DIFF_RATE_BYTES, "%.1f/h", per_s * SECONDS_PER_HOUR);
    }
    return out;
}

bool seep_diff_view_is_conclusive(const struct seep_diff_view *view)
{
    return view->findings[0]->inconclusive[0] == '\0' &&
           view->findings[1]->inconclusive[0] == '\0';
}

void seep_diff_view_put_verdict(const struct seep_diff_view *view, struct seep_buf *out)
{
    const struct seep_diff *diff = view->diff;

    if (seep_change_count(diff) == 0 && !seep_diff_view_is_conclusive(view)) {
        seep_buf_printf(out, "inconclusive: a run is too short to tell");
    } else if (seep_change_count(diff) == 0) {
        seep_buf_printf(out, "%s",
                        diff->of_change[SEEP_CHANGE_UNSURE] == 0 ? "nothing has changed"
                                                                 : "no change is proven");
    } else {
        seep_buf_printf(
            out, "%zu new, %zu worse, %zu better, %zu gone",
            diff->of_change[SEEP_CHANGE_NEW], diff->of_change[SEEP_CHANGE_WORSE],
            diff->of_change[SEEP_CHANGE_BETTER], diff->of_change[SEEP_CHANGE_GONE]);
    }
    seep_buf_printf(out, "; %zu as before, %zu not told apart",
                    diff->of_change[SEEP_CHANGE_SAME],
                    diff->of_change[SEEP_CHANGE_UNSURE]);
}

static void put_runs(const struct seep_diff_view *view, const char *dash,
                     struct seep_buf *out)
{
    static const char *const names[] = {"base", "new "};
    const struct seep_diff_work *work = &view->diff->work;

    for (unsigned i = 0; i < 2; i++) {
        char seconds[SEEP_FMT_MAX];
        const struct seep_findings *findings = view->findings[i];

        seep_buf_printf(out, "%s%s  %s: %s, %zu snapshots, %s\n", dash, names[i],
                        view->paths[i],
                        seep_fmt_seconds(seconds, sizeof(seconds), findings->duration_s),
                        findings->snapshots, seep_outcome_name(findings->outcome));
        if (findings->inconclusive[0] != '\0') {
            seep_buf_printf(out, "%s      %s\n", dash, findings->inconclusive);
        }
    }
    if (work->known) {
        seep_buf_printf(out, "%swork  %s %s: %.3g/s in BASE, %.3g/s in NEW\n", dash,
                        work->by_mark ? "mark" : "allocations of", work->what,
                        work->base_per_s, work->fresh_per_s);
    } else if (view->diff->count > 0) {
        seep_buf_printf(out,
                        "%swork  unknown: no mark that both set, no site that both "
                        "keep busy; compared per second\n",
                        dash);
    }
}

static void put_rates(const struct seep_diff_entry *entry, const char *indent,
                      struct seep_buf *out)
{
    const struct seep_diff_rate *rates[] = {&entry->base_rate, &entry->fresh_rate};
    static const char *const names[] = {"BASE", "NEW"};

    for (unsigned i = 0; i < 2; i++) {
        char at[SEEP_DIFF_RATE_BYTES];
        char low[SEEP_DIFF_RATE_BYTES];
        char high[SEEP_DIFF_RATE_BYTES];

        seep_buf_printf(out, "%s%s %s (%s to %s)", i == 0 ? indent : ", ", names[i],
                        seep_diff_view_rate(at, entry, rates[i]->per_s),
                        seep_diff_view_rate(low, entry, rates[i]->low_per_s),
                        seep_diff_view_rate(high, entry, rates[i]->high_per_s));
    }
    seep_buf_printf(out, "\n");
}

static void put_stack(const struct seep_finding *finding, const char *indent,
                      struct seep_buf *out)
{
    size_t n = 0;

    for (size_t i = 0; i < finding->stack_count && n < FRAMES_SHOWN; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        if (frame->role == SEEP_ROLE_RUNTIME) {
            continue;
        }
        n++;
        if (frame->file[0] != '\0') {
            seep_buf_printf(out, "%s%s  %s:%u\n", indent, frame->function, frame->file,
                            frame->line);
        } else {
            seep_buf_printf(out, "%s%s  %s+0x%llx\n", indent, frame->function,
                            frame->module, (unsigned long long)frame->offset);
        }
    }
}

double seep_diff_view_percent(double confidence)
{
    return fmin(confidence * 100, 99.9);
}

static void put_entry(const struct seep_diff_entry *entry, size_t number,
                      struct seep_buf *out)
{
    const struct seep_finding *finding = seep_change_finding(entry);

    seep_buf_printf(out, "\n%zu. %s  %s %s%s%s: %s  (%.1f %% sure, %s)\n", number,
                    seep_change_name(entry->change), seep_verdict_name(finding->verdict),
                    seep_kind_name(finding->kind),
                    finding->subsystem[0] != '\0' ? " in " : "", finding->subsystem,
                    finding->headline, seep_diff_view_percent(entry->confidence),
                    finding->id);
    put_rates(entry, "   ", out);
    seep_buf_printf(out, "   %s\n", finding->summary);
    put_stack(finding, "     ", out);
}

/* What one run has and the other cannot contradict, a line each: a longer run tells. */
static void put_unsure(const struct seep_diff *diff, const char *indent,
                       struct seep_buf *out)
{
    size_t n = 0;

    for (size_t i = 0; i < diff->count && n < UNSURE_SHOWN; i++) {
        const struct seep_diff_entry *entry = &diff->entries[i];
        const struct seep_finding *finding = seep_change_finding(entry);
        char base[SEEP_DIFF_RATE_BYTES];
        char fresh[SEEP_DIFF_RATE_BYTES];

        if (entry->change != SEEP_CHANGE_UNSURE) {
            continue;
        }
        seep_buf_printf(out, "%s%snot told apart: %s %s %s, BASE %s, NEW %s: %s\n",
                        n++ == 0 ? "\n" : "", indent, seep_verdict_name(finding->verdict),
                        seep_kind_name(finding->kind), finding->headline,
                        seep_diff_view_rate(base, entry, entry->base_rate.per_s),
                        seep_diff_view_rate(fresh, entry, entry->fresh_rate.per_s),
                        entry->why);
    }
}

int seep_diff_view_text(const struct seep_diff_view *view, struct seep_buf *out)
{
    size_t number = 0;

    seep_diff_view_put_verdict(view, out);
    seep_buf_printf(out, "\n");
    put_runs(view, "", out);
    for (size_t i = 0; i < view->diff->count; i++) {
        if (seep_change_is_told(&view->diff->entries[i])) {
            put_entry(&view->diff->entries[i], ++number, out);
        }
    }
    put_unsure(view->diff, "", out);
    return out->failed ? -ENOMEM : 0;
}

int seep_diff_view_markdown(const struct seep_diff_view *view, struct seep_buf *out)
{
    seep_buf_printf(out, "### Leaks: ");
    seep_diff_view_put_verdict(view, out);
    seep_buf_printf(out, "\n\n");
    put_runs(view, "    ", out);
    for (size_t i = 0; i < view->diff->count; i++) {
        const struct seep_diff_entry *entry = &view->diff->entries[i];
        const struct seep_finding *finding = seep_change_finding(entry);

        if (!seep_change_is_told(entry)) {
            continue;
        }
        seep_buf_printf(out, "\n**%s** %s %s, %.1f %% sure (`%s`)\n\n    ",
                        seep_change_name(entry->change),
                        seep_verdict_name(finding->verdict),
                        seep_kind_name(finding->kind),
                        seep_diff_view_percent(entry->confidence), finding->id);
        seep_buf_printf(out, "%s\n", finding->headline);
        put_rates(entry, "    ", out);
        seep_buf_printf(out, "    %s\n", finding->summary);
        put_stack(finding, "      ", out);
    }
    put_unsure(view->diff, "    ", out);
    return out->failed ? -ENOMEM : 0;
}
