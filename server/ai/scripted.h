/* The offline provider: answers by rules from a file, or by a few of its own. The same
 * request always gets the same answer, so that a server without any key or network has a
 * chat, and tests know what it will say.
 *
 * A script is a JSON array of rules; the first that fits answers:
 *
 *     [{"when": "kitchen", "tool": "get_entity_state",
 *       "arguments": {"entity_id": "light.kitchen"}, "say": "The kitchen: {result}"},
 *      {"when": "slow", "delay_ms": 500, "say": "At last."},
 *      {"when": "trouble", "fail": "unavailable"},
 *      {"say": "You said: {message}"}]
 *
 * when: a text that the last message of the user contains, in any case; absent: any.
 * tool, arguments: a tool to call, `rounds` times (default 1) before the rule speaks.
 * say: the answer; {message} stands for the user's text, {result} for what the tool gave.
 * fail: unavailable, rate_limit, network, auth or model_error instead of an answer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_SCRIPTED_H
#define PMA_SCRIPTED_H

#include "server/ai/ai_exchange.h"

struct pma_script;

/* Reads a script; path "" stands for the built-in one. Returns: 0; -errno: the file
 * cannot be read; -EFBIG: more than 1 MiB; -EINVAL: not a script; why[] says what is
 * wrong and where. Thread-safety: any thread. Allocates. */
int pma_script_open(const char *path, struct pma_script **script, char *why,
                    size_t why_bytes);

/* As pma_script_open, from memory. */
int pma_script_parse(const char *text, size_t text_bytes, struct pma_script **script,
                     char *why, size_t why_bytes);

/* NULL is allowed. Thread-safety: owner thread. */
void pma_script_close(struct pma_script *script);

/* Answers. Returns: 0, *answer owned by the caller; an error of pma_ai_fail: what the
 * rule fails with; NOT_FOUND: no rule fits; CANCELLED: given up during a delay.
 * Thread-safety: any thread. */
int pma_script_chat(const struct pma_script *script, const struct pma_ai_request *request,
                    const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                    struct pma_ai_error *error);

#endif
