/* Subsystems by rules.
 *
 * The rules write into the recording, before it is judged, what an annotated program
 * would have written there itself; so everything after it (tables, filters, findings)
 * needs no second way to ask for a subsystem. A table beside the recording was rejected:
 * each of a dozen readers would have to know of it.
 *
 * Whether a frame fits is asked once per node of the calling-context tree: sites share
 * most of their frames.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/subsystem_rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/rule_lines.h"
#include "load/recording_subsystem.h"

enum { NAME_MAX_BYTES = 63, INLINE_MAX = 64, NOT_ASKED = -2, NONE = -1 };

enum condition { MODULE, FUNCTION, SOURCE, THREAD, CONDITION_COUNT };
static const char *const conditions[CONDITION_COUNT] = {
    "module:", "function:", "source:", "thread:"};

struct rule {
    char *line; /* owned; name and globs point into it */
    const char *name;
    const char *globs[CONDITION_COUNT]; /* NULL: not asked */
};

struct seep_subsystem_rules {
    struct rule *rules;
    size_t count, capacity;
};

/* A start routine whose threads all fit one rule. */
struct start {
    uint32_t module;
    const char *function;
    int rule;
};

struct search {
    const struct seep_subsystem_rules *rules;
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    int *of_node; /* owned; rule that the node fits, NONE, NOT_ASKED */
    struct start *starts;
    size_t start_count;
    bool by_symbol; /* some rule asks for a function, a source or a thread */
};

static int take_word(struct rule *rule, const char *word, struct seep_error *error)
{
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        size_t len = strlen(conditions[i]);

        if (strncmp(word, conditions[i], len) != 0) {
            continue;
        }
        if (word[len] == '\0') {
            return seep_error_set(error, -EINVAL, "%s needs a glob behind it", word);
        }
        if (rule->globs[i] != NULL) {
            return seep_error_set(error, -EINVAL, "%s stands there twice", conditions[i]);
        }
        rule->globs[i] = word + len;
        return 0;
    }
    return seep_error_set(error, -EINVAL,
                          "\"%.40s\": write module:GLOB, function:GLOB, source:GLOB or "
                          "thread:GLOB",
                          word);
}

/* Cuts the rule's own copy of the line into its words. */
static int cut(struct rule *rule, struct seep_error *error)
{
    char *rest = NULL;
    size_t count = 0;
    int status = 0;

    rule->name = strtok_r(rule->line, " \t", &rest);
    if (strlen(rule->name) > NAME_MAX_BYTES || strchr(rule->name, ':') != NULL) {
        return seep_error_set(error, -EINVAL,
                              "\"%.40s\": the subsystem's name comes first, at most 63 "
                              "bytes without a colon",
                              rule->name);
    }
    for (char *word = NULL; status == 0 && (word = strtok_r(NULL, " \t", &rest)) != NULL;
         count++) {
        status = take_word(rule, word, error);
    }
    if (status == 0 && count == 0) {
        return seep_error_set(error, -EINVAL,
                              "%s: no condition: write function:GLOB or the like behind "
                              "it",
                              rule->name);
    }
    if (status == 0 && rule->globs[THREAD] != NULL && count > 1) {
        return seep_error_set(error, -EINVAL, "thread: stands alone in its rule");
    }
    return status;
}

static int take_line(void *context, char *line, size_t number, struct seep_error *error)
{
    struct seep_subsystem_rules *to = context;
    struct rule rule = {.line = strdup(line)};
    int status = 0;

    (void)number;
    if (rule.line != NULL && to->count == to->capacity) {
        size_t grown = to->capacity * 2 + 16;
        struct rule *larger = realloc(to->rules, grown * sizeof(*larger));

        if (larger != NULL) {
            to->rules = larger;
            to->capacity = grown;
        }
    }
    if (rule.line == NULL || to->count == to->capacity) {
        free(rule.line);
        return seep_error_set(error, -ENOMEM, "out of memory");
    }
    status = cut(&rule, error);
    if (status < 0) {
        free(rule.line);
        return status;
    }
    to->rules[to->count++] = rule;
    return 0;
}

