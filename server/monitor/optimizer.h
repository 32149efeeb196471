/* Memory optimisation on demand or at an interval: what runs, for how long, and what came
 * of it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_OPTIMIZER_H
#define PMA_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_optimizer;

/* X(ID, bit, "name"): what an optimisation is made of, in this order. */
#define PMA_OPTIMIZERS(X)                                                                \
    X(GC, 0, "gc")                                                                       \
    X(POOLS, 1, "pools")                                                                 \
    X(PRESSURE, 2, "pressure")                                                           \
    X(PREALLOCATION, 3, "preallocation")

#define PMA_OPTIMIZERS_COUNT  4
#define PMA_OPTIMIZERS_ALL    ((1U << PMA_OPTIMIZERS_COUNT) - 1)
#define PMA_OPTIMIZER_HISTORY 50
#define PMA_OPTIMIZER_TIME_NS (UINT64_C(300) * 1000000000)

struct pma_optimization {
    uint64_t at_ns;  /* CLOCK_MONOTONIC */
    uint64_t id;     /* of one process; from 1 */
    uint64_t unix_s; /* when it began */
    uint64_t total_ns;
    uint32_t components; /* bits that were asked for */
    uint32_t skipped;    /* of these: the time had run out */
    bool aggressive;
    uint64_t taken_ns[PMA_OPTIMIZERS_COUNT];
    uint64_t heap_before_bytes, heap_after_bytes;
};

struct pma_optimizer_status {
    bool active;
    uint64_t total;      /* optimisations so far */
    uint64_t complete;   /* of these: nothing was skipped */
    uint64_t total_ns;   /* of all */
    uint64_t last_at_ns; /* CLOCK_MONOTONIC, 0: none */
    uint64_t interval_ns;
};

/* Each does its part; arg is borrowed until the optimizer is freed. */
struct pma_optimizer_hooks {
    void (*run)(void *arg, unsigned component, bool aggressive);
    uint64_t (*heap_bytes)(void *arg);
    void *arg;
};

/* interval_ns: between two of its own, when it is started; from 1.
 * Returns: 0; -EINVAL; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_optimizer_new(uint64_t interval_ns, const struct pma_optimizer_hooks *hooks,
                      struct pma_optimizer **optimizer);
void pma_optimizer_free(struct pma_optimizer *optimizer);

/* Starts, stops its worker; idempotent. Returns: as pma_worker_start, pma_worker_stop.
 * Thread-safety: any thread. */
int pma_optimizer_start(struct pma_optimizer *optimizer);
int pma_optimizer_stop(struct pma_optimizer *optimizer, uint64_t timeout_ns);

/* Optimises now: the components of the mask, none that begins after max_ns. One at a
 * time; a second caller waits. *done: out. Thread-safety: any thread. */
void pma_optimizer_run(struct pma_optimizer *optimizer, uint32_t components,
                       bool aggressive, uint64_t max_ns, struct pma_optimization *done);

/* Copies the newest, at most `capacity`, oldest of them first. Returns: how many.
 * Thread-safety: any thread. */
size_t pma_optimizer_history(struct pma_optimizer *optimizer,
                             struct pma_optimization *history, size_t capacity);
void pma_optimizer_status_read(struct pma_optimizer *optimizer,
                               struct pma_optimizer_status *status);

/* The bit of a name; 0 when there is none. "gc" ... of a number. Thread-safety: pure. */
uint32_t pma_optimizer_component(const char *name);
const char *pma_optimizer_component_name(unsigned component);

#endif
