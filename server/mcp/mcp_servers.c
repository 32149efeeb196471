/* One thread for all tool servers.
 *
 * A message costs some microseconds of parsing, and a house has a handful of servers, so
 * one poll loop over all their pipes is never the bottleneck; it makes the number of
 * threads independent of a list that clients may add to, and it is the only one that
 * waits for processes, so that no two ever race for the same child. Rejected: a worker
 * per server (simpler reads, but N threads of which each needs a way to be woken out of a
 * read, and a restart would have to start threads), and reading on the caller's thread
 * (an answer that comes late would be read by nobody).
 *
 * A caller puts its wait into the session and sleeps on `changed` until the loop has done
 * it or its own deadline has come. All callers sleep on one condition: there are at most
 * max_calls of them.
 *
 * I1: clients are touched under the lock only; the loop gives it up while it polls.
 * I2: only the loop reaps, and it ends after it has reaped everything, or at its
 * deadline.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_servers.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/mcp/mcp_spec.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define POLLS_MAX (1 + PMA_MCP_SERVERS_MAX * PMA_MCP_CLIENT_POLLS)
/* How often a call asks whether anybody still wants its answer. */
#define ASK_NS (200 * PMA_MS_NS)
/* A removal waits this much longer than the process may take. */
#define REMOVE_EXTRA_NS PMA_S_NS

struct slot {
    struct pma_mcp_client *client; /* NULL: free */
    bool removing;                 /* a pma_mcp_servers_remove waits for its end */
};

struct pma_mcp_servers {
    struct pma_mcp_servers_config config;
    struct pma_worker *worker;
    int wake_fd;            /* readable: the loop has to look */
    pthread_mutex_t lock;   /* PMA_LOCK_MCP: everything below */
    pthread_cond_t changed; /* a wait is done, or a client is STOPPED */
    struct slot slots[PMA_MCP_SERVERS_MAX];
    struct pma_mcp_servers_info info;
    bool closing; /* no call may begin any more */
    bool stopping;
    uint64_t stop_at_ns; /* stopping: when the loop ends in any case */
};

static int init_locks(struct pma_mcp_servers *servers)
{
    pthread_condattr_t monotonic;
    int err = pthread_condattr_init(&monotonic);
    if (err != 0) {
        return -err;
    }
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    err = pthread_cond_init(&servers->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (err == 0) {
        pthread_mutex_init(&servers->lock, NULL);
    }
    return -err;
}

int pma_mcp_servers_new(const struct pma_mcp_servers_config *config,
                        struct pma_mcp_servers **servers)
{
    if (config->max_servers > PMA_MCP_SERVERS_MAX || config->max_calls == 0) {
        return -EINVAL;
    }
    struct pma_mcp_servers *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = fresh->wake_fd < 0 ? -errno : 0;
    if (err != 0) {
        goto fail_eventfd;
    }
    err = init_locks(fresh);
    if (err != 0) {
        goto fail_locks;
    }
    *servers = fresh;
    return 0;

fail_locks:
    close(fresh->wake_fd);
fail_eventfd:
    free(fresh);
    return err;
}

void pma_mcp_servers_free(struct pma_mcp_servers *servers)
{
    if (servers == NULL) {
        return;
    }
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        pma_mcp_client_free(servers->slots[i].client);
    }
    close(servers->wake_fd);
    pthread_cond_destroy(&servers->changed);
    pthread_mutex_destroy(&servers->lock);
    free(servers);
}

static void wake(struct pma_mcp_servers *servers)
{
    const uint64_t one = 1;
    /* Full is as good as written: it is readable then. */
    (void)!write(servers->wake_fd, &one, sizeof one);
}

/* Under the lock. Returns: NULL when there is none. */
static struct slot *find(struct pma_mcp_servers *servers, const char *id)
{
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        struct slot *slot = &servers->slots[i];
        if (slot->client != NULL && strcmp(pma_mcp_client_id(slot->client), id) == 0) {
            return slot;
        }
    }
    return NULL;
}

