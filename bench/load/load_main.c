/* pma-load: a steady, repeatable load for the PMA backend. See --help.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_options.h"
#include "load_report.h"
#include "load_run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ERRORS_ALLOWED  10 /* whatever their share: a short run has few steps */
#define ERROR_RATIO_MAX 0.05

static volatile sig_atomic_t stop;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

/* Lets SIGINT and SIGTERM end the run, but only while it waits. */
static void catch_signals(sigset_t *unblocked)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &both, unblocked);
    sigdelset(unblocked, SIGINT);
    sigdelset(unblocked, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static const char *judge(const struct load_totals *totals)
{
    uint64_t errors = load_totals_errors(totals);
    uint64_t good = totals->connections + totals->received + totals->calls;

    if (errors > ERRORS_ALLOWED &&
        (double)errors > ERROR_RATIO_MAX * (double)(good + errors)) {
        return "too many errors: more than 5 % of all";
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct load_options options;
    struct load_totals totals;
    const char *trouble;
    double duration_s;
    sigset_t unblocked;
    int status;

    switch (load_options_parse(argc, argv, &options)) {
    case LOAD_PARSE_DONE:
        return 0;
    case LOAD_PARSE_WRONG:
        return 2;
    default:
        break;
    }
    if (options.is_dry_run) {
        load_report_plan(&options);
        return 0;
    }
    catch_signals(&unblocked);
    status = load_run(&options, &stop, &unblocked, &totals, &duration_s, &trouble);
    if (status != 0) {
        fprintf(stderr, "pma-load: cannot run: %s\n", strerrordesc_np(-status));
        return 1;
    }
    trouble = trouble != NULL ? trouble : judge(&totals);
    load_report_summary(&options, &totals, duration_s, trouble);
    if (trouble != NULL) {
        fprintf(stderr, "pma-load: %s:%u: %s%s%s\n", options.host, (unsigned)options.port,
                trouble, totals.last_connect_error != 0 ? ": " : "",
                totals.last_connect_error != 0
                    ? strerrordesc_np(totals.last_connect_error)
                    : "");
        return 1;
    }
    return 0;
}
