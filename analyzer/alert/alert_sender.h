/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ALERT_SENDER_H
#define SEEP_ANALYZER_ALERT_SENDER_H

#include "alert/alert_outbox.h"
#include "alert/alert_target.h"

/* Brings notes to one receiver; blocks while it does. */
struct seep_alert_sender;

/* What signs webhooks; all-zero: nothing does. */
struct seep_alert_secret {
    const void *bytes; /* borrowed while the sender lives */
    size_t len_bytes;
};

/* How long one attempt may take, of a server and of a command. */
enum { SEEP_ALERT_REPLY_MS = 5000, SEEP_ALERT_COMMAND_MS = 10000 };
/* How long Alertmanager keeps what fires without hearing of it again. */
static const uint64_t SEEP_ALERT_LASTS_NS = UINT64_C(240000000000);

/* target: borrowed while it lives. Returns: 0; -ENOMEM. */
int seep_alert_sender_new(const struct seep_alert_target *target,
                          struct seep_alert_secret secret,
                          struct seep_alert_sender **sender);
/* NULL is ignored. */
void seep_alert_sender_free(struct seep_alert_sender *sender);

/* Notes that one call of send takes at most. Pure. */
size_t seep_alert_sender_batch(const struct seep_alert_target *target);

/* Sends n notes. Returns: what became of them; *error says why when not taken.
 * A server's 2xx is taken; 408, 425, 429, 5xx and no answer are away; other replies are
 * refused. A command's exit status 0 is taken, all else away. Thread-safety: owner
 * thread.
 */
enum seep_outbox_outcome seep_alert_sender_send(struct seep_alert_sender *sender,
                                                struct seep_alert_note *const *notes,
                                                size_t n, struct seep_error *error);

/* "sha256=HEX": HMAC-SHA256 of a body. out: room for SEEP_ALERT_SIGNATURE_BYTES.
 * Source: RFC 2104; GnuTLS computes it. Returns: 0; -EIO. */
enum { SEEP_ALERT_SIGNATURE_BYTES = 7 + 64 + 1 };
int seep_alert_sender_sign(struct seep_alert_secret secret, const void *body,
                           size_t body_bytes, char *out);

#endif
