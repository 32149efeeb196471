/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_EVENTS_H
#define SEEP_ANALYZER_SERVE_SERVE_EVENTS_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/serve_answer.h"
#include "serve/serve_shelf.h"

/* Those who listen to GET /api/v1/events. There is no queue: a listener that is slow
 * misses states in between, never the newest one of any recording. */
enum { SEEP_EVENTS_LISTENERS = 64 };

struct seep_listener;

/* All-zero but for the lock. */
struct seep_events {
    pthread_mutex_t *lock;                      /* borrowed; guards all here */
    struct seep_listener *listeners;            /* list; each is its response's */
    struct seep_answer *texts[SEEP_SHELF_MOST]; /* owned; newest, by place on the shelf */
    uint64_t versions[SEEP_SHELF_MOST];         /* rise with each text */
    size_t count;
    uint64_t refused;
    bool closing;
};

/* Answers with the stream. Returns: a response for MHD_queue_response, whose end frees
 * the listener; NULL: too many, or no memory. Thread-safety: the server's thread. */
struct MHD_Response *seep_events_listen(struct seep_events *events,
                                        struct MHD_Connection *connection,
                                        uint64_t now_ns);
/* The newest state of the recording at `place`: JSON in one line, copied. Thread-safety
 * of what follows: any thread. */
void seep_events_tell(struct seep_events *events, size_t place, const char *json);
/* Sends a comment to those who heard nothing for 15 s, so that dead ones are noticed. */
void seep_events_tick(struct seep_events *events, uint64_t now_ns);
/* Ends all streams. */
void seep_events_close(struct seep_events *events);
/* After the server has stopped. */
void seep_events_fini(struct seep_events *events);

#endif
