/* The first lines of a report: the problems, not the findings.
 *
 * One bug often is many findings: a thread, its memory and its socket, each reached in
 * three ways. Whoever is woken by it needs one sentence on each problem, so findings that
 * are likely one cause are named in a line below the first of them, those that are called
 * the same together. Their own sentences stand with their evidence further down.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_text_causes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "base/whole.h"

enum { CAUSES_MAX = 3, LINE_MAX_BYTES = 1024 };
static const double SURE_AFTER_S = 60; /* judged; docs/statistics.md, "Growth" */

static bool is_of_waiting(const struct seep_finding *finding)
{
    return finding->cause == SEEP_CAUSE_STUCK ||
           finding->cause == SEEP_CAUSE_UNREACHABLE ||
           finding->cause == SEEP_CAUSE_LOCK_CYCLE;
}

const char *seep_report_text_verdict(const struct seep_findings *findings)
{
    static const char *const words[] = {"", "clean", "inconclusive", "SUSPECT", "LEAK"};
    bool leaks = false;

    for (size_t i = 0; i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        leaks = leaks ||
                (finding->verdict >= SEEP_VERDICT_PROBABLE && !is_of_waiting(finding));
    }
    return findings->outcome == SEEP_OUTCOME_LEAK && !leaks ? "STUCK"
                                                            : words[findings->outcome];
}

bool seep_report_text_doubt(const struct seep_findings *findings, char *text, size_t size)
{
    double judged_s = findings->judged_to_s - findings->judged_from_s;
    char judged[SEEP_FMT_MAX];
    bool grows = false;

    for (size_t i = 0; i < findings->finding_count; i++) {
        grows = grows || (findings->findings[i].verdict == SEEP_VERDICT_SUSPECT &&
                          findings->findings[i].cause == SEEP_CAUSE_GROWTH);
    }
    if (findings->outcome != SEEP_OUTCOME_SUSPECT || !grows) {
        return false;
    }
    if (judged_s < SURE_AFTER_S) {
        (void)snprintf(text, size,
                       "Not proved: only %s were judged; a run of 90 s or longer tells.",
                       seep_fmt_seconds(judged, sizeof(judged), judged_s));
    } else {
        (void)snprintf(text, size,
                       "Not proved: the evidence is below; a longer run may tell.");
    }
    return true;
}

void seep_report_text_count(const struct seep_findings *findings, size_t n, char *text,
                            size_t size)
{
    size_t causes = n;
    int at = snprintf(text, size, ": %zu finding%s", n, n == 1 ? "" : "s");

    for (size_t i = 0; i < n; i++) {
        causes -= findings->findings[i].with != 0;
    }
    if (causes < n) {
        (void)snprintf(text + at, size - (size_t)at, ", likely %zu cause%s", causes,
                       causes == 1 ? "" : "s");
    }
}

static bool is_called_the_same(const struct seep_finding *a, const struct seep_finding *b)
{
    return a->kind == b->kind && strcmp(a->headline, b->headline) == 0;
}

/* Appends to a line of text; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void add(char text[LINE_MAX_BYTES],
                                                      const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + used, LINE_MAX_BYTES - used, format, args);
    va_end(args);
}

/* "heap of pma_auth_new (4, 5, 6)": all from list[at] on that are called the same. */
static void add_namesakes(const struct seep_finding *list, size_t at, size_t end,
                          char text[LINE_MAX_BYTES])
{
    enum seep_kind kind = list[at].kind;

    add(text, "%s of %s (%zu",
        kind == SEEP_KIND_THREAD ? "threads"
        : kind == SEEP_KIND_FD   ? "descriptors"
                                 : seep_kind_name(kind),
        list[at].headline, at + 1);
    for (size_t i = at + 1; i < end; i++) {
        if (is_called_the_same(&list[i], &list[at])) {
            add(text, ", %zu", i + 1);
        }
    }
    add(text, ")");
}

/* ": in all 176 threads, 1.1 MiB of heap" */
static void add_totals(const struct seep_finding *list, size_t lead, size_t end,
                       char text[LINE_MAX_BYTES])
{
    double threads = 0;
    double descriptors = 0;
    double heap_bytes = 0;
    char number[SEEP_FMT_MAX];

    for (size_t i = lead; i < end; i++) {
        double live = (double)list[i].evidence.live;

        threads += list[i].kind == SEEP_KIND_THREAD ? live : 0;
        descriptors += list[i].kind == SEEP_KIND_FD ? live : 0;
        heap_bytes +=
            list[i].kind == SEEP_KIND_HEAP ? (double)list[i].evidence.live_bytes : 0;
    }
    if (threads + descriptors + heap_bytes <= 0) {
        return;
    }
    add(text, ": in all");
    if (threads > 0) {
        seep_fmt_count(number, sizeof(number), seep_whole(threads));
        add(text, " %s threads,", number);
    }
    if (descriptors > 0) {
        seep_fmt_count(number, sizeof(number), seep_whole(descriptors));
        add(text, " %s descriptors,", number);
    }
    if (heap_bytes > 0) {
        add(text, " %s of heap,", seep_fmt_bytes(number, sizeof(number), heap_bytes));
    }
    text[strlen(text) - 1] = '\0'; /* the last comma */
}

/* What is likely one cause with a finding, below it. Returns: how many those are. */
static size_t of_one_cause(const struct seep_layout *layout,
                           const struct seep_findings *findings, size_t lead, size_t n)
{
    const struct seep_finding *list = findings->findings;
    char text[LINE_MAX_BYTES] = "with it ";
    size_t end = lead + 1;

    while (end < n && list[end].with == lead + 1) {
        end++;
    }
    for (size_t i = lead + 1; i < end; i++) {
        size_t first = lead + 1;

        while (!is_called_the_same(&list[first], &list[i])) {
            first++;
        }
        if (first == i) {
            add(text, "%s", i > lead + 1 ? ", " : "");
            add_namesakes(list, i, end, text);
        }
    }
    if (end > lead + 1) {
        add_totals(list, lead, end, text);
        seep_buf_printf(layout->out, "     ");
        seep_layout_wrap(layout, SEEP_INK_PLAIN, text, 5, 5);
    }
    return end - lead - 1;
}

void seep_report_text_causes(const struct seep_layout *layout,
                             const struct seep_findings *findings, size_t n)
{
    size_t i = 0;

    for (size_t told = 0; i < n && told < CAUSES_MAX; told++) {
        seep_buf_printf(layout->out, "  %zu. ", i + 1);
        seep_layout_wrap(layout, SEEP_INK_PLAIN, findings->findings[i].summary, 5, 5);
        i += 1 + of_one_cause(layout, findings, i, n);
    }
    if (i < n) {
        seep_buf_printf(layout->out, "  ... and %zu more below\n", n - i);
    }
}
