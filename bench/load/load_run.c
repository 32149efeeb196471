/* Rates are kept by the clock, not by the answers: a step is due at start + k / rate
 * whatever the backend does (an open loop; a closed one would slow down with the backend
 * and hide its trouble). Steps that are late by more than LATE_NS are left out and
 * counted, so that a stall is not followed by a flood.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_run.h"

#include "load_client.h"
#include "load_report.h"
#include "load_rest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define S_NS             1000000000ULL
#define MS_NS            1000000ULL
#define CONNECT_SPAN_NS  (2 * S_NS) /* all clients connect within it */
#define LATE_NS          S_NS
#define OBJECTS_SPAN_NS  S_NS /* all objects are made within it */
#define OBJECTS_AT_ONCE  8
#define LAST_CALLS_NS    (5 * S_NS) /* for what is under way when the time is over */
#define TICK_NS          (20 * MS_NS)
#define HALF_OPEN_NS     (2 * S_NS)
#define HALF_OPEN_MAX    4096
#define REFUSED_NS       (2 * S_NS)  /* without any answer, when connecting fails */
#define SILENCE_NS       (10 * S_NS) /* without any answer at all */
#define EVENTS           128
#define PROGRESS_NS      S_NS
#define PLAIN_PROGRESS_S 10

/* One kind of work at a constant rate. */
struct pace {
    uint64_t interval_ns; /* 0: never */
    uint64_t due_ns;
};

/* Sockets that read nothing until they are reset: a ring, oldest first. */
struct half_open {
    int fds[HALF_OPEN_MAX];
    uint64_t until_ns[HALF_OPEN_MAX];
    uint32_t first, count;
};

struct run {
    struct load_world world;
    struct load_plan plan;
    struct pace operations, churn, calls, changes, bursts;
    uint32_t made, removed; /* requests for the objects */
    uint32_t changed;       /* state changes so far */
    uint64_t started_ns, end_ns, next_tick_ns, next_progress_ns;
    struct half_open half_open;
    struct load_rest rest;
    struct load_client *clients;
};

static uint64_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * S_NS + (uint64_t)at.tv_nsec;
}

static struct pace pace_of(double per_s, uint64_t start_ns)
{
    struct pace pace = {.due_ns = start_ns};

    if (per_s > 0) {
        double interval_ns = (double)S_NS / per_s;

        pace.interval_ns = interval_ns < 1e18 ? (uint64_t)interval_ns : 0;
        pace.due_ns = start_ns + pace.interval_ns;
    }
    return pace;
}

/* Whether a step is due now; steps that are far too late are counted and left out. */
static bool is_due(struct run *run, struct pace *pace, uint64_t now_ns)
{
    if (pace->interval_ns == 0 || now_ns < pace->due_ns) {
        return false;
    }
    while (now_ns - pace->due_ns > LATE_NS) {
        run->world.totals->errors[LOAD_ERROR_LATE]++;
        pace->due_ns += pace->interval_ns;
    }
    pace->due_ns += pace->interval_ns;
    return true;
}

static void reset_oldest(struct half_open *half_open)
{
    load_socket_reset(half_open->fds[half_open->first]);
    half_open->first = (half_open->first + 1) % HALF_OPEN_MAX;
    half_open->count--;
}

static void keep_half_open(struct half_open *half_open, int fd, uint64_t until_ns)
{
    uint32_t at;

    if (half_open->count == HALF_OPEN_MAX) {
        reset_oldest(half_open);
    }
    at = (half_open->first + half_open->count) % HALF_OPEN_MAX;
    half_open->fds[at] = fd;
    half_open->until_ns[at] = until_ns;
    half_open->count++;
}

static bool has_objects(const struct load_options *options)
{
    return options->changes_per_s > 0 ||
           (options->profile->has_objects && options->rest_per_s > 0);
}

