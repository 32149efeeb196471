/* The loop that makes answers.
 *
 * It looks at the recordings at each interval and makes what was asked for in between, on
 * one thread: so recordings and findings need no locks. A judgement of a large recording
 * takes seconds; meanwhile the server's thread hands out what it has.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "serve/serve_json.h"
#include "serve/serve_make.h"
#include "serve/serve_web.h"

enum { NS_PER_MS = 1000000 };
static const uint64_t PROFILE_KEPT_NS = UINT64_C(60000000000);

struct loop {
    const struct seep_serve_config *config;
    struct seep_shelf *shelf;
    struct seep_web *web;
    char etag_seed[32];
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note_own(const struct loop *loop, struct seep_openmetrics_own *own)
{
    struct seep_web_counts counts = seep_web_counts(loop->web);
    struct rusage used = {0};
    unsigned long pages[2] = {0};
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm != NULL) {
        if (fscanf(statm, "%lu %lu", &pages[0], &pages[1]) != 2) {
            pages[1] = 0;
        }
        (void)fclose(statm);
    }
    (void)getrusage(RUSAGE_SELF, &used);
    own->requests = counts.requests;
    own->refused_requests = counts.refused_requests;
    own->listeners = counts.listeners;
    own->refused_listeners = counts.refused_listeners;
    own->rss_bytes = (uint64_t)pages[1] * (uint64_t)sysconf(_SC_PAGESIZE);
    own->cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    if (loop->config->hooks.count_alerts != NULL) {
        loop->config->hooks.count_alerts(loop->config->hooks.arg, &own->alerts);
    }
}

/* Answers what is asked for, until nobody waits or a look is due. */
static void answer_all(struct loop *loop, uint64_t until_ns)
{
    struct seep_target target;

    while (seep_web_next(loop->web, &target)) {
        struct seep_make_context context = {.shelf = loop->shelf,
                                            .etag_seed = loop->etag_seed,
                                            .now_ns = clock_ns(CLOCK_MONOTONIC)};
        uint64_t from_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

        if (target.kind == SEEP_TARGET_METRICS) {
            note_own(loop, &context.own);
        }
        struct seep_answer *answer = seep_make_answer(&context, &target);

        seep_web_answer(loop->web, &target, answer,
                        clock_ns(CLOCK_PROCESS_CPUTIME_ID) - from_ns);
        if (clock_ns(CLOCK_MONOTONIC) >= until_ns) {
            break;
        }
    }
}

/* Whoever watches for alerts hears of what runs, and that it does no more. */
static void tell_hooks(const struct loop *loop, struct seep_shelf_item *item,
                       uint64_t now_ns)
{
    const struct seep_serve_hooks *hooks = &loop->config->hooks;
    bool running = item->state == SEEP_SHELF_RUNNING;

    if (running && item->judged && hooks->judged != NULL) {
        hooks->judged(hooks->arg, item->name, seep_live_findings(item->live), now_ns);
    }
    if (item->was_running && !running && hooks->gone != NULL) {
        hooks->gone(hooks->arg, item->name, now_ns);
    }
    item->was_running = running;
}

/* Whoever collects profiles gets one now and then, and the last one. */
static void tell_profile(const struct loop *loop, struct seep_shelf_item *item,
                         uint64_t now_ns)
{
    const struct seep_serve_hooks *hooks = &loop->config->hooks;
    bool running = item->state == SEEP_SHELF_RUNNING;
    struct seep_live_judged judged = {0};
    struct seep_error error = {0};

    if (hooks->profiled == NULL || item->live == NULL ||
        (!running && !item->was_running)) {
        return;
    }
    if (item->profiled_ns == 0) {
        item->profiled_ns = now_ns;
    }
    if (running && now_ns - item->profiled_ns < loop->config->profile_every_ns) {
        return;
    }
    if (seep_live_profile(item->live, now_ns, &judged, &error) == 0) {
        hooks->profiled(hooks->arg, judged.findings,
                        (now_ns - item->profiled_ns) / UINT64_C(1000000000) + 1);
    }
    item->profiled_ns = now_ns;
    if (item->profile_ns == 0) {
        seep_live_forget_profile(item->live); /* nobody else asked for it */
    }
}

static void look(struct loop *loop)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

    seep_web_set_busy(loop->web, true);
    seep_shelf_refresh(loop->shelf, now_ns);
    seep_web_set_busy(loop->web, false);
    for (size_t i = 0; i < seep_shelf_count(loop->shelf); i++) {
        struct seep_shelf_item *item = seep_shelf_at(loop->shelf, i);

        if (item->live != NULL && item->profile_ns != 0 &&
            now_ns - item->profile_ns > PROFILE_KEPT_NS) {
            seep_live_forget_profile(item->live);
            item->profile_ns = 0;
        }
        if (item->changed) {
            bool made = seep_serve_row(item) == 0;

            seep_web_changed(loop->web, item->name, i, made ? item->row : NULL);
            tell_profile(loop, item, now_ns);
            tell_hooks(loop, item, now_ns);
        }
    }
    if (loop->config->hooks.looked != NULL) {
        loop->config->hooks.looked(loop->config->hooks.arg);
    }
    seep_web_changed(loop->web, "", 0, NULL); /* what is of all: counts of our own */
    seep_web_tick(loop->web);
}

static void serve(struct loop *loop)
{
    const struct seep_serve_hooks *hooks = &loop->config->hooks;
    uint64_t next_ns = clock_ns(CLOCK_MONOTONIC);

    for (;;) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        uint64_t left_ms =
            now_ns < next_ns ? (next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
        struct pollfd fds[] = {{.fd = seep_web_fd(loop->web), .events = POLLIN},
                               {.fd = loop->config->stop_fd, .events = POLLIN}};

        (void)poll(fds, 2, (int)left_ms);
        if ((fds[1].revents & POLLIN) != 0) {
            if (hooks->gone != NULL || hooks->profiled != NULL) {
                look(loop); /* the program may have ended a moment ago */
            }
            return;
        }
        now_ns = clock_ns(CLOCK_MONOTONIC);
        if (now_ns >= next_ns) {
            look(loop);
            next_ns += loop->config->interval_ns;
            now_ns = clock_ns(CLOCK_MONOTONIC);
            next_ns = next_ns > now_ns ? next_ns : now_ns + loop->config->interval_ns;
        }
        answer_all(loop, next_ns);
    }
}

int seep_serve_run(const struct seep_serve_config *config, struct seep_error *error)
{
    struct loop loop = {.config = config};
    struct seep_gate gate = config->gate;
    int status = seep_shelf_new(&config->shelf, &loop.shelf, error);

    if (status < 0) {
        return status;
    }
    /* Another life of this server counts generations anew. */
    (void)snprintf(loop.etag_seed, sizeof(loop.etag_seed), "%x-%" PRIx64,
                   (unsigned)getpid(), clock_ns(CLOCK_REALTIME));
    status = seep_web_start(&gate, config->listen_fd, &loop.web, error);
    if (status == 0) {
        if (config->hooks.ready != NULL) {
            config->hooks.ready(config->hooks.arg, &gate);
        }
        serve(&loop);
        seep_web_stop(loop.web);
    }
    seep_shelf_free(loop.shelf);
    return status;
}
