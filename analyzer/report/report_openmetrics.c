/* Metrics as OpenMetrics text.
 *
 * A family's samples stand together, so each family goes through all recordings. Figures
 * of the process and of sites are those of the newest snapshot; what was judged
 * (subsystems, findings) is as old as the judgement.
 *
 * Source: OpenMetrics 1.0 (2020), "Text format".
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_openmetrics.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    struct seep_buf *out;
    const struct seep_openmetrics_recording *recordings;
    size_t n;
};

static void family(const struct text *text, const char *name, const char *type,
                   const char *help)
{
    seep_buf_printf(text->out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

/* The length of the character at `at`; 0: the bytes there are none. Source: RFC 3629. */
static size_t character(const unsigned char *at)
{
    size_t length = at[0] < 0x80                    ? 1
                    : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                    : (at[0] & 0xf0) == 0xe0        ? 3
                    : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                    : 0;

    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

/* A label's value: escaped, cut between characters; what is no UTF-8 becomes "?". */
static void put_value(struct seep_buf *out, const char *value)
{
    size_t used = 0;

    while (*value != '\0') {
        size_t length = character((const unsigned char *)value);
        size_t step = length > 0 ? length : 1;

        used += step;
        if (used > SEEP_OPENMETRICS_LABEL_BYTES) {
            return;
        }
        if (*value == '\n') {
            seep_buf_put(out, "\\n", 2);
        } else {
            if (*value == '\\' || *value == '"') {
                seep_buf_put(out, "\\", 1);
            }
            seep_buf_put(out, length > 0 ? value : "?", step);
        }
        value += step;
    }
}

static void put_label(struct seep_buf *out, const char *name, const char *value)
{
    seep_buf_printf(out, "%s=\"", name);
    put_value(out, value);
    seep_buf_put(out, "\"", 1);
}

/* `name{recording="x"` with more labels to come. */
static void begin(const struct text *text, const char *name, size_t i)
{
    seep_buf_printf(text->out, "%s{", name);
    put_label(text->out, "recording", text->recordings[i].name);
}

static void also(const struct text *text, const char *name, const char *value)
{
    seep_buf_put(text->out, ",", 1);
    put_label(text->out, name, value);
}

static void end_count(const struct text *text, uint64_t value)
{
    seep_buf_printf(text->out, "} %" PRIu64 "\n", value);
}

static void end_number(const struct text *text, double value)
{
    if (isinf(value)) {
        seep_buf_printf(text->out, "} %sInf\n", value > 0 ? "+" : "-");
    } else {
        seep_buf_printf(text->out, "} %.9g\n", isnan(value) ? 0.0 : value);
    }
}

static void put_info(const struct text *text)
{
    family(text, "seep_recording", "info", "The program under watch.");
    for (size_t i = 0; i < text->n; i++) {
        const struct seep_findings *findings = text->recordings[i].findings;
        char pid[16] = "";

        begin(text, "seep_recording_info", i);
        also(text, "state", text->recordings[i].state);
        if (findings != NULL) {
            (void)snprintf(pid, sizeof(pid), "%u", findings->pid);
            also(text, "program", findings->exe != NULL ? findings->exe : "");
            also(text, "host", findings->host != NULL ? findings->host : "");
            also(text, "pid", pid);
            also(text, "mode", findings->mode != NULL ? findings->mode : "");
        }
        end_count(text, 1);
    }
}

static void put_process(const struct text *text)
{
    static const struct {
        const char *name, *help;
        size_t at; /* of a uint64_t in a recording */
    } gauges[] = {
#define FIELD(member) offsetof(struct seep_openmetrics_recording, member)
        {"seep_heap_live_bytes", "Bytes of heap acquired and not released.",
         FIELD(heap_live_bytes)},
        {"seep_heap_live_blocks", "Blocks of heap acquired and not released.",
         FIELD(heap_live)},
        {"seep_resident_memory_bytes", "Resident memory of the process.",
         FIELD(rss_bytes)},
        {"seep_threads", "Threads of the process.", FIELD(threads)},
        {"seep_open_fds", "Open file descriptors of the process.", FIELD(fds)}};
#undef FIELD

    for (size_t g = 0; g < sizeof(gauges) / sizeof(gauges[0]); g++) {
        family(text, gauges[g].name, "gauge", gauges[g].help);
        for (size_t i = 0; i < text->n; i++) {
            uint64_t value = 0;

            memcpy(&value, (const char *)&text->recordings[i] + gauges[g].at,
                   sizeof(value));
            begin(text, gauges[g].name, i);
            end_count(text, value);
        }
    }
    family(text, "seep_recording_seconds", "gauge",
           "Age of the newest snapshot since the program's start.");
    for (size_t i = 0; i < text->n; i++) {
        begin(text, "seep_recording_seconds", i);
        end_number(text, text->recordings[i].t_s);
    }
    family(text, "seep_process_cpu_seconds", "counter",
           "CPU time of the process, user and system.");
    for (size_t i = 0; i < text->n; i++) {
        begin(text, "seep_process_cpu_seconds_total", i);
        end_number(text, (double)text->recordings[i].cpu_ns / 1e9);
    }
}

enum of_subsystem { SUB_BYTES, SUB_BLOCKS, SUB_GROWTH, SUB_THREADS };

static void put_subsystem_family(const struct text *text, enum of_subsystem what,
                                 const char *name, const char *help)
{
    family(text, name, "gauge", help);
    for (size_t i = 0; i < text->n; i++) {
        const struct seep_findings *findings = text->recordings[i].findings;

        for (size_t k = 0; findings != NULL && k < findings->subsystem_count &&
                           k < SEEP_OPENMETRICS_SUBSYSTEMS;
             k++) {
            const struct seep_view_subsystem *of = &findings->subsystems[k];

            begin(text, name, i);
            also(text, "subsystem", of->name);
            end_number(text, what == SUB_BYTES    ? (double)of->heap_live_bytes
                             : what == SUB_BLOCKS ? (double)of->heap_live
                             : what == SUB_GROWTH ? of->heap_growth_bytes_per_s
                                                  : (double)of->threads_live);
        }
    }
}

static void put_subsystems(const struct text *text)
{
    put_subsystem_family(text, SUB_BYTES, "seep_subsystem_heap_live_bytes",
                         "Live heap bytes of a subsystem, when last judged.");
    put_subsystem_family(text, SUB_BLOCKS, "seep_subsystem_heap_live_blocks",
                         "Live heap blocks of a subsystem, when last judged.");
    put_subsystem_family(text, SUB_GROWTH, "seep_subsystem_heap_growth_bytes_per_second",
                         "Growth of a subsystem's heap over what was judged.");
    put_subsystem_family(text, SUB_THREADS, "seep_subsystem_threads",
                         "Live threads of a subsystem, when last judged.");
    family(text, "seep_subsystems_left_out", "gauge",
           "Subsystems that are in none of these, as too many.");
    for (size_t i = 0; i < text->n; i++) {
        const struct seep_findings *findings = text->recordings[i].findings;
        size_t count = findings != NULL ? findings->subsystem_count : 0;

        begin(text, "seep_subsystems_left_out", i);
        end_count(text, count > SEEP_OPENMETRICS_SUBSYSTEMS
                            ? count - SEEP_OPENMETRICS_SUBSYSTEMS
                            : 0);
    }
}

static void put_site_labels(const struct text *text,
                            const struct seep_openmetrics_row *row)
{
    also(text, "kind", seep_kind_name(row->kind));
    also(text, "id", row->id);
    also(text, "function", row->function);
    also(text, "place", row->place);
    also(text, "subsystem", row->subsystem);
}

static void put_site_family(const struct text *text, const char *name, const char *type,
                            const char *help, size_t at)
{
    bool counter = strcmp(type, "counter") == 0;

    family(text, name, type, help);
    for (size_t i = 0; i < text->n; i++) {
        for (size_t k = 0; k < text->recordings[i].row_count; k++) {
            const struct seep_openmetrics_row *row = &text->recordings[i].rows[k];
            uint64_t value = 0;

            memcpy(&value, (const char *)row + at, sizeof(value));
            seep_buf_printf(text->out, "%s%s{", name, counter ? "_total" : "");
            put_label(text->out, "recording", text->recordings[i].name);
            put_site_labels(text, row);
            end_count(text, value);
        }
    }
}

static void put_sites(const struct text *text)
{
#define FIELD(member) offsetof(struct seep_openmetrics_row, member)
    put_site_family(text, "seep_site_live", "gauge",
                    "What a site holds, counted: of the sites that hold most.",
                    FIELD(live));
    put_site_family(text, "seep_site_live_bytes", "gauge",
                    "What a site holds, in bytes; 0 for kinds without bytes.",
                    FIELD(live_bytes));
    put_site_family(text, "seep_site_acquired", "counter",
                    "What a site has acquired since the start, counted.",
                    FIELD(acquired));
    put_site_family(text, "seep_site_released", "counter", "What of that was released.",
                    FIELD(released));
#undef FIELD
}

static void put_findings(const struct text *text)
{
    family(text, "seep_findings", "gauge", "Findings by verdict, when last judged.");
    for (size_t i = 0; i < text->n; i++) {
        const struct seep_findings *findings = text->recordings[i].findings;
        uint64_t of[SEEP_VERDICT_DEFINITE + 1] = {0};

        for (size_t k = 0; findings != NULL && k < findings->finding_count; k++) {
            of[findings->findings[k].verdict]++;
        }
        for (int v = SEEP_VERDICT_BOUNDED; findings != NULL && v <= SEEP_VERDICT_DEFINITE;
             v++) {
            begin(text, "seep_findings", i);
            also(text, "verdict", seep_verdict_name((enum seep_verdict)v));
            end_count(text, of[v]);
        }
    }
}

/* The findings come with their limits; the one that is met first speaks for each. */
static void put_forecasts(const struct text *text)
{
    static const char *const limits[] = {"rss", "address_space", "threads", "nofile"};

    family(text, "seep_time_to_limit_seconds", "gauge",
           "Time to a limit of the process, by the finding that meets it first.");
    for (size_t i = 0; i < text->n; i++) {
        const struct seep_findings *findings = text->recordings[i].findings;

        for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
            double least = INFINITY;

            for (size_t k = 0; findings != NULL && k < findings->finding_count; k++) {
                const struct seep_view_forecast *forecast =
                    &findings->findings[k].forecast;

                if (forecast->limit != NULL && strcmp(forecast->limit, limits[l]) == 0) {
                    least = fmin(least, forecast->time_to_limit_s);
                }
            }
            if (isfinite(least)) {
                begin(text, "seep_time_to_limit_seconds", i);
                also(text, "limit", limits[l]);
                end_number(text, least);
            }
        }
    }
}

