/* Runs for people.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/run_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "history/history_measure.h"

enum { COMMIT_SHOWN = 12, RUN_SHOWN = 8, CUT_COLUMNS = 60 };

const char *seep_run_text_time(uint64_t since_1970_ns, char *out)
{
    time_t seconds = (time_t)(since_1970_ns / 1000000000U);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(out, SEEP_RUN_TIME_MAX, "%Y-%m-%d %H:%M", &parts) == 0) {
        (void)snprintf(out, SEEP_RUN_TIME_MAX, "?");
    }
    return out;
}

const char *seep_run_text_cut(const char *name, char *out)
{
    return seep_layout_cut_middle(name, CUT_COLUMNS, out, SEEP_RUN_CUT_MAX);
}

/* Hashes are cut, names of releases are not. */
const char *seep_run_text_commit(const struct seep_history_run *run, char *out)
{
    size_t len = strlen(run->commit);
    bool is_hash = len >= 40 && strspn(run->commit, "0123456789abcdefABCDEF") == len;

    if (len == 0) {
        (void)snprintf(out, SEEP_RUN_COMMIT_MAX, "-");
    } else if (is_hash) {
        (void)snprintf(out, SEEP_RUN_COMMIT_MAX, "%.*s", COMMIT_SHOWN, run->commit);
    } else {
        (void)seep_layout_cut_middle(run->commit, SEEP_RUN_COMMIT_MAX / 4, out,
                                     SEEP_RUN_COMMIT_MAX);
    }
    return out;
}

static void line_break(const struct seep_layout *layout)
{
    seep_buf_printf(layout->out, "\n");
}

static size_t leaks_of(const struct seep_history_run *run)
{
    size_t leaks = 0;

    for (size_t i = 0; i < run->finding_count; i++) {
        leaks += run->findings[i].verdict >= SEEP_VERDICT_PROBABLE;
    }
    return leaks;
}

static enum seep_ink ink_of(const struct seep_history_run *run)
{
    return strcmp(run->outcome, "leak") == 0      ? SEEP_INK_RED
           : strcmp(run->outcome, "suspect") == 0 ? SEEP_INK_YELLOW
                                                  : SEEP_INK_PLAIN;
}

void seep_run_text_list(const struct seep_history_runs *runs,
                        const struct seep_layout *layout)
{
    seep_layout_put(layout, SEEP_INK_BOLD,
                    "run      started (UTC)    program      branch       commit       "
                    "lasted   outcome       leaks");
    line_break(layout);
    for (size_t i = runs->count; i-- > 0;) {
        const struct seep_history_run *run = &runs->runs[i];
        char id[SEEP_HISTORY_ID_BYTES];
        char when[SEEP_RUN_TIME_MAX];
        char commit[SEEP_RUN_COMMIT_MAX];
        char lasted[SEEP_FMT_MAX];
        char leaks[SEEP_FMT_MAX];

        (void)snprintf(id, sizeof(id), "%.*s", RUN_SHOWN, run->id);
        (void)snprintf(leaks, sizeof(leaks), "%zu", leaks_of(run));
        seep_layout_cell(layout, SEEP_INK_PLAIN, id, 9);
        seep_layout_cell(layout, SEEP_INK_PLAIN,
                         seep_run_text_time(run->started_ns, when), 17);
        seep_layout_cell(layout, SEEP_INK_PLAIN, run->program, 12);
        seep_layout_put(layout, SEEP_INK_PLAIN, " ");
        seep_layout_cell(layout, SEEP_INK_PLAIN,
                         run->branch[0] != '\0' ? run->branch : "-", 12);
        seep_layout_put(layout, SEEP_INK_PLAIN, " ");
        seep_layout_cell(layout, SEEP_INK_PLAIN, seep_run_text_commit(run, commit), 12);
        seep_layout_put(layout, SEEP_INK_PLAIN, " ");
        seep_layout_cell(layout, SEEP_INK_PLAIN,
                         seep_fmt_seconds(lasted, sizeof(lasted), run->duration_s), 9);
        seep_layout_cell(layout, ink_of(run), run->outcome, 13);
        seep_layout_cell(layout, SEEP_INK_PLAIN, leaks, -6);
        line_break(layout);
    }
}

static void fact(const struct seep_layout *layout, const char *name, const char *value)
{
    if (value[0] != '\0') {
        seep_buf_printf(layout->out, "  ");
        seep_layout_cell(layout, SEEP_INK_DIM, name, 10);
        seep_layout_wrap(layout, SEEP_INK_PLAIN, value, 12, 12);
    }
}

