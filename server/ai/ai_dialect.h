/* The wire formats of the providers: our form of a request to theirs, their answer to
 * ours. No network here, so each is tested on documents alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_DIALECT_H
#define PMA_AI_DIALECT_H

#include "server/ai/ai_exchange.h"

#define PMA_DIALECT_PATH_BYTES 256

struct pma_dialect {
    const char *name; /* "openai": the provider's name and type */
    const char *default_url;
    bool needs_key;

    /* Path of a chat with `model`, to be put behind the provider's URL. */
    void (*chat_path)(const char *model, char path[PMA_DIALECT_PATH_BYTES]);
    /* The body of a chat; owned by the caller. NULL: no memory, or the messages are not
     * of our form. */
    json_t *(*chat_body)(const struct pma_ai_request *request, const char *model);
    /* Reads the body of a good answer. Returns: 0; -EPROTO: not of the dialect's form,
     * *answer untouched. Whatever stands in `body`, it does not crash. */
    int (*read_chat)(const json_t *body, struct pma_ai_answer *answer);

    const char
        *models_path;       /* of the GET that lists models; it is the health check too */
    const char *models_key; /* member that holds the array */
    const char *model_id;   /* member of an element that names the model */

    const char *key_header;   /* printf format of the header with the key */
    const char *extra_header; /* or NULL */
};

/* Returns: NULL when there is none of that name; borrowed for ever. The scripted provider
 * has no dialect. Thread-safety: pure. */
const struct pma_dialect *pma_dialect_find(const char *name);

/* All of them. Borrowed for ever. Thread-safety: pure. */
const struct pma_dialect *const *pma_dialects(size_t *count);

/* Ids of the models in the reply to models_path, as an array of strings, up to `most` of
 * them; NULL when the reply is not of the dialect's form. Owned by the caller. */
json_t *pma_dialect_read_models(const struct pma_dialect *dialect, const json_t *body,
                                size_t most);

/* Helpers of the dialects. Thread-safety: pure. Results are owned by the caller. */

/* A member as text, "" when it is not there or not a text. Borrowed from `object`. */
const char *pma_dialect_text(const json_t *object, const char *name);

/* A member as a number of tokens: 0 when it is not there or cannot be one. */
uint64_t pma_dialect_count(const json_t *object, const char *name);

/* A tool call in our form. arguments: borrowed; an object, or a text that holds one, or
 * NULL for none. Returns: NULL: no name, or arguments that are not an object. */
json_t *pma_dialect_tool_call(const char *id, const char *name, const json_t *arguments);

/* Tools as OpenAI and Ollama want them; NULL for none. */
json_t *pma_dialect_function_tools(const json_t *tools);

/* The system messages as one text, for those that want it apart; NULL for none. */
json_t *pma_dialect_system(const json_t *messages);

/* Fills an answer. text: the content; calls: taken, an array of our tool calls, may be
 * empty or NULL; finish and model may be "". Returns: 0; -ENOMEM. */
int pma_dialect_answer(struct pma_ai_answer *answer, const char *text, json_t *calls,
                       const char *finish, const char *model);

#endif
