/* Faults: the leaks that the first implementation of this backend had, each behind a
 * switch. They are the ground truth on which the leak detector is judged. All are off by
 * default.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FAULT_H
#define PMA_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(id, value, name, subsystem, kind, what). Values are never renumbered. */
#define PMA_FAULTS(X)                                                                    \
    X(F00, 1, "blocked_thread", "worker", "thread",                                      \
      "a thread waits for ever on a condition that nobody signals")                      \
    X(F01, 2, "auth_service_per_request", "auth", "thread",                              \
      "each PIN or session request builds a service whose clean-up worker has no stop")  \
    X(F02, 3, "hub_heartbeat_selfpost", "websocket", "thread",                           \
      "the hub's loop posts to its own queue; from then on each broadcast blocks a "     \
      "thread for ever")                                                                 \
    X(F03, 4, "hub_dead_accept", "websocket", "fd",                                      \
      "an accepted client waits for its registration for ever: a thread and a socket")   \
    X(F04, 5, "hub_dead_unregister", "websocket", "thread",                              \
      "a client that leaves waits for its removal for ever; its socket goes at the "     \
      "next ping")                                                                       \
    X(F05, 6, "ws_timeout_orphan_subs", "websocket", "heap",                             \
      "a timed-out client leaves the client table but stays in the subscription table")  \
    X(F06, 7, "ws_slow_orphan_subs", "websocket", "heap",                                \
      "a client closed for its full queue stays in the subscription table")              \
    X(F07, 8, "ws_idle_by_connect_time", "websocket", "none",                            \
      "idle is measured from the connection, so active clients are cut")                 \
    X(F08, 9, "ws_reader_blocked_on_reply", "websocket", "thread",                       \
      "the reader of a client that does not read waits for room in its queue for ever")  \
    X(F09, 10, "ws_rejected_writer_linger", "websocket", "none",                         \
      "a refused client's writer lives until its ping: slow release, no leak")           \
    X(F10, 11, "offline_queue_unbounded", "websocket", "queue",                          \
      "messages for absent clients have no limit: it counts clients")                    \
    X(F10B, 41, "offline_queue_clear_all", "websocket", "none",                          \
      "the clean-up throws away the messages of all absent clients")                     \
    X(F11, 12, "topic_index_never_pruned", "websocket", "heap",                          \
      "a topic's node stays in the index when its last subscriber goes")                 \
    X(F12, 13, "registry_relock", "entity", "thread",                                    \
      "the registry's clean-up locks what its caller has locked; later calls wait")      \
    X(F13, 14, "timeout_wrapper_abandons_worker", "entity", "thread",                    \
      "a list call that times out answers [] and leaves its helper behind")              \
    X(F14, 15, "action_broadcast_thread", "entity", "thread",                            \
      "each successful action starts a thread to broadcast and one to refresh")          \
    X(F15, 16, "state_history_unbounded", "entity", "heap",                              \
      "the history of an entity's states has no limit")                                  \
    X(F16, 17, "cache_no_evict", "store", "heap",                                        \
      "cached entries have no limit and no sweep: one goes when its key is read again")  \
    X(F17, 18, "redis_conn_not_returned", "store", "fd",                                 \
      "a connection to Redis whose command failed is not given back and never closed")   \
    X(F18, 19, "redis_stale_keys", "store", "remote",                                    \
      "the key of something that was removed stays in Redis until its time is over")     \
    X(F19, 20, "provider_healthcheck_storm", "ai", "thread",                             \
      "each question about a provider whose figures are stale starts its own check")     \
    X(F20, 21, "manager_lock_over_io", "ai", "thread",                                   \
      "the list of providers asks each of them while the manager's lock is held")        \
    X(F21, 22, "install_record_retained", "ai", "heap",                                  \
      "the record of a failed model installation stays in the table")                    \
    X(F22, 23, "conversation_unbounded", "ai", "heap",                                   \
      "messages of a conversation are neither trimmed nor removed with age")             \
    X(F23, 24, "tool_execution_log_unbounded", "ai", "heap",                             \
      "the log of tool executions has no retention but a manual one")                    \
    X(F24, 25, "child_not_reaped", "ai", "process",                                      \
      "a tool server is killed and never waited for: a zombie, two pipes, two threads")  \
    X(F25, 26, "exec_context_double_create", "ai", "heap",                               \
      "two contexts are made per tool execution and one is removed")                     \
    X(F26, 27, "alert_key_contains_value", "monitor", "heap",                            \
      "an alert's identity contains the measured value, so that nothing resolves it")    \
    X(F27, 28, "stop_channel_swap", "monitor", "thread",                                 \
      "each stop of the memory monitor leaves two loops that wait on a new channel")     \
    X(F28, 29, "lost_stop_signal", "worker", "thread",                                   \
      "a change of a setting starts a worker anew, and the old one is not stopped")      \
    X(F29, 30, "timer_per_iteration", "http", "timer",                                   \
      "each turn of an event stream makes a timer of 30 s that nobody cancels")          \
    X(F30, 31, "reconnect_forgets_old", "entity", "fd",                                  \
      "a source that reconnects keeps its old socket open and its old reader waiting")   \
    X(F31, 32, "memmgr_relock", "monitor", "thread",                                     \
      "optimise takes its lock twice; each later request of the memory manager waits")   \
    X(F32, 33, "http_blocked_handler", "http", "thread",                                 \
      "a request that broadcasts never ends: a thread and a socket")                     \
    X(F33, 34, "log_batch_raw_path", "http", "heap",                                     \
      "the access log keeps a record for each distinct URL")                             \
    X(F34, 35, "shutdown_wrong_order", "shutdown", "thread",                             \
      "the hub stops before HTTP: requests that broadcast meanwhile hold up the end")