/* Whether a process is there; under the lock. */
static bool has_process(const struct pma_mcp_client *client)
{
    const enum pma_mcp_client_state state = pma_mcp_client_state(client);
    return state == PMA_MCP_CLIENT_STARTING || state == PMA_MCP_CLIENT_READY ||
           state == PMA_MCP_CLIENT_STOPPING;
}

/* Fills the poll set, and says how long to wait. Under the lock. */
static size_t prepare(struct pma_mcp_servers *servers, struct pollfd *polls,
                      uint64_t *due_ns)
{
    size_t count = 0;
    *due_ns = servers->stopping ? servers->stop_at_ns : UINT64_MAX;
    polls[count++] = (struct pollfd){.fd = servers->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        const struct pma_mcp_client *client = servers->slots[i].client;
        if (client != NULL) {
            const uint64_t client_due_ns = pma_mcp_client_due_ns(client);
            *due_ns = client_due_ns < *due_ns ? client_due_ns : *due_ns;
            count += pma_mcp_client_poll(client, polls + count);
        }
    }
    return count;
}

/* Waits for something to happen, without the lock. */
static void wait_for_events(struct pma_mcp_servers *servers, struct pollfd *polls,
                            size_t count, uint64_t due_ns)
{
    const uint64_t now_ns = pma_now_ns();
    int wait_ms = -1;
    if (due_ns != UINT64_MAX) {
        const uint64_t ns = due_ns > now_ns ? due_ns - now_ns : 0;
        const uint64_t ms = (ns + PMA_MS_NS - 1) / PMA_MS_NS;
        wait_ms = ms < 60000 ? (int)ms : 60000;
    }
    pthread_mutex_unlock(&servers->lock);
    (void)poll(polls, count, wait_ms);
    pthread_mutex_lock(&servers->lock);
    uint64_t woken = 0;
    (void)!read(servers->wake_fd, &woken, sizeof woken);
}

/* Lets each client work. Returns: how many have a process. Under the lock. */
static size_t run_clients(struct pma_mcp_servers *servers)
{
    size_t processes = 0;
    const uint64_t now_ns = pma_now_ns();
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        struct pma_mcp_client *client = servers->slots[i].client;
        if (client != NULL) {
            pma_mcp_client_run(client, now_ns);
            processes += has_process(client);
        }
    }
    pthread_cond_broadcast(&servers->changed);
    return processes;
}

static void run_loop(void *arg, struct pma_cancel *cancel)
{
    struct pma_mcp_servers *servers = arg;
    struct pollfd polls[POLLS_MAX];
    (void)cancel; /* a poll is not woken by it: stopping and wake_fd are */
    pthread_mutex_lock(&servers->lock);
    for (;;) {
        uint64_t due_ns = 0;
        const size_t processes = run_clients(servers);
        if (servers->stopping &&
            (processes == 0 || pma_now_ns() >= servers->stop_at_ns)) {
            break;
        }
        const size_t count = prepare(servers, polls, &due_ns);
        wait_for_events(servers, polls, count, due_ns);
    }
    pthread_mutex_unlock(&servers->lock);
}

int pma_mcp_servers_start(struct pma_mcp_servers *servers)
{
    const struct pma_worker_spec spec = {
        .name = "mcp-servers", .subsystem = "ai", .run = run_loop, .arg = servers};
    return pma_worker_start(&spec, &servers->worker);
}

void pma_mcp_servers_close(struct pma_mcp_servers *servers, uint64_t drain_ns)
{
    const struct timespec until = pma_monotonic_after(drain_ns);
    int err = 0;
    pthread_mutex_lock(&servers->lock);
    servers->closing = true;
    pthread_cond_broadcast(&servers->changed);
    while (err == 0 && servers->info.calls > 0) {
        err = pthread_cond_timedwait(&servers->changed, &servers->lock, &until);
    }
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        if (servers->slots[i].client != NULL) {
            pma_mcp_session_fail_waits(pma_mcp_client_session(servers->slots[i].client),
                                       -ECANCELED, "The backend is stopping");
        }
    }
    pthread_cond_broadcast(&servers->changed);
    pthread_mutex_unlock(&servers->lock);
}

