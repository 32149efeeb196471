/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_SOURCE_H
#define SEEP_ANALYZER_FLEET_FLEET_SOURCE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "fleet/fleet_slice.h"
#include "net/http_client.h"

/* A server that speaks Prometheus' HTTP API: Prometheus, VictoriaMetrics, Thanos, Mimir.
 */
struct seep_fleet_source {
    const char *url;   /* borrowed; up to before /api/v1 */
    const char *token; /* borrowed; bearer; NULL: none */
};
/* One thread's way to it. */
struct seep_fleet_connection {
    const struct seep_fleet_source *source; /* borrowed, as the client */
    struct seep_http_client *client;
};

/* Why the server could not be asked, as a code: whether the user has to change something
 * (-EINVAL the question, -EACCES, -ENOENT no such API there, -EBADMSG no such reply,
 * -ECONNREFUSED, -EHOSTUNREACH, -EMSGSIZE), or the server or the way to it failed (-EIO,
 * -ETIMEDOUT, -EAGAIN overloaded; each after three tries), or -ENOMEM. All functions here
 * return these, with *error set. Thread-safety: owner thread of the connection. */

/* The values that a label has in the range.
 *
 * selectors: of series, ended by NULL; borrowed.
 * out:       owned (seep_fleet_names_fini); sorted as the server sorts. */
struct seep_fleet_names {
    char **names; /* owned, each too */
    size_t count;
};
enum { SEEP_FLEET_INSTANCES_MAX = 100000 };
int seep_fleet_source_values(const struct seep_fleet_connection *connection,
                             const char *label, const char *const *selectors,
                             const struct seep_fleet_grid *grid,
                             struct seep_fleet_names *out, struct seep_error *error);
void seep_fleet_names_fini(struct seep_fleet_names *names);

/* Appends what a selector gives over the slice's grid to the slice. */
int seep_fleet_source_ask(const struct seep_fleet_connection *connection,
                          const char *selector, struct seep_fleet_slice *slice,
                          struct seep_error *error);

/* Appends text as a quoted value of a selector: name="text". */
void seep_fleet_put_matcher(struct seep_buf *out, const char *name, const char *text);

#endif