static void put_losses(const struct text *text)
{
    static const char *const keys[SEEP_LOSS_MAX] = {
#define SEEP_X(name, value, key, words) [(value)] = (key),
        SEEP_LOSSES(SEEP_X)
#undef SEEP_X
    };

    family(text, "seep_lost", "counter",
           "What is not in the recording, or not whole, by reason.");
    for (size_t i = 0; i < text->n; i++) {
        const struct seep_findings *findings = text->recordings[i].findings;

        for (size_t k = 0; findings != NULL && k < SEEP_LOSS_MAX; k++) {
            if (findings->lost[k] != 0) {
                begin(text, "seep_lost_total", i);
                also(text, "reason", keys[k] != NULL ? keys[k] : "unknown");
                end_count(text, findings->lost[k]);
            }
        }
    }
}

static void put_plain(const struct text *text, const char *name, const char *type,
                      const char *help, double value)
{
    family(text, name, type, help);
    seep_buf_printf(text->out, "%s%s %.15g\n", name,
                    strcmp(type, "counter") == 0 ? "_total" : "", value);
}

static void put_own(const struct text *text, const struct seep_openmetrics_own *own)
{
    const struct {
        const char *state;
        uint64_t count;
    } states[] = {{"running", own->running}, {"ended", own->ended},
                  {"lost", own->lost},       {"refused", own->refused},
                  {"unread", own->unread},   {"left_out", own->left_out}};

    family(text, "seep_serve_recordings", "gauge",
           "Recordings that are served, by state.");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        seep_buf_printf(text->out, "seep_serve_recordings{state=\"%s\"} %" PRIu64 "\n",
                        states[i].state, states[i].count);
    }
    put_plain(text, "seep_serve_judgements", "counter", "Judgements made.",
              (double)own->judgements);
    put_plain(text, "seep_serve_judge_seconds", "counter", "CPU time of judging.",
              own->judge_s);
    put_plain(text, "seep_serve_follow_seconds", "counter", "CPU time of reading.",
              own->follow_s);
    put_plain(text, "seep_serve_cpu_seconds", "counter", "CPU time of this server, all.",
              own->cpu_s);
    put_plain(text, "seep_serve_resident_memory_bytes", "gauge",
              "Resident memory of this server.", (double)own->rss_bytes);
    put_plain(text, "seep_serve_requests", "counter", "Requests answered.",
              (double)own->requests);
    put_plain(text, "seep_serve_refused_requests", "counter",
              "Requests refused: Host, Origin, token, method, size.",
              (double)own->refused_requests);
    put_plain(text, "seep_serve_listeners", "gauge", "Followers of the event stream.",
              (double)own->listeners);
    put_plain(text, "seep_serve_refused_listeners", "counter",
              "Followers refused: too many.", (double)own->refused_listeners);
}

