/* Parsing of the command line.
 *
 * By hand: getopt_long_only prints by itself, and takes abbreviations, so that a new
 * option could change what an old script means.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/command_line.h"

#include "server/config/config_fixes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WITH_VALUE_COUNT 4 /* options that have one */

static const char help[] =
    "usage: pma-backend [OPTION...]\n"
    "\n"
    "  -config FILE        read settings from a YAML file (see "
    "configs/pma-backend.yaml)\n"
    "  --set KEY=VALUE     set one of them, e.g. --set websocket.max_clients=50; "
    "repeatable\n"
    "  --fixes LIST        on, off, or -NAME,-NAME: fixes to be without (see "
    "docs/backend.md)\n"
    "  --check-config      check the settings and exit\n"
    "  --port-file FILE    write the port to FILE when the server accepts connections\n"
    "  -version            print the version and exit\n"
    "  -help               print this text and exit\n"
    "\n"
    "Environment: PORT, LOG_LEVEL (debug, info, warn, error), DATABASE_PATH, "
    "REDIS_HOST,\n"
    "REDIS_PORT, REDIS_PASSWORD, PMA_FAULTS (by commas, each ID, ID@RATE or\n"
    "ID@RATE/LIMIT: events per second, events in all), PMA_FIXES.\n"
    "Exit status: 0; 2 wrong option or setting; 3 cannot listen; 4 other failure.\n";

const char *pma_command_line_help(void)
{
    return help;
}

static bool is_option(const char *argument, size_t name_bytes, const char *name)
{
    return strlen(name) == name_bytes && strncmp(argument, name, name_bytes) == 0;
}

/* Stores the value of an option that has one. Returns: 0, or -EINVAL with why[]. */
static int take_value(struct pma_command_line *options, const char *name,
                      const char *value, char *why, size_t why_bytes)
{
    if (strcmp(name, "config") == 0) {
        options->config_path = value;
        return 0;
    }
    if (strcmp(name, "port-file") == 0) {
        options->port_file = value;
        return 0;
    }
    if (strcmp(name, "fixes") == 0) {
        options->fixes = value;
        return 0;
    }
    if (strchr(value, '=') == NULL) {
        snprintf(why, why_bytes, "--set wants KEY=VALUE, not \"%.60s\"", value);
        return -EINVAL;
    }
    if (options->sets_count == PMA_COMMAND_LINE_SETS_MAX) {
        snprintf(why, why_bytes, "--set can be given %d times; use a file (-config)",
                 PMA_COMMAND_LINE_SETS_MAX);
        return -EINVAL;
    }
    options->sets[options->sets_count++] = value;
    return 0;
}

static bool take_flag(struct pma_command_line *options, const char *name,
                      size_t name_bytes)
{
    if (is_option(name, name_bytes, "version")) {
        options->version = true;
    } else if (is_option(name, name_bytes, "help") || is_option(name, name_bytes, "h")) {
        options->help = true;
    } else if (is_option(name, name_bytes, "check-config")) {
        options->check_config = true;
    } else {
        return false;
    }
    return true;
}

int pma_command_line_parse(int argc, char *const argv[], struct pma_command_line *options,
                           char *why, size_t why_bytes)
{
    static const char *const with_value[WITH_VALUE_COUNT] = {"config", "port-file", "set",
                                                             "fixes"};
    memset(options, 0, sizeof *options);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (name[0] != '-') {
            snprintf(why, why_bytes, "unexpected argument \"%.60s\"", argv[i]);
            return -EINVAL;
        }
        name += name[1] == '-' ? 2 : 1;
        const size_t name_bytes = strcspn(name, "=");
        const char *value = name[name_bytes] == '=' ? name + name_bytes + 1 : NULL;
        if (value == NULL && take_flag(options, name, name_bytes)) {
            continue;
        }
        size_t which = 0;
        while (which < WITH_VALUE_COUNT &&
               !is_option(name, name_bytes, with_value[which])) {
            which++;
        }
        if (which == WITH_VALUE_COUNT) {
            snprintf(why, why_bytes, "unknown option \"%.60s\"", argv[i]);
            return -EINVAL;
        }
        if (value == NULL && ++i < argc) {
            value = argv[i];
        }
        if (value == NULL || value[0] == '\0') {
            snprintf(why, why_bytes, "--%s wants a value", with_value[which]);
            return -EINVAL;
        }
        if (take_value(options, with_value[which], value, why, why_bytes) != 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static void apply_sets(const struct pma_command_line *options, struct pma_config *config,
                       struct pma_config_problems *problems)
{
    for (size_t i = 0; i < options->sets_count; i++) {
        char key[128];
        const char *equals = strchr(options->sets[i], '=');
        const size_t key_bytes = (size_t)(equals - options->sets[i]);
        snprintf(key, sizeof key, "%.*s", (int)(key_bytes < 127 ? key_bytes : 127),
                 options->sets[i]);
        pma_config_set(config, key, equals + 1, "--set", problems);
    }
}

int pma_command_line_configure(const struct pma_command_line *options,
                               struct pma_config *config,
                               struct pma_config_problems *problems)
{
    pma_config_defaults(config);
    if (options->config_path != NULL) {
        const int err = pma_config_read_file(options->config_path, config, problems);
        if (err != 0 && problems->count == 0) {
            return err;
        }
    }
    pma_config_read_environment(config, problems);
    if (options->fixes != NULL) {
        pma_config_set(config, "fixes", options->fixes, "--fixes", problems);
    }
    /* Twice: --set may name fixes, and it wins over what they lift. */
    const size_t problems_before = problems->count;
    apply_sets(options, config, problems);
    problems->count = problems_before;
    pma_config_lift_fixes(config, problems);
    apply_sets(options, config, problems);
    pma_config_check(config, problems);
    return 0;
}
