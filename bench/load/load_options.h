/* Command line of pma-load.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include "load_profile.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define LOAD_CLIENTS_MAX 1000
#define LOAD_RATE_MAX    10000.0
#define LOAD_BURST_MAX   128

struct load_options {
    const char *host; /* borrowed from argv, or a literal */
    uint16_t port;
    uint32_t clients;        /* WebSocket connections, 0..LOAD_CLIENTS_MAX */
    double operations_per_s; /* over all clients, 0..LOAD_RATE_MAX, as the next two */
    double churn_per_s;      /* bad disconnects */
    double rest_per_s;       /* REST calls */
    double changes_per_s;    /* state changes whose delivery is measured */
    uint32_t slow_clients;   /* of the clients, those that never read */
    uint32_t burst_calls;    /* broadcasts at once, each second */
    const struct load_profile *profile;
    double duration_s; /* 0: until a signal */
    uint64_t seed;
    const char *pin;                 /* for logins, borrowed from argv; "": none */
    bool is_quiet;                   /* no progress */
    bool is_json;                    /* the summary as JSON */
    bool is_dry_run;                 /* print the sequence, connect to nothing */
    struct sockaddr_storage address; /* of host and port, on the loopback */
    socklen_t address_bytes;
};

enum load_parse {
    LOAD_PARSE_RUN = 0,
    LOAD_PARSE_DONE = 1,  /* help or version was printed: exit 0 */
    LOAD_PARSE_WRONG = 2, /* one line on standard error says what: exit 2 */
};

/* Fills *options from the command line; prints what LOAD_PARSE_DONE and _WRONG say. */
enum load_parse load_options_parse(int argc, char **argv, struct load_options *options);

#endif
