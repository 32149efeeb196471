/* Sites as `seep top` has them, as JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/json_stack.h"
#include "serve/serve_json.h"
#include "verdict/summary_text.h"

enum { SERIES_MOST = 600, ID_BYTES = 12 };
static const double WINDOW_S = 10;

int seep_sites_update(struct seep_shelf_item *item, enum seep_kind kind,
                      enum seep_top_sort sort, const char *subsystem)
{
    const struct seep_recording *recording = seep_live_recording(item->live);
    const struct seep_top_query query = {
        .kind = kind != SEEP_KIND_NONE ? kind : SEEP_KIND_HEAP,
        .sort = sort,
        .subsystem = subsystem,
        .window_s = WINDOW_S,
        .snapshot = recording->snapshot_count - 1}; /* without one: out of range */

    return seep_top_model_update(&item->model, recording, &query);
}

/* The finding that speaks for a site; NULL: none. */
static const struct seep_finding *finding_of(const struct seep_findings *findings,
                                             uint32_t site)
{
    for (size_t i = 0; findings != NULL && i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        if (finding->site == site) {
            return finding;
        }
        for (size_t k = 0; k < finding->site_count; k++) {
            if (finding->sites[k] == site) {
                return finding;
            }
        }
    }
    return NULL;
}

static json_t *describe(struct seep_shelf_item *item, const struct seep_top_row *row,
                        const struct seep_finding *name)
{
    const struct seep_finding *finding =
        finding_of(seep_live_findings(item->live), row->site);
    char place[SEEP_SUMMARY_PLACE_BYTES];

    seep_summary_place_put(name, place, sizeof(place));
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", name->id, "site",
        seep_serve_count(row->site), "kind", seep_kind_name(name->kind), "headline",
        seep_serve_text(name->headline), "place", seep_serve_text(place), "subsystem",
        seep_serve_text(seep_live_subsystem(item->live, row->site)), "live",
        seep_serve_count(row->live), "live_bytes", seep_serve_count(row->live_bytes),
        "growth_per_s", seep_serve_number(row->growth_per_s), "growth_bytes_per_s",
        seep_serve_number(row->growth_bytes_per_s), "acquired_per_s",
        seep_serve_number(row->acquired_per_s));

    json_object_set_new(object, "finding",
                        finding != NULL ? json_string(finding->id) : json_null());
    json_object_set_new(object, "verdict",
                        finding != NULL ? json_string(seep_verdict_name(finding->verdict))
                                        : json_null());
    return object;
}

static json_t *total_of(const struct seep_top_row *total)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "live", seep_serve_count(total->live),
                     "live_bytes", seep_serve_count(total->live_bytes), "growth_per_s",
                     seep_serve_number(total->growth_per_s), "growth_bytes_per_s",
                     seep_serve_number(total->growth_bytes_per_s), "acquired_per_s",
                     seep_serve_number(total->acquired_per_s));
}

int seep_sites_put(struct seep_shelf_item *item, const struct seep_target *target,
                   struct seep_buf *out)
{
    const struct seep_recording *recording = seep_live_recording(item->live);
    size_t most = target->top != 0 ? target->top : SEEP_SITES_DEFAULT;
    json_t *rows = json_array();

    if (seep_sites_update(item, target->of, target->sort, target->subsystem) < 0) {
        json_decref(rows);
        return -ENOMEM;
    }
    for (size_t i = 0; i < item->model.count && i < most; i++) {
        const struct seep_top_row *row = &item->model.rows[i];
        const struct seep_finding *name =
            seep_top_names_of(&item->names, recording, row->site);

        if (name == NULL || json_array_append_new(rows, describe(item, row, name)) < 0) {
            json_decref(rows);
            return -ENOMEM;
        }
    }
    return seep_serve_put(
        out, json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "generation",
                       seep_serve_count(item->generation), "kind",
                       seep_kind_name(target->of != SEEP_KIND_NONE ? target->of
                                                                   : SEEP_KIND_HEAP),
                       "at_s", seep_serve_number(seep_live_now(item->live).t_s),
                       "window_s", seep_serve_number(item->model.window_s), "count",
                       seep_serve_count(item->model.count), "total",
                       total_of(&item->model.total), "rows", rows));
}

