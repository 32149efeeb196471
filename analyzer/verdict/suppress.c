/* Suppressions: which findings nobody wants to hear of.
 *
 * Rules are tried in the order of the file and the first one that holds takes the
 * finding. An index by function was rejected: patterns are unanchored, and findings are
 * few even where sites are many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/suppress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/glob.h"
#include "base/rule_lines.h"

enum {
    NS_PER_S = 1000000000,
    ID_DIGITS = 12,
    UNUSED_SHOWN_MAX = 8,
    EXPIRED_SHOWN_MAX = 20
};

struct rule {
    enum seep_kind kind; /* NONE: any */
    bool by_id;          /* text is a finding's id; else a pattern */
    unsigned expires;    /* YYYYMMDD; 0: never */
    size_t line;
    char *text, *reason; /* text owned; reason in the same block, may be "" */
};

struct seep_suppressions {
    char *name; /* owned; of the file */
    struct rule *rules;
    size_t count, capacity;
};

static unsigned days_in(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* "2027-03-31" as 20270331. Returns: 0 when it is no date. */
static unsigned date_of(const char *text)
{
    static const char shape[] = "dddd-dd-dd";
    unsigned digits = 0;

    for (size_t i = 0; i < sizeof(shape); i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';

        if (shape[i] == 'd' ? !digit : text[i] != shape[i]) {
            return 0;
        }
        digits = digit ? digits * 10 + (unsigned)(text[i] - '0') : digits;
    }
    unsigned year = digits / 10000;
    unsigned month = digits / 100 % 100;
    unsigned day = digits % 100;
    bool valid = year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
                 day <= days_in(year, month);

    return valid ? digits : 0;
}

static unsigned date_of_ns(uint64_t realtime_ns)
{
    time_t seconds = (time_t)(realtime_ns / NS_PER_S);
    struct tm utc;

    if (gmtime_r(&seconds, &utc) == NULL) {
        return 0;
    }
    return (unsigned)((utc.tm_year + 1900) * 10000 + (utc.tm_mon + 1) * 100 +
                      utc.tm_mday);
}

/* Cuts " KEY:value" off the end of the line. Returns: the value, trimmed; NULL when the
 * key is not there. */
static char *cut(char *line, const char *key)
{
    char *at = strstr(line, key);
    char *value = NULL;

    if (at == NULL) {
        return NULL;
    }
    value = at + strlen(key);
    value += strspn(value, " \t");
    do {
        *at = '\0';
    } while (at > line && strchr(" \t", *--at) != NULL);
    return value;
}

static int set_id(struct rule *rule, const char *text, struct seep_error *error)
{
    if (strlen(text) != ID_DIGITS || strspn(text, "0123456789abcdef") != ID_DIGITS) {
        return seep_error_set(
            error, -EINVAL, "finding:%.40s: an id is 12 hex digits, as in reports", text);
    }
    rule->by_id = true;
    return 0;
}

/* The word before the colon. */
static int set_type(struct rule *rule, char *line, char **text, struct seep_error *error)
{
    char *colon = strchr(line, ':');
    char word[16] = "";

    if (colon != NULL && (size_t)(colon - line) < sizeof(word)) {
        memcpy(word, line, (size_t)(colon - line));
    }
    rule->kind = seep_kind_from_name(word);
    if (strcmp(word, "leak") != 0 && strcmp(word, "finding") != 0 &&
        rule->kind == SEEP_KIND_NONE) {
        return seep_error_set(error, -EINVAL,
                              "\"%.40s\": write leak:PATTERN, finding:ID, or heap:, "
                              "mapping:, thread:, fd:, timer: and a PATTERN",
                              line);
    }
    *text = colon + 1;
    if ((*text)[0] == ' ') {
        return seep_error_set(error, -EINVAL,
                              "%s: the pattern follows the colon without a blank", word);
    }
    if (strstr(*text, " #") != NULL) {
        return seep_error_set(error, -EINVAL,
                              "\"%.40s\": a comment has a line of its own; or write "
                              "reason:TEXT",
                              *text);
    }
    if (strspn(*text, "*^$ ") == strlen(*text)) {
        return seep_error_set(error, -EINVAL, "%s: would suppress everything or nothing",
                              word);
    }
    return strcmp(word, "finding") == 0 ? set_id(rule, *text, error) : 0;
}

static int add(struct seep_suppressions *to, struct rule *rule, const char *text,
               const char *reason)
{
    size_t text_bytes = strlen(text) + 1;
    size_t reason_bytes = strlen(reason) + 1;

    if (to->count == to->capacity) {
        size_t grown = to->capacity * 2 + 16;
        struct rule *larger = realloc(to->rules, grown * sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        to->rules = larger;
        to->capacity = grown;
    }
    rule->text = malloc(text_bytes + reason_bytes);
    if (rule->text == NULL) {
        return -ENOMEM;
    }
    rule->reason = rule->text + text_bytes;
    memcpy(rule->text, text, text_bytes);
    memcpy(rule->reason, reason, reason_bytes);
    to->rules[to->count++] = *rule;
    return 0;
}

static int take_line(void *context, char *line, size_t number, struct seep_error *error)
{
    struct rule rule = {.line = number};
    const char *reason = cut(line, " reason:");
    const char *expires = cut(line, " expires:");
    char *text = NULL;
    int status = 0;

    if (reason != NULL && strstr(reason, "expires:") != NULL) {
        return seep_error_set(error, -EINVAL,
                              "expires: comes before reason:, which goes to the end");
    }
    if (expires != NULL) {
        rule.expires = date_of(expires);
        if (rule.expires == 0) {
            return seep_error_set(error, -EINVAL,
                                  "expires:%.40s: a date is written 2027-03-31", expires);
        }
    }
    status = set_type(&rule, line, &text, error);
    if (status < 0) {
        return status;
    }
    status = add(context, &rule, text, reason != NULL ? reason : "");
    return status < 0 ? seep_error_set(error, status, "out of memory") : 0;
}

static int begin(const char *name, struct seep_suppressions **out,
                 struct seep_error *error)
{
    struct seep_suppressions *made = calloc(1, sizeof(*made));

    if (made != NULL) {
        made->name = strdup(name);
    }
    if (made == NULL || made->name == NULL) {
        free(made);
        return seep_error_set(error, -ENOMEM, "%s: out of memory", name);
    }
    *out = made;
    return 0;
}

static int finish(int status, struct seep_suppressions *made,
                  struct seep_suppressions **out)
{
    if (status < 0) {
        seep_suppressions_free(made);
    } else {
        *out = made;
    }
    return status;
}

int seep_suppressions_open(const char *path, struct seep_suppressions **out,
                           struct seep_error *error)
{
    struct seep_suppressions *made = NULL;
    int status = begin(path, &made, error);

    return status < 0
               ? status
               : finish(seep_rule_lines_read(path, take_line, made, error), made, out);
}

int seep_suppressions_parse(const char *name, const char *bytes, size_t len_bytes,
                            struct seep_suppressions **out, struct seep_error *error)
{
    struct seep_suppressions *made = NULL;
    int status = begin(name, &made, error);

    return status < 0 ? status
                      : finish(seep_rule_lines_parse(name, bytes, len_bytes, take_line,
                                                     made, error),
                               made, out);
}

void seep_suppressions_free(struct seep_suppressions *suppressions)
{
    if (suppressions == NULL) {
        return;
    }
    for (size_t i = 0; i < suppressions->count; i++) {
        free(suppressions->rules[i].text);
    }
    free(suppressions->rules);
    free(suppressions->name);
    free(suppressions);
}

size_t seep_suppressions_count(const struct seep_suppressions *suppressions)
{
    return suppressions->count;
}

static bool finds(const char *pattern, const char *text)
{
    return text != NULL && seep_glob_finds(pattern, text);
}

static bool holds(const struct rule *rule, const struct seep_finding *finding)
{
    if (rule->by_id) {
        return strcmp(rule->text, finding->id) == 0;
    }
    if (rule->kind != SEEP_KIND_NONE && rule->kind != finding->kind) {
        return false;
    }
    for (size_t i = 0; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        if (finds(rule->text, frame->function) || finds(rule->text, frame->module) ||
            finds(rule->text, frame->module_path) || finds(rule->text, frame->file)) {
            return true;
        }
    }
    return false;
}

/* What is said of rules whose day has passed and that would have suppressed something.
 * Returns: 0; -ENOMEM. */
static int say_expired(const struct seep_suppressions *rules, const bool *missed,
                       struct seep_findings *findings)
{
    struct seep_view_suppressed *out = &findings->suppressed;

    out->expired =
        seep_findings_alloc(findings, EXPIRED_SHOWN_MAX, sizeof(*out->expired));
    if (out->expired == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rules[i];

        if (missed[i] && out->expired_count < EXPIRED_SHOWN_MAX) {
            out->expired[out->expired_count++] = seep_findings_printf(
                findings, "%s:%zu expired %04u-%02u-%02u%s%s: it suppresses no more",
                rules->name, rule->line, rule->expires / 10000, rule->expires / 100 % 100,
                rule->expires % 100, rule->reason[0] != '\0' ? ", " : "", rule->reason);
        }
    }
    return 0;
}

/* The lines of rules that took nothing: a name that is misspelt, or a leak that is gone.
 */
static const char *lines_unused(const struct seep_suppressions *rules, const bool *used,
                                struct seep_findings *findings)
{
    char text[UNUSED_SHOWN_MAX * 24] = "";
    size_t unused = 0;
    int at = 0;

    for (size_t i = 0; i < rules->count; i++) {
        if (!used[i] && unused++ < UNUSED_SHOWN_MAX) {
            at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%zu",
                           unused > 1 ? ", " : "", rules->rules[i].line);
        }
    }
    return unused == 0
               ? ""
               : seep_findings_printf(findings, "line%s %s%s", unused > 1 ? "s" : "",
                                      text, unused > UNUSED_SHOWN_MAX ? " ..." : "");
}

/* Whether a rule takes the finding; marks what it meets in used and missed. */
static bool is_suppressed(const struct seep_suppressions *rules, unsigned today,
                          const struct seep_finding *finding, bool *used, bool *missed)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rules[i];

        if (!holds(rule, finding)) {
            continue;
        }
        if (rule->expires == 0 || rule->expires >= today) {
            used[i] = true;
            return true;
        }
        missed[i] = true;
    }
    return false;
}

