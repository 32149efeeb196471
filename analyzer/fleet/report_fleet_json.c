/* The report on a fleet for other programs; docs/fleet.md names each member.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet_report.h"
#include "fleet/fleet_words.h"

enum { VERSION = 1 };

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Words of fleet_words.c as a string; takes what is in the buffer. */
static json_t *words_of(struct seep_buf *words)
{
    json_t *text =
        words->failed ? NULL : json_stringn((const char *)words->data, words->len_bytes);

    seep_buf_reset(words);
    return text;
}

static json_t *question_of(const struct seep_fleet_report *report)
{
    const struct seep_fleet_question *question = report->question;
    json_t *metrics = json_array();
    json_t *groups = json_array();

    for (size_t i = 0; i < question->metric_count; i++) {
        (void)json_array_append_new(metrics, json_string(question->metrics[i].name));
    }
    for (size_t i = SEEP_FLEET_GROUP; i < question->labels.count; i++) {
        (void)json_array_append_new(groups, json_string(question->labels.names[i]));
    }
    return json_pack("{s:s,s:o,s:s,s:o,s:f,s:f,s:I}", "url", question->source.url,
                     "metrics", metrics, "match", question->match, "groups", groups,
                     "from_s", question->grid.start_s, "step_s", question->grid.step_s,
                     "steps", (json_int_t)question->grid.steps);
}

static json_t *data_of(const struct seep_fleet_table *table)
{
    const struct seep_fleet_losses *losses = &table->losses;
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"samples", table->samples},
        {"lives", table->lives},
        {"short_lives", table->short_lives},
        {"restarts", table->restarts},
        {"gaps", table->cuts.gaps},
        {"missing", table->cuts.missing},
        {"lives_left_off", table->cuts.left_off},
        {"not_finite", losses->not_finite},
        {"duplicates", losses->duplicates},
        {"out_of_order", losses->out_of_order},
        {"off_grid", losses->off_grid},
        {"cut_labels", losses->cut_labels},
        {"histograms", losses->histograms},
        {"no_name", losses->no_name},
        {"warnings", losses->warnings},
        {"partial", losses->partial},
    };
    json_t *data = json_object();

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        (void)json_object_set_new(data, counts[i].name, count(counts[i].count));
    }
    return data;
}

static json_t *common_of(const struct seep_fleet_report *report,
                         const struct seep_fleet_finding *finding)
{
    static const char *const kinds[] = {[SEEP_FLEET_COMMON_BEST] = "strongest",
                                        [SEEP_FLEET_COMMON_SAME] = "same_instances",
                                        [SEEP_FLEET_COMMON_WITHIN] = "within_strongest",
                                        [SEEP_FLEET_COMMON_ONLY] = "only_there"};
    json_t *list = json_array();

    for (size_t i = 0; i < finding->common_count; i++) {
        const struct seep_fleet_common *common = &finding->common[i];
        const struct seep_fleet_share *share = &common->share;

        (void)json_array_append_new(
            list,
            json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:f,s:f,s:f}", "kind",
                      kinds[common->kind], "label",
                      report->question->labels.names[SEEP_FLEET_GROUP + share->group],
                      "value", seep_fleet_text(report->table, share->value), "growing",
                      (json_int_t)share->units.in_marked, "instances",
                      (json_int_t)share->units.in_all, "others_growing",
                      (json_int_t)share->units.out_marked, "others",
                      (json_int_t)share->units.out_all, "p", share->p, "q_value",
                      share->q, "lift", seep_fleet_lift(share)));
    }
    return list;
}

static json_t *fastest_of(const struct seep_fleet_report *report,
                          const struct seep_fleet_finding *finding)
{
    const struct seep_fleet_table *table = report->table;
    json_t *list = json_array();

    for (size_t i = 0; i < finding->fastest_count; i++) {
        const struct seep_fleet_row *row = &finding->fastest[i];
        const struct seep_fleet_unit *unit = &table->units[row->unit];

        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:f,s:f}", "instance",
                            seep_fleet_text(table, unit->instance), "recording",
                            seep_fleet_text(table, unit->recording), "verdict",
                            seep_verdict_name(row->verdict), "growth_per_s", row->u_per_s,
                            "live", row->live));
    }
    return list;
}

