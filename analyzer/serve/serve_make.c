/* From what is asked to an answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_make.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff/diff.h"
#include "report/diff_view.h"
#include "report/renderer.h"
#include "serve/serve_flame.h"
#include "serve/serve_json.h"
#include "serve/serve_metrics.h"
#include "serve/serve_sites.h"
#include "serve/serve_threads.h"
#include "verdict/verdict.h"

enum { COLUMNS = 100, FINDINGS_DEFAULT = 200 };
static const char JSON[] = "application/json";
static const char HTML[] = "text/html; charset=utf-8";

/* What a maker fills. */
struct made {
    struct seep_buf body;
    const char *type;
    uint64_t generation; /* 0: no ETag */
    enum seep_answer_policy policy;
};

static struct seep_answer *finish(const struct seep_make_context *context,
                                  struct made *made, int status,
                                  const struct seep_error *error)
{
    struct seep_answer *answer = NULL;

    if (status < 0) {
        seep_buf_fini(&made->body);
        switch (status) {
        case -ENOENT:
            return seep_answer_error(404, "%s", error->message);
        case -ENOMEM:
            return seep_answer_error(503, "out of memory; ask for less, or later");
        default:
            return seep_answer_error(503, "%s", error->message);
        }
    }
    answer = seep_answer_new(200, made->type, &made->body);
    if (answer != NULL && made->generation != 0) {
        (void)snprintf(answer->etag, sizeof(answer->etag), "\"%s-%" PRIu64 "\"",
                       context->etag_seed, made->generation);
    }
    if (answer != NULL) {
        answer->policy = made->policy;
    }
    return answer;
}

static struct seep_shelf_item *find(const struct seep_make_context *context,
                                    const char *name, int *status,
                                    struct seep_error *error)
{
    struct seep_shelf_item *item = seep_shelf_find(context->shelf, name);

    if (item == NULL) {
        *status = seep_error_set(
            error, -ENOENT, "there is no recording %s: see /api/v1/recordings", name);
        return NULL;
    }
    *status = seep_shelf_wake(context->shelf, item, context->now_ns, error);
    return *status == 0 ? item : NULL;
}

static const char *type_of(const struct seep_renderer *renderer)
{
    static const struct {
        const char *name, *type;
    } types[] = {{"json", JSON},
                 {"html", HTML},
                 {"sarif", "application/sarif+json"},
                 {"junit", "application/xml"},
                 {"pprof", "application/octet-stream"},
                 {"markdown", "text/markdown; charset=utf-8"}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(renderer->name, types[i].name) == 0) {
            return types[i].type;
        }
    }
    return "text/plain; charset=utf-8";
}

/* What an ETag of something judged names: generations begin anew when a recording is
 * opened anew. */
static uint64_t stamp(const struct seep_shelf_item *item, uint64_t generation)
{
    return (uint64_t)item->openings << 48 | (generation + 1);
}

/* Findings with all sites, which are kept while somebody asks for them. */
static int get_profile(const struct seep_make_context *context,
                       struct seep_shelf_item *item, struct seep_live_judged *judged,
                       struct seep_error *error)
{
    item->profile_ns = context->now_ns;
    return seep_live_profile(item->live, context->now_ns, judged, error);
}

static int get_judged(struct seep_shelf_item *item, struct seep_live_judged *judged,
                      struct seep_error *error)
{
    *judged = seep_live_judged(item->live);
    return judged->findings != NULL
               ? 0
               : seep_error_set(error, -EAGAIN, "%s is not judged yet; ask again",
                                item->name);
}

/* The findings of one kind alone, as --kind gives them. */
static int render_kind(const struct seep_make_context *context,
                       const struct seep_renderer *renderer,
                       const struct seep_render_options *options,
                       const struct seep_live_judged *judged, struct seep_buf *body,
                       struct seep_error *error)
{
    struct seep_verdict_options verdict = SEEP_VERDICT_OPTIONS_ALL;
    struct seep_findings *findings = NULL;
    int status = 0;

    verdict.kind = options->kind;
    verdict.profile = renderer->of_sites;
    verdict.suppressions = seep_shelf_suppressions(context->shelf);
    status = seep_verdict_make(judged->recording, judged->symbolizer, &verdict, &findings,
                               error);
    if (status == 0) {
        status = renderer->render(findings, options, body);
        seep_findings_free(findings);
    }
    return status;
}

/* Formats that show all findings would be 70 MB where 5,000 sites leak. */
static size_t top_of(const struct seep_target *target,
                     const struct seep_renderer *renderer)
{
    static const char *const unbounded[] = {"json", "sarif", "junit"};

    for (size_t i = 0; target->top == 0 && i < sizeof(unbounded) / sizeof(unbounded[0]);
         i++) {
        if (strcmp(renderer->name, unbounded[i]) == 0) {
            return FINDINGS_DEFAULT;
        }
    }
    return target->top;
}

