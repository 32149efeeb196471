/* The order in which the server's locks may be taken: a thread that holds one may take
 * only those with a higher rank. No lock is held across a handler, a callback or a join,
 * except where its rank says so.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LOCK_RANK_H
#define PMA_LOCK_RANK_H

enum pma_lock_rank {
    PMA_LOCK_NONE = 0,
    PMA_LOCK_MONITOR_LIFE = 10, /* monitor start/stop: held across the worker's join */
    PMA_LOCK_OPTIMIZING = 15,   /* one optimisation at a time: held across its parts */
    PMA_LOCK_RECLAIM = 20,   /* one garbage collection at a time: held across clean-ups */
    PMA_LOCK_MONITOR = 30,   /* history and alerts */
    PMA_LOCK_PRESSURE = 31,  /* settings and state of the pressure handler */
    PMA_LOCK_OPTIMIZER = 32, /* history of optimisations */
    PMA_LOCK_CALL_SITES = 33,     /* what call sites held when the server was warm */
    PMA_LOCK_STRAY_ALERTS = 34,   /* fault F26 */
    PMA_LOCK_RECLAIM_TOTALS = 35, /* figures of all collections */
    PMA_LOCK_RESOURCES = 36,   /* who can be asked for figures: not held while asking */
    PMA_LOCK_HTTP = 37,        /* figures of HTTP */
    PMA_LOCK_ACCEPTOR = 38,    /* figures of the acceptor */
    PMA_LOCK_AUTH_CHANGE = 39, /* one change of credentials: across the store's write */
    PMA_LOCK_AUTH = 40,        /* sessions of one authentication service */
    PMA_LOCK_GATE = 41,        /* rate limit and figures of the gate */
    PMA_LOCK_AI_CHECK = 41,    /* health checks in turn: across the network, F19 alone */
    PMA_LOCK_HTTP_PEERS = 42,  /* open connections of HTTP */
    PMA_LOCK_AI_MANAGER = 42,  /* settings of the AI service */
    PMA_LOCK_ACCESS_LOG = 43,  /* the access log's summary, and what F33 keeps */
    PMA_LOCK_AI_PROVIDER = 43, /* figures of one provider */
    PMA_LOCK_TRANSFER = 44,    /* transfers to providers */
    PMA_LOCK_CONVERSATIONS = 44,  /* held across the store's I/O */
    PMA_LOCK_INSTALLS = 44,       /* model installations */
    PMA_LOCK_ROOMS = 45,          /* rooms: held across their events */
    PMA_LOCK_ENTITY_CHANGES = 46, /* one writer of entities: held across events */
    PMA_LOCK_ENTITIES = 47,       /* tables of entities */
    PMA_LOCK_MCP = 48,            /* tool servers and the calls that wait for them */
    PMA_LOCK_MCP_LOG = 49,        /* executions and contexts of tools */
    PMA_LOCK_HUB = 50,            /* everything of server/hub */
    PMA_LOCK_AUTOMATION = 51,     /* rules and runs: taken within changes of entities */
    PMA_LOCK_ENTITY_STORE = 51,   /* notes for the database: no I/O */
    PMA_LOCK_STORE = 52,          /* the SQLite connection: held across its I/O */
    PMA_LOCK_LOCAL_CACHE = 53,    /* one cache in this process */
    PMA_LOCK_REDIS = 54,          /* the pool: not held while connecting or talking */
    PMA_LOCK_BACKPLANE = 55,      /* what waits to be published */
    PMA_LOCK_ENTITY_SHARE = 56,   /* removals that others have to hear of: no I/O */
    PMA_LOCK_CHECK_STORM = 56,    /* threads of fault F19 */
    PMA_LOCK_LATER = 57,          /* requests that were put off */
    PMA_LOCK_EVENT_STREAM = 58,   /* clients of the event stream and their queues */
    PMA_LOCK_TURN_TIMERS = 59,    /* fault F29 */
    PMA_LOCK_FAULT = 60,          /* settings of the faults */
    PMA_LOCK_SYNC = 61,           /* who wants to be synchronised, and how it went */
    PMA_LOCK_SIMULATED = 62,      /* the simulated source; its devices have one as well */
    PMA_LOCK_WORKERS = 70,        /* the list of workers */
    PMA_LOCK_CANCEL = 80,         /* one worker's cancellation token */
    PMA_LOCK_POOL = 85,           /* idle buffers of one pool */
    PMA_LOCK_MACHINE = 86,        /* the last look at the processors */
    PMA_LOCK_ARENA = 90,          /* names of the allocator's arenas */
    PMA_LOCK_LOG = 100,           /* one line at a time */
    PMA_LOCK_LOG_RECENT = 110,    /* the newest lines */
};

#endif
