/* seep serve: recordings as a web page, and as metrics.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/alert_options.h"
#include "cli/cli.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "cli/push_options.h"
#include "serve/serve_loop.h"

enum { HELP_WANTED = 1, POINTS_MOST = 4000000 };
static const double INTERVAL_LEAST_S = 0.1;
static const double INTERVAL_MOST_S = 3600;

const char *const seep_help_serve =
    "seep serve - shows recordings as a web page while they grow, and as metrics\n"
    "\n"
    "usage: seep serve [FILE...|DIR] [options]\n"
    "\n"
    "FILE: a recording, running or complete. DIR: all of its *.seep and *.seep.partial, "
    "also those\n"
    "that come later. Neither: the present folder. Only the files are read: the program "
    "under watch\n"
    "notices nothing. The page's address is printed; Ctrl-C ends it.\n"
    "\n"
    "  --listen ADDRESS:PORT  where to listen (127.0.0.1:7337); PORT alone is of "
    "127.0.0.1, port 0\n"
    "                         is any free one\n"
    "  --token-file FILE      demand the token in FILE's first line (16 characters or "
    "more, readable\n"
    "                         by you alone): needed for any address but loopback\n"
    "  --suppress FILE        leave out findings that its rules name (see: seep help "
    "report)\n"
    "  --subsystems FILE      name subsystems by rules (see: seep help report)\n"
    "  --interval S           seconds between two looks at the files (0.5; from 0.1)\n"
    "  --wait                 FILE may not be there yet\n"
    "  -q, --quiet            print the address alone\n"
    "\n" SEEP_ALERT_OPTIONS_HELP
    "  --push URL             push heap profiles to a Pyroscope there (POST URL/ingest)\n"
    "  --push-every TIME      how often (1m; from 1s), and once more at the end\n"
    "\n"
    "What is served: / the page, /metrics for Prometheus (OpenMetrics), "
    "/api/v1/recordings and what\n"
    "is below it as JSON, /api/v1/events as a stream of changes. Nothing can be changed "
    "through it.\n"
    "\n"
    "examples:\n"
    "  seep serve\n"
    "  seep serve soak.seep.partial --listen 8000\n"
    "  seep run --listen -- ./server            record and serve in one\n"
    "  curl -s localhost:7337/metrics\n"
    "  curl -s localhost:7337/api/v1/recordings | jq '.recordings[].outcome'\n"
    "  seep serve --alert-to alertmanager:http://localhost:9093 --alert-forecast 6h\n"
    "From another machine, with a token (or better: ssh -L 7337:localhost:7337 host):\n"
    "  (umask 077; head -c 24 /dev/urandom | base64 > token)\n"
    "  seep serve /var/soak --listen 10.0.0.5:7337 --token-file token\n"
    "  curl -H \"Authorization: Bearer $(cat token)\" http://10.0.0.5:7337/metrics\n"
    "  then open http://10.0.0.5:7337/?token=... once\n"
    "\n"
    "Exit status: 0 ended by a signal, 1 --alert-test did not reach somebody, 2 wrong "
    "usage,\n"
    "no such FILE or a port that is taken, 3 Seep failed.\n";

struct request {
    struct seep_serve_config config;
    const char *suppress, *subsystems;
    bool quiet;
    struct seep_alert_choice alerts;
    struct seep_push_choice push;
};

enum {
    LISTEN,
    TOKEN_FILE,
    SUPPRESS,
    SUBSYSTEMS,
    INTERVAL,
    WAIT,
    QUIET,
    END_WITH_PARENT, /* of `seep run`, as this: a socket that listens already */
    LISTEN_FD,
    PUSH,
    PUSH_EVERY,
    ALERTS, /* SEEP_ALERT_OPTIONS of them */
    OPTION_COUNT = ALERTS + SEEP_ALERT_OPTIONS
};

static int complain(const struct seep_error *error)
{
    fprintf(stderr, "seep serve: %s%s\n", error->message,
            error->code == -EADDRINUSE
                ? "; choose another port with --listen 8000, or any with --listen 0"
                : "");
    return error->code == -ENOMEM || error->code == -EIO ? SEEP_EXIT_FAILED
                                                         : SEEP_EXIT_USAGE;
}

