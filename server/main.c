/* pma-backend: options, configuration, start, wait for a signal, stop.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/command_line.h"
#include "server/log/log.h"
#include "server/monitor/memory_sample.h"
#include "server/server.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define OTHER_DESCRIPTORS 64 /* beside connections: log, epoll, event pipes, /proc */

enum exit_status {
    EXIT_USAGE = 2,  /* a wrong option or setting */
    EXIT_LISTEN = 3, /* the port cannot be had */
    EXIT_FAILED = 4, /* anything else */
};

static void print_problems(const char *config_path,
                           const struct pma_config_problems *problems)
{
    const size_t kept = problems->count < PMA_CONFIG_PROBLEMS_MAX
                            ? problems->count
                            : PMA_CONFIG_PROBLEMS_MAX;
    for (size_t i = 0; i < kept; i++) {
        if (problems->items[i].line > 0) {
            fprintf(stderr, "pma-backend: %s:%u: %s\n", config_path,
                    problems->items[i].line, problems->items[i].text);
        } else {
            fprintf(stderr, "pma-backend: %s\n", problems->items[i].text);
        }
    }
    if (problems->count > kept) {
        fprintf(stderr, "pma-backend: and %zu more\n", problems->count - kept);
    }
}

/* Returns: 0; an exit status, with everything that is wrong printed. */
static int configure(const struct pma_command_line *options, struct pma_config *config)
{
    struct pma_config_problems *problems = calloc(1, sizeof *problems);
    if (problems == NULL) {
        fprintf(stderr, "pma-backend: out of memory\n");
        return EXIT_FAILED;
    }
    const int err = pma_command_line_configure(options, config, problems);
    int status = 0;
    if (err != 0) {
        fprintf(stderr, "pma-backend: %s: %s\n", options->config_path,
                err == -EFBIG ? "more than 1 MiB" : strerrordesc_np(-err));
        status = EXIT_USAGE;
    } else if (problems->count > 0) {
        print_problems(options->config_path, problems);
        status = EXIT_USAGE;
    }
    free(problems);
    return status;
}

/* Writes the port beside the file and renames it, so that a reader sees all of it or
 * nothing. Returns: 0; -errno. */
static int write_port_file(const char *path, uint16_t port)
{
    char beside[4096];
    const int length = snprintf(beside, sizeof beside, "%s.%d", path, (int)getpid());
    if (length >= (int)sizeof beside) {
        return -ENAMETOOLONG;
    }
    FILE *file = fopen(beside, "we");
    if (file == NULL) {
        return -errno;
    }
    const bool written = fprintf(file, "%u\n", port) > 0;
    if (fclose(file) != 0 || !written || rename(beside, path) != 0) {
        const int err = errno != 0 ? -errno : -EIO;
        unlink(beside);
        return err;
    }
    return 0;
}

static void explain_listen(int err, const struct pma_config *config)
{
    if (err == -EADDRINUSE) {
        fprintf(stderr,
                "pma-backend: another program has the port (ss -ltnp 'sport = :%u' shows "
                "which); end it, or choose a port with PORT=N or --set server.port=N\n",
                config->server.port);
    } else if (err == -EACCES) {
        fprintf(stderr,
                "pma-backend: ports below 1024 need privileges; choose another with "
                "PORT=N or --set server.port=N\n");
    } else if (err == -EADDRNOTAVAIL) {
        fprintf(stderr,
                "pma-backend: this machine has no such address; choose another with "
                "--set server.host=ADDRESS\n");
    }
}

/* How many threads more than `before` there are. A thread that was joined leaves /proc a
 * moment later, on a busy machine much later: those that are not known as workers get 500
 * ms for it. */
static int64_t count_threads_left(uint32_t before)
{
    const uint64_t deadline_ns = pma_now_ns() + 500 * PMA_MS_NS;
    const int64_t known = (int64_t)pma_worker_count();
    for (;;) {
        const int64_t left = (int64_t)pma_thread_count() - (int64_t)before;
        if (left <= known || pma_now_ns() > deadline_ns) {
            return left;
        }
        usleep(500);
    }
}

