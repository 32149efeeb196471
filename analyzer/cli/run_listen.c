/* The web view of a run.
 *
 * The address is taken before the program starts, because the program is told of it; the
 * server starts when the recording's name is known, and is given the socket. It is in a
 * process group of its own, so that Ctrl-C, which the program may well survive, does not
 * end it, and ends when this process does, however that comes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/run_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "serve/serve_listen.h"

enum { ARGUMENTS_MOST = 20 + SEEP_RUN_PASSED_MOST, SERVER_FD = 3 };

bool seep_run_listen_is_address(const char *text)
{
    struct seep_gate gate = {0};

    return text != NULL && seep_gate_set_listen(&gate, text, NULL) == 0;
}

int seep_run_listen_check(const char *text)
{
    struct seep_gate gate = {0};
    struct seep_error error = {0};

    if (seep_gate_set_listen(&gate, text, &error) < 0) {
        return seep_cli_usage_error("run", "--listen %s", error.message);
    }
    return seep_gate_is_loopback(&gate)
               ? 0
               : seep_cli_usage_error(
                     "run",
                     "--listen %s can be reached from other machines: use seep serve "
                     "beside the run, which takes a --token-file",
                     text);
}

void seep_run_listen_open(struct seep_run_listen *listen, const char *text)
{
    struct seep_error error = {0};

    *listen = (struct seep_run_listen){.fd = -1};
    if (seep_gate_set_listen(&listen->gate, text, &error) == 0) {
        listen->fd = seep_listen_open(&listen->gate, &error);
    }
    if (listen->fd < 0) {
        fprintf(stderr,
                "seep run: %s; the run goes on without the page (another address: "
                "--listen=0)\n",
                error.message);
        return;
    }
    (void)snprintf(listen->url, sizeof(listen->url), "http://%s:%u/",
                   listen->gate.address, listen->gate.port);
    (void)setenv("SEEP_LISTEN", listen->url, 1);
}

/* In the child. */
static void become_server(const struct seep_run_listen *listen, const char **arguments,
                          const sigset_t *mask)
{
    int copy = -1;

    (void)setpgid(0, 0);
    (void)pthread_sigmask(SIG_SETMASK, mask, NULL);
    (void)freopen("/dev/null", "r", stdin);
    (void)freopen("/dev/null", "w", stdout);
    /* By way of a copy: dup2 onto itself would keep close-on-exec. */
    copy = fcntl(listen->fd, F_DUPFD_CLOEXEC, SERVER_FD + 1);
    if (copy >= 0 && dup2(copy, SERVER_FD) == SERVER_FD) {
        (void)unsetenv("SEEP_LISTEN");
        (void)execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
    }
    fprintf(stderr, "seep run: cannot start seep serve: %s\n", strerrordesc_np(errno));
    _exit(SEEP_EXIT_FAILED);
}

void seep_run_listen_start(struct seep_run_listen *listen, const char *path,
                           const struct seep_run_options *options, const sigset_t *mask)
{
    char address[96];
    char fd[8];
    const char *arguments[ARGUMENTS_MOST] = {
        "seep",     "serve", "--wait",      "--quiet", "--end-with-parent",
        "--listen", address, "--listen-fd", fd};
    size_t n = 9;

    if (listen->fd < 0) {
        return;
    }
    (void)snprintf(address, sizeof(address), "%s:%u", listen->gate.address,
                   listen->gate.port);
    (void)snprintf(fd, sizeof(fd), "%d", SERVER_FD);
    if (options->suppress != NULL) {
        arguments[n++] = "--suppress";
        arguments[n++] = options->suppress;
    }
    if (options->subsystems != NULL) {
        arguments[n++] = "--subsystems";
        arguments[n++] = options->subsystems;
    }
    for (size_t i = 0; i < options->passed_count; i++) {
        arguments[n++] = options->passed[i];
    }
    arguments[n++] = "--";
    arguments[n++] = path;
    listen->server = fork();
    if (listen->server == 0) {
        become_server(listen, arguments, mask);
    }
    if (listen->server < 0) {
        fprintf(stderr, "seep run: no page: fork: %s\n", strerrordesc_np(errno));
        listen->server = 0;
    }
    close(listen->fd);
    listen->fd = -1;
}

void seep_run_listen_end(struct seep_run_listen *listen, bool stay)
{
    if (listen->fd >= 0) {
        close(listen->fd);
    }
    if (listen->server <= 0) {
        return;
    }
    if (stay) {
        sigset_t mask;
        int number = 0;

        (void)sigemptyset(&mask);
        (void)sigaddset(&mask, SIGINT);
        (void)sigaddset(&mask, SIGTERM);
        (void)sigaddset(&mask, SIGHUP);
        (void)sigprocmask(SIG_BLOCK, &mask, NULL);
        fprintf(stderr, "seep run: %s stays until Ctrl-C\n", listen->url);
        (void)sigwait(&mask, &number);
    }
    (void)kill(listen->server, SIGTERM);
    (void)waitpid(listen->server, NULL, 0);
    listen->server = 0;
}