static void put_alerts(const struct text *text,
                       const struct seep_openmetrics_alerts *alerts)
{
    if (!alerts->known) {
        return;
    }
    put_plain(text, "seep_alerts_sent", "counter", "Alerts that a receiver took.",
              (double)alerts->sent);
    put_plain(text, "seep_alerts_failed", "counter", "Attempts that failed.",
              (double)alerts->failed);
    put_plain(text, "seep_alerts_dropped", "counter", "Alerts given up.",
              (double)alerts->dropped);
    put_plain(text, "seep_alerts_deduplicated", "counter",
              "Alerts that were not sent because they said nothing new.",
              (double)alerts->deduplicated);
    put_plain(text, "seep_alerts_pending", "gauge", "Alerts that wait to be sent.",
              (double)alerts->pending);
    put_plain(text, "seep_alerts_firing", "gauge", "Alerts that are firing.",
              (double)alerts->firing);
}

static int by_labels(const void *left, const void *right)
{
    const struct seep_openmetrics_row *a = left;
    const struct seep_openmetrics_row *b = right;
    int order = (int)a->kind - (int)b->kind;

    order = order != 0 ? order : strcmp(a->id, b->id);
    order = order != 0 ? order : strcmp(a->subsystem, b->subsystem);
    order = order != 0 ? order : strcmp(a->function, b->function);
    return order != 0 ? order : strcmp(a->place, b->place);
}

