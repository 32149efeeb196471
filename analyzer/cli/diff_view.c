/* What changed between two runs, for people and for tools.
 *
 * Text and Markdown say the same lines, one set plainly and one with its marks; what was
 * not told apart is one line, because nobody can act on it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/diff_view.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"

enum { FRAMES_SHOWN = 6, RATE_BYTES = 64 };
static const double SECONDS_PER_HOUR = 3600;

/* "12 KiB/h", "3.5/h", "no end known". */
static const char *rate(char *out, const struct seep_diff_entry *entry, double per_s)
{
    char bytes[SEEP_FMT_MAX];

    if (!isfinite(per_s)) {
        (void)snprintf(out, RATE_BYTES, "?");
    } else if (entry->of_bytes) {
        (void)snprintf(out, RATE_BYTES, "%s/h",
                       seep_fmt_bytes(bytes, sizeof(bytes), per_s * SECONDS_PER_HOUR));
    } else {
        (void)snprintf(out, RATE_BYTES, "%.1f/h", per_s * SECONDS_PER_HOUR);
    }
    return out;
}

static const struct seep_finding *shown(const struct seep_diff_entry *entry)
{
    return entry->fresh != NULL ? entry->fresh : entry->base;
}

static bool is_change(const struct seep_diff_entry *entry)
{
    return entry->change <= SEEP_CHANGE_GONE;
}

static size_t changes(const struct seep_diff *diff)
{
    return diff->of_change[SEEP_CHANGE_NEW] + diff->of_change[SEEP_CHANGE_WORSE] +
           diff->of_change[SEEP_CHANGE_BETTER] + diff->of_change[SEEP_CHANGE_GONE];
}

/* Both runs were long enough to be judged. */
static bool is_conclusive(const struct seep_diff_view *view)
{
    return view->findings[0]->inconclusive[0] == '\0' &&
           view->findings[1]->inconclusive[0] == '\0';
}

static void put_verdict(const struct seep_diff_view *view, struct seep_buf *out)
{
    const struct seep_diff *diff = view->diff;

    if (changes(diff) == 0 && !is_conclusive(view)) {
        seep_buf_printf(out, "inconclusive: a run is too short to tell");
    } else if (changes(diff) == 0) {
        seep_buf_printf(out, "nothing has changed");
    } else {
        seep_buf_printf(
            out, "%zu new, %zu worse, %zu better, %zu gone",
            diff->of_change[SEEP_CHANGE_NEW], diff->of_change[SEEP_CHANGE_WORSE],
            diff->of_change[SEEP_CHANGE_BETTER], diff->of_change[SEEP_CHANGE_GONE]);
    }
    seep_buf_printf(out, "; %zu as before, %zu not told apart\n",
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
    }
}

static void put_rates(const struct seep_diff_entry *entry, const char *indent,
                      struct seep_buf *out)
{
    const struct seep_diff_rate *rates[] = {&entry->base_rate, &entry->fresh_rate};
    static const char *const names[] = {"BASE", "NEW"};

