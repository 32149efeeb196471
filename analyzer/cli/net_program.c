/* `seep`, and `seep-net` beside it.
 *
 * libcurl, libmicrohttpd, GnuTLS, libpq and SQLite bring thirty more libraries, which
 * take 4 ms to load. `seep` is also the collector, which starts beside every program that
 * is recorded: so it does without, and what needs them is a second program, of the same
 * sources and more. dlopen was rejected: seventy functions by hand, unchecked by the
 * compiler.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/net_program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/alert_options.h"
#include "cli/cli.h"
#include "cli/push_options.h"

bool seep_net_is_wanted(int argc, char *const *argv)
{
    static const char *const commands[] = {"serve", "fleet", "store", "gate"};
    static const char *const options[] = {"--listen", "--alert", "--push"};
    int first = argc > 1 && strcmp(argv[1], "help") == 0 ? 2 : 1;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (first < argc && strcmp(argv[first], commands[i]) == 0) {
            return true;
        }
    }
    if (first >= argc ||
        (strcmp(argv[first], "run") != 0 && strcmp(argv[first], "report") != 0)) {
        return false;
    }
    for (int i = first + 1; i < argc; i++) {
        for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++) {
            if (strncmp(argv[i], options[k], strlen(options[k])) == 0) {
                return true;
            }
        }
    }
    return false;
}

int seep_net_become(char *const *argv)
{
    static const char *const places[] = {"seep-net", "../libexec/seep/seep-net"};
    char self[PATH_MAX] = "";
    char path[PATH_MAX + 32] = "";
    char *slash = NULL;
    int code = ENOENT;

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0) {
        slash = strrchr(self, '/');
    }
    if (slash == NULL) {
        fprintf(stderr, "seep: /proc/self/exe cannot be read; is /proc mounted?\n");
        return SEEP_EXIT_FAILED;
    }
    *slash = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", self, places[i]);
        (void)execv(path, argv);
        code = errno != ENOENT ? errno : code;
    }
    fprintf(stderr, "seep: cannot start %s/seep-net, which belongs beside seep: %s\n",
            self, strerrordesc_np(code));
    return SEEP_EXIT_FAILED;
}

/* What the command lines of run and report refer to; main has become seep-net before any
 * of it is asked for more than its names. */
static int absent(const char *command)
{
    fprintf(stderr, "seep %s: this needs seep-net\n", command);
    return SEEP_EXIT_FAILED;
}

void seep_alert_options_declare(struct seep_alert_choice *choice,
                                struct seep_option *options)
{
    static const char *const names[SEEP_ALERT_OPTIONS] = {
        "alert-to", "alert-at", "alert-forecast", "alert-secret-file", "alert-test"};

    (void)choice;
    for (size_t i = 0; i < SEEP_ALERT_OPTIONS; i++) {
        options[i] = (struct seep_option){.name = names[i]};
    }
}

int seep_alert_options_read(const char *command, const struct seep_option *options,
                            struct seep_alert_choice *choice)
{
    (void)choice;
    for (size_t i = 0; i < SEEP_ALERT_OPTIONS; i++) {
        if (options[i].value != NULL) {
            return absent(command);
        }
    }
    return 0;
}

int seep_push_options_read(const char *command, const char *url,
                           struct seep_push_choice *choice)
{
    (void)choice;
    return url != NULL ? absent(command) : 0;
}

int seep_push_options_report(const char *command, const char *url,
                             const struct seep_findings *findings)
{
    (void)url;
    (void)findings;
    return absent(command);
}