static int finish(int status, struct seep_subsystem_rules *made,
                  struct seep_subsystem_rules **out)
{
    if (status < 0) {
        seep_subsystem_rules_free(made);
    } else {
        *out = made;
    }
    return status;
}

int seep_subsystem_rules_open(const char *path, struct seep_subsystem_rules **out,
                              struct seep_error *error)
{
    struct seep_subsystem_rules *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return seep_error_set(error, -ENOMEM, "%s: out of memory", path);
    }
    return finish(seep_rule_lines_read(path, take_line, made, error), made, out);
}

int seep_subsystem_rules_parse(const char *name, const char *bytes, size_t len_bytes,
                               struct seep_subsystem_rules **out,
                               struct seep_error *error)
{
    struct seep_subsystem_rules *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return seep_error_set(error, -ENOMEM, "%s: out of memory", name);
    }
    return finish(seep_rule_lines_parse(name, bytes, len_bytes, take_line, made, error),
                  made, out);
}

void seep_subsystem_rules_free(struct seep_subsystem_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->count; i++) {
        free(rules->rules[i].line);
    }
    free(rules->rules);
    free(rules);
}

static bool fits_folder(const char *glob, const char *path)
{
    size_t len = strlen(glob);

    return len > 0 && glob[len - 1] == '/' && strncmp(path, glob, len) == 0;
}

/* The whole path, or what follows any of its slashes. */
static bool fits_path(const char *glob, const char *path)
{
    for (const char *tail = path; tail != NULL;) {
        if (seep_glob_fits(glob, tail) || fits_folder(glob, tail)) {
            return true;
        }
        tail = strchr(tail, '/');
        tail = tail != NULL ? tail + 1 : NULL;
    }
    return false;
}

static bool fits_function(const char *glob, const char *function)
{
    char plain[256];
    size_t len = strcspn(function, "(");

    if (seep_glob_fits(glob, function)) {
        return true;
    }
    if (function[len] == '\0' || len >= sizeof(plain)) {
        return false;
    }
    memcpy(plain, function, len);
    plain[len] = '\0';
    return seep_glob_fits(glob, plain);
}

static bool fits(const struct rule *rule, const struct seep_symbol_frame *frame)
{
    return rule->globs[THREAD] == NULL &&
           (rule->globs[MODULE] == NULL ||
            fits_path(rule->globs[MODULE], frame->module_path)) &&
           (rule->globs[FUNCTION] == NULL ||
            fits_function(rule->globs[FUNCTION], frame->function)) &&
           (rule->globs[SOURCE] == NULL || fits_path(rule->globs[SOURCE], frame->file));
}

/* The first rule that a frame fits, by itself or as a start routine. */
static int rule_of_frame(const struct search *search, uint32_t module,
                         const struct seep_symbol_frame *frame)
{
    int rule = NONE;

    for (size_t i = 0; i < search->rules->count && rule == NONE; i++) {
        rule = fits(&search->rules->rules[i], frame) ? (int)i : NONE;
    }
    for (size_t i = 0; i < search->start_count; i++) {
        const struct start *start = &search->starts[i];

        if (start->rule != NONE && (rule == NONE || start->rule < rule) &&
            start->module == module && strcmp(start->function, frame->function) == 0) {
            rule = start->rule;
        }
    }
    return rule;
}

static bool is_seep(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strncmp(slash != NULL ? slash + 1 : path, "libseep.so", 10) == 0;
}

static int rule_of_node(struct search *search, uint32_t node)
{
    uint32_t module = search->recording->nodes[node].module;
    struct seep_symbol_frame frames[INLINE_MAX] = {
        {.function = "??",
         .file = "",
         .module_path = search->recording->modules[module].path}};
    size_t n = 1;

    if (search->of_node[node] != NOT_ASKED) {
        return search->of_node[node];
    }
    search->of_node[node] = NONE;
    if (is_seep(frames[0].module_path)) {
        return NONE;
    }
    if (search->by_symbol) {
        n = seep_symbol_frames(search->symbolizer, node, frames, INLINE_MAX);
    }
    for (size_t i = 0; i < n && search->of_node[node] == NONE; i++) {
        search->of_node[node] = rule_of_frame(search, module, &frames[i]);
    }
    return search->of_node[node];
}

