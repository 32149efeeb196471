/* The run: one thread, one epoll, three clocks for three kinds of work.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "load_options.h"
#include "load_totals.h"

#include <signal.h>

/* Runs until the duration is over, *stop is set (by a signal handler; the signals are
 * blocked but while waiting, which the mask `unblocked` is for) or the backend went away.
 *
 * totals: out, filled in any case. duration_s: out, how long it ran.
 * trouble: out, why the run is no success, or NULL; a static text.
 * Returns: 0; a negative errno when the run could not start (totals zero).
 * Thread-safety: one run at a time. Allocates. */
int load_run(const struct load_options *options, const volatile sig_atomic_t *stop,
             const sigset_t *unblocked, struct load_totals *totals, double *duration_s,
             const char **trouble);

#endif
