/* Conversations over REST.
 *
 * The scripts of the first implementation read message.content (or data.message.content,
 * or content) of an answer and data[] of a list, where it gave a text and another name:
 * each is there now.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"
#include "server/ai/ai_dialect.h"
#include "server/ai/ai_report.h"
#include "server/ai/chat_history.h"
#include "server/base/clock.h"
#include "server/rest/ai_body.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LIST_LIMIT       20
#define LIST_LIMIT_MAX   1000
#define MESSAGES_LIMIT   50
#define OFFSET_MAX       1000000
#define COST_PER_TOKEN   0.0001
#define CLEANUP_DAYS     90
#define CLEANUP_DAYS_MAX 36500
#define TITLE_BYTES      60
#define DAY_NS           ((uint64_t)24 * 3600 * PMA_S_NS)

static void reply_store_error(struct pma_reply *reply, const struct pma_request *request,
                              int err, const char *wrong)
{
    switch (err) {
    case -ENOENT:
        pma_reply_error(reply, request, 404, "There is no conversation \"%.64s\"",
                        request->param);
        break;
    case -EINVAL:
        pma_reply_error(reply, request, 400, "%s",
                        wrong != NULL ? wrong : "The conversation's id is not valid");
        break;
    case -EEXIST:
        pma_reply_error(reply, request, 409, "The conversation exists already");
        break;
    case -EMSGSIZE:
        pma_reply_error(reply, request, 413,
                        "More than database.max_document_bytes allows");
        break;
    case -ENOSPC:
        pma_reply_error(reply, request, 507,
                        "The store is full (database.max_bytes, or the disk)");
        break;
    default:
        pma_reply_error(reply, request, 500, "The store failed: %s",
                        strerrordesc_np(-err));
        break;
    }
}

/* A conversation as data and at the top. conversation: taken. */
static void reply_conversation(struct pma_reply *reply, json_t *conversation,
                               const char *message)
{
    pma_reply_flat(
        reply, json_pack("{s:o, s:s}", "conversation", conversation, "message", message));
}

void pma_handle_conversation_create(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    const char *wrong = NULL;
    json_t *conversation = NULL;
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    json_t *body = ai != NULL ? pma_request_json(request, reply) : NULL;
    if (body == NULL) {
        return;
    }
    int err = -EINVAL;
    if (pma_dialect_text(body, "title")[0] == '\0') {
        wrong = "title (a text) is required";
    } else {
        err = pma_conversations_create(pma_ai_conversations(ai), NULL, body,
                                       &conversation, &wrong);
    }
    json_decref(body);
    if (err != 0) {
        reply_store_error(reply, request, err, wrong);
        return;
    }
    reply_conversation(reply, conversation, "Conversation created");
    reply->status = 201;
}

/* Returns: whether the filter is of the form. */
static bool read_filter(const struct pma_request *request,
                        struct pma_conversation_filter *filter)
{
    bool valid = true;
    const char *archived = request->argument(request, "archived");
    const char *order_by = request->argument(request, "order_by");
    const char *order_dir = request->argument(request, "order_dir");
    *filter = (struct pma_conversation_filter){
        .archived = archived == NULL ? -1 : strcmp(archived, "true") == 0,
        .provider = request->argument(request, "provider"),
        .search = request->argument(request, "search"),
        .order_by = order_by != NULL ? order_by : "updated_at",
        .ascending = order_dir != NULL && strcasecmp(order_dir, "asc") == 0,
        .limit = pma_request_number(request, "limit", LIST_LIMIT, LIST_LIMIT_MAX, &valid),
        .offset = pma_request_number(request, "offset", 0, OFFSET_MAX, &valid),
    };
    return valid && (strcmp(filter->order_by, "updated_at") == 0 ||
                     strcmp(filter->order_by, "created_at") == 0 ||
                     strcmp(filter->order_by, "last_message_at") == 0 ||
                     strcmp(filter->order_by, "title") == 0);
}

void pma_handle_conversations(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_conversation_filter filter;
    json_t *list = NULL;
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai == NULL) {
        return;
    }
    if (!read_filter(request, &filter)) {
        pma_reply_error(
            reply, request, 400,
            "limit is a number from 0 to %d, offset from 0 to %d; order_by is "
            "updated_at, created_at, last_message_at or title",
            LIST_LIMIT_MAX, OFFSET_MAX);
        return;
    }
    const int err = pma_conversations_list(pma_ai_conversations(ai), &filter, &list);
    if (err != 0) {
        reply_store_error(reply, request, err, NULL);
        return;
    }
    const json_int_t count = (json_int_t)json_array_size(list);
    json_t *given =
        json_pack("{s:I, s:I, s:s, s:s, s:s*, s:s*}", "limit", (json_int_t)filter.limit,
                  "offset", (json_int_t)filter.offset, "order_by", filter.order_by,
                  "order_dir", filter.ascending ? "asc" : "desc", "provider",
                  filter.provider, "search", filter.search);
    pma_reply_flat(reply, json_pack("{s:o, s:I, s:o}", "conversations", list, "count",
                                    count, "filter", given));
}

