/* What the load asks over REST: scripts of one request or several that belong together.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_SCRIPT_H
#define LOAD_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_OBJECTS       32 /* entities that the load makes and removes again */
#define LOAD_CHANGED       8  /* of them, those whose state changes carry their time */
#define LOAD_CAPTURE_BYTES 96

enum load_call {
    LOAD_CALL_HEALTH = 0,
    LOAD_CALL_MEMORY_STATS = 1,
    LOAD_CALL_PIN_STATUS = 2,
    LOAD_CALL_BROADCAST = 3,
    LOAD_CALL_HUB_STATS = 4,
    LOAD_CALL_GC = 5,
    LOAD_CALL_MEMORY = 6,         /* status, pressure, pools, leaks, monitor */
    LOAD_CALL_METRICS = 7,        /* /metrics and /debug/vars */
    LOAD_CALL_SYSTEM = 8,         /* system/status, websocket/connections */
    LOAD_CALL_ENTITIES = 9,       /* list, search, by type, types */
    LOAD_CALL_ENTITY = 10,        /* one, and its history */
    LOAD_CALL_ENTITY_ACTION = 11, /* toggle */
    LOAD_CALL_ENTITY_LIFE = 12,   /* made, changed, put into a room, removed */
    LOAD_CALL_SYNC = 13,          /* sync and its status */
    LOAD_CALL_ROOM_LIFE = 14,     /* made, read, changed, removed */
    LOAD_CALL_SESSION = 15,       /* session, validate, remote-status */
    LOAD_CALL_EVENTS = 16,        /* server-sent events, until the first one */
    LOAD_CALL_CHAT = 17,          /* ai/chat */
    LOAD_CALL_PROVIDERS = 18,     /* ai/providers, ai/statistics, ai/models */
    LOAD_CALL_CONVERSATION = 19,  /* made, two messages, read, removed */
    LOAD_CALL_TOOLS = 20,         /* mcp/tools, mcp/status, one executed */
    LOAD_CALL_CHANGE = 21,        /* one state change that carries its time */
    LOAD_CALL_MAKE = 22,          /* an entity, at the start */
    LOAD_CALL_REMOVE = 23,        /* the same, at the end */
    LOAD_CALL_LOGIN = 24,         /* with --pin: PIN set, session opened, ended */
    LOAD_CALL_END = 25,
};

/* One request. In path and body '#' stands for the object's number, '^' for the seed (two
 * loads with different seeds have different objects), '@' for what the last capture took,
 * '~' for the present time, '$' for the PIN. A request of auth/ that comes after a
 * capture bears it as its token. */
struct load_step {
    const char *method, *path, *body;
    const char *capture; /* member of the answer whose text is kept; NULL: none */
    unsigned accepts;    /* a status that is as good as 2xx; 0: none */
    bool is_stream;      /* over as soon as an event came */
};

/* What takes the place of the marks. */
struct load_blanks {
    const char *host;
    unsigned port;
    uint32_t number;
    uint64_t seed, now_ns;
    const char *pin;
    const char *captured;
};

const char *load_call_name(enum load_call call);

/* The steps of a call. *count gets their number, from 1. */
const struct load_step *load_call_steps(enum load_call call, uint32_t *count);

/* Writes the request. Returns: its length; 0 when it does not fit. */
size_t load_step_write(const struct load_step *step, const struct load_blanks *blanks,
                       char *text, size_t text_bytes);

/* Copies the first text member of that name out of an answer. Returns: whether there was
 * one that fits. */
bool load_capture(const char *answer, const char *member,
                  char captured[LOAD_CAPTURE_BYTES]);

#endif
