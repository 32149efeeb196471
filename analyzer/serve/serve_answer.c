/* Answers that several threads hold.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_answer.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024 };

struct seep_answer *seep_answer_new(unsigned status, const char *type,
                                    struct seep_buf *body)
{
    struct seep_answer *answer = body->failed ? NULL : calloc(1, sizeof(*answer));

    if (answer == NULL) {
        seep_buf_fini(body);
        return NULL;
    }
    atomic_init(&answer->holders, 1);
    answer->status = status;
    answer->type = type;
    answer->body = (char *)body->data;
    answer->body_bytes = body->len_bytes;
    *body = (struct seep_buf){0};
    return answer;
}

struct seep_answer *seep_answer_error(unsigned status, const char *format, ...)
{
    struct seep_buf body = {0};
    char message[MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    json_t *object =
        json_pack("{s:o}", "error", json_stringn_nocheck(message, strlen(message)));
    char *text = object != NULL ? json_dumps(object, JSON_ENSURE_ASCII) : NULL;

    json_decref(object);
    if (text == NULL) { /* bytes that are no UTF-8 */
        seep_buf_printf(&body, "{\"error\":\"status %u\"}\n", status);
    } else {
        seep_buf_printf(&body, "%s\n", text);
        free(text);
    }
    return seep_answer_new(status, "application/json", &body);
}

struct seep_answer *seep_answer_hold(struct seep_answer *answer)
{
    (void)atomic_fetch_add_explicit(&answer->holders, 1, memory_order_relaxed);
    return answer;
}

void seep_answer_release(struct seep_answer *answer)
{
    /* acq_rel: who frees has seen what the others did with it */
    if (answer != NULL &&
        atomic_fetch_sub_explicit(&answer->holders, 1, memory_order_acq_rel) == 1) {
        free(answer->body);
        free(answer);
    }
}
