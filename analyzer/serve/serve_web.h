/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_WEB_H
#define SEEP_ANALYZER_SERVE_SERVE_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "serve/serve_answer.h"
#include "serve/serve_gate.h"
#include "serve/serve_target.h"

/* The HTTP server: a thread that refuses, hands out what is ready, and leaves the rest to
 * the loop that makes answers.
 *
 *     seep_web_start(&gate, &web, &error);
 *     for (;;) {
 *         poll seep_web_fd(web) ...
 *         while (seep_web_next(web, &target)) {
 *             seep_web_answer(web, &target, make(&target), took_ns);
 *         }
 *     }
 *     seep_web_stop(web);
 */
struct seep_web;

enum { SEEP_WEB_CONNECTIONS = 256, SEEP_WEB_WAITING = 128 };

struct seep_web_counts {
    uint64_t requests, refused_requests, listeners, refused_listeners;
};

/* Listens and starts the thread.
 *
 * gate:    copied; port 0 becomes the one that was taken.
 * listen_fd: a socket that listens already, taken when it returns 0; -1: one is opened.
 * web:     out, owned (seep_web_stop); untouched on error.
 * Returns: 0; -EADDRINUSE; errno of socket, bind, listen; -EIO libmicrohttpd refused;
 *   -ENOMEM. */
int seep_web_start(struct seep_gate *gate, int listen_fd, struct seep_web **web,
                   struct seep_error *error);
/* Ends all connections, joins the thread, frees. NULL is ignored. */
void seep_web_stop(struct seep_web *web);

/* Readable when seep_web_next has something. */
int seep_web_fd(const struct seep_web *web);
/* The oldest thing that somebody waits for; it stays wanted until it is answered.
 * Thread-safety of these: one thread, that which makes answers. */
bool seep_web_next(struct seep_web *web, struct seep_target *target);
/* Answers all who wait for it. answer: taken; NULL is a 503. */
void seep_web_answer(struct seep_web *web, const struct seep_target *target,
                     struct seep_answer *answer, uint64_t took_ns);
/* A recording has changed: answers that are of it are made anew when they are asked for.
 * place, json: for the listeners, see serve_events.h. */
void seep_web_changed(struct seep_web *web, const char *name, size_t place,
                      const char *json);
/* While it is set nobody makes answers: old ones are handed out meanwhile. */
void seep_web_set_busy(struct seep_web *web, bool busy);
/* Now and then: keeps listeners alive. */
void seep_web_tick(struct seep_web *web);
struct seep_web_counts seep_web_counts(struct seep_web *web);

#endif
