/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_LISTEN_H
#define SEEP_ANALYZER_SERVE_SERVE_LISTEN_H

#include "base/error.h"
#include "serve/serve_gate.h"

/* A socket that listens at the gate's address and port; port 0 becomes the one taken.
 * Returns: a descriptor, close-on-exec; negative errno (-EADDRINUSE ...) with *error. */
int seep_listen_open(struct seep_gate *gate, struct seep_error *error);

#endif