int pma_mcp_servers_stop(struct pma_mcp_servers *servers, uint64_t timeout_ns)
{
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&servers->lock);
    servers->closing = true;
    servers->stopping = true;
    servers->stop_at_ns = now_ns + timeout_ns;
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        struct pma_mcp_client *client = servers->slots[i].client;
        if (client != NULL) {
            pma_mcp_client_stop(client, now_ns, timeout_ns / 2);
            pma_mcp_client_terminate(client);
        }
    }
    pthread_cond_broadcast(&servers->changed);
    pthread_mutex_unlock(&servers->lock);
    wake(servers);
    const int err = pma_worker_stop(servers->worker, timeout_ns + PMA_S_NS / 10);
    if (err == 0) {
        servers->worker = NULL;
    }
    return err;
}

/* Puts a client into a free slot. Under the lock. client: taken on success. */
static int enter(struct pma_mcp_servers *servers, struct pma_mcp_client *client)
{
    size_t taken = 0;
    struct slot *free_slot = NULL;
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        struct slot *slot = &servers->slots[i];
        taken += slot->client != NULL;
        free_slot = free_slot == NULL && slot->client == NULL ? slot : free_slot;
    }
    if (servers->closing) {
        return -ECANCELED;
    }
    if (find(servers, pma_mcp_client_id(client)) != NULL) {
        return -EEXIST;
    }
    if (free_slot == NULL || taken >= servers->config.max_servers) {
        return -ENOSPC;
    }
    *free_slot = (struct slot){.client = client};
    return 0;
}

int pma_mcp_servers_add(struct pma_mcp_servers *servers, const json_t *spec, char *why,
                        size_t why_bytes)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_mcp_client *client = NULL;
    int err = pma_mcp_spec_check(spec, why, why_bytes);
    if (err != 0) {
        return err;
    }
    json_t *copy = json_deep_copy(spec);
    if (copy == NULL) {
        return -ENOMEM;
    }
    if (json_object_get(copy, "enabled") == NULL) {
        json_object_set_new(copy, "enabled", json_true());
    }
    err = pma_mcp_client_new(&servers->config.client, copy, &client);
    const bool enabled = json_is_true(json_object_get(copy, "enabled"));
    json_decref(copy);
    if (err != 0) {
        return err;
    }
    pthread_mutex_lock(&servers->lock);
    err = enter(servers, client);
    if (err == 0 && enabled) {
        pma_mcp_client_start(client, pma_now_ns());
    }
    pthread_mutex_unlock(&servers->lock);
    if (err != 0) {
        pma_mcp_client_free(client);
        return err;
    }
    wake(servers);
    return 0;
}

/* Waits until the slot's process is gone. Under the lock. Returns: whether it is. */
static bool await_stopped(struct pma_mcp_servers *servers, const struct slot *slot)
{
    const struct timespec until =
        pma_monotonic_after(servers->config.client.stop_grace_ns + REMOVE_EXTRA_NS);
    int err = 0;
    while (err == 0 && !servers->closing && has_process(slot->client)) {
        err = pthread_cond_timedwait(&servers->changed, &servers->lock, &until);
    }
    return !has_process(slot->client);
}

int pma_mcp_servers_remove(struct pma_mcp_servers *servers, const char *id)
{
    SEEP_SUBSYSTEM("ai");
    int err = 0;
    struct pma_mcp_client *gone = NULL;
    pthread_mutex_lock(&servers->lock);
    struct slot *slot = find(servers, id);
    if (slot == NULL) {
        err = -ENOENT;
    } else if (slot->removing || servers->closing) {
        err = -EBUSY;
    } else {
        slot->removing = true;
        if (has_process(slot->client) && pma_fault_take(PMA_FAULT_F24)) {
            pma_mcp_client_forget_child(slot->client);
        } else {
            pma_mcp_client_stop(slot->client, pma_now_ns(),
                                servers->config.client.stop_grace_ns);
        }
        wake(servers);
        if (await_stopped(servers, slot)) {
            gone = slot->client;
            slot->client = NULL;
        } else {
            err = -ETIMEDOUT;
        }
        slot->removing = false;
        pthread_cond_broadcast(&servers->changed);
    }
    pthread_mutex_unlock(&servers->lock);
    pma_mcp_client_free(gone);
    return err;
}

