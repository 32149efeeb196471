/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_LOOP_H
#define SEEP_ANALYZER_SERVE_SERVE_LOOP_H

#include <stdint.h>

#include "base/error.h"
#include "report/report_openmetrics.h"
#include "serve/serve_gate.h"
#include "serve/serve_shelf.h"

/* What `seep serve` does from its start to its end. */

/* Told from the loop; each may be NULL. None may block. */
struct seep_serve_hooks {
    void *arg;
    /* It listens: gate has the port. */
    void (*ready)(void *arg, const struct seep_gate *gate);
    /* A running recording was judged. findings: borrowed during the call. */
    void (*judged)(void *arg, const char *name, const struct seep_findings *findings,
                   uint64_t now_ns);
    /* Its program has ended. */
    void (*gone)(void *arg, const char *name, uint64_t now_ns);
    void (*count_alerts)(void *arg, struct seep_openmetrics_alerts *alerts);
    /* For each running recording, each profile_every_ns and at its end: findings with a
     * profile. seconds: since the last one, or since it was opened. */
    void (*profiled)(void *arg, const struct seep_findings *findings, uint64_t seconds);
    void (*looked)(void *arg); /* after each look */
};

struct seep_serve_config {
    struct seep_gate gate;
    struct seep_shelf_options shelf;
    uint64_t interval_ns;      /* between two looks */
    uint64_t profile_every_ns; /* of hooks.profiled */
    int stop_fd;               /* readable: end */
    int listen_fd; /* listens already; taken; -1: opened by the gate's address */
    struct seep_serve_hooks hooks;
};

/* Serves until stop_fd is readable. Returns: 0; as seep_shelf_new and seep_web_start,
 * with *error. Thread-safety: starts a thread of its own, and joins it. */
int seep_serve_run(const struct seep_serve_config *config, struct seep_error *error);

#endif