void pma_handle_conversation(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    json_t *conversation = NULL;
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai == NULL) {
        return;
    }
    const int err =
        pma_conversations_get(pma_ai_conversations(ai), request->param, &conversation);
    if (err != 0) {
        reply_store_error(reply, request, err, NULL);
    } else {
        pma_reply_flat(reply, json_pack("{s:o}", "conversation", conversation));
    }
}

/* Changes fields. fields: taken; NULL: nothing happens, the reply is made already. */
static void change(struct pma_request *request, struct pma_reply *reply, json_t *fields,
                   const char *message)
{
    const char *wrong = NULL;
    json_t *conversation = NULL;
    if (fields == NULL) {
        return;
    }
    const int err =
        pma_conversations_update(pma_ai_conversations(request->app->ai), request->param,
                                 fields, &conversation, &wrong);
    json_decref(fields);
    if (err != 0) {
        reply_store_error(reply, request, err, wrong);
    } else {
        reply_conversation(reply, conversation, message);
    }
}

void pma_handle_conversation_update(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    if (pma_ai_of_request(request, reply) != NULL) {
        change(request, reply, pma_request_json(request, reply), "Conversation updated");
    }
}

void pma_handle_conversation_archive(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    if (pma_ai_of_request(request, reply) != NULL) {
        change(request, reply, json_pack("{s:b}", "archived", 1),
               "Conversation archived");
    }
}

void pma_handle_conversation_unarchive(struct pma_request *request,
                                       struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    if (pma_ai_of_request(request, reply) != NULL) {
        change(request, reply, json_pack("{s:b}", "archived", 0),
               "Conversation unarchived");
    }
}

/* The beginning of the first message that is kept, cut between characters. */
void pma_handle_conversation_title(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    char title[TITLE_BYTES + 1] = "New conversation";
    json_t *messages = NULL;
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai == NULL) {
        return;
    }
    const int err =
        pma_conversations_messages(pma_ai_conversations(ai), request->param,
                                   pma_ai_config_of(ai)->max_messages, 0, &messages);
    if (err != 0) {
        reply_store_error(reply, request, err, NULL);
        return;
    }
    const char *text = pma_dialect_text(json_array_get(messages, 0), "content");
    if (text[0] != '\0') {
        size_t length = strnlen(text, TITLE_BYTES);
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
        snprintf(title, sizeof title, "%.*s", (int)length, text);
    }
    json_decref(messages);
    change(request, reply, json_pack("{s:s}", "title", title), "Title generated");
}

void pma_handle_conversation_delete(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai == NULL) {
        return;
    }
    const int err = pma_conversations_remove(pma_ai_conversations(ai), request->param);
    if (err != 0) {
        reply_store_error(reply, request, err, NULL);
    } else {
        pma_reply_flat(reply, json_pack("{s:s, s:s}", "message", "Conversation deleted",
                                        "conversation_id", request->param));
    }
}

void pma_handle_conversation_messages(struct pma_request *request,
                                      struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    bool valid = true;
    json_t *messages = NULL;
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai == NULL) {
        return;
    }
    const uint64_t limit =
        pma_request_number(request, "limit", MESSAGES_LIMIT, LIST_LIMIT_MAX, &valid);
    const uint64_t offset = pma_request_number(request, "offset", 0, OFFSET_MAX, &valid);
    if (!valid) {
        pma_reply_error(reply, request, 400,
                        "limit is a number from 0 to %d, offset from 0 to %d",
                        LIST_LIMIT_MAX, OFFSET_MAX);
        return;
    }
    const int err = pma_conversations_messages(pma_ai_conversations(ai), request->param,
                                               limit, offset, &messages);
    if (err != 0) {
        reply_store_error(reply, request, err, NULL);
        return;
    }
    const json_int_t count = (json_int_t)json_array_size(messages);
    pma_reply_data(reply, json_incref(messages));
    json_object_set_new(reply->body, "messages", messages);
    json_object_set_new(reply->body, "count", json_integer(count));
    json_object_set_new(reply->body, "limit", json_integer((json_int_t)limit));
    json_object_set_new(reply->body, "offset", json_integer((json_int_t)offset));
}

/* The conversation, made when it does not exist and that is allowed. */
static int find_or_make(struct pma_ai *ai, const char *id, json_t **conversation,
                        const char **wrong)
{
    struct pma_conversations *conversations = pma_ai_conversations(ai);
    int err = pma_conversations_get(conversations, id, conversation);
    if (err == -ENOENT && pma_ai_config_of(ai)->auto_create_conversation) {
        err = pma_conversations_create(conversations, id, NULL, conversation, wrong);
        if (err == -EEXIST) { /* by another request, meanwhile */
            err = pma_conversations_get(conversations, id, conversation);
        }
    }
    return err;
}