__attribute__((format(printf, 3, 4))) static int explain(struct pma_mcp_outcome *outcome,
                                                         int err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(outcome->error, sizeof outcome->error, format, arguments);
    va_end(arguments);
    return err;
}

/* Puts the wait into the server's session. Under the lock. */
static int begin_call(struct pma_mcp_servers *servers, const struct slot *slot,
                      const char *tool, const json_t *arguments,
                      struct pma_mcp_wait *wait)
{
    struct pma_mcp_outcome *outcome = &wait->outcome;
    if (servers->closing) {
        return explain(outcome, -ECANCELED, "The backend is stopping");
    }
    if (servers->info.calls >= servers->config.max_calls) {
        servers->info.calls_refused++;
        return explain(outcome, -EBUSY,
                       "%u calls wait for tool servers already; "
                       "mcp.max_calls allows no more",
                       servers->info.calls);
    }
    if (pma_mcp_client_state(slot->client) != PMA_MCP_CLIENT_READY) {
        const char *why = pma_mcp_client_error(slot->client);
        return explain(outcome, -ENOTCONN, "The tool server is not connected%s%s",
                       why[0] != '\0' ? ": " : "", why);
    }
    return pma_mcp_session_call(pma_mcp_client_session(slot->client), tool, arguments,
                                wait);
}

/* Sleeps until the wait is done, its time is over, or nobody wants it any more. Under the
 * lock. Returns: whether it is done. */
static bool sleep_for_call(struct pma_mcp_servers *servers,
                           const struct pma_mcp_wait *wait, uint64_t timeout_ns,
                           const struct pma_mcp_patience *patience)
{
    const bool asks = patience != NULL && patience->is_given_up != NULL;
    const uint64_t end_ns = pma_now_ns() + timeout_ns;
    uint64_t now_ns = pma_now_ns();
    while (!wait->done && now_ns < end_ns &&
           !(asks && patience->is_given_up(patience->arg))) {
        const uint64_t left_ns = end_ns - now_ns;
        const struct timespec until =
            pma_monotonic_after(asks && left_ns > ASK_NS ? ASK_NS : left_ns);
        (void)pthread_cond_timedwait(&servers->changed, &servers->lock, &until);
        now_ns = pma_now_ns();
    }
    return wait->done;
}

/* Waits for the answer and explains why there is none. Under the lock. */
static int await_call(struct pma_mcp_servers *servers, const char *id,
                      struct pma_mcp_wait *wait, uint64_t timeout_ns,
                      const struct pma_mcp_patience *patience)
{
    const uint64_t begin_ns = pma_now_ns();
    if (sleep_for_call(servers, wait, timeout_ns, patience)) {
        return wait->err;
    }
    /* While the wait is not done its session lives, and so does the client. */
    const bool is_late = pma_now_ns() - begin_ns >= timeout_ns;
    struct slot *slot = find(servers, id);
    pma_mcp_session_forget(pma_mcp_client_session(slot->client), wait,
                           is_late ? "timeout" : "nobody waits any more");
    servers->info.calls_timed_out += is_late;
    return is_late ? explain(&wait->outcome, -ETIMEDOUT,
                             "The tool server did not answer within %llu ms",
                             (unsigned long long)(timeout_ns / PMA_MS_NS))
                   : explain(&wait->outcome, -ECANCELED, "Nobody waits for the answer");
}

int pma_mcp_servers_call(struct pma_mcp_servers *servers, const char *id,
                         const char *tool, const json_t *arguments,
                         const struct pma_mcp_patience *patience,
                         struct pma_mcp_outcome *outcome)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_mcp_wait wait = {.done = false};
    pthread_mutex_lock(&servers->lock);
    const struct slot *slot = find(servers, id);
    int err = explain(&wait.outcome, -ENOENT, "There is no tool server \"%.60s\"", id);
    if (slot != NULL) {
        wait.outcome.error[0] = '\0';
        err = begin_call(servers, slot, tool, arguments, &wait);
    }
    if (slot != NULL && err == 0) {
        const uint64_t timeout_ns =
            pma_mcp_client_timeout_ns(slot->client, servers->config.call_timeout_ns);
        servers->info.calls++;
        servers->info.calls_total++;
        servers->info.last_activity_ns = pma_now_ns();
        wake(servers);
        err = await_call(servers, id, &wait, timeout_ns, patience);
        servers->info.calls--;
        pthread_cond_broadcast(&servers->changed); /* close waits for it */
        servers->info.last_activity_ns = pma_now_ns();
        wake(servers);
    }
    pthread_mutex_unlock(&servers->lock);
    *outcome = wait.outcome;
    return err;
}