enum pma_fault {
    PMA_FAULT_NONE = 0,
#define PMA_FAULT_VALUE(id, value, name, subsystem, kind, what) PMA_FAULT_##id = (value),
    PMA_FAULTS(PMA_FAULT_VALUE)
#undef PMA_FAULT_VALUE
};

/* One past the greatest value of enum pma_fault. */
#define PMA_FAULT_END 64

#define PMA_FAULT_RATE_MAX_PER_S 10000.0

/* The fixed part of a fault. */
struct pma_fault_row {
    enum pma_fault fault;
    const char *id;        /* "F01" */
    const char *name;      /* "auth_service_per_request" */
    const char *subsystem; /* where the leaked resource belongs */
    const char *kind;      /* what leaks: "thread", "heap" */
    const char *what;      /* one clause for people */
};

/* The switch of a fault. */
struct pma_fault_setting {
    bool enabled;
    double
        rate_per_s; /* the fault drives itself at this rate; 0: only real requests do */
    uint64_t limit; /* occurrences after which it stays quiet; 0: none */
};

/* All faults, in ascending order. *count gets their number. Borrowed for ever.
 * Thread-safety: pure. */
const struct pma_fault_row *pma_fault_rows(size_t *count);

/* The row of an id ("F01", any case) or a name. Returns: NULL when there is none.
 * Thread-safety: pure. */
const struct pma_fault_row *pma_fault_find(const char *id);

/* Whether the fault is switched on. Thread-safety: any thread. Cost: one atomic load. */
bool pma_fault_enabled(enum pma_fault fault);

/* Counts one occurrence when the fault is on and below its limit.
 * Returns: whether the caller is to commit the fault now. Thread-safety: any thread. */
bool pma_fault_take(enum pma_fault fault);

/* Switches a fault. Turning it on starts a new count against the limit; the total goes
 * on. Returns: 0; -EINVAL: no such fault, or a rate that is negative, not finite or above
 * 10,000 per second; nothing is changed then. Thread-safety: any thread. */
int pma_fault_set(enum pma_fault fault, const struct pma_fault_setting *setting);

/* Copies the switch. Returns: 0; -EINVAL: no such fault. Thread-safety: any thread. */
int pma_fault_get(enum pma_fault fault, struct pma_fault_setting *setting);

/* Occurrences since the process started. Thread-safety: any thread. */
uint64_t pma_fault_total(enum pma_fault fault);

/* How often the fault was switched from off to on. Thread-safety: any thread. */
uint64_t pma_fault_enablings(enum pma_fault fault);

#endif
