/* Starting, killing and freezing a redis-server.
 *
 * SPDX-License-Identifier: MIT
 */
#include "redis_server.h"

#include "server/base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_LEAST 10000
#define PORTS      20000

extern char **environ;

static int spawn(const char *const argv[], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    const int err =
        posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return err;
}

bool redis_server_is_installed(void)
{
    const char *const argv[] = {"redis-server", "--version", NULL};
    pid_t pid = 0;
    int status = 0;
    return spawn(argv, &pid) == 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A port that the kernel gives to nobody by itself. Out of its own range, 32768 and up,
 * whoever connects to the port while the server is away may get that same port as his
 * own: he is then connected to himself, and the server cannot come back to it. */
static uint16_t free_port(void)
{
    bool is_free = false;
    uint16_t port = 0;
    for (int attempt = 0; attempt < 100 && !is_free; attempt++) {
        uint16_t random = 0;
        if (getrandom(&random, sizeof random, 0) != sizeof random) {
            return 0;
        }
        port = (uint16_t)(PORT_LEAST + random % PORTS);
        const struct sockaddr_in address = loopback(port);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        is_free = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
    }
    return is_free ? port : 0;
}

static bool accepts(uint16_t port)
{
    const struct sockaddr_in address = loopback(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected =
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

bool redis_server_start(struct redis_server *server)
{
    char port[8];
    if (server->port == 0) {
        server->port = free_port();
    }
    snprintf(port, sizeof port, "%u", server->port);
    const char *const argv[] = {
        "redis-server", "--port", port,           "--bind", "127.0.0.1",
        "--save",       "",       "--appendonly", "no",     "--requirepass",
        server->secret, NULL};
    if (spawn(argv, &server->pid) != 0) {
        return false;
    }
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (!accepts(server->port)) {
        if (pma_now_ns() > deadline_ns || waitpid(server->pid, NULL, WNOHANG) != 0) {
            return false;
        }
        usleep(2000);
    }
    return true;
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

void redis_server_freeze(const struct redis_server *server)
{
    kill(server->pid, SIGSTOP);
}

void redis_server_thaw(const struct redis_server *server)
{
    kill(server->pid, SIGCONT);
}
