/* The OpenAI-compatible wire format. Source: platform.openai.com/docs/api-reference/chat;
 * many servers speak it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_DIALECT_OPENAI_H
#define PMA_DIALECT_OPENAI_H

#include "server/ai/ai_dialect.h"

extern const struct pma_dialect pma_dialect_openai;

#endif
