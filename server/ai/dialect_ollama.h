/* The Ollama wire format. Source: github.com/ollama/ollama, docs/api.md.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_DIALECT_OLLAMA_H
#define PMA_DIALECT_OLLAMA_H

#include "server/ai/ai_dialect.h"

extern const struct pma_dialect pma_dialect_ollama;

#endif