static void show_totals(const struct seep_history_run *run,
                        const struct seep_layout *layout)
{
    char live[SEEP_FMT_MAX];
    char peak[SEEP_FMT_MAX];
    char text[256];

    (void)snprintf(text, sizeof(text), "%s live at the end, %s at the peak",
                   seep_fmt_bytes(live, sizeof(live), (double)run->heap_live_bytes),
                   seep_fmt_bytes(peak, sizeof(peak), (double)run->heap_peak_bytes));
    fact(layout, "heap", text);
    (void)snprintf(text, sizeof(text), "%" PRIu64 " at the end, %" PRIu64 " at the peak",
                   run->threads_live, run->threads_peak);
    fact(layout, "threads", text);
    if (run->fds_peak > 0) {
        (void)snprintf(text, sizeof(text),
                       "%" PRIu64 " at the end, %" PRIu64 " at the peak", run->fds_live,
                       run->fds_peak);
        fact(layout, "fds", text);
    }
    if (run->lost_events > 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " acquisitions are in no count",
                       run->lost_events);
        fact(layout, "lost", text);
    }
}

static void show_finding(const struct seep_history_run *run,
                         const struct seep_history_finding *finding,
                         const struct seep_layout *layout)
{
    enum seep_measure_basis basis = seep_measure_basis_of(finding);
    struct seep_measure growth = seep_measure_take(finding, run->duration_s, basis);
    char amount[SEEP_MEASURE_TEXT_MAX];

    line_break(layout);
    seep_layout_cell(layout, SEEP_INK_BOLD, seep_verdict_name(finding->verdict), 9);
    seep_layout_cell(layout, SEEP_INK_PLAIN, seep_kind_name(finding->kind), 8);
    seep_layout_put(layout, SEEP_INK_PLAIN, finding->headline);
    if (finding->place[0] != '\0') {
        seep_layout_put(layout, SEEP_INK_DIM, " (");
        seep_layout_put(layout, SEEP_INK_DIM, finding->place);
        seep_layout_put(layout, SEEP_INK_DIM, ")");
    }
    seep_layout_put(layout, SEEP_INK_DIM, "  [");
    seep_layout_put(layout, SEEP_INK_DIM, finding->id);
    seep_layout_put(layout, SEEP_INK_DIM, "]\n");
    fact(layout, "subsystem", finding->subsystem);
    fact(layout, "what", finding->summary);
    fact(layout, basis == SEEP_MEASURE_AMOUNT ? "amount" : "growth",
         seep_measure_text(growth.value, finding->kind, basis, finding->unit, amount));
}

void seep_run_text_show(const struct seep_history_run *run,
                        const struct seep_layout *layout)
{
    char text[640];
    char name[SEEP_RUN_CUT_MAX];
    char value[SEEP_RUN_CUT_MAX];
    char when[SEEP_RUN_TIME_MAX];
    char lasted[SEEP_FMT_MAX];

    seep_layout_put(layout, SEEP_INK_BOLD, "run ");
    seep_layout_put(layout, SEEP_INK_BOLD, run->id);
    seep_layout_put(layout, ink_of(run), "  ");
    seep_layout_put(layout, ink_of(run), run->outcome);
    line_break(layout);
    fact(layout, "command", run->command);
    (void)snprintf(text, sizeof(text), "%s, pid %" PRIu32,
                   seep_run_text_cut(run->host, name), run->pid);
    fact(layout, "host", text);
    (void)snprintf(text, sizeof(text), "%s UTC, lasted %s, %s",
                   seep_run_text_time(run->started_ns, when),
                   seep_fmt_seconds(lasted, sizeof(lasted), run->duration_s),
                   seep_run_text_cut(run->ending, name));
    fact(layout, "started", text);
    fact(layout, "branch", run->branch);
    fact(layout, "commit", run->commit);
    for (size_t i = 0; i < run->label_count; i++) {
        (void)snprintf(text, sizeof(text), "%s=%s",
                       seep_run_text_cut(run->labels[i].name, name),
                       seep_run_text_cut(run->labels[i].value, value));
        fact(layout, "label", text);
    }
    (void)snprintf(text, sizeof(text), "Seep %s, %s",
                   seep_run_text_cut(run->seep_version, name), run->mode);
    fact(layout, "recorded", text);
    fact(layout, "not judged", run->inconclusive);
    show_totals(run, layout);
    if (run->finding_count == 0) {
        fact(layout, "findings", "none");
    }
    for (size_t i = 0; i < run->finding_count; i++) {
        show_finding(run, &run->findings[i], layout);
    }
}
