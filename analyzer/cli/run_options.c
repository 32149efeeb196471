/* The command line of `seep run`: options up to PROGRAM, the rest is the program's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/run_options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/alert_options.h"
#include "cli/cli.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "cli/push_options.h"
#include "cli/run_listen.h"

enum { WANTS_HELP = 1, DURATION_MOST_S = 366 * 86400 };

static const char *const names[] = {
    "--output",      "--interval",        "--duration",       "--mode",
    "--min-child",   "--fail-on",         "--no-children",    "--quiet",
    "--help",        "--check",           "--suppress",       "--subsystems",
    "--stuck-after", "--at-exit-threads", "--listen",         "--listen-after-end",
    "--alert-to",    "--alert-at",        "--alert-forecast", "--alert-secret-file",
    "--push",        "--push-every"};
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

static bool is_verdict(const char *text)
{
    return strcmp(text, "definite") == 0 || strcmp(text, "probable") == 0 ||
           strcmp(text, "suspect") == 0;
}

/* A mistake in the rules is said before the program runs for hours. */
static int check_rules(const char *name, const char *suppress, const char *subsystems)
{
    struct seep_judge_rules rules = {0};
    struct seep_error error = {0};

    if (seep_judge_rules_open(suppress, subsystems, &rules, &error) < 0) {
        return seep_cli_usage_error("run", "%s: %s", name, error.message);
    }
    seep_judge_rules_close(&rules);
    return 0;
}

/* An option with a value. Returns: 0; SEEP_EXIT_USAGE; -1 not an option that takes one.
 */
static int take_valued(const char *name, const char *value,
                       struct seep_run_options *options)
{
    struct seep_error error = {0};

    if (strcmp(name, "-o") == 0 || strcmp(name, "--output") == 0) {
        options->out = value;
        return value[0] != '\0' ? 0 : seep_cli_usage_error("run", "-o needs a file name");
    }
    if (strcmp(name, "--fail-on") == 0) {
        options->fail_on = value;
        return is_verdict(value)
                   ? 0
                   : seep_cli_usage_error(
                         "run", "--fail-on '%s': definite, probable or suspect expected",
                         value);
    }
    if (strcmp(name, "--suppress") == 0) {
        options->suppress = value;
        return check_rules(name, value, NULL);
    }
    if (strcmp(name, "--subsystems") == 0) {
        options->subsystems = value;
        return check_rules(name, NULL, value);
    }
    if (strcmp(name, "--interval") == 0) {
        (void)seep_options_interval(value, &options->collect.interval_ns, &error);
    } else if (strcmp(name, "--min-child") == 0) {
        (void)seep_options_min_child(value, &options->collect.min_child_ns, &error);
    } else if (strcmp(name, "--stuck-after") == 0) {
        (void)seep_options_stuck_after(value, &options->collect.stuck_after_ns, &error);
    } else if (strcmp(name, "--duration") == 0) {
        (void)seep_options_seconds("duration", value, 0.1, DURATION_MOST_S,
                                   &options->duration_ns, &error);
    } else if (strcmp(name, "--check") == 0) {
        (void)seep_options_check(value, &options->collect.check_every, &error);
    } else if (strcmp(name, "--at-exit-threads") == 0) {
        (void)seep_options_at_exit(value, &options->collect.exit_grace_ms, &error);
    } else if (strcmp(name, "--mode") == 0) {
        (void)seep_options_mode(value, &options->collect, &error);
    } else {
        return -1;
    }
    return error.code == 0 ? 0 : seep_cli_usage_error("run", "--%s", error.message);
}

static bool takes_value(const char *name)
{
    return strcmp(name, "-o") == 0 || strcmp(name, "--output") == 0 ||
           strcmp(name, "--fail-on") == 0 || strcmp(name, "--interval") == 0 ||
           strcmp(name, "--min-child") == 0 || strcmp(name, "--duration") == 0 ||
           strcmp(name, "--mode") == 0 || strcmp(name, "--check") == 0 ||
           strcmp(name, "--suppress") == 0 || strcmp(name, "--subsystems") == 0 ||
           strcmp(name, "--stuck-after") == 0 || strcmp(name, "--at-exit-threads") == 0;
}

static int unknown(const char *name)
{
    const char *nearest = seep_option_nearest(name, names, NAME_COUNT);

    return nearest != NULL
               ? seep_cli_usage_error("run", "unknown option '%s'; did you mean '%s'?",
                                      name, nearest)
               : seep_cli_usage_error("run", "unknown option '%s'", name);
}

