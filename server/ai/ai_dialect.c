/* The list of dialects and what they have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_dialect.h"

#include "server/ai/dialect_claude.h"
#include "server/ai/dialect_gemini.h"
#include "server/ai/dialect_ollama.h"
#include "server/ai/dialect_openai.h"
#include "server/base/json_depth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOKENS_MAX 1000000000

static const struct pma_dialect *const dialects[] = {
    &pma_dialect_openai,
    &pma_dialect_ollama,
    &pma_dialect_claude,
    &pma_dialect_gemini,
};

const struct pma_dialect *const *pma_dialects(size_t *count)
{
    *count = sizeof dialects / sizeof dialects[0];
    return dialects;
}

const struct pma_dialect *pma_dialect_find(const char *name)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
        if (strcmp(dialects[i]->name, name) == 0) {
            return dialects[i];
        }
    }
    return NULL;
}

json_t *pma_dialect_read_models(const struct pma_dialect *dialect, const json_t *body,
                                size_t most)
{
    const json_t *found = json_object_get(body, dialect->models_key);
    if (!json_is_array(found)) {
        return NULL;
    }
    json_t *models = json_array();
    size_t at = 0;
    const json_t *model = NULL;
    json_array_foreach(found, at, model)
    {
        const char *id = pma_dialect_text(model, dialect->model_id);
        /* Gemini's names are paths. */
        id = strncmp(id, "models/", 7) == 0 ? id + 7 : id;
        if (id[0] != '\0' && json_array_size(models) < most) {
            json_array_append_new(models, json_string(id));
        }
    }
    return models;
}

const char *pma_dialect_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

uint64_t pma_dialect_count(const json_t *object, const char *name)
{
    const json_int_t count = json_integer_value(json_object_get(object, name));
    return count > 0 && count < TOKENS_MAX ? (uint64_t)count : 0;
}

json_t *pma_dialect_tool_call(const char *id, const char *name, const json_t *arguments)
{
    json_t *object = NULL;
    if (arguments == NULL || json_is_null(arguments) ||
        (json_is_string(arguments) && json_string_length(arguments) == 0)) {
        object = json_object();
    } else if (json_is_string(arguments)) {
        /* A text within the answer, so its depth was not looked at yet. */
        object =
            pma_json_text_is_shallow(json_string_value(arguments),
                                     json_string_length(arguments), PMA_JSON_DEPTH_MAX)
                ? json_loadb(json_string_value(arguments), json_string_length(arguments),
                             0, NULL)
                : NULL;
    } else {
        object = json_deep_copy(arguments);
    }
    if (!json_is_object(object) || name[0] == '\0') {
        json_decref(object);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:o}", "id", id, "name", name, "arguments", object);
}

json_t *pma_dialect_function_tools(const json_t *tools)
{
    if (json_array_size(tools) == 0) {
        return NULL;
    }
    json_t *all = json_array();
    size_t at = 0;
    json_t *tool = NULL;
    json_array_foreach(tools, at, tool)
    {
        json_array_append_new(
            all, json_pack("{s:s, s:O}", "type", "function", "function", tool));
    }
    return all;
}

json_t *pma_dialect_system(const json_t *messages)
{
    json_t *system = NULL;
    size_t at = 0;
    const json_t *message = NULL;
    json_array_foreach(messages, at, message)
    {
        const char *text = pma_dialect_text(message, "content");
        if (strcmp(pma_dialect_text(message, "role"), "system") != 0) {
            continue;
        }
        json_t *longer = system == NULL
                             ? json_string(text)
                             : json_sprintf("%s\n\n%s", json_string_value(system), text);
        json_decref(system);
        system = longer;
    }
    return system;
}

int pma_dialect_answer(struct pma_ai_answer *answer, const char *text, json_t *calls,
                       const char *finish, const char *model)
{
    json_t *message = json_pack("{s:s, s:s}", "role", "assistant", "content", text);
    if (message == NULL) {
        json_decref(calls);
        return -ENOMEM;
    }
    const bool has_calls = json_array_size(calls) > 0;
    if (has_calls) {
        json_object_set_new(message, "tool_calls", calls);
    } else {
        json_decref(calls);
    }
    memset(answer, 0, sizeof *answer);
    answer->message = message;
    snprintf(answer->finish_reason, sizeof answer->finish_reason, "%s",
             has_calls ? "tool_calls" : finish);
    snprintf(answer->model, sizeof answer->model, "%s", model);
    return 0;
}