    for (unsigned i = 0; i < 2; i++) {
        char at[RATE_BYTES];
        char low[RATE_BYTES];
        char high[RATE_BYTES];

        seep_buf_printf(out, "%s%s %s (%s to %s)", i == 0 ? indent : ", ", names[i],
                        rate(at, entry, rates[i]->per_s),
                        rate(low, entry, rates[i]->low_per_s),
                        rate(high, entry, rates[i]->high_per_s));
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

/* How sure, without the pretence of 100 %. */
static double percent(double confidence)
{
    return fmin(confidence * 100, 99.9);
}

static void put_entry(const struct seep_diff_entry *entry, size_t number,
                      struct seep_buf *out)
{
    const struct seep_finding *finding = shown(entry);

    seep_buf_printf(out, "\n%zu. %s  %s %s%s%s: %s  (%.1f %% sure, %s)\n", number,
                    seep_change_name(entry->change), seep_verdict_name(finding->verdict),
                    seep_kind_name(finding->kind),
                    finding->subsystem[0] != '\0' ? " in " : "", finding->subsystem,
                    finding->headline, percent(entry->confidence), finding->id);
    put_rates(entry, "   ", out);
    seep_buf_printf(out, "   %s\n", finding->summary);
    put_stack(finding, "     ", out);
}

void seep_diff_view_text(const struct seep_diff_view *view, struct seep_buf *out)
{
    size_t number = 0;

    put_verdict(view, out);
    put_runs(view, "", out);
    for (size_t i = 0; i < view->diff->count; i++) {
        if (is_change(&view->diff->entries[i])) {
            put_entry(&view->diff->entries[i], ++number, out);
        }
    }
}

void seep_diff_view_markdown(const struct seep_diff_view *view, struct seep_buf *out)
{
    seep_buf_printf(out, "### Leaks: ");
    put_verdict(view, out);
    seep_buf_printf(out, "\n");
    put_runs(view, "    ", out);
    for (size_t i = 0; i < view->diff->count; i++) {
        const struct seep_diff_entry *entry = &view->diff->entries[i];
        const struct seep_finding *finding = shown(entry);

        if (!is_change(entry)) {
            continue;
        }
        seep_buf_printf(
            out, "\n**%s** %s %s, %.1f %% sure (`%s`)\n\n    ",
            seep_change_name(entry->change), seep_verdict_name(finding->verdict),
            seep_kind_name(finding->kind), percent(entry->confidence), finding->id);
        seep_buf_printf(out, "%s\n", finding->headline);
        put_rates(entry, "    ", out);
        seep_buf_printf(out, "    %s\n", finding->summary);
        put_stack(finding, "      ", out);
    }
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *side(const struct seep_finding *finding, const struct seep_diff_rate *of)
{
    return json_pack("{s:o, s:o, s:o, s:[o, o]}", "id",
                     finding != NULL ? json_string(finding->id) : json_null(), "verdict",
                     finding != NULL ? json_string(seep_verdict_name(finding->verdict))
                                     : json_null(),
                     "growth_per_s", number(of->per_s), "growth_ci",
                     number(of->low_per_s), number(of->high_per_s));
}

static json_t *stack(const struct seep_finding *finding)
{
    json_t *array = json_array();

    for (size_t i = 0; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:i, s:s}", "function",
                                        frame->function, "file", frame->file, "line",
                                        (int)frame->line, "module", frame->module));
    }
    return array;
}

static json_t *change(const struct seep_diff_entry *entry)
{
    const struct seep_finding *finding = shown(entry);
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "change",
        seep_change_name(entry->change), "confidence", number(entry->confidence), "kind",
        seep_kind_name(finding->kind), "subsystem", finding->subsystem, "function",
        finding->headline, "summary", finding->summary, "unit",
        entry->of_bytes ? "bytes" : "count", "in_both", (int)entry->matched, "base",
        side(entry->base, &entry->base_rate), "new",
        side(entry->fresh, &entry->fresh_rate), "stack", stack(finding));

    if (entry->why[0] != '\0') {
        json_object_set_new(object, "why", json_string(entry->why));
    }
    return object;
}

static json_t *run(const struct seep_diff_view *view, unsigned i)
{
    const struct seep_findings *findings = view->findings[i];

    return json_pack("{s:s, s:o, s:i, s:s}", "file", view->paths[i], "duration_s",
                     number(findings->duration_s), "snapshots", (int)findings->snapshots,
                     "verdict", seep_outcome_name(findings->outcome));
}

static json_t *work(const struct seep_diff_work *from)
{
    return from->known
               ? json_pack("{s:s, s:b, s:o, s:o}", "what", from->what, "by_mark",
                           (int)from->by_mark, "base_per_s", number(from->base_per_s),
                           "new_per_s", number(from->fresh_per_s))
               : json_null();
}

static int append(const char *bytes, size_t n, void *out)
{
    seep_buf_put(out, bytes, n);
    return 0;
}

void seep_diff_view_json(const struct seep_diff_view *view, struct seep_buf *out)
{
    static const char *const per[] = {"both", "time", "operation"};
    json_t *lists[2] = {json_array(), json_array()};
    json_t *counts = json_object();

    for (size_t i = 0; i < view->diff->count; i++) {
        const struct seep_diff_entry *entry = &view->diff->entries[i];

        if (entry->change != SEEP_CHANGE_SAME) {
            json_array_append_new(lists[!is_change(entry)], change(entry));
        }
    }
    for (unsigned i = SEEP_CHANGE_NEW; i <= SEEP_CHANGE_SAME; i++) {
        json_object_set_new(counts, seep_change_name((enum seep_change)i),
                            json_integer((json_int_t)view->diff->of_change[i]));
    }
    json_t *all = json_pack("{s:i, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "seep_diff", 1,
                            "base", run(view, 0), "new", run(view, 1), "per",
                            per[view->diff->per], "work", work(&view->diff->work),
                            "counts", counts, "changes", lists[0], "unsure", lists[1]);

    json_object_set_new(all, "conclusive", json_boolean(is_conclusive(view)));
    if (all == NULL || json_dump_callback(all, append, out,
                                          JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0) {
        out->failed = true;
    }
    json_decref(all);
    seep_buf_put(out, "\n", 1);
}