/* The site that is meant; 0: none. */
static uint32_t find_site(struct seep_shelf_item *item, const char *text)
{
    const struct seep_recording *recording = seep_live_recording(item->live);
    char *end = NULL;

    if (strlen(text) != ID_BYTES) {
        unsigned long site = strtoul(text, &end, 10);

        return text[0] >= '0' && text[0] <= '9' && *end == '\0' &&
                       site < recording->site_count
                   ? (uint32_t)site
                   : 0;
    }
    for (uint32_t site = 1; site < recording->site_count; site++) {
        const struct seep_finding *name =
            recording->sites[site].points.count != 0
                ? seep_top_names_of(&item->names, recording, site)
                : NULL;

        if (name != NULL && strcmp(name->id, text) == 0) {
            return site;
        }
    }
    return 0;
}

static uint64_t held(uint64_t acquired, uint64_t released)
{
    return acquired > released ? acquired - released : 0;
}

/* Live over time, at SERIES_MOST snapshots at most, the newest among them. */
static json_t *series_of(const struct seep_recording *recording, uint32_t site)
{
    struct seep_points_cursor cursor = seep_points_start(&recording->sites[site].points);
    struct seep_counters now = {0};
    size_t count = recording->snapshot_count;
    size_t shown = count < SERIES_MOST ? count : SERIES_MOST;
    bool more = seep_points_next(&cursor);
    json_t *t_s = json_array();
    json_t *live = json_array();
    json_t *live_bytes = json_array();

    for (size_t i = 0; i < shown; i++) {
        size_t at = shown > 1 ? i * (count - 1) / (shown - 1) : count - 1;

        while (more && cursor.now.snapshot <= at) {
            now = cursor.now.counters;
            more = seep_points_next(&cursor);
        }
        json_array_append_new(
            t_s, seep_serve_number((double)recording->snapshots[at].t_ns / 1e9));
        json_array_append_new(live, seep_serve_count(held(now.acquired, now.released)));
        json_array_append_new(
            live_bytes, seep_serve_count(held(now.acquired_bytes, now.released_bytes)));
    }
    return json_pack("{s:o, s:o, s:o}", "t_s", t_s, "live", live, "live_bytes",
                     live_bytes);
}

/* The site's row, also where it holds nothing now. */
static struct seep_top_row row_of(struct seep_shelf_item *item, uint32_t site)
{
    const struct seep_counters *last =
        &seep_live_recording(item->live)->sites[site].points.last;

    for (size_t i = 0; i < item->model.count; i++) {
        if (item->model.rows[i].site == site) {
            return item->model.rows[i];
        }
    }
    return (struct seep_top_row){.site = site,
                                 .live = held(last->acquired, last->released),
                                 .live_bytes =
                                     held(last->acquired_bytes, last->released_bytes)};
}

int seep_sites_put_one(struct seep_shelf_item *item, const struct seep_target *target,
                       struct seep_buf *out, struct seep_error *error)
{
    const struct seep_recording *recording = seep_live_recording(item->live);
    uint32_t site = find_site(item, target->site);
    const struct seep_finding *name = NULL;
    json_t *object = NULL;

    if (site == 0) {
        return seep_error_set(error, -ENOENT,
                              "%s has no site %s: see .../sites for those that it has",
                              item->name, target->site);
    }
    name = seep_top_names_of(&item->names, recording, site);
    if (name == NULL || seep_sites_update(item, name->kind, SEEP_TOP_BY_LIVE, "") < 0) {
        return -ENOMEM;
    }
    struct seep_top_row row = row_of(item, site);

    object = describe(item, &row, name);
    json_object_set_new(object, "generation", seep_serve_count(item->generation));
    json_object_set_new(object, "stack", seep_json_stack(name->stack, name->stack_count));
    json_object_set_new(object, "stack_end", seep_serve_text(name->stack_end));
    json_object_set_new(object, "series", series_of(recording, site));
    return seep_serve_put(out, object);
}
