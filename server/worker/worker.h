/* Workers: every thread that the server starts itself. Each has a name, a subsystem, an
 * interval and a cancellation token, and is joined when it is stopped.
 *
 *     static void sweep(void *arg, struct pma_cancel *cancel) { ... }
 *
 *     const struct pma_worker_spec spec = {.name = "cache-sweep", .subsystem = "entity",
 *                                          .interval_ns = 30 * PMA_S_NS, .run = sweep};
 *     int err = pma_worker_start(&spec, &worker);
 *     ...
 *     err = pma_worker_stop(worker, PMA_S_NS);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_WORKER_H
#define PMA_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The token by which a worker learns that it is to stop. */
struct pma_cancel;

struct pma_worker;

struct pma_worker_spec {
    const char *name; /* borrowed during start; the kernel shows its first 15 bytes */
    const char *subsystem; /* must live as long as the process: a string literal */
    uint64_t interval_ns;  /* run() is called at start + k * interval; 0: once, it loops
                              itself */
    uint64_t deadline_ns;  /* that one run() may take, see pma_cancel_left_ns; 0: the
                              interval, and none without one */
    void (*run)(void *arg, struct pma_cancel *cancel);
    void *arg; /* borrowed until the worker is stopped */
};

/* What a worker has done so far. */
struct pma_worker_info {
    char name[32];
    char subsystem[32];
    int tid;
    void (*run)(void *arg, struct pma_cancel *cancel);
    uint64_t interval_ns;
    uint64_t runs;           /* calls of run() that have returned */
    uint64_t overruns;       /* of them, those that took longer than the deadline */
    uint64_t started_at_ns;  /* CLOCK_MONOTONIC */
    uint64_t last_run_at_ns; /* CLOCK_MONOTONIC, 0 before the first return */
    bool stopping;           /* cancelled and not yet joined */
    bool ended; /* run() will not be called again: the thread only waits for its join */
};

/* Starts a thread within spec->subsystem.
 * Returns: 0 and *worker, which the caller gives back to pma_worker_stop; -EINVAL: no
 * name, no subsystem or no run; -ENOMEM; -EAGAIN: the system has no thread left. *worker
 * is untouched on error. Thread-safety: any thread. Allocates: the worker. */
int pma_worker_start(const struct pma_worker_spec *spec, struct pma_worker **worker);

/* Cancels, wakes, joins and frees the worker; NULL is allowed and gives 0.
 * timeout_ns: how long to wait for the thread, counted from now.
 * Returns: 0; -ETIMEDOUT: still busy, logged with its name; it goes on running, its
 * memory stays and stop may be called again; -EDEADLK: called by the worker itself,
 * nothing done. Thread-safety: any thread, one at a time per worker. */
int pma_worker_stop(struct pma_worker *worker, uint64_t timeout_ns);

/* Asks the worker to stop without waiting; pma_worker_stop is still due. Stopping several
 * workers costs the longest of them, not the sum, when all are cancelled first.
 * Thread-safety: any thread. */
void pma_worker_cancel(struct pma_worker *worker);

/* Ends the present wait of an interval worker: its next run comes at once.
 * Thread-safety: any thread. */
void pma_worker_wake(struct pma_worker *worker);

/* Whether the worker was cancelled. Thread-safety: any thread. Cost: one atomic load. */
bool pma_cancel_requested(struct pma_cancel *cancel);

/* How long the present run may still take: what run() hands down as the timeout of
 * whatever blocks. Returns: 0 when cancelled or overdue; UINT64_MAX without a deadline.
 * Thread-safety: the worker's own thread. */
uint64_t pma_cancel_left_ns(struct pma_cancel *cancel);

/* Waits up to `ns`, or until the worker is cancelled or woken.
 * Returns: true when cancelled. Thread-safety: the worker's own thread. */
bool pma_cancel_wait(struct pma_cancel *cancel, uint64_t ns);

/* How many workers exist, the ones that ended by themselves and wait for their stop
 * included. Thread-safety: any thread. */
size_t pma_worker_count(void);

/* All workers at one moment. */
struct pma_worker_figures {
    uint64_t running;       /* their threads are in run() or wait for its next call */
    uint64_t ended;         /* by themselves; their stop is still due */
    uint64_t with_interval; /* running ones that wait on a timer of their own */
    uint64_t overruns;      /* of the workers that exist */
};

/* Fills *figures. Thread-safety: any thread. Cost: O(workers). */
void pma_worker_figures_read(struct pma_worker_figures *figures);

/* Copies up to `capacity` of them, oldest first. Returns: how many were copied.
 * Thread-safety: any thread. Cost: O(workers). */
size_t pma_worker_list(struct pma_worker_info *infos, size_t capacity);

/* The name that most workers have, and how many have it: whoever starts workers without
 * end is found by it. Up to 64 different names are told apart. Returns: the number, 0
 * without workers (name is empty then). Thread-safety: any thread. Cost: O(workers). */
size_t pma_worker_commonest(char name[32]);

#endif