static json_t *finding_of(const struct seep_fleet_report *report,
                          const struct seep_fleet_finding *finding,
                          struct seep_buf *words)
{
    const struct seep_fleet_table *table = report->table;
    const struct seep_fleet_site *site = &table->sites[finding->site];
    json_t *object = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "id", seep_fleet_text(table, site->id), "kind",
        seep_kind_name(site->kind), "verdict", seep_verdict_name(finding->verdict),
        "function", seep_fleet_text(table, site->function), "place",
        seep_fleet_text(table, site->place), "subsystem",
        seep_fleet_text(table, site->subsystem), "unit",
        finding->of_bytes ? "bytes" : "count");
    json_t *numbers = json_pack(
        "{s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:f}", "seen", (json_int_t)finding->seen,
        "absent", (json_int_t)finding->absent, "judged", (json_int_t)finding->judged,
        "growing", (json_int_t)finding->growing, "chance", finding->chance,
        "median_per_s", finding->median_per_s, "lower_quartile_per_s", finding->low_per_s,
        "upper_quartile_per_s", finding->high_per_s, "total_per_s", finding->total_per_s,
        "total_live", finding->total_live);

    (void)json_object_update(object, numbers);
    json_decref(numbers);
    seep_fleet_say_where(report, finding, words);
    (void)json_object_set_new(object, "where", words_of(words));
    (void)json_object_set_new(object, "common", common_of(report, finding));
    (void)json_object_set_new(object, "fastest", fastest_of(report, finding));
    return object;
}

static const char *outcome_of(const struct seep_fleet_report *report)
{
    const struct seep_fleet_findings *findings = report->findings;

    if (seep_fleet_is_inconclusive(report)) {
        return seep_outcome_name(SEEP_OUTCOME_INCONCLUSIVE);
    }
    if (findings->count == 0) {
        return seep_outcome_name(SEEP_OUTCOME_CLEAN);
    }
    return seep_outcome_name(findings->findings[0].verdict >= SEEP_VERDICT_PROBABLE
                                 ? SEEP_OUTCOME_LEAK
                                 : SEEP_OUTCOME_SUSPECT);
}

static json_t *root_of(const struct seep_fleet_report *report)
{
    const struct seep_fleet_table *table = report->table;
    const struct seep_fleet_findings *findings = report->findings;
    struct seep_buf words = {0};
    json_t *list = json_array();
    json_t *root = NULL;

    for (size_t i = 0; i < findings->count && i < report->top; i++) {
        (void)json_array_append_new(list,
                                    finding_of(report, &findings->findings[i], &words));
    }
    seep_buf_fini(&words);
    root = json_pack(
        "{s:i,s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "seep_fleet", VERSION,
        "question", question_of(report), "verdict", outcome_of(report), "instances",
        (json_int_t)table->unit_keys.count, "sites", (json_int_t)table->site_keys.count,
        "series", (json_int_t)table->row_count, "growing_sites",
        (json_int_t)findings->count, "not_shown",
        (json_int_t)(findings->count > report->top ? findings->count - report->top : 0),
        "suppressed", (json_int_t)report->suppressed, "data", data_of(table), "findings",
        list);
    return root;
}

int seep_fleet_render_json(const struct seep_fleet_report *report,
                           const struct seep_render_options *options,
                           struct seep_buf *out)
{
    json_t *root = root_of(report);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;

    (void)options; /* data has no width */
    if (text != NULL) {
        seep_buf_put(out, text, strlen(text));
        seep_buf_put(out, "\n", 1);
    }
    free(text);
    json_decref(root);
    return text == NULL || out->failed ? -ENOMEM : 0;
}
