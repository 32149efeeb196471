/* Rules in a JSON array, looked through from the first to the last.
 *
 * The whole conversation is in the request, so the provider keeps no state: how often a
 * tool was called is counted in the messages behind the user's last one. That is what
 * makes it deterministic whatever else runs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/scripted.h"

#include "server/ai/ai_dialect.h"
#include "server/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)1024 * 1024)
#define DELAY_MS_MAX   600000
#define ROUNDS_MAX     1000
#define SLICE_NS       (20 * PMA_MS_NS)

struct pma_script {
    json_t *rules; /* an array; never changed, so readers need no lock */
};

static const char built_in[] =
    "[{\"when\": \"system status\", \"tool\": \"get_system_status\", \"arguments\": {},"
    "  \"say\": \"System status: {result}\"},"
    " {\"say\": \"This is the offline assistant; no language model is configured. "
    "You said: {message}\"}]";

/* The conversation from its end. */
struct situation {
    const char *message; /* the user's last */
    const char *result;  /* of the last tool since then, "" when there is none */
    size_t rounds;       /* answers with tool calls since then */
};

static struct situation look(const json_t *messages)
{
    struct situation now = {.message = "", .result = ""};
    for (size_t i = json_array_size(messages); i-- > 0;) {
        const json_t *message = json_array_get(messages, i);
        const char *role = pma_dialect_text(message, "role");
        if (strcmp(role, "user") == 0) {
            now.message = pma_dialect_text(message, "content");
            break;
        }
        if (strcmp(role, "tool") == 0 && now.result[0] == '\0') {
            now.result = pma_dialect_text(message, "content");
        }
        now.rounds += json_array_size(json_object_get(message, "tool_calls")) > 0;
    }
    return now;
}

static enum pma_ai_error_kind failure_of(const char *name)
{
    for (int kind = PMA_AI_ERROR_UNAVAILABLE; kind <= PMA_AI_ERROR_MODEL; kind++) {
        if (strcmp(pma_ai_error_name((enum pma_ai_error_kind)kind), name) == 0) {
            return (enum pma_ai_error_kind)kind;
        }
    }
    return PMA_AI_ERROR_NONE;
}

static bool is_whole(const json_t *number, json_int_t most)
{
    return number == NULL ||
           (json_is_integer(number) && json_integer_value(number) >= 0 &&
            json_integer_value(number) <= most);
}

/* Returns: NULL, or what is wrong with the rule. */
static const char *judge_rule(const json_t *rule)
{
    const json_t *fail = json_object_get(rule, "fail");
    const json_t *arguments = json_object_get(rule, "arguments");
    if (!json_is_object(rule)) {
        return "a rule is an object";
    }
    if (!is_whole(json_object_get(rule, "delay_ms"), DELAY_MS_MAX) ||
        !is_whole(json_object_get(rule, "rounds"), ROUNDS_MAX)) {
        return "delay_ms is a whole number up to 600000, rounds up to 1000";
    }
    if (arguments != NULL && !json_is_object(arguments)) {
        return "arguments must be an object";
    }
    if (fail != NULL && (!json_is_string(fail) ||
                         failure_of(json_string_value(fail)) == PMA_AI_ERROR_NONE)) {
        return "fail must be unavailable, not_found, rate_limit, network, auth or "
               "model_error";
    }
    if (fail == NULL && !json_is_string(json_object_get(rule, "say"))) {
        return "a rule needs say (a text) or fail";
    }
    return NULL;
}

int pma_script_parse(const char *text, size_t text_bytes, struct pma_script **script,
                     char *why, size_t why_bytes)
{
    json_error_t error;
    json_t *rules = json_loadb(text, text_bytes, 0, &error);
    if (!json_is_array(rules)) {
        snprintf(why, why_bytes, "not a JSON array of rules (line %d: %s)",
                 rules == NULL ? error.line : 1,
                 rules == NULL ? error.text : "another type");
        json_decref(rules);
        return -EINVAL;
    }
    size_t at = 0;
    const json_t *rule = NULL;
    json_array_foreach(rules, at, rule)
    {
        const char *wrong = judge_rule(rule);
        if (wrong != NULL) {
            snprintf(why, why_bytes, "rule %zu: %s", at + 1, wrong);
            json_decref(rules);
            return -EINVAL;
        }
    }
    struct pma_script *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        json_decref(rules);
        snprintf(why, why_bytes, "out of memory");
        return -ENOMEM;
    }
    fresh->rules = rules;
    *script = fresh;
    return 0;
}

/* Returns: bytes read; -errno; -EFBIG. */
static ssize_t read_file(const char *path, char *text, size_t text_bytes)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    size_t used = 0;
    ssize_t got = 0;
    do {
        got = read(fd, text + used, text_bytes - used);
        used += got > 0 ? (size_t)got : 0;
    } while (got > 0 && used < text_bytes);
    const int err = got < 0 ? -errno : 0;
    close(fd);
    if (err != 0) {
        return err;
    }
    return used == text_bytes ? -EFBIG : (ssize_t)used;
}