static int set_gate(struct seep_gate *gate, const struct seep_option *options)
{
    const char *listen =
        options[LISTEN].value != NULL ? options[LISTEN].value : "127.0.0.1:7337";
    struct seep_error error = {0};

    if (seep_gate_set_listen(gate, listen, &error) < 0) {
        return seep_cli_usage_error("serve", "--listen %s", error.message);
    }
    if (options[TOKEN_FILE].value != NULL) {
        return seep_gate_read_token(gate, options[TOKEN_FILE].value, &error) < 0
                   ? seep_cli_usage_error("serve", "--token-file: %s", error.message)
                   : 0;
    }
    return seep_gate_is_loopback(gate)
               ? 0
               : seep_cli_usage_error(
                     "serve",
                     "--listen %s can be reached from other machines: give a "
                     "--token-file "
                     "(made with: umask 077; head -c 24 /dev/urandom | base64 > token)",
                     listen);
}

static int set_interval(struct seep_serve_config *config, const char *text)
{
    double seconds = 0.5;

    if (text != NULL && (seep_option_number(text, &seconds) < 0 ||
                         seconds < INTERVAL_LEAST_S || seconds > INTERVAL_MOST_S)) {
        return seep_cli_usage_error("serve",
                                    "--interval \"%s\": seconds, from 0.1 to 3600", text);
    }
    config->interval_ns = (uint64_t)(seconds * 1e9);
    return 0;
}

static int set_listen_fd(struct seep_serve_config *config, const char *text)
{
    double fd = -1;
    int listens = 0;
    socklen_t bytes = sizeof(listens);

    if (seep_option_number(text, &fd) < 0 || fd > 1024 ||
        getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) < 0 ||
        listens == 0) {
        return seep_cli_usage_error("serve", "--listen-fd %s: no socket that listens",
                                    text);
    }
    config->listen_fd = (int)fd;
    return 0;
}

static int set_push(struct request *request, const struct seep_option *options)
{
    double seconds = 60;
    const char *every = options[PUSH_EVERY].value;

    if (every != NULL && (seep_option_duration(every, &seconds) < 0 || seconds < 1)) {
        return seep_cli_usage_error(
            "serve", "--push-every \"%s\": a time, as in 30s or 5m; from 1s", every);
    }
    request->config.profile_every_ns = (uint64_t)(seconds * 1e9);
    return seep_push_options_read("serve", options[PUSH].value, &request->push);
}

static int interpret(struct request *request, const struct seep_option *options)
{
    int status = set_gate(&request->config.gate, options);

    if (status == 0) {
        status = set_interval(&request->config, options[INTERVAL].value);
    }
    request->suppress = options[SUPPRESS].value;
    request->subsystems = options[SUBSYSTEMS].value;
    request->quiet = options[QUIET].value != NULL;
    request->config.shelf.wait = options[WAIT].value != NULL;
    if (status == 0 && options[LISTEN_FD].value != NULL) {
        status = set_listen_fd(&request->config, options[LISTEN_FD].value);
    }
    if (status == 0) {
        status = set_push(request, options);
    }
    if (status == 0) {
        status = seep_alert_options_read("serve", &options[ALERTS], &request->alerts);
    }
    if (status == 0 && options[END_WITH_PARENT].value != NULL) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    }
    return status;
}

static void print_ready(void *arg, const struct seep_gate *gate)
{
    const struct request *request = arg;

    if (request->quiet) {
        printf("http://%s:%u/\n", gate->address, gate->port);
    } else {
        printf("seep serve: http://%s:%u/ (Ctrl-C ends it)\n", gate->address, gate->port);
    }
    (void)fflush(stdout);
}

static void judged(void *arg, const char *name, const struct seep_findings *findings,
                   uint64_t now_ns)
{
    struct request *request = arg;

    if (request->alerts.alerts != NULL) { /* what there is no memory for is counted */
        (void)seep_alerts_update(request->alerts.alerts, name, findings, now_ns);
    }
}

static void gone(void *arg, const char *name, uint64_t now_ns)
{
    struct request *request = arg;

    if (request->alerts.alerts != NULL) {
        seep_alerts_gone(request->alerts.alerts, name, now_ns);
    }
}

