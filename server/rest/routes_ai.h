/* Routes of the AI and of conversations, for the list in routes.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ROUTES_AI_H
#define PMA_ROUTES_AI_H

/* X(method, pattern, handler, loopback_only). The alias without v1 is the original's. */
#define PMA_ROUTES_AI(X)                                                                 \
    X(POST, "/api/v1/ai/chat", ai_chat, false)                                           \
    X(POST, "/api/ai/chat", ai_chat, false)                                              \
    X(POST, "/api/v1/ai/chat/context", ai_chat_context, false)                           \
    X(POST, "/api/v1/ai/complete", ai_complete, false)                                   \
    X(GET, "/api/v1/ai/providers", ai_providers, false)                                  \
    X(GET, "/api/v1/ai/models", ai_models, false)                                        \
    X(GET, "/api/v1/ai/statistics", ai_statistics, false)                                \
    X(GET, "/api/v1/ai/settings", ai_settings, false)                                    \
    X(PUT, "/api/v1/ai/settings", ai_settings_set, false)                                \
    X(POST, "/api/v1/ai/test/:provider", ai_test, false)                                 \
    X(POST, "/api/v1/ai/models/install", ai_model_install, false)                        \
    X(GET, "/api/v1/ai/models/downloads", ai_model_downloads, false)

#define PMA_ROUTES_CONVERSATIONS(X)                                                      \
    X(POST, "/api/v1/conversations", conversation_create, false)                         \
    X(GET, "/api/v1/conversations", conversations, false)                                \
    X(GET, "/api/v1/conversations/statistics", conversations_statistics, false)          \
    X(POST, "/api/v1/conversations/cleanup", conversations_cleanup, false)               \
    X(GET, "/api/v1/conversations/:id", conversation, false)                             \
    X(PUT, "/api/v1/conversations/:id", conversation_update, false)                      \
    X(DELETE, "/api/v1/conversations/:id", conversation_delete, false)                   \
    X(GET, "/api/v1/conversations/:id/messages", conversation_messages, false)           \
    X(POST, "/api/v1/conversations/:id/messages", conversation_say, false)               \
    X(POST, "/api/v1/conversations/:id/archive", conversation_archive, false)            \
    X(POST, "/api/v1/conversations/:id/unarchive", conversation_unarchive, false)        \
    X(POST, "/api/v1/conversations/:id/generate-title", conversation_title, false)

#endif