/* What is kept of an exchange, and told of it. Owned by the caller. */
static json_t *answer_entry(const struct pma_chat_outcome *outcome, uint64_t took_ns)
{
    const struct pma_ai_answer *answer = &outcome->answer;
    const uint64_t tokens = answer->prompt_tokens + answer->completion_tokens;
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:f, s:O}", "role", "assistant",
                     "content", pma_dialect_text(answer->message, "content"),
                     "tokens_used", (json_int_t)tokens, "model_used", answer->model,
                     "provider_used", answer->provider, "response_time_ms",
                     (double)took_ns / (double)PMA_MS_NS, "tool_executions",
                     outcome->executions);
}

static void reply_exchange(struct pma_reply *reply, const char *id, json_t *entry,
                           const struct pma_chat_outcome *outcome, uint64_t took_ns)
{
    const json_int_t tokens = json_integer_value(json_object_get(entry, "tokens_used"));
    const char *content = pma_dialect_text(entry, "content");
    json_t *data =
        json_pack("{s:s, s:O, s:s, s:O, s:I, s:f, s:I, s:s, s:s}", "conversation_id", id,
                  "message", entry, "response", content, "tool_executions",
                  outcome->executions, "tokens_used", tokens, "cost",
                  (double)tokens * COST_PER_TOKEN, "response_time", (json_int_t)took_ns,
                  "provider", outcome->answer.provider, "model", outcome->answer.model);
    pma_reply_data(reply, data);
    json_object_set(reply->body, "response", data);
    json_object_set(reply->body, "message", entry);
    json_object_set_new(reply->body, "content", json_string(content));
}

/* Asks within a conversation and keeps both sides. */
static void talk(struct pma_request *request, struct pma_reply *reply,
                 const json_t *conversation, json_t *history, json_t *message)
{
    struct pma_ai *ai = request->app->ai;
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    const struct pma_ai_scope scope = pma_ai_scope_of(request);
    const char *model = pma_dialect_text(conversation, "model");
    struct pma_chat chat = {.preferred = pma_dialect_text(conversation, "provider"),
                            .conversation_id = request->param,
                            .request = {
                                .messages = history,
                                .model = model[0] != '\0' ? model : NULL,
                                .max_tokens = (uint32_t)json_integer_value(
                                    json_object_get(conversation, "max_tokens")),
                                .temperature = json_number_value(
                                    json_object_get(conversation, "temperature")),
                                .top_p = -1,
                            }};
    const uint64_t begin_ns = pma_now_ns();
    if (pma_ai_chat(ai, &chat, true, &scope, &outcome, &error) != 0) {
        pma_ai_reply_error(reply, request, &error);
        return;
    }
    const uint64_t took_ns = pma_now_ns() - begin_ns;
    json_t *entry = answer_entry(&outcome, took_ns);
    const int err =
        pma_conversations_add(pma_ai_conversations(ai), request->param, message, entry);
    if (err != 0) {
        reply_store_error(reply, request, err, NULL);
    } else {
        reply_exchange(reply, request->param, entry, &outcome, took_ns);
    }
    json_decref(entry);
    pma_chat_outcome_fini(&outcome);
}

static void run_message(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = request->app->ai;
    const char *wrong = NULL;
    json_t *conversation = NULL;
    json_t *before = NULL;
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const char *content = pma_dialect_text(body, "content");
    if (content[0] == '\0') {
        pma_reply_error(reply, request, 400, "content (a text) is required");
        goto done;
    }
    int err = find_or_make(ai, request->param, &conversation, &wrong);
    if (err == 0) {
        err = pma_conversations_messages(pma_ai_conversations(ai), request->param,
                                         pma_ai_config_of(ai)->history_limit, 0, &before);
    }
    if (err != 0) {
        reply_store_error(reply, request, err, wrong);
        goto done;
    }
    json_t *history =
        pma_chat_history(before, pma_ai_config_of(ai)->history_limit,
                         pma_dialect_text(conversation, "system_prompt"), content);
    json_t *message = json_pack("{s:s, s:s}", "role", "user", "content", content);
    talk(request, reply, conversation, history, message);
    json_decref(message);
    json_decref(history);
done:
    json_decref(before);
    json_decref(conversation);
    json_decref(body);
}

void pma_handle_conversation_say(struct pma_request *request, struct pma_reply *reply)
{
    if (pma_ai_of_request(request, reply) != NULL) {
        reply->later = run_message;
    }
}

void pma_handle_conversations_statistics(struct pma_request *request,
                                         struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai != NULL) {
        pma_reply_flat(reply, pma_conversations_statistics_json(ai));
    }
}

void pma_handle_conversations_cleanup(struct pma_request *request,
                                      struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    bool valid = true;
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai == NULL) {
        return;
    }
    const uint64_t days =
        pma_request_number(request, "days", CLEANUP_DAYS, CLEANUP_DAYS_MAX, &valid);
    if (!valid || days == 0) {
        pma_reply_error(reply, request, 400, "days is a number from 1 to %d",
                        CLEANUP_DAYS_MAX);
        return;
    }
    const uint64_t removed =
        pma_conversations_expire(pma_ai_conversations(ai), days * DAY_NS);
    pma_reply_flat(reply,
                   json_pack("{s:s, s:I, s:I}", "message", "Clean-up done", "removed",
                             (json_int_t)removed, "days", (json_int_t)days));
}