int pma_script_open(const char *path, struct pma_script **script, char *why,
                    size_t why_bytes)
{
    if (path[0] == '\0') {
        return pma_script_parse(built_in, sizeof built_in - 1, script, why, why_bytes);
    }
    char *text = malloc(FILE_BYTES_MAX + 1);
    if (text == NULL) {
        snprintf(why, why_bytes, "out of memory");
        return -ENOMEM;
    }
    const ssize_t bytes = read_file(path, text, FILE_BYTES_MAX + 1);
    int err = (int)bytes;
    if (bytes < 0) {
        snprintf(why, why_bytes, "%s", strerrordesc_np(-err));
    } else {
        err = pma_script_parse(text, (size_t)bytes, script, why, why_bytes);
    }
    free(text);
    return err;
}

void pma_script_close(struct pma_script *script)
{
    if (script != NULL) {
        json_decref(script->rules);
        free(script);
    }
}

/* Returns: whether the scope was over before the time was. */
static bool delay(uint64_t ns, const struct pma_ai_scope *scope)
{
    const uint64_t until_ns = pma_now_ns() + ns;
    for (uint64_t now_ns = pma_now_ns(); now_ns < until_ns; now_ns = pma_now_ns()) {
        if (pma_ai_scope_is_over(scope, now_ns)) {
            return true;
        }
        const uint64_t left_ns = until_ns - now_ns;
        const struct timespec slice = {
            .tv_nsec = (long)(left_ns < SLICE_NS ? left_ns : SLICE_NS)};
        nanosleep(&slice, NULL);
    }
    return false;
}

static bool offers(const json_t *tools, const char *name)
{
    size_t at = 0;
    const json_t *tool = NULL;
    json_array_foreach(tools, at, tool)
    {
        if (strcmp(pma_dialect_text(tool, "name"), name) == 0) {
            return true;
        }
    }
    return false;
}

/* `say` with {message} and {result} filled in. Returns: owned text; NULL: no memory. */
static json_t *speak(const char *say, const struct situation *now)
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *stream = open_memstream(&text, &text_bytes);
    if (stream == NULL) {
        return NULL;
    }
    for (const char *at = say; *at != '\0';) {
        if (strncmp(at, "{message}", 9) == 0) {
            fputs(now->message, stream);
            at += 9;
        } else if (strncmp(at, "{result}", 8) == 0) {
            fputs(now->result, stream);
            at += 8;
        } else {
            fputc(*at++, stream);
        }
    }
    json_t *spoken = fclose(stream) == 0 ? json_stringn(text, text_bytes) : NULL;
    free(text);
    return spoken;
}

static json_t *call_tool(const json_t *rule, const struct situation *now)
{
    char id[32];
    snprintf(id, sizeof id, "call_%zu", now->rounds + 1);
    json_t *call = pma_dialect_tool_call(id, pma_dialect_text(rule, "tool"),
                                         json_object_get(rule, "arguments"));
    return json_pack("[o]", call);
}

static int answer_by(const json_t *rule, const struct pma_ai_request *request,
                     const struct situation *now, struct pma_ai_answer *answer)
{
    const json_t *rounds = json_object_get(rule, "rounds");
    const size_t rounds_wanted = rounds != NULL ? (size_t)json_integer_value(rounds) : 1;
    const char *tool = pma_dialect_text(rule, "tool");
    json_t *calls = NULL;
    if (tool[0] != '\0' && now->rounds < rounds_wanted && offers(request->tools, tool)) {
        calls = call_tool(rule, now);
    }
    json_t *text =
        calls != NULL ? json_string("") : speak(pma_dialect_text(rule, "say"), now);
    if (text == NULL) {
        json_decref(calls);
        return -ENOMEM;
    }
    const size_t text_bytes = json_string_length(text);
    const int err =
        pma_dialect_answer(answer, json_string_value(text), calls, "stop",
                           request->model != NULL ? request->model : "script");
    json_decref(text);
    if (err == 0) {
        answer->prompt_tokens = pma_ai_estimate_tokens(request->messages);
        answer->completion_tokens = text_bytes < 4 ? 1 : text_bytes / 4;
    }
    return err;
}

int pma_script_chat(const struct pma_script *script, const struct pma_ai_request *request,
                    const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                    struct pma_ai_error *error)
{
    const struct situation now = look(request->messages);
    size_t at = 0;
    const json_t *rule = NULL;
    json_array_foreach(script->rules, at, rule)
    {
        const char *when = pma_dialect_text(rule, "when");
        if (when[0] != '\0' && strcasestr(now.message, when) == NULL) {
            continue;
        }
        const json_int_t delay_ms = json_integer_value(json_object_get(rule, "delay_ms"));
        const char *fail = pma_dialect_text(rule, "fail");
        if (delay((uint64_t)delay_ms * PMA_MS_NS, scope)) {
            return pma_now_ns() >= scope->deadline_ns
                       ? pma_ai_fail(error, PMA_AI_ERROR_NETWORK, "No answer in time")
                       : pma_ai_fail(error, PMA_AI_ERROR_CANCELLED,
                                     "The request was given up before its answer came");
        }
        if (fail[0] != '\0') {
            return pma_ai_fail(error, failure_of(fail), "Rule %zu of the script fails so",
                               at + 1);
        }
        const int err = answer_by(rule, request, &now, answer);
        return err == 0 ? 0 : pma_ai_fail(error, PMA_AI_ERROR_INTERNAL, "Out of memory");
    }
    return pma_ai_fail(error, PMA_AI_ERROR_NOT_FOUND, "No rule of the script fits");
}