static void count_alerts(void *arg, struct seep_openmetrics_alerts *out)
{
    struct request *request = arg;

    if (request->alerts.alerts != NULL) {
        struct seep_alert_counts counts = seep_alerts_counts(request->alerts.alerts);

        *out = (struct seep_openmetrics_alerts){.known = true,
                                                .sent = counts.sent,
                                                .failed = counts.failed,
                                                .dropped = counts.dropped,
                                                .deduplicated = counts.deduplicated,
                                                .pending = counts.pending,
                                                .firing = counts.firing};
    }
}

static void profiled(void *arg, const struct seep_findings *findings, uint64_t seconds)
{
    struct request *request = arg;

    seep_push_options_put(&request->push, "serve", findings, seconds);
}

static void looked(void *arg)
{
    struct request *request = arg;

    seep_push_options_say(&request->push, "serve");
    seep_alert_options_say(&request->alerts, "serve");
}

/* Starts who is told of what is found. Returns: 0; negative errno with *error. */
static int start_senders(struct request *request, struct seep_error *error)
{
    int status = seep_alert_options_start(&request->alerts, error);

    return status == 0 ? seep_push_options_start(&request->push, error) : status;
}

static void set_hooks(struct request *request)
{
    request->config.hooks = (struct seep_serve_hooks){
        .arg = request,
        .ready = print_ready,
        .judged = judged,
        .gone = request->alerts.alerts != NULL ? gone : NULL,
        .count_alerts = count_alerts,
        .profiled = request->push.push != NULL ? profiled : NULL,
        .looked = looked,
    };
}

/* Ctrl-C and a request to end are read, not handled. */
static int open_signals(void)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &mask, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int carry_out(struct request *request)
{
    struct seep_judge_rules rules = {0};
    struct seep_error error = {0};
    int status =
        seep_judge_rules_open(request->suppress, request->subsystems, &rules, &error);

    if (status < 0) {
        return complain(&error);
    }
    request->config.stop_fd = open_signals();
    if (request->config.stop_fd < 0) {
        (void)seep_error_set(&error, -EIO, "signalfd: %s", strerrordesc_np(errno));
        seep_judge_rules_close(&rules);
        return complain(&error);
    }
    request->config.shelf.live =
        (struct seep_live_options){.suppressions = rules.suppressions,
                                   .subsystems = rules.subsystems,
                                   .points_most = POINTS_MOST};
    status = start_senders(request, &error);
    set_hooks(request);
    if (status == 0) {
        status = seep_serve_run(&request->config, &error);
    }
    seep_alert_options_end(&request->alerts, "serve");
    seep_push_options_end(&request->push, "serve");
    close(request->config.stop_fd);
    seep_judge_rules_close(&rules);
    return status < 0 ? complain(&error) : SEEP_EXIT_OK;
}

int seep_cmd_serve(int argc, char **argv)
{
    static const char *const here[] = {"."};
    struct seep_option options[OPTION_COUNT] = {
        [LISTEN] = {.name = "listen"},
        [TOKEN_FILE] = {.name = "token-file"},
        [SUPPRESS] = {.name = "suppress"},
        [SUBSYSTEMS] = {.name = "subsystems"},
        [INTERVAL] = {.name = "interval"},
        [WAIT] = {.name = "wait", .flag = true},
        [QUIET] = {.name = "quiet", .letter = 'q', .flag = true},
        [END_WITH_PARENT] = {.name = "end-with-parent", .flag = true},
        [LISTEN_FD] = {.name = "listen-fd"},
        [PUSH] = {.name = "push"},
        [PUSH_EVERY] = {.name = "push-every"},
    };
    struct seep_operands operands = {.most = SEEP_OPERANDS_MAX};
    struct request request = {.config.stop_fd = -1, .config.listen_fd = -1};
    int status = 0;

    seep_alert_options_declare(&request.alerts, &options[ALERTS]);
    status =
        seep_option_parse_operands("serve", argc, argv, options, OPTION_COUNT, &operands);
    if (status == HELP_WANTED) {
        fputs(seep_help_serve, stdout);
        return SEEP_EXIT_OK;
    }
    if (status == 0) {
        status = interpret(&request, options);
    }
    if (status != 0) {
        return status;
    }
    if (request.alerts.test) {
        return seep_alert_options_test(&request.alerts);
    }
    request.config.shelf.paths = operands.count > 0 ? operands.at : here;
    request.config.shelf.count = operands.count > 0 ? operands.count : 1;
    return carry_out(&request);
}
