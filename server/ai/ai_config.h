/* Settings of the AI service; each is a key of section ai in configs/pma-backend.yaml.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_CONFIG_H
#define PMA_AI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define PMA_AI_URL_BYTES 256
#define PMA_AI_KEY_BYTES 256

struct pma_ai_provider_config {
    bool enabled;
    char url[PMA_AI_URL_BYTES];     /* base, see set_url; "": the provider's own */
    char api_key[PMA_AI_KEY_BYTES]; /* never shown */
    char default_model[96];
    uint32_t priority;            /* the lowest is asked first */
    uint32_t max_tokens;          /* of an answer */
    uint32_t requests_per_minute; /* 0: no limit */
    uint32_t tokens_per_minute;   /* 0: no limit */
};

struct pma_ai_config {
    bool enabled;
    bool fallback_enabled;
    char default_provider[32];  /* a name, or "auto": the one of the lowest priority */
    uint64_t fallback_delay_ns; /* before the next provider is tried */
    uint32_t max_retries;       /* rounds through the providers after the first */
    uint64_t retry_delay_ns;    /* before the second round; doubles, with jitter */
    uint64_t retry_delay_max_ns;
    uint64_t timeout_ns;       /* of one request to a provider */
    uint64_t total_timeout_ns; /* of a chat with all its retries and tools */
    uint64_t connect_timeout_ns;
    uint64_t max_response_bytes;
    uint32_t max_transfers;     /* requests to providers at a time */
    uint32_t breaker_threshold; /* failures in a row */
    uint64_t breaker_open_ns;
    uint64_t rate_window_ns;
    uint64_t health_interval_ns; /* how long an answer about availability is good */
    uint64_t health_timeout_ns;
    uint64_t cleanup_interval_ns;
    uint64_t stale_ns; /* failures and figures older than this are forgotten */
    uint32_t max_tool_rounds;
    uint32_t max_downloads; /* model installations remembered */
    uint32_t history_limit; /* messages of a conversation that a model is shown */
    uint32_t max_messages;  /* kept of a conversation */
    uint32_t max_conversations;
    uint64_t install_timeout_ns;
    uint64_t retention_ns; /* conversations untouched for longer are removed */
    bool auto_create_conversation;
    char script[PMA_AI_URL_BYTES]; /* file of the offline provider; "": its own */
    struct pma_ai_provider_config scripted, openai, ollama, claude, gemini;
};

/* The defaults. Thread-safety: pure. */
void pma_ai_config_defaults(struct pma_ai_config *config);

#endif
