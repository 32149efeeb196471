/* The command line of `seep run`: options up to PROGRAM, the rest is the program's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/run_options.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "cli/run_listen.h"

enum { WANTS_HELP = 1, DURATION_MOST_S = 366 * 86400 };

static const char *const names[] = {
    "--output",      "--interval",        "--duration",    "--mode",
    "--min-child",   "--fail-on",         "--no-children", "--quiet",
    "--help",        "--check",           "--suppress",    "--subsystems",
    "--stuck-after", "--at-exit-threads", "--listen",      "--listen-after-end"};
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
    if (takes_value(name)) {
        const char *value = equals != NULL ? equals + 1 : argv[++*i];

        return value != NULL ? take_valued(name, value, options)
                             : seep_cli_usage_error("run", "%s needs a value", name);
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
    return 0;
}