static void run_steps(struct run *run, uint64_t now_ns)
{
    while (has_objects(run->world.options) && run->made < LOAD_OBJECTS &&
           run->rest.under_way < OBJECTS_AT_ONCE) {
        load_rest_start(&run->world, &run->rest, LOAD_CALL_MAKE, run->made++, now_ns);
    }
    while (is_due(run, &run->operations, now_ns)) {
        struct load_operation operation = load_plan_operation(&run->plan);

        load_client_operate(&run->world, &run->clients[operation.client], &operation,
                            now_ns);
    }
    while (is_due(run, &run->churn, now_ns)) {
        struct load_churn churn = load_plan_churn(&run->plan);
        int fd =
            load_client_churn(&run->world, &run->clients[churn.client], &churn, now_ns);

        if (fd >= 0) {
            keep_half_open(&run->half_open, fd, now_ns + HALF_OPEN_NS);
        }
    }
    while (is_due(run, &run->calls, now_ns)) {
        uint32_t number;
        enum load_call call = load_plan_call(&run->plan, &number);

        /* The sequence is that of the plan; what a session is asked for may be a login.
         */
        if (call == LOAD_CALL_SESSION && run->world.options->pin[0] != '\0') {
            call = LOAD_CALL_LOGIN;
        }
        load_rest_start(&run->world, &run->rest, call, number, now_ns);
    }
    while (is_due(run, &run->changes, now_ns)) {
        load_rest_start(&run->world, &run->rest, LOAD_CALL_CHANGE,
                        run->changed++ % LOAD_CHANGED, now_ns);
    }
    while (is_due(run, &run->bursts, now_ns)) {
        for (uint32_t at = 0; at < run->world.options->burst_calls; at++) {
            load_rest_start(&run->world, &run->rest, LOAD_CALL_BROADCAST, 0, now_ns);
        }
    }
}

static void run_tick(struct run *run, uint64_t now_ns)
{
    struct half_open *half_open = &run->half_open;

    if (now_ns < run->next_tick_ns) {
        return;
    }
    run->next_tick_ns = now_ns + TICK_NS;
    for (uint32_t at = 0; at < run->world.options->clients; at++) {
        load_client_tick(&run->world, &run->clients[at], now_ns);
    }
    load_rest_tick(&run->world, &run->rest, now_ns);
    while (half_open->count > 0 && half_open->until_ns[half_open->first] <= now_ns) {
        reset_oldest(half_open);
    }
}

static void run_progress(struct run *run, uint64_t now_ns)
{
    uint64_t seconds = (now_ns - run->started_ns) / S_NS;

    if (run->world.options->is_quiet || now_ns < run->next_progress_ns) {
        return;
    }
    run->next_progress_ns += PROGRESS_NS;
    if (isatty(STDERR_FILENO) || seconds % PLAIN_PROGRESS_S == 0) {
        load_report_progress(run->world.options, run->world.totals, seconds);
    }
}

static void run_events(struct run *run, const struct epoll_event *events, int count)
{
    uint64_t now_ns = now();

    for (int at = 0; at < count; at++) {
        uint64_t source = events[at].data.u64;

        if (source >= LOAD_REST_SOURCE) {
            load_rest_event(&run->world, &run->rest,
                            (uint32_t)(source - LOAD_REST_SOURCE), now_ns);
        } else {
            load_client_event(&run->world, &run->clients[source], events[at].events,
                              now_ns);
        }
    }
}

/* Milliseconds until something is due. */
static int wait_ms(const struct run *run, uint64_t now_ns)
{
    const struct pace *paces[] = {&run->operations, &run->churn, &run->calls,
                                  &run->changes, &run->bursts};
    uint64_t due_ns = run->next_tick_ns;

    for (size_t at = 0; at < sizeof(paces) / sizeof(paces[0]); at++) {
        if (paces[at]->interval_ns != 0 && paces[at]->due_ns < due_ns) {
            due_ns = paces[at]->due_ns;
        }
    }
    return due_ns > now_ns ? (int)((due_ns - now_ns + MS_NS - 1) / MS_NS) : 0;
}

/* Why there is no use in going on, or NULL. */
static const char *lost(const struct run *run, uint64_t now_ns)
{
    const struct load_totals *totals = run->world.totals;
    uint64_t silence_ns = now_ns - totals->last_answer_ns;
    bool is_asking = run->operations.interval_ns != 0 || run->calls.interval_ns != 0;

    if (totals->last_connect_error != 0 && totals->open_clients == 0 &&
        silence_ns > REFUSED_NS) {
        return totals->connections + totals->calls == 0 ? "the backend cannot be reached"
                                                        : "the backend went away";
    }
    if (is_asking && silence_ns > SILENCE_NS) {
        return "the backend has not answered for 10 s";
    }
    return NULL;
}

static int run_loop(struct run *run, const volatile sig_atomic_t *stop,
                    const sigset_t *unblocked, const char **trouble)
{
    struct epoll_event events[EVENTS];
    uint64_t now_ns = now();

    while (*stop == 0 && now_ns < run->end_ns && *trouble == NULL) {
        int count = epoll_pwait(run->world.epoll_fd, events, EVENTS, wait_ms(run, now_ns),
                                unblocked);

        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        run_events(run, events, count);
        now_ns = now();
        run_tick(run, now_ns);
        run_steps(run, now_ns);
        run_progress(run, now_ns);
        *trouble = lost(run, now_ns);
    }
    return 0;
}

