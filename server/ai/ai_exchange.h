/* What is asked of a language model and what it answers, whoever the provider is.
 *
 * Messages are JSON objects {role, content}; role is system, user, assistant or tool. An
 * assistant's message may have tool_calls [{id, name, arguments}] (arguments is an
 * object), a tool's message has tool_call_id, name and the result as its content. Each
 * provider's dialect translates from and to this form.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_EXCHANGE_H
#define PMA_AI_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMA_AI_NAME_BYTES  32
#define PMA_AI_MODEL_BYTES 96

/* Who waits for the answer, and until when. Handed down to whatever waits. */
struct pma_ai_scope {
    uint64_t deadline_ns;           /* CLOCK_MONOTONIC */
    bool (*is_given_up)(void *arg); /* NULL: never; called several times a second */
    void *arg;                      /* borrowed */
};

struct pma_ai_request {
    const json_t *messages; /* borrowed; an array, see above */
    const json_t *tools;    /* borrowed; [{name, description, parameters}], or NULL */
    const json_t *stop;     /* borrowed; an array of strings, or NULL */
    const char *model;      /* borrowed; NULL: the provider's default */
    uint32_t max_tokens;    /* of the answer; 0: the provider's setting */
    double temperature;     /* negative: the provider's default */
    double top_p;           /* negative: the provider's default */
};

struct pma_ai_answer {
    json_t *message; /* owned; {role: "assistant", content, tool_calls?} */
    char
        finish_reason[PMA_AI_NAME_BYTES]; /* stop, length, tool_calls or the provider's */
    char model[PMA_AI_MODEL_BYTES];
    char provider[PMA_AI_NAME_BYTES];
    uint64_t prompt_tokens, completion_tokens; /* 0: the provider did not say */
};

enum pma_ai_error_kind {
    PMA_AI_ERROR_NONE = 0,
    PMA_AI_ERROR_UNAVAILABLE = 1, /* circuit open, switched off, 5xx */
    PMA_AI_ERROR_NOT_FOUND = 2,   /* no such provider or model */
    PMA_AI_ERROR_AUTH = 3,        /* no key, or refused */
    PMA_AI_ERROR_RATE_LIMIT = 4,  /* ours or the provider's */
    PMA_AI_ERROR_NETWORK = 5,     /* no connection, cut off, time-out */
    PMA_AI_ERROR_MODEL = 6,       /* the provider says that the request is wrong */
    PMA_AI_ERROR_PARSE = 7,       /* the answer is not what the dialect says */
    PMA_AI_ERROR_INTERNAL = 8,    /* no memory */
    PMA_AI_ERROR_CANCELLED = 9,   /* given up by the caller or by the shutdown */
    PMA_AI_ERROR_TOO_LARGE = 10,  /* the answer has more bytes than allowed */
};

struct pma_ai_error {
    enum pma_ai_error_kind kind;
    bool retryable;          /* the same request may succeed later */
    bool refused;            /* by ourselves: the provider was not asked */
    unsigned http_status;    /* of the provider, 0: none came */
    uint64_t retry_after_ns; /* 0: not known */
    char provider[PMA_AI_NAME_BYTES];
    char text[240]; /* for people; holds no key */
};

/* Releases what the answer owns; the answer is empty afterwards. Thread-safety: pure. */
void pma_ai_answer_fini(struct pma_ai_answer *answer);

/* Fills *error; retryable follows from the kind. Returns: a negative errno for the kind,
 * so that functions can return it. Thread-safety: pure. */
int pma_ai_fail(struct pma_ai_error *error, enum pma_ai_error_kind kind,
                const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "rate_limit" and so on, as the API has it. Borrowed for ever. Thread-safety: pure. */
const char *pma_ai_error_name(enum pma_ai_error_kind kind);

/* The status of HTTP by which our own client learns of it. Thread-safety: pure. */
unsigned pma_ai_error_status(enum pma_ai_error_kind kind);

/* A rough number of tokens in messages: a quarter of their bytes, at least 1.
 * Thread-safety: pure. Cost: O(bytes). Source: the first implementation's estimate. */
uint64_t pma_ai_estimate_tokens(const json_t *messages);

/* Whether the caller has given up or its time is over. NULL-safe. */
bool pma_ai_scope_is_over(const struct pma_ai_scope *scope, uint64_t now_ns);

#endif
