/* The Gemini wire format. Source: ai.google.dev/api/generate-content, v1beta.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_DIALECT_GEMINI_H
#define PMA_DIALECT_GEMINI_H

#include "server/ai/ai_dialect.h"

extern const struct pma_dialect pma_dialect_gemini;

#endif
