/* Server-sent events.
 *
 * A listener's connection sleeps (suspended) until there is something for it; then it is
 * resumed and asks for bytes. What it has not been told yet is known from version
 * numbers, one for each recording.
 *
 * Source: HTML Living Standard, 9.2 "Server-sent events".
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16384, SEND_TIMEOUT_S = 60 };
static const uint64_t QUIET_NS = UINT64_C(15000000000);
static const char FIRST[] = "retry: 2000\n\n";
static const char COMMENT[] = ": still here\n\n";

struct seep_listener {
    struct seep_events *events;
    struct MHD_Connection *connection;
    struct seep_listener *next;
    uint64_t told[SEEP_SHELF_MOST];
    struct seep_answer *sending; /* held; NULL: `fixed` is sent, or nothing */
    const char *fixed;           /* literal */
    size_t sent_bytes;           /* of what is being sent */
    uint64_t heard_ns;
    bool asleep;
};

static void wake(struct seep_listener *listener)
{
    if (listener->asleep) {
        listener->asleep = false;
        MHD_resume_connection(listener->connection);
    }
}

/* The next text that the listener has not been told; false: none. */
static bool choose(struct seep_listener *listener)
{
    const struct seep_events *events = listener->events;

    for (size_t i = 0; i < SEEP_SHELF_MOST; i++) {
        if (events->texts[i] != NULL && listener->told[i] != events->versions[i]) {
            listener->told[i] = events->versions[i];
            listener->sending = seep_answer_hold(events->texts[i]);
            return true;
        }
    }
    return false;
}

static ssize_t copy(struct seep_listener *listener, char *out, size_t most)
{
    const char *text =
        listener->sending != NULL ? listener->sending->body : listener->fixed;
    size_t bytes = listener->sending != NULL ? listener->sending->body_bytes
                                             : strlen(listener->fixed);
    size_t left = bytes - listener->sent_bytes;
    size_t n = left < most ? left : most;

    memcpy(out, text + listener->sent_bytes, n);
    listener->sent_bytes += n;
    if (listener->sent_bytes == bytes) {
        seep_answer_release(listener->sending);
        listener->sending = NULL;
        listener->fixed = NULL;
        listener->sent_bytes = 0;
    }
    return (ssize_t)n;
}

static ssize_t read_stream(void *arg, uint64_t at, char *out, size_t most)
{
    struct seep_listener *listener = arg;
    struct seep_events *events = listener->events;
    ssize_t n = 0;
    (void)at;

    (void)pthread_mutex_lock(events->lock);
    if (events->closing) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (listener->sending != NULL || listener->fixed != NULL || choose(listener)) {
        n = copy(listener, out, most);
    } else {
        listener->asleep = true;
        MHD_suspend_connection(listener->connection);
    }
    (void)pthread_mutex_unlock(events->lock);
    return n;
}

static void end_stream(void *arg)
{
    struct seep_listener *listener = arg;
    struct seep_events *events = listener->events;

    (void)pthread_mutex_lock(events->lock);
    for (struct seep_listener **at = &events->listeners; *at != NULL; at = &(*at)->next) {
        if (*at == listener) {
            *at = listener->next;
            events->count--;
            break;
        }
    }
    (void)pthread_mutex_unlock(events->lock);
    seep_answer_release(listener->sending);
    free(listener);
}

struct MHD_Response *seep_events_listen(struct seep_events *events,
                                        struct MHD_Connection *connection,
                                        uint64_t now_ns)
{
    struct seep_listener *listener = calloc(1, sizeof(*listener));
    struct MHD_Response *response = NULL;
    bool taken = false;

    if (listener == NULL) {
        return NULL;
    }
    *listener = (struct seep_listener){
        .events = events, .connection = connection, .fixed = FIRST, .heard_ns = now_ns};
    (void)pthread_mutex_lock(events->lock);
    taken = !events->closing && events->count < SEEP_EVENTS_LISTENERS;
    if (taken) {
        listener->next = events->listeners;
        events->listeners = listener;
        events->count++;
    } else {
        events->refused++;
    }
    (void)pthread_mutex_unlock(events->lock);
    if (!taken) {
        free(listener);
        return NULL;
    }
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                 read_stream, listener, end_stream);
    if (response == NULL) {
        end_stream(listener);
        return NULL;
    }
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                    SEND_TIMEOUT_S);
    return response;
}

void seep_events_tell(struct seep_events *events, size_t place, const char *json)
{
    struct seep_buf text = {0};
    struct seep_answer *answer = NULL;

    seep_buf_put(&text, "event: state\ndata: ", 19);
    seep_buf_put(&text, json, strlen(json));
    seep_buf_put(&text, "\n\n", 2);
    answer = seep_answer_new(200, "text/event-stream", &text);
    if (answer == NULL) {
        return; /* the next state comes in a moment */
    }
    (void)pthread_mutex_lock(events->lock);
    seep_answer_release(events->texts[place]);
    events->texts[place] = answer;
    events->versions[place]++;
    for (struct seep_listener *at = events->listeners; at != NULL; at = at->next) {
        wake(at);
    }
    (void)pthread_mutex_unlock(events->lock);
}

void seep_events_tick(struct seep_events *events, uint64_t now_ns)
{
    (void)pthread_mutex_lock(events->lock);
    for (struct seep_listener *at = events->listeners; at != NULL; at = at->next) {
        if (at->asleep && now_ns - at->heard_ns >= QUIET_NS) {
            at->heard_ns = now_ns;
            at->fixed = COMMENT;
            wake(at);
        }
    }
    (void)pthread_mutex_unlock(events->lock);
}

void seep_events_close(struct seep_events *events)
{
    (void)pthread_mutex_lock(events->lock);
    events->closing = true;
    for (struct seep_listener *at = events->listeners; at != NULL; at = at->next) {
        wake(at);
    }
    (void)pthread_mutex_unlock(events->lock);
}

void seep_events_fini(struct seep_events *events)
{
    for (size_t i = 0; i < SEEP_SHELF_MOST; i++) {
        seep_answer_release(events->texts[i]);
        events->texts[i] = NULL;
    }
}
