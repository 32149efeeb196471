/* The keys of section ai, for the table in server/config/config_keys.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_KEYS_H
#define PMA_AI_KEYS_H

#include "server/ai/ai_config.h"
#include "server/base/clock.h"

#define PMA_AI_DAY_NS ((uint64_t)24 * 3600 * PMA_S_NS)

/* X(key, kind of value, member of struct pma_ai_config, least, most). */
#define PMA_AI_KEYS(X)                                                                   \
    X("enabled", BOOL, enabled, 0, 0)                                                    \
    X("fallback_enabled", BOOL, fallback_enabled, 0, 0)                                  \
    X("default_provider", TEXT, default_provider, 1, 31)                                 \
    X("fallback_delay", DURATION, fallback_delay_ns, 0, 60 * PMA_S_NS)                   \
    X("max_retries", COUNT, max_retries, 0, 20)                                          \
    X("retry_delay", DURATION, retry_delay_ns, 0, 60 * PMA_S_NS)                         \
    X("retry_delay_max", DURATION, retry_delay_max_ns, 0, 600 * PMA_S_NS)                \
    X("timeout", DURATION, timeout_ns, PMA_MS_NS, 3600 * PMA_S_NS)                       \
    X("total_timeout", DURATION, total_timeout_ns, PMA_MS_NS, 3600 * PMA_S_NS)           \
    X("connect_timeout", DURATION, connect_timeout_ns, PMA_MS_NS, 600 * PMA_S_NS)        \
    X("max_response_bytes", BYTES, max_response_bytes, 1024, 1073741824)                 \
    X("max_transfers", COUNT, max_transfers, 1, 1000)                                    \
    X("breaker_threshold", COUNT, breaker_threshold, 1, 1000)                            \
    X("breaker_open", DURATION, breaker_open_ns, PMA_MS_NS, PMA_AI_DAY_NS)               \
    X("rate_window", DURATION, rate_window_ns, PMA_MS_NS, PMA_AI_DAY_NS)                 \
    X("health_interval", DURATION, health_interval_ns, 10 * PMA_MS_NS, PMA_AI_DAY_NS)    \
    X("health_timeout", DURATION, health_timeout_ns, PMA_MS_NS, 60 * PMA_S_NS)           \
    X("cleanup_interval", DURATION, cleanup_interval_ns, 10 * PMA_MS_NS, PMA_AI_DAY_NS)  \
    X("stale_after", DURATION, stale_ns, PMA_MS_NS, 30 * PMA_AI_DAY_NS)                  \
    X("max_tool_rounds", COUNT, max_tool_rounds, 0, 5)                                   \
    X("install_timeout", DURATION, install_timeout_ns, PMA_MS_NS, PMA_AI_DAY_NS)         \
    X("max_downloads", COUNT, max_downloads, 1, 10000)                                   \
    X("history_limit", COUNT, history_limit, 1, 1000)                                    \
    X("max_messages", COUNT, max_messages, 2, 1000000)                                   \
    X("max_conversations", COUNT, max_conversations, 1, 1000000)                         \
    X("retention", DURATION, retention_ns, PMA_MS_NS, 3660 * PMA_AI_DAY_NS)              \
    X("auto_create_conversation", BOOL, auto_create_conversation, 0, 0)                  \
    X("script", TEXT, script, 0, PMA_AI_URL_BYTES - 1)                                   \
    PMA_AI_PROVIDER_KEYS(X, scripted)                                                    \
    PMA_AI_PROVIDER_KEYS(X, ollama)                                                      \
    PMA_AI_PROVIDER_KEYS(X, openai)                                                      \
    PMA_AI_PROVIDER_KEYS(X, claude)                                                      \
    PMA_AI_PROVIDER_KEYS(X, gemini)

/* name: a member, which cannot stand in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define PMA_AI_PROVIDER_KEYS(X, name)                                                    \
    X("providers." #name ".enabled", BOOL, name.enabled, 0, 0)                           \
    X("providers." #name ".url", TEXT, name.url, 0, PMA_AI_URL_BYTES - 1)                \
    X("providers." #name ".api_key", SECRET, name.api_key, 0, PMA_AI_KEY_BYTES - 1)      \
    X("providers." #name ".default_model", TEXT, name.default_model, 1, 95)              \
    X("providers." #name ".priority", COUNT, name.priority, 0, 1000)                     \
    X("providers." #name ".max_tokens", COUNT, name.max_tokens, 1, 1000000)              \
    X("providers." #name ".requests_per_minute", COUNT, name.requests_per_minute, 0,     \
      1000000)                                                                           \
    X("providers." #name ".tokens_per_minute", COUNT, name.tokens_per_minute, 0,         \
      1000000000)
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