/* Raises the soft limit of open files, if need be, to what the configured connections
 * take. (1,024, what shells and services get, is not enough for 1,000 clients and REST
 * beside them.) Before any thread and any table of descriptors exists. */
static void allow_descriptors(const struct pma_config *config)
{
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)config->websocket.max_clients +
                          config->http.max_connections + config->acceptor.max_pending +
                          OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE,
                    &limit); /* to at most the hard limit: always allowed */
    if (limit.rlim_cur < wanted) {
        pma_log(PMA_LOG_WARN,
                "Fewer open files allowed than the configured connections need",
                pma_u64("allowed", limit.rlim_cur), pma_u64("needed", wanted));
    }
}

/* From the start to the end of the server. Returns: the exit status. */
static int serve(const struct pma_config *config, const char *port_file,
                 const sigset_t *stop_signals)
{
    char why[512];
    struct pma_server *server = NULL;
    const uint32_t fds_before = pma_fd_count();
    const uint32_t threads_before = pma_thread_count();
    int err = pma_server_start(config, &server, why, sizeof why);
    if (err != 0) {
        fprintf(stderr, "pma-backend: %s\n", why);
        explain_listen(err, config);
        return strncmp(why, "cannot listen", 13) == 0 ? EXIT_LISTEN : EXIT_FAILED;
    }
    const uint16_t port = pma_server_port(server);
    int status = EXIT_SUCCESS;
    pma_log(PMA_LOG_INFO, "Server started", pma_str("version", SEEP_VERSION),
            pma_str("host", config->server.host), pma_u64("port", port),
            pma_i64("pid", getpid()),
            pma_str("allocator", pma_heap_is_jemalloc() ? "jemalloc" : "libc"));
    err = port_file != NULL ? write_port_file(port_file, port) : 0;
    if (err != 0) {
        fprintf(stderr, "pma-backend: cannot write %s: %s\n", port_file,
                strerrordesc_np(-err));
        status = EXIT_FAILED;
    } else {
        int received = 0;
        sigwait(stop_signals, &received);
        pma_log(PMA_LOG_INFO, "Server is stopping",
                pma_str("signal", sigdescr_np(received)));
    }
    const uint64_t begin_ns = pma_now_ns();
    if (pma_server_stop(server) != 0) {
        status = EXIT_FAILED;
    }
    /* What is left now is leaked: nothing, unless a fault was on. */
    pma_log(status == EXIT_SUCCESS ? PMA_LOG_INFO : PMA_LOG_ERROR, "Server stopped",
            pma_f64("ms", (double)(pma_now_ns() - begin_ns) / 1e6),
            pma_i64("threads_left", count_threads_left(threads_before)),
            pma_i64("fds_left", (int64_t)pma_fd_count() - (int64_t)fds_before),
            pma_bool("clean", status == EXIT_SUCCESS));
    return status;
}

int main(int argc, char *argv[])
{
    struct pma_command_line options;
    char why[160];
    if (pma_command_line_parse(argc, argv, &options, why, sizeof why) != 0) {
        fprintf(stderr, "pma-backend: %s (try -help)\n", why);
        return EXIT_USAGE;
    }
    if (options.help) {
        fputs(pma_command_line_help(), stdout);
        return EXIT_SUCCESS;
    }
    if (options.version) {
        printf("pma-backend %s\n", SEEP_VERSION);
        return EXIT_SUCCESS;
    }
    static struct pma_config config;
    const int status = configure(&options, &config);
    if (status != 0 || options.check_config) {
        return status;
    }
    /* Before any thread exists, so that all of them leave these signals to sigwait. */
    sigset_t stop_signals;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    pma_log_set_level((enum pma_level)config.logging.level);
    allow_descriptors(&config);
    return serve(&config, options.port_file, &stop_signals);
}