static int make_report(const struct seep_make_context *context,
                       struct seep_shelf_item *item, const struct seep_target *target,
                       struct made *made, struct seep_error *error)
{
    const struct seep_renderer *renderer =
        seep_renderer_find(target->format[0] != '\0' ? target->format : "json");
    const struct seep_render_options options = {.columns = COLUMNS,
                                                .utf8 = true,
                                                .top = top_of(target, renderer),
                                                .kind = target->of,
                                                .value = target->value};
    struct seep_live_judged judged;
    bool narrowed = target->of != SEEP_KIND_NONE;
    int status = renderer->of_sites && !narrowed
                     ? get_profile(context, item, &judged, error)
                     : get_judged(item, &judged, error);

    if (status < 0) {
        return status;
    }
    made->type = type_of(renderer);
    made->policy =
        strcmp(renderer->name, "html") == 0 ? SEEP_POLICY_OWN : SEEP_POLICY_STRICT;
    if (narrowed) {
        made->generation = stamp(item, seep_live_generation(item->live));
        return render_kind(context, renderer, &options, &judged, &made->body, error);
    }
    made->generation = stamp(item, judged.generation);
    return renderer->render(judged.findings, &options, &made->body);
}

static int make_flame(const struct seep_make_context *context,
                      struct seep_shelf_item *item, const struct seep_target *target,
                      struct made *made, struct seep_error *error)
{
    struct seep_live_judged judged;
    int status = get_profile(context, item, &judged, error);

    if (status == 0) {
        made->generation = stamp(item, judged.generation);
        status = seep_flame_put(judged.findings, target->of, target->value,
                                item->generation, &made->body);
    }
    return status;
}

static int make_diff(const struct seep_make_context *context,
                     const struct seep_target *target, struct made *made,
                     struct seep_error *error)
{
    bool html = strcmp(target->format, "html") == 0;
    const char *const names[] = {target->base, target->name};
    struct seep_live_judged judged[2] = {0};
    struct seep_diff_side sides[2];
    struct seep_diff_view view = {.paths = {target->base, target->name}};
    struct seep_diff diff = {0};
    int status = 0;

    for (unsigned i = 0; i < 2; i++) {
        struct seep_shelf_item *item = find(context, names[i], &status, error);

        if (item == NULL) {
            return status;
        }
        status = html ? get_profile(context, item, &judged[i], error)
                      : get_judged(item, &judged[i], error);
        if (status < 0) {
            return status;
        }
        sides[i] = (struct seep_diff_side){judged[i].recording, judged[i].symbolizer,
                                           judged[i].findings};
        view.findings[i] = judged[i].findings;
    }
    status = seep_diff_make(&sides[0], &sides[1], SEEP_PER_BOTH, &diff);
    if (status == 0) {
        view.diff = &diff;
        made->type = html ? HTML : JSON;
        made->policy = html ? SEEP_POLICY_OWN : SEEP_POLICY_STRICT;
        status = html ? seep_diff_view_html(&view, &made->body)
                      : seep_diff_view_json(&view, &made->body);
        seep_diff_fini(&diff);
    }
    return status;
}

/* Of one recording. */
static int make_one(const struct seep_make_context *context,
                    const struct seep_target *target, struct made *made,
                    struct seep_error *error)
{
    int status = 0;
    struct seep_shelf_item *item = find(context, target->name, &status, error);

    if (item == NULL) {
        return status;
    }
    made->generation = stamp(item, item->generation);
    switch (target->kind) {
    case SEEP_TARGET_REPORT:
        return make_report(context, item, target, made, error);
    case SEEP_TARGET_TIMELINE:
        return seep_serve_timeline(item, &made->body);
    case SEEP_TARGET_SITES:
        return seep_sites_put(item, target, &made->body);
    case SEEP_TARGET_SITE:
        return seep_sites_put_one(item, target, &made->body, error);
    case SEEP_TARGET_FLAME:
        return make_flame(context, item, target, made, error);
    default:
        return seep_serve_threads_put(item, &made->body);
    }
}

struct seep_answer *seep_make_answer(const struct seep_make_context *context,
                                     const struct seep_target *target)
{
    struct made made = {.type = JSON};
    struct seep_error error = {0};
    int status = 0;

    switch (target->kind) {
    case SEEP_TARGET_RECORDINGS:
        status = seep_serve_recordings(context->shelf, &made.body);
        break;
    case SEEP_TARGET_METRICS:
        made.type = SEEP_OPENMETRICS_TYPE;
        status = seep_serve_metrics_put(context->shelf, &context->own, &made.body);
        break;
    case SEEP_TARGET_DIFF:
        status = make_diff(context, target, &made, &error);
        break;
    default:
        status = make_one(context, target, &made, &error);
    }
    return finish(context, &made, status, &error);
}
