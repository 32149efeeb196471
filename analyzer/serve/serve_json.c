/* The lists of recordings, and one of them over time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *seep_serve_text(const char *text)
{
    json_t *made = json_string(text);
    char *clean = NULL;

    if (made != NULL || (clean = strdup(text)) == NULL) {
        return made;
    }
    for (char *at = clean; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80) {
            *at = '?';
        }
    }
    made = json_string(clean);
    free(clean);
    return made;
}

json_t *seep_serve_count(uint64_t count)
{
    return json_integer(count <= INT64_MAX ? (json_int_t)count : INT64_MAX);
}

json_t *seep_serve_number(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

int seep_serve_put(struct seep_buf *out, json_t *whole)
{
    char *text =
        whole != NULL ? json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;

    json_decref(whole);
    if (text == NULL) {
        return -ENOMEM;
    }
    seep_buf_put(out, text, strlen(text));
    seep_buf_put(out, "\n", 1);
    free(text);
    return out->failed ? -ENOMEM : 0;
}

static void put_judgement(json_t *row, const struct seep_findings *findings)
{
    enum seep_verdict worst = SEEP_VERDICT_NONE;

    if (findings != NULL) {
        worst = seep_findings_worst(findings);
    }
    json_object_set_new(row, "outcome",
                        findings != NULL && findings->outcome != 0
                            ? json_string(seep_outcome_name(findings->outcome))
                            : json_null());
    json_object_set_new(row, "worst",
                        worst != SEEP_VERDICT_NONE ? json_string(seep_verdict_name(worst))
                                                   : json_null());
    json_object_set_new(row, "finding_count",
                        seep_serve_count(findings != NULL ? findings->finding_count : 0));
}

static void put_program(json_t *row, const struct seep_recording *recording)
{
    const struct seep_rec_program *program = &recording->program;
    json_t *command = json_array();

    for (size_t i = 0; i < program->argc; i++) {
        json_array_append_new(command, seep_serve_text(program->argv[i]));
    }
    json_object_set_new(row, "pid", seep_serve_count(program->pid));
    json_object_set_new(row, "command", command);
    json_object_set_new(row, "host",
                        seep_serve_text(program->host != NULL ? program->host : ""));
    json_object_set_new(row, "started_realtime_ns",
                        seep_serve_count(program->started_realtime_ns));
    json_object_set_new(row, "interval_s",
                        seep_serve_number((double)program->interval_ns / 1e9));
    json_object_set_new(row, "duration_s",
                        seep_serve_number((double)recording->ended_ns / 1e9));
    json_object_set_new(row, "snapshots", seep_serve_count(recording->snapshots_taken));
}

/* Of one that was put away only what can have changed is made anew. */
static json_t *row_of(const struct seep_shelf_item *item)
{
    json_t *row =
        item->live == NULL && item->row != NULL && item->state != SEEP_SHELF_REFUSED
            ? json_loads(item->row, 0, NULL)
            : json_object();

    json_object_set_new(row, "name", seep_serve_text(item->name));
    json_object_set_new(row, "path", seep_serve_text(item->path));
    json_object_set_new(row, "state", json_string(seep_shelf_state_name(item->state)));
    json_object_set_new(row, "why",
                        item->why[0] != '\0' ? seep_serve_text(item->why) : json_null());
    if (item->live != NULL) {
        struct seep_live_now now = seep_live_now(item->live);

        put_program(row, seep_live_recording(item->live));
        put_judgement(row, seep_live_findings(item->live));
        json_object_set_new(row, "heap_live_bytes",
                            seep_serve_count(now.heap_live_bytes));
        json_object_set_new(row, "rss_bytes", seep_serve_count(now.rss_bytes));
        json_object_set_new(row, "threads", seep_serve_count(now.threads));
        json_object_set_new(row, "fds", seep_serve_count(now.fds));
    }
    json_object_set_new(row, "generation", seep_serve_count(item->generation));
    return row;
}

int seep_serve_row(struct seep_shelf_item *item)
{
    json_t *row = row_of(item);
    char *text =
        row != NULL ? json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;

    json_decref(row);
    if (text == NULL) {
        return -ENOMEM;
    }
    free(item->row);
    item->row = text;
    return 0;
}

int seep_serve_recordings(const struct seep_shelf *shelf, struct seep_buf *out)
{
    size_t unread = 0;
    bool first = true;

    seep_buf_printf(out, "{\"recordings\":[");
    for (size_t i = 0; i < seep_shelf_count(shelf); i++) {
        const struct seep_shelf_item *item = seep_shelf_at(shelf, i);

        unread += item->state == SEEP_SHELF_UNREAD;
        if (item->row != NULL && item->state != SEEP_SHELF_UNREAD) {
            seep_buf_printf(out, "%s", first ? "" : ",");
            seep_buf_put(out, item->row, strlen(item->row));
            first = false;
        }
    }
    seep_buf_printf(out, "],\"unread\":%zu,\"left_out\":%zu}\n", unread,
                    seep_shelf_left_out(shelf));
    return out->failed ? -ENOMEM : 0;
}

struct lists {
    json_t *t_s, *heap, *rss, *threads, *fds;
};

static void append(const struct lists *lists, const struct seep_live_now *now)
{
    json_array_append_new(lists->t_s, seep_serve_number(now->t_s));
    json_array_append_new(lists->heap, seep_serve_count(now->heap_live_bytes));
    json_array_append_new(lists->rss, seep_serve_count(now->rss_bytes));
    json_array_append_new(lists->threads, seep_serve_count(now->threads));
    json_array_append_new(lists->fds, seep_serve_count(now->fds));
}

int seep_serve_timeline(const struct seep_shelf_item *item, struct seep_buf *out)
{
    const struct seep_findings *findings = seep_live_findings(item->live);
    const struct lists lists = {json_array(), json_array(), json_array(), json_array(),
                                json_array()};
    struct seep_live_now *recent = calloc(SEEP_LIVE_RECENT_MAX, sizeof(*recent));
    double judged_s = -1;
    size_t count = 0;

    if (findings != NULL) {
        const struct seep_view_timeline *line = &findings->timeline;

        for (size_t i = 0; i < line->count; i++) {
            append(&lists, &(struct seep_live_now){
                               .t_s = line->t_s[i],
                               .heap_live_bytes = (uint64_t)line->heap_live_bytes[i],
                               .rss_bytes = (uint64_t)line->rss_bytes[i],
                               .threads = (uint64_t)line->threads[i],
                               .fds = (uint64_t)line->fds[i]});
            judged_s = line->t_s[i];
        }
    }
    if (recent != NULL) {
        count = seep_live_recent(item->live, judged_s, recent);
    }
    for (size_t i = 0; i < count; i++) {
        append(&lists, &recent[i]);
    }
    free(recent);
    return seep_serve_put(out,
                          json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "generation",
                                    seep_serve_count(item->generation), "t_s", lists.t_s,
                                    "heap_live_bytes", lists.heap, "rss_bytes", lists.rss,
                                    "threads", lists.threads, "fds", lists.fds));
}