/* One row for each set of labels: a sample may not come twice. */
static void merge_rows(const struct seep_openmetrics_recording *from,
                       struct seep_openmetrics_recording *to)
{
    size_t kept = 0;

    *to = *from;
    if (to->row_count < 2) {
        return;
    }
    qsort(to->rows, to->row_count, sizeof(*to->rows), by_labels);
    for (size_t i = 1; i < to->row_count; i++) {
        struct seep_openmetrics_row *last = &to->rows[kept];

        if (by_labels(last, &to->rows[i]) == 0) {
            last->live += to->rows[i].live;
            last->live_bytes += to->rows[i].live_bytes;
            last->acquired += to->rows[i].acquired;
            last->released += to->rows[i].released;
        } else {
            to->rows[++kept] = to->rows[i];
        }
    }
    to->row_count = kept + 1;
}

int seep_openmetrics_put(const struct seep_openmetrics_recording *recordings, size_t n,
                         const struct seep_openmetrics_own *own, struct seep_buf *out)
{
    struct seep_openmetrics_recording *merged = calloc(n + 1, sizeof(*merged));
    const struct text text = {.out = out, .recordings = merged, .n = n};

    if (merged == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        merge_rows(&recordings[i], &merged[i]);
    }
    put_info(&text);
    put_process(&text);
    put_subsystems(&text);
    put_sites(&text);
    put_findings(&text);
    put_forecasts(&text);
    put_losses(&text);
    put_own(&text, own);
    put_alerts(&text, &own->alerts);
    seep_buf_printf(out, "# EOF\n");
    free(merged);
    return out->failed ? -ENOMEM : 0;
}