static int rule_of_thread(const struct search *search, const char *name)
{
    for (size_t i = 0; i < search->rules->count; i++) {
        const char *glob = search->rules->rules[i].globs[THREAD];

        if (glob != NULL && seep_glob_fits(glob, name)) {
            return (int)i;
        }
    }
    return NONE;
}

/* Start routines of the thread table, each with the rule that all its threads fit. */
static int find_starts(struct search *search)
{
    const struct seep_recording *recording = search->recording;

    search->starts = calloc(recording->thread_count + 1, sizeof(*search->starts));
    if (search->starts == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];
        const char *function = seep_symbol_function(
            search->symbolizer, thread->start_module, thread->start_offset);
        int rule = rule_of_thread(search, thread->name);
        size_t at = 0;

        if (strcmp(function, "??") == 0) {
            continue;
        }
        while (at < search->start_count &&
               (search->starts[at].module != thread->start_module ||
                strcmp(search->starts[at].function, function) != 0)) {
            at++;
        }
        if (at == search->start_count) {
            search->starts[search->start_count++] =
                (struct start){thread->start_module, function, rule};
        } else if (search->starts[at].rule != rule) {
            search->starts[at].rule = NONE;
        }
    }
    return 0;
}

static int rule_of_site(struct search *search, uint32_t site)
{
    const struct seep_recording *recording = search->recording;
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    size_t n = seep_recording_stack(recording, site, nodes, SEEP_STACK_MAX_FRAMES, NULL);
    int rule = NONE;

    for (size_t i = 0; i < n && rule == NONE; i++) {
        rule = rule_of_node(search, nodes[i]);
    }
    if (recording->sites[site].kind != SEEP_KIND_THREAD) {
        return rule;
    }
    for (size_t i = 0; i < recording->thread_count && rule == NONE; i++) {
        if (recording->threads[i].site == site) {
            rule = rule_of_thread(search, recording->threads[i].name);
        }
    }
    return rule;
}

static int assign_all(struct search *search)
{
    struct seep_recording *recording = search->recording;

    for (uint32_t site = 1; site < recording->site_count; site++) {
        int rule =
            recording->sites[site].subsystem == 0 ? rule_of_site(search, site) : NONE;

        if (rule != NONE &&
            seep_recording_add_subsystem(recording, search->rules->rules[rule].name,
                                         &recording->sites[site].subsystem) < 0) {
            return -ENOMEM;
        }
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        struct seep_rec_thread *thread = &recording->threads[i];

        if (thread->subsystem == 0) {
            thread->subsystem = recording->sites[thread->site].subsystem;
        }
    }
    return 0;
}

int seep_subsystem_rules_apply(const struct seep_subsystem_rules *rules,
                               struct seep_recording *recording,
                               struct seep_symbolizer *symbolizer)
{
    struct search search = {
        .rules = rules, .recording = recording, .symbolizer = symbolizer};
    bool by_thread = false;
    int status = 0;

    if (rules == NULL || rules->count == 0) {
        return 0;
    }
    for (size_t i = 0; i < rules->count; i++) {
        by_thread = by_thread || rules->rules[i].globs[THREAD] != NULL;
        search.by_symbol = search.by_symbol || by_thread ||
                           rules->rules[i].globs[FUNCTION] != NULL ||
                           rules->rules[i].globs[SOURCE] != NULL;
    }
    search.of_node = malloc((recording->node_count + 1) * sizeof(*search.of_node));
    if (search.of_node == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->node_count; i++) {
        search.of_node[i] = NOT_ASKED;
    }
    status = by_thread ? find_starts(&search) : 0;
    if (status == 0) {
        status = assign_all(&search);
    }
    free(search.starts);
    free(search.of_node);
    return status;
}
