/* Fields in one table: what a client may set, and of which type it has to be.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/conversation_record.h"

#include "server/ai/ai_dialect.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX 1000000

static const struct {
    const char *name;
    json_type type; /* JSON_REAL stands for any number */
    const char *wrong;
} fields_known[] = {
    {"title", JSON_STRING, "title must be a text"},
    {"system_prompt", JSON_STRING, "system_prompt must be a text"},
    {"provider", JSON_STRING, "provider must be a text"},
    {"model", JSON_STRING, "model must be a text"},
    {"temperature", JSON_REAL, "temperature must be a number from 0 to 2"},
    {"max_tokens", JSON_INTEGER, "max_tokens must be a whole number from 1 to 1000000"},
    {"context_data", JSON_OBJECT, "context_data must be an object"},
    {"metadata", JSON_OBJECT, "metadata must be an object"},
    {"archived", JSON_TRUE, "archived must be true or false"},
};

static bool is_of_type(const json_t *value, json_type type)
{
    if (type == JSON_REAL) {
        return json_is_number(value) && json_number_value(value) >= 0 &&
               json_number_value(value) <= 2;
    }
    if (type == JSON_INTEGER) {
        return json_is_integer(value) && json_integer_value(value) >= 1 &&
               json_integer_value(value) <= TOKENS_MAX;
    }
    return type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == type;
}

const char *pma_conversation_change(json_t *conversation, const json_t *fields,
                                    const char *now)
{
    for (size_t i = 0; i < sizeof fields_known / sizeof fields_known[0]; i++) {
        const json_t *value = json_object_get(fields, fields_known[i].name);
        if (value != NULL && !json_is_null(value) &&
            !is_of_type(value, fields_known[i].type)) {
            return fields_known[i].wrong;
        }
    }
    for (size_t i = 0; i < sizeof fields_known / sizeof fields_known[0]; i++) {
        json_t *value = json_object_get(fields, fields_known[i].name);
        if (value != NULL && !json_is_null(value)) {
            json_object_set(conversation, fields_known[i].name, value);
        }
    }
    json_object_set_new(conversation, "updated_at", json_string(now));
    return NULL;
}

json_t *pma_conversation_make(const char *id, const json_t *fields, const char *now,
                              const char **wrong)
{
    json_t *conversation = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:i, s:i, s:s, s:s, s:b}", "id", id, "user_id", "1",
        "title", "New conversation", "provider", "auto", "temperature", 0.7, "max_tokens",
        2000, "message_count", 0, "created_at", now, "updated_at", now, "archived", 0);
    *wrong =
        conversation != NULL ? pma_conversation_change(conversation, fields, now) : NULL;
    if (*wrong != NULL) {
        json_decref(conversation);
        return NULL;
    }
    return conversation;
}

bool pma_conversation_fits(const json_t *conversation,
                           const struct pma_conversation_filter *filter)
{
    const bool archived = json_is_true(json_object_get(conversation, "archived"));
    return (filter->archived < 0 || archived == (filter->archived != 0)) &&
           (filter->provider == NULL ||
            strcmp(pma_dialect_text(conversation, "provider"), filter->provider) == 0) &&
           (filter->search == NULL ||
            strcasestr(pma_dialect_text(conversation, "title"), filter->search) != NULL);
}

/* By the field, and by the id when it is equal: pages do not overlap. */
static int compare(const void *a, const void *b, void *arg)
{
    const struct pma_conversation_filter *filter = arg;
    const json_t *one = *(json_t *const *)a;
    const json_t *other = *(json_t *const *)b;
    int order = strcmp(pma_dialect_text(one, filter->order_by),
                       pma_dialect_text(other, filter->order_by));
    if (order == 0) {
        order = strcmp(pma_dialect_text(one, "id"), pma_dialect_text(other, "id"));
    }
    return filter->ascending ? order : -order;
}

json_t *pma_conversation_page(const json_t *all,
                              const struct pma_conversation_filter *filter)
{
    const size_t count = json_array_size(all);
    json_t *page = json_array();
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers. */
    json_t **sorted = calloc(count + 1, sizeof *sorted);
    if (page == NULL || sorted == NULL) {
        json_decref(page);
        free(sorted);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = json_array_get(all, i);
    }
    struct pma_conversation_filter by = *filter;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression) */
    qsort_r(sorted, count, sizeof sorted[0], compare, &by);
    for (size_t i = filter->offset; i < count && json_array_size(page) < filter->limit;
         i++) {
        json_array_append(page, sorted[i]);
    }
    free(sorted);
    return page;
}
