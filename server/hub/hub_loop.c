/* libev under libwebsockets.
 *
 * By itself libwebsockets polls all of its sockets in every round: with 15,000 clients
 * that took some milliseconds whenever anything happened, and most of the time that a
 * burst of connects took. With its libev plug-in a round costs what happens in it
 * (epoll). The loop is ours and libwebsockets a guest, so the thread goes on between two
 * rounds as it did. Rejected: its callbacks for a foreign poll loop, which Debian's build
 * leaves out.
 *
 * libwebsockets' own timers hang on its sockets' events: a time-out that was set between
 * two rounds is seen after the next event only, so whoever sets one there wakes the loop
 * (pma_hub.is_timer_set).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_loop.h"

#include "server/base/clock.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>

struct pma_loop {
    struct ev_loop *ev;
    struct ev_timer alarm;
};

/* Ending the wait is all it is for. */
static void on_alarm(struct ev_loop *ev, struct ev_timer *alarm, int events)
{
    (void)ev;
    (void)alarm;
    (void)events;
}

int pma_loop_new(struct pma_loop **loop)
{
    struct pma_loop *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return -ENOMEM;
    }
    made->ev = ev_loop_new(EVFLAG_AUTO);
    if (made->ev == NULL) {
        free(made);
        return -ENOMEM;
    }
    ev_timer_init(&made->alarm, on_alarm, 0.0, 0.0);
    *loop = made;
    return 0;
}

void pma_loop_free(struct pma_loop *loop)
{
    if (loop != NULL) {
        ev_loop_destroy(loop->ev);
        free(loop);
    }
}

void *pma_loop_ev(struct pma_loop *loop)
{
    return loop->ev;
}

void pma_loop_wait(struct pma_loop *loop, uint64_t until_ns)
{
    uint64_t now_ns = pma_now_ns();

    if (until_ns <= now_ns) {
        ev_run(loop->ev, EVRUN_NOWAIT);
        return;
    }
    if (until_ns != UINT64_MAX) {
        ev_now_update(loop->ev);
        ev_timer_set(&loop->alarm, (double)(until_ns - now_ns) / 1e9, 0.0);
        ev_timer_start(loop->ev, &loop->alarm);
    }
    ev_run(loop->ev, EVRUN_ONCE);
    ev_timer_stop(loop->ev, &loop->alarm);
}
