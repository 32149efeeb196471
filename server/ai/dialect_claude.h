/* The Claude wire format. Source: docs.anthropic.com/en/api/messages, version 2023-06-01.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_DIALECT_CLAUDE_H
#define PMA_DIALECT_CLAUDE_H

#include "server/ai/ai_dialect.h"

extern const struct pma_dialect pma_dialect_claude;

#endif
