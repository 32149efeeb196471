/* Defaults of the AI service: nothing that needs a network is on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_config.h"

#include "server/base/clock.h"

#include <stdio.h>
#include <string.h>

static void set_provider(struct pma_ai_provider_config *provider, uint32_t priority,
                         const char *model, uint32_t requests, uint32_t tokens)
{
    provider->priority = priority;
    provider->max_tokens = 2000;
    provider->requests_per_minute = requests;
    provider->tokens_per_minute = tokens;
    snprintf(provider->default_model, sizeof provider->default_model, "%s", model);
}

void pma_ai_config_defaults(struct pma_ai_config *config)
{
    memset(config, 0, sizeof *config);
    config->enabled = true;
    config->fallback_enabled = true;
    snprintf(config->default_provider, sizeof config->default_provider, "auto");
    config->max_retries = 3;
    config->retry_delay_ns = 500 * PMA_MS_NS;
    config->retry_delay_max_ns = 8 * PMA_S_NS;
    config->timeout_ns = 30 * PMA_S_NS;
    config->total_timeout_ns = 120 * PMA_S_NS;
    config->connect_timeout_ns = 5 * PMA_S_NS;
    config->max_response_bytes = (uint64_t)4 * 1024 * 1024;
    config->max_transfers = 32;
    config->breaker_threshold = 5;
    config->breaker_open_ns = 60 * PMA_S_NS;
    config->rate_window_ns = 60 * PMA_S_NS;
    config->health_interval_ns = 30 * PMA_S_NS;
    config->health_timeout_ns = 5 * PMA_S_NS;
    config->cleanup_interval_ns = 300 * PMA_S_NS;
    config->stale_ns = 600 * PMA_S_NS;
    config->max_tool_rounds = 5;
    config->max_downloads = 50;
    config->install_timeout_ns = 1800 * PMA_S_NS;
    config->history_limit = 20;
    config->max_messages = 1000;
    config->max_conversations = 1000;
    config->retention_ns = (uint64_t)90 * 24 * 3600 * PMA_S_NS;
    config->auto_create_conversation = true;
    set_provider(&config->scripted, 100, "script", 0, 0);
    config->scripted.enabled = true;
    set_provider(&config->ollama, 10, "llama3.2", 0, 0);
    set_provider(&config->openai, 20, "gpt-4o-mini", 3500, 90000);
    set_provider(&config->claude, 30, "claude-3-5-haiku-latest", 1000, 40000);
    set_provider(&config->gemini, 40, "gemini-2.0-flash", 1000, 0);
}
