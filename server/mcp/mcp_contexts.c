/* The table of running executions, and the original's way to leave some in it.
 *
 * F25: the original's automation engine made two contexts per run and remembered the
 * number of the first for removal; the second stayed until a sweep found it too old. So
 * memory rises with the rate of calls and falls at each sweep: a saw-tooth, which a leak
 * detector must not call a leak, unless the sweep is off as well.
 *
 * Chosen: a list, newest first, because an execution that ends is nearly always among the
 * newest and few run at a time. Rejected: a hash table, for the same reason.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_contexts.h"

#include "server/base/clock.h"
#include "server/fault/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Room for what happens during a run; the original keeps about as much per context. */
#define TRACE_BYTES 512

struct context {
    struct context *next; /* older */
    uint64_t id;
    uint64_t begun_at_ns;
    json_t *variables; /* a copy: a sweep may free it on another thread; NULL without */
    char trace[TRACE_BYTES];
};

struct pma_mcp_contexts {
    uint64_t max_age_ns;
    pthread_mutex_t lock; /* PMA_LOCK_MCP_LOG: everything below */
    struct context *newest;
    uint64_t last_id;
    struct pma_mcp_contexts_info info;
};

int pma_mcp_contexts_new(uint64_t max_age_ns, struct pma_mcp_contexts **contexts)
{
    struct pma_mcp_contexts *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->max_age_ns = max_age_ns;
    pthread_mutex_init(&fresh->lock, NULL);
    *contexts = fresh;
    return 0;
}

static void free_context(struct context *context)
{
    json_decref(context->variables);
    free(context);
}

void pma_mcp_contexts_free(struct pma_mcp_contexts *contexts)
{
    if (contexts == NULL) {
        return;
    }
    while (contexts->newest != NULL) {
        struct context *context = contexts->newest;
        contexts->newest = context->next;
        free_context(context);
    }
    pthread_mutex_destroy(&contexts->lock);
    free(contexts);
}

static int create(struct pma_mcp_contexts *contexts, const char *tool_name,
                  const json_t *variables, uint64_t *id)
{
    struct context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        return -ENOMEM;
    }
    context->variables = json_deep_copy(variables);
    snprintf(context->trace, sizeof context->trace, "tool %s begun", tool_name);
    pthread_mutex_lock(&contexts->lock);
    context->begun_at_ns = pma_now_ns(); /* under the lock: the list stays sorted by it */
    context->id = ++contexts->last_id;
    context->next = contexts->newest;
    contexts->newest = context;
    contexts->info.live++;
    contexts->info.begun++;
    *id = context->id;
    pthread_mutex_unlock(&contexts->lock);
    return 0;
}

int pma_mcp_contexts_begin(struct pma_mcp_contexts *contexts, const char *tool_name,
                           const json_t *variables, uint64_t *id)
{
    const int err = create(contexts, tool_name, variables, id);
    if (err == 0 && pma_fault_take(PMA_FAULT_F25)) {
        uint64_t forgotten = 0;
        (void)create(contexts, tool_name, variables, &forgotten);
    }
    return err;
}

int pma_mcp_contexts_end(struct pma_mcp_contexts *contexts, uint64_t id)
{
    struct context *found = NULL;
    pthread_mutex_lock(&contexts->lock);
    for (struct context **at = &contexts->newest; *at != NULL; at = &(*at)->next) {
        if ((*at)->id == id) {
            found = *at;
            *at = found->next;
            contexts->info.live--;
            break;
        }
    }
    pthread_mutex_unlock(&contexts->lock);
    if (found == NULL) {
        return -ENOENT;
    }
    free_context(found);
    return 0;
}

size_t pma_mcp_contexts_sweep(struct pma_mcp_contexts *contexts)
{
    const uint64_t now_ns = pma_now_ns();
    size_t reaped = 0;
    struct context *old = NULL;
    if (contexts->max_age_ns == 0) {
        return 0;
    }
    pthread_mutex_lock(&contexts->lock);
    for (struct context **at = &contexts->newest; *at != NULL; at = &(*at)->next) {
        if (now_ns - (*at)->begun_at_ns > contexts->max_age_ns) {
            old = *at; /* all behind it are older still */
            *at = NULL;
            break;
        }
    }
    for (const struct context *at = old; at != NULL; at = at->next) {
        reaped++;
    }
    contexts->info.live -= reaped;
    contexts->info.reaped += reaped;
    pthread_mutex_unlock(&contexts->lock);
    while (old != NULL) {
        struct context *context = old;
        old = context->next;
        free_context(context);
    }
    return reaped;
}

void pma_mcp_contexts_info_read(struct pma_mcp_contexts *contexts,
                                struct pma_mcp_contexts_info *info)
{
    pthread_mutex_lock(&contexts->lock);
    *info = contexts->info;
    pthread_mutex_unlock(&contexts->lock);
}