/* Whether an option is `seep serve`'s, which runs beside the program. */
static bool is_passed(const char *name)
{
    return strcmp(name, "--push") == 0 || strcmp(name, "--push-every") == 0 ||
           (strncmp(name, "--alert-", 8) == 0 && strcmp(name, "--alert-test") != 0);
}

static int take_passed(const char *name, const char *value,
                       struct seep_run_options *options)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i], name) != 0) {
            continue;
        }
        if (options->passed_count + 2 > SEEP_RUN_PASSED_MOST) {
            return seep_cli_usage_error("run", "%s: too many of these", name);
        }
        options->passed[options->passed_count++] = names[i];
        options->passed[options->passed_count++] = value;
        return 0;
    }
    return unknown(name);
}

/* A mistake in them is said before the program runs. */
static int check_passed(struct seep_run_options *options)
{
    enum { PUSH = SEEP_ALERT_OPTIONS, PUSH_EVERY, COUNT };
    struct seep_option known[COUNT] = {
        [PUSH] = {.name = "push"}, [PUSH_EVERY] = {.name = "push-every"}};
    struct seep_alert_choice alerts = {0};
    struct seep_push_choice push = {0};
    struct seep_operands none = {.most = 0};
    char *words[SEEP_RUN_PASSED_MOST + 1] = {NULL};
    double seconds = 0;
    int status = 0;

    for (size_t i = 0; i < options->passed_count; i++) {
        words[i + 1] = (char *)(uintptr_t)options->passed[i];
    }
    seep_alert_options_declare(&alerts, known);
    status = seep_option_parse_operands("run", (int)options->passed_count + 1, words,
                                        known, COUNT, &none);
    if (status == 0) {
        status = seep_alert_options_read("run", known, &alerts);
    }
    if (status == 0) {
        status = seep_push_options_read("run", known[PUSH].value, &push);
    }
    if (status == 0 && known[PUSH_EVERY].value != NULL &&
        (known[PUSH].value == NULL ||
         seep_option_duration(known[PUSH_EVERY].value, &seconds) < 0 || seconds < 1)) {
        status = seep_cli_usage_error(
            "run",
            "--push-every \"%s\": a time, as in 30s or 5m, from 1s, with --push URL",
            known[PUSH_EVERY].value);
    }
    if (status == 0 && options->passed_count > 0 && options->listen == NULL) {
        options->listen = "127.0.0.1:0";
    }
    return status;
}

/* --listen: its value follows "=", or is the next word when that is an address. */
static int take_listen(char **argv, int *i, const char *equals,
                       struct seep_run_options *options)
{
    if (equals != NULL) {
        options->listen = equals + 1;
    } else if (seep_run_listen_is_address(argv[*i + 1])) {
        options->listen = argv[++*i];
    } else if (options->listen == NULL) {
        options->listen = "127.0.0.1:7337";
    }
    return seep_run_listen_check(options->listen);
}

/* One option at argv[*i]; moves *i past its value. */
static int take_option(char **argv, int *i, struct seep_run_options *options)
{
    char name[32];
    const char *word = argv[*i];
    const char *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);

    (void)snprintf(name, sizeof(name), "%.*s",
                   (int)(len < sizeof(name) ? len : sizeof(name)), word);
    if (takes_value(name) || is_passed(name)) {
        const char *value = equals != NULL ? equals + 1 : argv[++*i];

        if (value == NULL) {
            return seep_cli_usage_error("run", "%s needs a value", name);
        }
        return is_passed(name) ? take_passed(name, value, options)
                               : take_valued(name, value, options);
    }
    if (strcmp(name, "--listen") == 0 || strcmp(name, "--listen-after-end") == 0) {
        options->listen_after_end |= name[sizeof("--listen") - 1] != '\0';
        return take_listen(argv, i, equals, options);
    }
    if (strcmp(word, "--no-children") == 0) {
        options->collect.children = false;
    } else if (strcmp(word, "--quiet") == 0 || strcmp(word, "-q") == 0) {
        options->quiet = true;
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return WANTS_HELP;
    } else {
        return unknown(name);
    }
    return 0;
}

int seep_run_options_parse(int argc, char **argv, struct seep_run_options *options)
{
    int i = 1;

    *options = (struct seep_run_options){.collect = seep_options_default()};
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        int status = take_option(argv, &i, options);

        if (status != 0) {
            return status;
        }
    }
    if (i >= argc) {
        return seep_cli_usage_error("run", "which program?");
    }
    options->program = argv + i;
    return check_passed(options);
}
