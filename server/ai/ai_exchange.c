/* Errors and estimates common to all providers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_exchange.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int err;
    unsigned status;
    bool retryable;
} kinds[] = {
    [PMA_AI_ERROR_NONE] = {"none", 0, 200, false},
    [PMA_AI_ERROR_UNAVAILABLE] = {"unavailable", -EHOSTDOWN, 503, true},
    [PMA_AI_ERROR_NOT_FOUND] = {"not_found", -ENOENT, 404, false},
    [PMA_AI_ERROR_AUTH] = {"auth", -EACCES, 502, false},
    [PMA_AI_ERROR_RATE_LIMIT] = {"rate_limit", -EAGAIN, 429, true},
    [PMA_AI_ERROR_NETWORK] = {"network", -EIO, 502, true},
    [PMA_AI_ERROR_MODEL] = {"model_error", -EBADMSG, 502, false},
    [PMA_AI_ERROR_PARSE] = {"parse_error", -EPROTO, 502, true},
    [PMA_AI_ERROR_INTERNAL] = {"internal", -ENOMEM, 500, false},
    [PMA_AI_ERROR_CANCELLED] = {"cancelled", -ECANCELED, 503, false},
    [PMA_AI_ERROR_TOO_LARGE] = {"too_large", -EMSGSIZE, 502, false},
};

void pma_ai_answer_fini(struct pma_ai_answer *answer)
{
    json_decref(answer->message);
    memset(answer, 0, sizeof *answer);
}

int pma_ai_fail(struct pma_ai_error *error, enum pma_ai_error_kind kind,
                const char *format, ...)
{
    va_list arguments;
    memset(error, 0, sizeof *error);
    error->kind = kind;
    error->retryable = kinds[kind].retryable;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return kinds[kind].err;
}

const char *pma_ai_error_name(enum pma_ai_error_kind kind)
{
    return kinds[kind].name;
}

unsigned pma_ai_error_status(enum pma_ai_error_kind kind)
{
    return kinds[kind].status;
}

uint64_t pma_ai_estimate_tokens(const json_t *messages)
{
    uint64_t bytes = 0;
    size_t at = 0;
    json_t *message = NULL;
    json_array_foreach(messages, at, message)
    {
        bytes += json_string_length(json_object_get(message, "content"));
    }
    return bytes < 4 ? 1 : bytes / 4;
}

bool pma_ai_scope_is_over(const struct pma_ai_scope *scope, uint64_t now_ns)
{
    return scope != NULL &&
           (now_ns >= scope->deadline_ns ||
            (scope->is_given_up != NULL && scope->is_given_up(scope->arg)));
}
