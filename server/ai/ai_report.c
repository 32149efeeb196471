/* Shapes of the API.
 *
 * Times that were measured on the monotonic clock become wall-clock texts here; numbers
 * keep the names that the first implementation's clients know.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_report.h"

#include "server/ai/ai_dialect.h"
#include "server/base/clock.h"

#include <string.h>

static json_t *instant(uint64_t at_ns)
{
    char text[PMA_TIMESTAMP_BYTES];
    if (at_ns == 0) {
        return json_null();
    }
    pma_timestamp_at(at_ns, text);
    return json_string(text);
}

static json_t *duration(uint64_t ns)
{
    char text[40];
    pma_duration_text(ns, text, sizeof text);
    return json_string(text);
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *error_json(const struct pma_ai_error *error)
{
    if (error->kind == PMA_AI_ERROR_NONE) {
        return json_null();
    }
    return json_pack("{s:s, s:s, s:b, s:i}", "type", pma_ai_error_name(error->kind),
                     "message", error->text, "retryable", (int)error->retryable, "code",
                     (int)error->http_status);
}

static json_t *provider_json(struct pma_ai_provider *provider)
{
    struct pma_ai_provider_info info;
    pma_ai_provider_info_read(provider, &info);
    json_t *rate = json_pack("{s:I, s:I, s:I, s:I, s:I}", "requests_per_minute",
                             (json_int_t)info.requests_per_minute, "tokens_per_minute",
                             (json_int_t)info.tokens_per_minute, "requests_used",
                             (json_int_t)info.window_requests, "tokens_used",
                             (json_int_t)info.window_tokens, "refused",
                             (json_int_t)info.rate_refused);
    json_t *metadata =
        json_pack("{s:s, s:b, s:I, s:o}", "default_model", info.default_model,
                  "api_key_set", (int)info.has_key, "health_checks",
                  (json_int_t)info.checks, "last_error", error_json(&info.last_error));
    return json_pack(
        "{s:s, s:s, s:I, s:b, s:b, s:b, s:o, s:I, s:I, s:I, s:f, s:o, s:o, s:i, s:o}",
        "name", info.name, "type", info.name, "priority", (json_int_t)info.priority,
        "available", (int)info.available, "healthy",
        (int)(info.available && info.circuit == PMA_CIRCUIT_CLOSED), "checked",
        (int)info.known, "last_health_check", instant(info.checked_at_ns), "error_count",
        (json_int_t)info.errors, "request_count", (json_int_t)info.requests,
        "tokens_used", (json_int_t)info.tokens, "average_response_ms",
        info.average_response_ms, "models", pma_ai_provider_models(provider),
        "rate_limit", rate, "circuit_state", (int)info.circuit, "metadata", metadata);
}

json_t *pma_ai_providers_json(struct pma_ai *ai)
{
    struct pma_ai_provider *const *providers = NULL;
    const size_t count = pma_ai_manager_providers(pma_ai_manager_of(ai), &providers);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, provider_json(providers[i]));
    }
    return json_pack("{s:o, s:I}", "providers", list, "count", (json_int_t)count);
}

static json_t *figures_json(struct pma_ai_provider *provider)
{
    struct pma_ai_provider_info info;
    pma_ai_provider_info_read(provider, &info);
    return json_pack("{s:I, s:I, s:f, s:o, s:b, s:i, s:I, s:I, s:I, s:I}",
                     "request_count", (json_int_t)info.requests, "error_count",
                     (json_int_t)info.errors, "average_response_ms",
                     info.average_response_ms, "last_used", instant(info.last_used_ns),
                     "available", (int)info.available, "circuit_state", (int)info.circuit,
                     "circuit_failures", (json_int_t)info.circuit_failures,
                     "circuit_openings", (json_int_t)info.circuit_openings, "tokens_used",
                     (json_int_t)info.tokens, "health_checks", (json_int_t)info.checks);
}

static json_t *transfers_json(struct pma_ai *ai)
{
    struct pma_transfers_info info;
    pma_transfers_info_read(pma_ai_transfers(ai), &info);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "running",
                     (json_int_t)info.running, "begun", (json_int_t)info.begun,
                     "succeeded", (json_int_t)info.succeeded, "failed",
                     (json_int_t)info.failed, "cancelled", (json_int_t)info.cancelled,
                     "refused", (json_int_t)info.refused, "received_bytes",
                     (json_int_t)info.received_bytes);
}

json_t *pma_ai_statistics_json(struct pma_ai *ai)
{
    struct pma_ai_info info;
    struct pma_ai_settings settings;
    struct pma_ai_provider *const *providers = NULL;
    struct pma_ai_manager *manager = pma_ai_manager_of(ai);
    const size_t count = pma_ai_manager_providers(manager, &providers);
    json_t *each = json_object();
    pma_ai_info_read(ai, &info);
    pma_ai_manager_settings_read(manager, &settings);
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(each, pma_ai_provider_name(providers[i]),
                            figures_json(providers[i]));
    }
    const bool is_auto = strcmp(settings.default_provider, "auto") == 0;
    const char *primary = is_auto && count > 0 ? pma_ai_provider_name(providers[0])
                                               : settings.default_provider;
    return json_pack("{s:o, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:o}", "providers", each,
                     "primary_provider", primary, "fallback_enabled",
                     (int)settings.fallback_enabled, "total_providers", (json_int_t)count,
                     "chats", (json_int_t)info.chats, "chats_failed",
                     (json_int_t)info.chats_failed, "tool_rounds",
                     (json_int_t)info.tool_rounds, "clean_ups",
                     (json_int_t)info.clean_ups, "transfers", transfers_json(ai));
}

static void add_models(json_t *list, struct pma_ai_provider *provider)
{
    struct pma_ai_provider_info info;
    json_t *models = pma_ai_provider_models(provider);
    size_t at = 0;
    const json_t *model = NULL;
    pma_ai_provider_info_read(provider, &info);
    json_array_foreach(models, at, model)
    {
        const char *id = json_string_value(model);
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[]}", "id", id, "name", id,
                      "provider", info.name, "size", "", "status",
                      info.available ? "available" : "unknown", "description",
                      strcmp(id, info.default_model) == 0 ? "The provider's default model"
                                                          : "",
                      "tags"));
    }
    json_decref(models);
}

json_t *pma_ai_models_json(struct pma_ai *ai)
{
    struct pma_ai_provider *const *providers = NULL;
    const size_t count = pma_ai_manager_providers(pma_ai_manager_of(ai), &providers);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        add_models(list, providers[i]);
    }
    return list;
}

static json_t *provider_settings_json(struct pma_ai_provider *provider)
{
    struct pma_ai_provider_info info;
    pma_ai_provider_info_read(provider, &info);
    return json_pack("{s:s, s:b, s:I, s:s, s:b, s:b}", "type", info.name, "enabled", 1,
                     "priority", (json_int_t)info.priority, "default_model",
                     info.default_model, "api_key_set", (int)info.has_key, "available",
                     (int)info.available);
}

json_t *pma_ai_settings_json(struct pma_ai *ai)
{
    struct pma_ai_settings settings;
    struct pma_ai_provider *const *providers = NULL;
    struct pma_ai_manager *manager = pma_ai_manager_of(ai);
    const struct pma_ai_config *config = pma_ai_config_of(ai);
    const size_t count = pma_ai_manager_providers(manager, &providers);
    json_t *list = json_array();
    pma_ai_manager_settings_read(manager, &settings);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, provider_settings_json(providers[i]));
    }
    return json_pack(
        "{s:s, s:b, s:I, s:o, s:o, s:I, s:b, s:I, s:o}", "default_provider",
        settings.default_provider, "fallback_enabled", (int)settings.fallback_enabled,
        "max_retries", (json_int_t)settings.max_retries, "fallback_delay",
        duration(settings.fallback_delay_ns), "timeout", duration(config->timeout_ns),
        "history_limit", (json_int_t)config->history_limit, "auto_create_conversation",
        (int)config->auto_create_conversation, "max_tool_rounds",
        (json_int_t)config->max_tool_rounds, "providers", list);
}

json_t *pma_conversations_statistics_json(struct pma_ai *ai)
{
    struct pma_conversations_info info;
    pma_conversations_info_read(pma_ai_conversations(ai), &info);
    const double average =
        info.conversations > 0 ? (double)info.messages / (double)info.conversations : 0;
    json_t *data = json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:I}", "total_conversations",
                             (json_int_t)info.conversations, "total_messages",
                             (json_int_t)info.messages, "average_messages", average,
                             "max_conversations", (json_int_t)info.max_conversations,
                             "max_messages", (json_int_t)info.max_messages,
                             "messages_over_limit", (json_int_t)info.messages_over_limit,
                             "total_tokens", (json_int_t)info.tokens);
    json_object_set_new(data, "created", number(info.created));
    json_object_set_new(data, "removed", number(info.removed));
    json_object_set_new(data, "evicted", number(info.evicted));
    json_object_set_new(data, "expired", number(info.expired));
    json_object_set_new(data, "messages_added", number(info.messages_added));
    json_object_set_new(data, "messages_trimmed", number(info.messages_trimmed));
    json_object_set_new(data, "clean_ups", number(info.clean_ups));
    return data;
}

json_t *pma_chat_outcome_json(const struct pma_chat_outcome *outcome, uint64_t took_ns)
{
    char id[PMA_CONVERSATION_ID_BYTES];
    char now[PMA_TIMESTAMP_BYTES];
    const struct pma_ai_answer *answer = &outcome->answer;
    const uint64_t total = answer->prompt_tokens + answer->completion_tokens;
    pma_conversation_new_id(id);
    pma_timestamp_now(now);
    json_t *message = json_copy(answer->message);
    json_object_set_new(message, "timestamp", json_string(now));
    json_t *tokens =
        json_pack("{s:I, s:I, s:I}", "prompt_tokens", (json_int_t)answer->prompt_tokens,
                  "completion_tokens", (json_int_t)answer->completion_tokens,
                  "total_tokens", (json_int_t)total);
    return json_pack(
        "{s:s, s:o, s:s, s:o, s:s, s:s, s:f, s:O, s:{s:I}, s:s, s:s}", "id", id,
        "message", message, "finish_reason", answer->finish_reason, "tokens_used", tokens,
        "model", answer->model, "provider", answer->provider, "processing_time_ms",
        (double)took_ns / (double)PMA_MS_NS, "tool_executions", outcome->executions,
        "metadata", "tool_rounds", (json_int_t)outcome->rounds, "created_at", now,
        "response", pma_dialect_text(answer->message, "content"));
}

void pma_ai_figures_read(void *arg, struct pma_figures *figures)
{
    struct pma_ai *ai = arg;
    struct pma_ai_info info;
    struct pma_transfers_info transfers;
    struct pma_conversations_info conversations;
    struct pma_installs_info installs;
    pma_ai_info_read(ai, &info);
    pma_transfers_info_read(pma_ai_transfers(ai), &transfers);
    pma_conversations_info_read(pma_ai_conversations(ai), &conversations);
    pma_installs_info_read(pma_ai_installs(ai), &installs);
    pma_figure_put(figures, "transfers", PMA_RESOURCE_OBJECT, transfers.running);
    pma_figure_put(figures, "health_checks", PMA_RESOURCE_THREAD, info.checks_running);
    pma_figure_put(figures, "installs_retained", PMA_RESOURCE_OBJECT, installs.retained);
    pma_figure_put(figures, "messages_over_limit", PMA_RESOURCE_OBJECT,
                   conversations.messages_over_limit);
    pma_figure_put_kept(figures, "installs", installs.records - installs.retained,
                        installs.most);
    pma_figure_put_kept(figures, "conversations", conversations.conversations,
                        conversations.max_conversations);
    pma_figure_put_kept(
        figures, "messages", conversations.messages - conversations.messages_over_limit,
        (uint64_t)conversations.max_conversations * conversations.max_messages);
    pma_figure_put(figures, "chats", PMA_RESOURCE_TOTAL, info.chats);
    pma_figure_put(figures, "transfers_refused", PMA_RESOURCE_TOTAL, transfers.refused);
    pma_figure_put(figures, "conversations_evicted", PMA_RESOURCE_TOTAL,
                   conversations.evicted);
    pma_figure_put(figures, "messages_trimmed", PMA_RESOURCE_TOTAL,
                   conversations.messages_trimmed);
}
