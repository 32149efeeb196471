/* What /metrics says, from a shelf.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/serve_sites.h"
#include "verdict/summary_text.h"

enum { ROWS_MOST = 2 * SEEP_METRICS_SITES * SEEP_KIND_END };

/* The rows of one recording, and their places. */
struct rows {
    struct seep_openmetrics_row rows[ROWS_MOST];
    char places[ROWS_MOST][SEEP_OPENMETRICS_LABEL_BYTES + 1];
    size_t count;
};

static bool has_finding(const struct seep_findings *findings, uint32_t site)
{
    for (size_t i = 0; findings != NULL && i < findings->finding_count; i++) {
        if (findings->findings[i].site == site) {
            return true;
        }
    }
    return false;
}

static int add_row(struct seep_shelf_item *item, const struct seep_top_row *from,
                   struct rows *rows)
{
    const struct seep_recording *recording = seep_live_recording(item->live);
    const struct seep_finding *name =
        seep_top_names_of(&item->names, recording, from->site);
    const struct seep_counters *last = &recording->sites[from->site].points.last;
    char *place = rows->places[rows->count];

    if (name == NULL) {
        return -ENOMEM;
    }
    seep_summary_place_put(name, place, sizeof(rows->places[0]));
    rows->rows[rows->count++] = (struct seep_openmetrics_row){
        .id = name->id,
        .function = name->headline,
        .place = place,
        .subsystem = seep_live_subsystem(item->live, from->site),
        .kind = name->kind,
        .live = from->live,
        .live_bytes = seep_top_kind_has_bytes(name->kind) ? from->live_bytes : 0,
        .acquired = last->acquired,
        .released = last->released};
    return 0;
}

static int add_rows(struct seep_shelf_item *item, struct rows *rows)
{
    const struct seep_findings *findings = seep_live_findings(item->live);
    int status = 0;

    for (int kind = SEEP_KIND_HEAP; kind < SEEP_KIND_END && status == 0; kind++) {
        size_t beside = 0;

        status = seep_sites_update(item, (enum seep_kind)kind, SEEP_TOP_BY_LIVE, "");
        for (size_t i = 0; i < item->model.count && status == 0; i++) {
            const struct seep_top_row *row = &item->model.rows[i];
            bool most = i < SEEP_METRICS_SITES;

            if (most ||
                (beside < SEEP_METRICS_SITES && has_finding(findings, row->site))) {
                beside += !most;
                status = add_row(item, row, rows);
            }
        }
    }
    return status;
}

static int add_recording(struct seep_shelf_item *item,
                         struct seep_openmetrics_recording *to, struct rows **kept)
{
    struct rows *rows = calloc(1, sizeof(*rows));
    struct seep_live_now now = seep_live_now(item->live);

    *kept = rows;
    if (rows == NULL || add_rows(item, rows) < 0) {
        return -ENOMEM;
    }
    *to = (struct seep_openmetrics_recording){.name = item->name,
                                              .state = seep_shelf_state_name(item->state),
                                              .findings = seep_live_findings(item->live),
                                              .t_s = now.t_s,
                                              .heap_live = now.heap_live,
                                              .heap_live_bytes = now.heap_live_bytes,
                                              .rss_bytes = now.rss_bytes,
                                              .threads = now.threads,
                                              .fds = now.fds,
                                              .cpu_ns = now.cpu_ns,
                                              .rows = rows->rows,
                                              .row_count = rows->count};
    return 0;
}

static void count_states(const struct seep_shelf *shelf, struct seep_openmetrics_own *own)
{
    struct seep_live_cost cost = seep_shelf_cost(shelf);

    for (size_t i = 0; i < seep_shelf_count(shelf); i++) {
        enum seep_shelf_state state = seep_shelf_at(shelf, i)->state;

        own->unread += state == SEEP_SHELF_UNREAD;
        own->running += state == SEEP_SHELF_RUNNING;
        own->ended += state == SEEP_SHELF_ENDED;
        own->lost += state == SEEP_SHELF_LOST;
        own->refused += state == SEEP_SHELF_REFUSED;
    }
    own->left_out = seep_shelf_left_out(shelf);
    own->judgements = cost.judgements;
    own->judge_s = cost.judge_s;
    own->follow_s = cost.follow_s;
}

int seep_serve_metrics_put(struct seep_shelf *shelf,
                           const struct seep_openmetrics_own *own, struct seep_buf *out)
{
    struct seep_openmetrics_recording *recordings =
        calloc(SEEP_METRICS_RECORDINGS, sizeof(*recordings));
    struct rows *kept[SEEP_METRICS_RECORDINGS] = {0};
    struct seep_openmetrics_own whole = *own;
    size_t count = 0;
    int status = recordings != NULL ? 0 : -ENOMEM;

    for (size_t i = 0;
         i < seep_shelf_count(shelf) && count < SEEP_METRICS_RECORDINGS && status == 0;
         i++) {
        struct seep_shelf_item *item = seep_shelf_at(shelf, i);

        if (item->live != NULL) {
            status = add_recording(item, &recordings[count], &kept[count]);
            count++;
        }
    }
    if (status == 0) {
        count_states(shelf, &whole);
        status = seep_openmetrics_put(recordings, count, &whole, out);
    }
    for (size_t i = 0; i < count; i++) {
        free(kept[i]);
    }
    free(recordings);
    return status;
}
