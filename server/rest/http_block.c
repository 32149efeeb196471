/* The blocked request is a stream that has nothing to say: its connection is suspended,
 * so neither the idle time-out nor the client's going away closes the socket, as it was
 * with the handlers of the first implementation. They had a thread per request; here the
 * threads are a small pool that must not be lost, and the one that blocks is made for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/http_block.h"

#include "server/fault/fault.h"
#include "server/fault/fault_block.h"
#include "server/rest/http_response.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

/* One blocked request. */
struct blocked {
    LIST_ENTRY(blocked) link;
    void *connection;
    bool is_suspended;
};

/* Both under the lock, which is a leaf but for libmicrohttpd's own. */
static pthread_mutex_t blocked_lock = /* leaf lock, but for those of libmicrohttpd */
    PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, blocked) all_blocked = LIST_HEAD_INITIALIZER(all_blocked);
static bool is_over;

static struct pma_fault_queue handler_queue = PMA_FAULT_QUEUE_INITIALIZER;

static int64_t read_nothing(void *arg, char *bytes, size_t most)
{
    struct blocked *blocked = arg;
    (void)bytes;
    (void)most;
    pthread_mutex_lock(&blocked_lock);
    const bool ends = is_over;
    if (!ends) {
        blocked->is_suspended = true;
        pma_http_suspend(blocked->connection);
    }
    pthread_mutex_unlock(&blocked_lock);
    return ends ? -1 : 0;
}

static void end(void *arg)
{
    struct blocked *blocked = arg;
    pthread_mutex_lock(&blocked_lock);
    LIST_REMOVE(blocked, link);
    pthread_mutex_unlock(&blocked_lock);
    free(blocked);
}

bool pma_http_blocks(const struct pma_request *request, struct pma_reply *reply)
{
    if (!pma_fault_take(PMA_FAULT_F32)) {
        return false;
    }
    struct blocked *blocked = calloc(1, sizeof *blocked);
    if (blocked == NULL || pma_fault_block(&handler_queue, "http-handler", "http") != 0) {
        free(blocked);
        return false;
    }
    blocked->connection = request->connection;
    pthread_mutex_lock(&blocked_lock);
    LIST_INSERT_HEAD(&all_blocked, blocked, link);
    pthread_mutex_unlock(&blocked_lock);
    reply->status = 200;
    reply->content_type = "application/json; charset=utf-8";
    reply->stream = (struct pma_stream){.read = read_nothing, .end = end, .arg = blocked};
    return true;
}

void pma_http_unblock(void)
{
    struct blocked *blocked = NULL;
    pthread_mutex_lock(&blocked_lock);
    is_over = true;
    LIST_FOREACH(blocked, &all_blocked, link)
    {
        if (blocked->is_suspended) {
            blocked->is_suspended = false;
            pma_http_resume(blocked->connection);
        }
    }
    pthread_mutex_unlock(&blocked_lock);
}
