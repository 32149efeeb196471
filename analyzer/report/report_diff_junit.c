/* What changed between two runs as JUnit's XML: a test per kind.
 *
 * A kind that either run recorded is a test; it fails when something new or worse of that
 * kind is probable or definite, and is skipped when a run was too short to tell. All else
 * that changed stands in <system-out>, where nobody is woken by it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "report/diff_view.h"
#include "report/report_junit.h"
#include "report/xml_text.h"

struct tally {
    size_t tests, failures, skipped;
};

static bool fails(const struct seep_diff_entry *entry)
{
    return entry->change <= SEEP_CHANGE_WORSE &&
           entry->fresh->verdict >= SEEP_VERDICT_PROBABLE;
}

static bool is_of(const struct seep_diff_entry *entry, enum seep_kind kind)
{
    return seep_change_is_told(entry) && seep_change_finding(entry)->kind == kind;
}

static void entry_text(struct seep_buf *out, const struct seep_diff_entry *entry)
{
    char base[SEEP_DIFF_RATE_BYTES];
    char fresh[SEEP_DIFF_RATE_BYTES];

    seep_buf_printf(
        out, "%s (%.1f %% sure), BASE %s, NEW %s: ", seep_change_name(entry->change),
        seep_diff_view_percent(entry->confidence),
        seep_diff_view_rate(base, entry, entry->base_rate.per_s),
        seep_diff_view_rate(fresh, entry, entry->fresh_rate.per_s));
    seep_junit_put_finding(out, seep_change_finding(entry));
}

/* The changes of a kind, those that fail or the others. Returns: how many. */
static size_t texts(struct seep_buf *out, const struct seep_diff *diff,
                    enum seep_kind kind, bool failures)
{
    size_t n = 0;

    for (size_t i = 0; i < diff->count; i++) {
        const struct seep_diff_entry *entry = &diff->entries[i];

        if (is_of(entry, kind) && fails(entry) == failures) {
            entry_text(out, entry);
            n++;
        }
    }
    return n;
}

static void test_case(struct seep_buf *out, const struct seep_diff_view *view,
                      enum seep_kind kind, struct tally *tally)
{
    struct seep_buf bad = {0};
    struct seep_buf other = {0};
    size_t failures = texts(&bad, view->diff, kind, true);
    size_t others = texts(&other, view->diff, kind, false);

    seep_buf_printf(out, "  <testcase classname=\"seep diff\" name=\"%s\">\n",
                    seep_kind_name(kind));
    tally->tests++;
    if (failures > 0) {
        tally->failures++;
        seep_buf_printf(out,
                        "   <failure type=\"regression\" message=\"%zu new or "
                        "worse\">",
                        failures);
        seep_buf_put(out, bad.data, bad.len_bytes);
        seep_buf_printf(out, "</failure>\n");
    } else if (!seep_diff_view_is_conclusive(view)) {
        tally->skipped++;
        seep_buf_printf(out, "   <skipped message=\"a run is too short to tell\"/>\n");
    }
    if (others > 0) {
        seep_buf_printf(out, "   <system-out>");
        seep_buf_put(out, other.data, other.len_bytes);
        seep_buf_printf(out, "</system-out>\n");
    }
    seep_buf_printf(out, "  </testcase>\n");
    out->failed = out->failed || bad.failed || other.failed;
    seep_buf_fini(&bad);
    seep_buf_fini(&other);
}

static void counts(struct seep_buf *out, const struct tally *tally)
{
    seep_buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\"",
                    tally->tests, tally->failures, tally->skipped);
}

int seep_diff_view_junit(const struct seep_diff_view *view, struct seep_buf *out)
{
    struct seep_buf cases = {0};
    struct seep_buf verdict = {0};
    struct tally tally = {0};

    for (unsigned kind = SEEP_KIND_NONE + 1; kind < SEEP_KIND_END; kind++) {
        if (view->findings[0]->recorded[kind] || view->findings[1]->recorded[kind]) {
            test_case(&cases, view, (enum seep_kind)kind, &tally);
        }
    }
    seep_diff_view_put_verdict(view, &verdict);
    seep_buf_put(&verdict, "", 1);
    seep_buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "
                         "name=\"seep diff\"");
    counts(out, &tally);
    seep_buf_printf(out, ">\n <testsuite");
    counts(out, &tally);
    seep_junit_put_attribute(out, "name", view->findings[1]->exe);
    seep_junit_put_attribute(out, "hostname", view->findings[1]->host);
    seep_buf_printf(out, ">\n");
    seep_buf_put(out, cases.data, cases.len_bytes);
    seep_buf_printf(out, "  <system-out>");
    seep_xml_put_text(out, verdict.data != NULL ? (const char *)verdict.data : "");
    seep_buf_printf(out, "\nBASE: ");
    seep_xml_put_text(out, view->paths[0]);
    seep_buf_printf(out, "\nNEW: ");
    seep_xml_put_text(out, view->paths[1]);
    seep_buf_printf(out, "\n</system-out>\n </testsuite>\n</testsuites>\n");
    out->failed = out->failed || cases.failed || verdict.failed;
    seep_buf_fini(&cases);
    seep_buf_fini(&verdict);
    return out->failed ? -ENOMEM : 0;
}