/* What the rules met so far. Returns: NULL when memory is out. */
static bool *met_by(const struct seep_suppressions *rules, struct seep_findings *findings)
{
    if (findings->suppressed.met == NULL) {
        findings->suppressed.met =
            seep_findings_alloc(findings, 2 * rules->count + 1, sizeof(bool));
    }
    return findings->suppressed.met;
}

bool seep_suppressions_take(const struct seep_suppressions *rules,
                            struct seep_findings *findings,
                            const struct seep_finding *finding)
{
    bool *met = rules != NULL ? met_by(rules, findings) : NULL;

    return met != NULL && is_suppressed(rules, date_of_ns(findings->started_realtime_ns),
                                        finding, met, met + rules->count);
}

int seep_suppressions_apply(const struct seep_suppressions *suppressions,
                            struct seep_findings *findings)
{
    struct seep_view_suppressed *out = &findings->suppressed;
    size_t rules = suppressions != NULL ? suppressions->count : 0;
    bool *met = NULL;
    size_t kept = 0;

    if (suppressions == NULL) {
        return 0;
    }
    met = met_by(suppressions, findings);
    if (met == NULL) {
        return -ENOMEM;
    }
    out->asked = true;
    out->rules = rules;
    for (size_t i = 0; i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        if (finding->members_suppressed ||
            seep_suppressions_take(suppressions, findings, finding)) {
            out->findings++;
            out->leaks += finding->verdict >= SEEP_VERDICT_PROBABLE;
        } else {
            findings->findings[kept++] = *finding;
        }
    }
    findings->finding_count = kept;
    for (size_t i = 0; i < rules; i++) {
        out->rules_used += met[i];
    }
    out->unused = lines_unused(suppressions, met, findings);
    return say_expired(suppressions, met + rules, findings);
}

void seep_suppressions_suggest(const struct seep_findings *findings, struct seep_buf *out)
{
    size_t n = 0;

    seep_buf_printf(out,
                    "# Suppressions for %s: keep the lines that are no leaks, with "
                    "a reason.\n# A line may end in expires:YYYY-MM-DD and "
                    "reason:TEXT; see `seep help report`.\n",
                    findings->exe);
    for (size_t i = 0; i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        if (finding->verdict <= SEEP_VERDICT_BOUNDED) {
            continue;
        }
        n++;
        seep_buf_printf(out, "\n# %s %s%s%s: %s\nfinding:%s reason:%s\n",
                        seep_verdict_name(finding->verdict),
                        seep_kind_name(finding->kind),
                        finding->subsystem[0] != '\0' ? " in " : "", finding->subsystem,
                        finding->summary, finding->id, finding->headline);
    }
    if (n == 0) {
        seep_buf_printf(out, "# There is nothing to suppress.\n");
    }
}