int pma_mcp_servers_find_tool(struct pma_mcp_servers *servers, const char *tool,
                              char id[PMA_MCP_ID_BYTES])
{
    int err = -ENOENT;
    pthread_mutex_lock(&servers->lock);
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX && err != 0; i++) {
        struct pma_mcp_client *client = servers->slots[i].client;
        if (client != NULL && pma_mcp_client_state(client) == PMA_MCP_CLIENT_READY &&
            pma_mcp_session_has_tool(pma_mcp_client_session(client), tool)) {
            snprintf(id, PMA_MCP_ID_BYTES, "%s", pma_mcp_client_id(client));
            err = 0;
        }
    }
    pthread_mutex_unlock(&servers->lock);
    return err;
}

bool pma_mcp_servers_has(struct pma_mcp_servers *servers, const char *id)
{
    pthread_mutex_lock(&servers->lock);
    const bool has = find(servers, id) != NULL;
    pthread_mutex_unlock(&servers->lock);
    return has;
}

/* What `describe` makes of each client, in one array. */
static json_t *each_json(struct pma_mcp_servers *servers,
                         void (*describe)(struct pma_mcp_client *client, json_t *list))
{
    json_t *list = json_array();
    pthread_mutex_lock(&servers->lock);
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        if (servers->slots[i].client != NULL) {
            describe(servers->slots[i].client, list);
        }
    }
    pthread_mutex_unlock(&servers->lock);
    return list;
}

static void describe_client(struct pma_mcp_client *client, json_t *list)
{
    json_array_append_new(list, pma_mcp_client_json(client));
}

static void describe_tools(struct pma_mcp_client *client, json_t *list)
{
    size_t at = 0;
    json_t *tool = NULL;
    if (pma_mcp_client_state(client) != PMA_MCP_CLIENT_READY) {
        return;
    }
    json_array_foreach(pma_mcp_client_session(client)->tools, at, tool)
    {
        json_t *own = json_deep_copy(tool); /* two threads share no JSON */
        json_object_set_new(own, "serverId", json_string(pma_mcp_client_id(client)));
        json_array_append_new(list, own);
    }
}

static void describe_error(struct pma_mcp_client *client, json_t *list)
{
    const char *error = pma_mcp_client_error(client);
    if (error[0] != '\0') {
        json_array_append_new(list,
                              json_sprintf("%s: %s", pma_mcp_client_id(client), error));
    }
}

json_t *pma_mcp_servers_json(struct pma_mcp_servers *servers)
{
    return each_json(servers, describe_client);
}

json_t *pma_mcp_servers_tools_json(struct pma_mcp_servers *servers)
{
    return each_json(servers, describe_tools);
}

json_t *pma_mcp_servers_errors_json(struct pma_mcp_servers *servers)
{
    return each_json(servers, describe_error);
}

void pma_mcp_servers_info_read(struct pma_mcp_servers *servers,
                               struct pma_mcp_servers_info *info)
{
    pthread_mutex_lock(&servers->lock);
    *info = servers->info;
    info->total = 0;
    info->connected = 0;
    info->processes = 0;
    for (size_t i = 0; i < PMA_MCP_SERVERS_MAX; i++) {
        const struct pma_mcp_client *client = servers->slots[i].client;
        info->total += client != NULL;
        info->processes += client != NULL && has_process(client);
        info->connected +=
            client != NULL && pma_mcp_client_state(client) == PMA_MCP_CLIENT_READY;
    }
    pthread_mutex_unlock(&servers->lock);
}
