/* Brings notes to an Alertmanager, a webhook or a command.
 *
 * GnuTLS computes the signature: it comes with libmicrohttpd, which Seep needs anyway.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_sender.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/alert_command.h"
#include "net/http_client.h"

enum { BATCH = 64, REPLY_MOST_BYTES = 65536, SHOWN_BYTES = 200, HASH_BYTES = 32 };
enum { TOO_LATE = 408, TOO_EARLY = 425, TOO_MANY = 429 };

struct seep_alert_sender {
    const struct seep_alert_target *target;
    struct seep_alert_secret secret;
    struct seep_http_client *client; /* owned; NULL for commands */
    struct seep_http_reply reply;
    struct seep_buf body;
};

int seep_alert_sender_new(const struct seep_alert_target *target,
                          struct seep_alert_secret secret,
                          struct seep_alert_sender **sender)
{
    struct seep_alert_sender *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return -ENOMEM;
    }
    made->target = target;
    made->secret = secret;
    if (target->kind != SEEP_TARGET_COMMAND && seep_http_client_new(&made->client) < 0) {
        free(made);
        return -ENOMEM;
    }
    *sender = made;
    return 0;
}

void seep_alert_sender_free(struct seep_alert_sender *sender)
{
    if (sender != NULL) {
        seep_http_client_free(sender->client);
        seep_buf_fini(&sender->reply.body);
        seep_buf_fini(&sender->body);
        free(sender);
    }
}

size_t seep_alert_sender_batch(const struct seep_alert_target *target)
{
    return target->kind == SEEP_TARGET_ALERTMANAGER ? BATCH : 1;
}

int seep_alert_sender_sign(struct seep_alert_secret secret, const void *body,
                           size_t body_bytes, char *out)
{
    unsigned char hash[HASH_BYTES];

    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret.bytes, secret.len_bytes, body,
                         body_bytes, hash) < 0) {
        return -EIO;
    }
    out += sprintf(out, "sha256=");
    for (size_t i = 0; i < sizeof(hash); i++) {
        out += sprintf(out, "%02x", hash[i]);
    }
    return 0;
}

/* The beginning of a reply, in one line, for people. */
static void excerpt(const struct seep_buf *body, char *out, size_t out_bytes)
{
    size_t n = body->len_bytes < out_bytes - 1 ? body->len_bytes : out_bytes - 1;

    for (size_t i = 0; i < n; i++) {
        unsigned char byte = body->data[i];

        out[i] = (char)(byte >= ' ' && byte < 0x7f ? byte : ' ');
    }
    while (n > 0 && out[n - 1] == ' ') {
        n--;
    }
    out[n] = '\0';
}

static enum seep_outbox_outcome judge_reply(struct seep_alert_sender *sender,
                                            struct seep_error *error)
{
    long status = sender->reply.status;
    char said[SHOWN_BYTES] = "";

    if (status >= 200 && status < 300) {
        return SEEP_OUTBOX_TAKEN;
    }
    excerpt(&sender->reply.body, said, sizeof(said));
    (void)seep_error_set(error, -EIO, "%s: HTTP %ld%s%s", sender->target->shown, status,
                         said[0] != '\0' ? ": " : "", said);
    return status == TOO_LATE || status == TOO_EARLY || status == TOO_MANY ||
                   status >= 500
               ? SEEP_OUTBOX_AWAY
               : SEEP_OUTBOX_REFUSED;
}

static enum seep_outbox_outcome post(struct seep_alert_sender *sender,
                                     struct seep_error *error)
{
    char header[32 + SEEP_ALERT_SIGNATURE_BYTES] = "Seep-Signature: ";
    const char *headers[] = {header, NULL};
    bool is_signed =
        sender->target->kind == SEEP_TARGET_WEBHOOK && sender->secret.len_bytes > 0;
    struct seep_http_request request = {
        .method = "POST",
        .url = sender->target->address,
        .content_type = "application/json",
        .headers = is_signed ? headers : NULL,
        .body = sender->body.data,
        .body_bytes = sender->body.len_bytes,
        .timeout_ms = SEEP_ALERT_REPLY_MS,
        .reply_most_bytes = REPLY_MOST_BYTES,
    };

    if (is_signed &&
        seep_alert_sender_sign(sender->secret, sender->body.data, sender->body.len_bytes,
                               header + strlen(header)) < 0) {
        (void)seep_error_set(error, -EIO, "%s: the message cannot be signed",
                             sender->target->shown);
        return SEEP_OUTBOX_REFUSED;
    }
    if (seep_http_do(sender->client, &request, &sender->reply, error) < 0) {
        return SEEP_OUTBOX_AWAY;
    }
    return judge_reply(sender, error);
}

enum seep_outbox_outcome seep_alert_sender_send(struct seep_alert_sender *sender,
                                                struct seep_alert_note *const *notes,
                                                size_t n, struct seep_error *error)
{
    struct timespec now;
    int status = 0;

    if (sender->target->kind == SEEP_TARGET_COMMAND) {
        return seep_alert_command_run(sender->target->address, notes[0],
                                      SEEP_ALERT_COMMAND_MS, error) == 0
                   ? SEEP_OUTBOX_TAKEN
                   : SEEP_OUTBOX_AWAY;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    seep_buf_reset(&sender->body);
    if (sender->target->kind == SEEP_TARGET_ALERTMANAGER) {
        uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;

        status = seep_alert_note_alertmanager(notes, n, now_ns + SEEP_ALERT_LASTS_NS,
                                              &sender->body);
    } else {
        status = seep_alert_note_json(notes[0], &sender->body);
    }
    if (status < 0) {
        (void)seep_error_set(error, status, "%s: out of memory", sender->target->shown);
        return SEEP_OUTBOX_AWAY;
    }
    return post(sender, error);
}
