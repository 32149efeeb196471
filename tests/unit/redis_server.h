/* A real redis-server of a test's own, on a free loopback port.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid;          /* 0: does not run */
    uint16_t port;      /* stays the same over restarts */
    const char *secret; /* its password; "": none. Borrowed */
};

/* Whether the machine has a redis-server. */
bool redis_server_is_installed(void);

/* Starts it, on a free port the first time, and waits until it accepts connections.
 * Returns: whether it does. */
bool redis_server_start(struct redis_server *server);

/* Kills it (SIGKILL) and waits for its end. */
void redis_server_kill(struct redis_server *server);

/* Stops it in its tracks (SIGSTOP): connections stay, answers do not come. */
void redis_server_freeze(const struct redis_server *server);
void redis_server_thaw(const struct redis_server *server);

#endif