/* Lets what is under way come to its end, and removes the objects. */
static void run_last_calls(struct run *run)
{
    const bool removes = run->world.totals->operations[LOAD_CALL_MAKE].count > 0;
    bool is_drained = false;
    uint64_t now_ns = now();
    const uint64_t deadline_ns = now_ns + LAST_CALLS_NS;
    struct epoll_event events[EVENTS];

    while (now_ns < deadline_ns &&
           (run->rest.under_way > 0 || (removes && run->removed < run->made))) {
        int count;

        /* Not before: what is under way may be about one of them. */
        is_drained = is_drained || run->rest.under_way == 0;
        while (is_drained && removes && run->removed < run->made &&
               run->rest.under_way < OBJECTS_AT_ONCE) {
            load_rest_start(&run->world, &run->rest, LOAD_CALL_REMOVE, run->removed++,
                            now_ns);
        }
        count = epoll_wait(run->world.epoll_fd, events, EVENTS, TICK_NS / MS_NS);
        run_events(run, events, count > 0 ? count : 0);
        now_ns = now();
        load_rest_tick(&run->world, &run->rest, now_ns);
    }
}

static void run_start(struct run *run, const struct load_options *options,
                      struct load_totals *totals)
{
    struct load_random topics = load_random_make(options->seed, 5);
    uint64_t steady_ns;

    run->started_ns = now();
    run->end_ns = options->duration_s > 0
                      ? run->started_ns + (uint64_t)(options->duration_s * (double)S_NS)
                      : UINT64_MAX;
    run->next_progress_ns = run->started_ns + PROGRESS_NS;
    run->world.options = options;
    run->world.totals = totals;
    run->world.masks = load_random_make(options->seed, 4);
    totals->last_answer_ns = run->started_ns;
    load_rest_init(&run->rest);
    load_plan_init(&run->plan, options->profile, options->seed, options->clients);
    for (uint32_t at = 0; at < options->clients; at++) {
        load_client_init(&run->clients[at], at,
                         run->started_ns + CONNECT_SPAN_NS * at / options->clients,
                         &topics);
    }
    /* Operations wait until all clients are there, else the first ones would be skipped.
     */
    steady_ns = run->started_ns + (options->clients > 0 ? CONNECT_SPAN_NS : 0);
    run->operations =
        pace_of(options->clients > 0 ? options->operations_per_s : 0, steady_ns);
    run->churn = pace_of(options->clients > 0 ? options->churn_per_s : 0, steady_ns);
    run->calls = pace_of(options->rest_per_s, has_objects(options)
                                                  ? run->started_ns + OBJECTS_SPAN_NS
                                                  : run->started_ns);
    run->changes = pace_of(options->changes_per_s, run->started_ns + OBJECTS_SPAN_NS);
    run->bursts = pace_of(options->burst_calls > 0 ? 1 : 0, steady_ns);
}

static void run_finish(struct run *run)
{
    for (uint32_t at = 0; at < run->world.options->clients; at++) {
        load_client_finish(&run->world, &run->clients[at]);
    }
    load_rest_finish(&run->rest);
    while (run->half_open.count > 0) {
        reset_oldest(&run->half_open);
    }
}

int load_run(const struct load_options *options, const volatile sig_atomic_t *stop,
             const sigset_t *unblocked, struct load_totals *totals, double *duration_s,
             const char **trouble)
{
    struct run *run = calloc(1, sizeof(*run));
    int status;

    *totals = (struct load_totals){0};
    *duration_s = 0;
    *trouble = NULL;
    if (run == NULL) {
        return -ENOMEM;
    }
    run->clients = calloc(options->clients + 1, sizeof(*run->clients));
    if (run->clients == NULL) {
        status = -ENOMEM;
        goto fail_clients;
    }
    run->world.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run->world.epoll_fd < 0) {
        status = -errno;
        goto fail_epoll;
    }
    run_start(run, options, totals);
    status = run_loop(run, stop, unblocked, trouble);
    *duration_s = (double)(now() - run->started_ns) / (double)S_NS;
    if (*trouble == NULL) {
        run_last_calls(run);
    }
    run_finish(run);
    close(run->world.epoll_fd);
fail_epoll:
    free(run->clients);
fail_clients:
    free(run);
    return status;
}
