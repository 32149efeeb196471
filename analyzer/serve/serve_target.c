/* From a path to what it asks for.
 *
 * Every parameter is looked at, and one that a path does not know is an error: a
 * misspelt filter that filters nothing would be believed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/renderer.h"

enum { TOP_MOST = 1000, STATUS_BAD = 400, STATUS_UNKNOWN = 404 };

enum parameter {
    FORMAT = 1,
    OF_KIND = 2,
    VALUE = 4,
    SORT = 8,
    TOP = 16,
    SUBSYSTEM = 32,
    TWO = 64
};

static const struct {
    const char *text;
    enum seep_target_kind kind;
    unsigned parameters;
} plain[] = {{"/", SEEP_TARGET_PAGE, 0},
             {"/index.html", SEEP_TARGET_PAGE, 0},
             {"/metrics", SEEP_TARGET_METRICS, 0},
             {"/api/v1/events", SEEP_TARGET_EVENTS, 0},
             {"/api/v1/recordings", SEEP_TARGET_RECORDINGS, 0},
             {"/api/v1/diff", SEEP_TARGET_DIFF, FORMAT | TWO}};

static const struct {
    const char *text; /* what follows /api/v1/recordings/NAME/ */
    enum seep_target_kind kind;
    unsigned parameters;
} below[] = {{"report", SEEP_TARGET_REPORT, FORMAT | OF_KIND | VALUE | TOP},
             {"timeline", SEEP_TARGET_TIMELINE, 0},
             {"sites", SEEP_TARGET_SITES, OF_KIND | SORT | TOP | SUBSYSTEM},
             {"flame", SEEP_TARGET_FLAME, OF_KIND | VALUE},
             {"threads", SEEP_TARGET_THREADS, 0}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int wrong(struct seep_error *error, const char *name, const char *expected)
{
    (void)seep_error_set(error, -EINVAL, "%s: %s", name, expected);
    return STATUS_BAD;
}

static int copy(char *out, size_t out_bytes, const char *text, struct seep_error *error)
{
    if (strlen(text) >= out_bytes) {
        return wrong(error, "a name or value", "longer than any that is known here");
    }
    (void)snprintf(out, out_bytes, "%s", text);
    return 0;
}

static int set_format(struct seep_target *target, const char *value,
                      struct seep_error *error)
{
    if (target->kind == SEEP_TARGET_DIFF) {
        return strcmp(value, "json") == 0 || strcmp(value, "html") == 0
                   ? copy(target->format, sizeof(target->format), value, error)
                   : wrong(error, "format", "json or html");
    }
    if (seep_renderer_find(value) == NULL) {
        (void)seep_error_set(error, -EINVAL, "format: one of %s", SEEP_RENDERER_NAMES);
        return STATUS_BAD;
    }
    return copy(target->format, sizeof(target->format), value, error);
}

static int set_sort(struct seep_target *target, const char *value,
                    struct seep_error *error)
{
    static const char *const orders[SEEP_TOP_SORTS] = {"live", "growth", "rate"};

    for (int sort = 0; sort < SEEP_TOP_SORTS; sort++) {
        if (strcmp(value, orders[sort]) == 0) {
            target->sort = (enum seep_top_sort)sort;
            return 0;
        }
    }
    return wrong(error, "sort", "live, growth or rate");
}

static int set_top(struct seep_target *target, const char *value,
                   struct seep_error *error)
{
    char *end = NULL;
    unsigned long top = strtoul(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || top < 1 || top > TOP_MOST) {
        return wrong(error, "top", "a whole number from 1 to 1000");
    }
    target->top = (unsigned)top;
    return 0;
}

static int set(struct seep_target *target, unsigned known,
               const struct seep_target_parameter *parameter, struct seep_error *error)
{
    const char *name = parameter->name;
    const char *value = parameter->value != NULL ? parameter->value : "";

    if (strcmp(name, "token") == 0) {
        return 0;
    }
    if ((known & FORMAT) != 0 && strcmp(name, "format") == 0) {
        return set_format(target, value, error);
    }
    if ((known & OF_KIND) != 0 && strcmp(name, "kind") == 0) {
        target->of = seep_kind_from_name(value);
        return target->of != SEEP_KIND_NONE
                   ? 0
                   : wrong(error, "kind", "heap, mapping, thread, fd or timer");
    }
    if ((known & VALUE) != 0 && strcmp(name, "value") == 0) {
        target->value = seep_site_value_from_name(value);
        return target->value != SEEP_VALUE_DEFAULT
                   ? 0
                   : wrong(error, "value", "live-bytes, live, growth or allocated");
    }
    if ((known & SORT) != 0 && strcmp(name, "sort") == 0) {
        return set_sort(target, value, error);
    }
    if ((known & TOP) != 0 && strcmp(name, "top") == 0) {
        return set_top(target, value, error);
    }
    if ((known & SUBSYSTEM) != 0 && strcmp(name, "subsystem") == 0) {
        return copy(target->subsystem, sizeof(target->subsystem), value, error);
    }
    if ((known & TWO) != 0 && strcmp(name, "base") == 0) {
        return copy(target->base, sizeof(target->base), value, error);
    }
    if ((known & TWO) != 0 && strcmp(name, "new") == 0) {
        return copy(target->name, sizeof(target->name), value, error);
    }
    (void)seep_error_set(
        error, -EINVAL, "there is no parameter \"%.60s\" here (see docs/serve.md)", name);
    return STATUS_BAD;
}

static int unknown(const char *path, struct seep_error *error)
{
    (void)seep_error_set(error, -ENOENT,
                         "there is no %.200s; begin with /api/v1/recordings", path);
    return STATUS_UNKNOWN;
}

/* /api/v1/recordings/NAME/WHAT[/SITE]. */
static int parse_below(const char *path, const char *rest, struct seep_target *target,
                       unsigned *known, struct seep_error *error)
{
    const char *slash = strchr(rest, '/');

    if (slash == NULL || slash == rest ||
        (size_t)(slash - rest) >= sizeof(target->name)) {
        return unknown(path, error);
    }
    (void)snprintf(target->name, sizeof(target->name), "%.*s", (int)(slash - rest), rest);
    for (size_t i = 0; i < COUNT(below); i++) {
        if (strcmp(slash + 1, below[i].text) == 0) {
            target->kind = below[i].kind;
            *known = below[i].parameters;
            return 0;
        }
    }
    if (strncmp(slash + 1, "sites/", 6) == 0 && slash[7] != '\0' &&
        strchr(slash + 7, '/') == NULL) {
        target->kind = SEEP_TARGET_SITE;
        return copy(target->site, sizeof(target->site), slash + 7, error);
    }
    return unknown(path, error);
}

static int parse_path(const char *path, struct seep_target *target, unsigned *known,
                      struct seep_error *error)
{
    static const char assets[] = "/assets/";
    static const char recordings[] = "/api/v1/recordings/";

    for (size_t i = 0; i < COUNT(plain); i++) {
        if (strcmp(path, plain[i].text) == 0) {
            target->kind = plain[i].kind;
            *known = plain[i].parameters;
            return 0;
        }
    }
    if (strncmp(path, assets, sizeof(assets) - 1) == 0) {
        target->kind = SEEP_TARGET_ASSET;
        return copy(target->name, sizeof(target->name), path + sizeof(assets) - 1,
                    error) == 0
                   ? 0
                   : unknown(path, error);
    }
    if (strncmp(path, recordings, sizeof(recordings) - 1) == 0) {
        return parse_below(path, path + sizeof(recordings) - 1, target, known, error);
    }
    return unknown(path, error);
}

int seep_target_parse(const char *path, const struct seep_target_parameter *parameters,
                      size_t count, struct seep_target *target, struct seep_error *error)
{
    struct seep_target made = {0};
    unsigned known = 0;
    int status = parse_path(path, &made, &known, error);

    /* What is in the page's own address is for its script. */
    bool looked_at = made.kind != SEEP_TARGET_PAGE && made.kind != SEEP_TARGET_ASSET;

    for (size_t i = 0; looked_at && i < count && status == 0; i++) {
        status = set(&made, known, &parameters[i], error);
    }
    if (status == 0 && made.kind == SEEP_TARGET_DIFF &&
        (made.name[0] == '\0' || made.base[0] == '\0')) {
        status = wrong(error, "diff", "give ?base=NAME&new=NAME");
    }
    if (status == 0) {
        *target = made;
    }
    return status;
}

void seep_target_key(const struct seep_target *target, char out[SEEP_TARGET_KEY_BYTES])
{
    /* A slash can be in no name, and in values only behind all names. */
    (void)snprintf(out, SEEP_TARGET_KEY_BYTES, "%d/%s/%s/%s/%s/%d/%d/%d/%u/%s",
                   (int)target->kind, target->name, target->base, target->format,
                   target->site, (int)target->of, (int)target->value, (int)target->sort,
                   target->top, target->subsystem);
}
