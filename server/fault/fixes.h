/* The fixes of the document that this backend was made from, each with a switch.
 *
 * A fix that is off brings back the behaviour before it: the limits that it brought are
 * lifted, and the faults that it cured are on. So its claims can be measured, before and
 * after, with one program (bench/fixes.py). All fixes are on by default.
 *
 *     --fixes off                      none of them
 *     --fixes -queue-limits,-redis-pool    all but these
 *     --fixes off,+client-limits       this one alone
 *
 * The same text is taken from the setting `fixes` and from the environment (PMA_FIXES).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FIXES_H
#define PMA_FIXES_H

#include <stddef.h>
#include <stdint.h>

/* X(value, name, subsystem, faults, limits, what). faults: ids that are on while the fix
 * is off; limits: settings that are put in force then; both separated by blanks. Values
 * are bits of a mask and never renumbered. */
#define PMA_FIXES(X)                                                                     \
    X(0, "client-limits", "websocket", "", "websocket.max_clients=50000",                \
      "at most 1000 clients are connected")                                              \
    X(1, "inactive-clients", "websocket", "",                                            \
      "websocket.client_timeout=24h websocket.cleanup_interval=24h",                     \
      "clients without a sign of life for 5 minutes are removed, every 30 seconds")      \
    X(2, "client-unregister", "websocket", "F05 F06 F11", "",                            \
      "a client that leaves is taken out of every table")                                \
    X(3, "queue-limits", "websocket", "F10", "websocket.max_queue_messages=1000000",     \
      "at most 1000 messages wait for clients that are away")                            \
    X(4, "connection-buffers", "websocket", "", "websocket.preallocate_buffers=true",    \
      "a client's buffers are made when it needs them")                                  \
    X(5, "pump-errors", "websocket", "F08 F30", "",                                      \
      "a connection that fails is ended, and its reader with it")                        \
    X(6, "conversation-limits", "ai", "F22", "ai.retention=87600h",                      \
      "a conversation keeps its newest messages, and old ones are removed")              \
    X(7, "tool-executions", "ai", "F23 F25", "mcp.max_executions=100000",                \
      "of tool executions the newest 500 are kept, for a day")                           \
    X(8, "ai-cleanup", "ai", "F19 F20 F21",                                              \
      "ai.cleanup_interval=24h ai.stale_after=720h",                                     \
      "what the AI service keeps is cleaned up periodically")                            \
    X(9, "entity-limits", "entity", "", "entities.max_entities=1000000",                 \
      "at most 1000 entities are registered")                                            \
    X(10, "redis-pool", "store", "F17 F18", "redis.pool_size=256",                       \
      "connections to Redis are few, given back and closed, and its keys removed")       \
    X(11, "state-history", "entity", "F15", "",                                          \
      "of an entity's old states the newest 50 are kept, for a time")                    \
    X(12, "cache-eviction", "store", "F16",                                              \
      "cache.max_entries=1000000 cache.max_bytes=1GiB cache.ttl=24h",                    \
      "what is cached has a limit and an end")                                           \
    X(13, "cancellation", "entity", "F13 F14", "",                                       \
      "a request that is given up takes its helpers with it")                            \
    X(14, "worker-shutdown", "worker", "F01 F27 F28 F34", "",                            \
      "every background worker has an end")                                              \
    X(15, "child-reaping", "ai", "F24", "", "a process that was started is waited for")  \
    X(16, "timers", "http", "F29", "", "tickers and timers are stopped")                 \
    X(17, "memory-monitor", "monitor", "F26", "memory_monitor.enabled=false",            \
      "memory and threads are watched, and pressure cleans up")

#define PMA_FIXES_END 64

struct pma_fix {
    unsigned bit; /* of a mask of fixes */
    const char *name;
    const char *subsystem;
    const char *faults;
    const char *limits;
    const char *what; /* what holds while the fix is on, for people */
};

/* All fixes. *count gets their number. Borrowed for ever. Thread-safety: pure. */
const struct pma_fix *pma_fixes(size_t *count);

/* Reads "on", "off", or a list of these and of -NAME and +NAME, separated by commas, from
 * the left to the right, beginning with *off. off: a bit per fix that is off. Returns: 0;
 * -EINVAL: why[] says which word is wrong; *off is untouched. Thread-safety: pure. */
int pma_fixes_parse(const char *text, uint64_t *off, char *why, size_t why_bytes);

/* Calls visit(arg, word, word_bytes) for each word of a list separated by blanks.
 * Thread-safety: as visit. */
void pma_fix_each_word(const char *list,
                       void (*visit)(void *arg, const char *word, size_t word_bytes),
                       void *arg);

#endif
