/* Arguments of commands.
 *
 * getopt_long was rejected: it accepts abbreviations, which would turn every new option
 * into a break of somebody's script, and its messages cannot suggest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/option.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { WORD_MAX = 32, EDITS_MAX = 2, OPTIONS_MAX = 32, OPTION_HELP = 1 };
static const double DURATION_MOST_S = 366.0 * 86400;

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edits(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t n = strlen(b);

    if (strlen(a) > WORD_MAX || n > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t *now = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *two_above = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            now[j] = min_of(min_of(above[j], now[j - 1]) + 1,
                            above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = min_of(now[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[strlen(a) % 3][n];
}

const char *seep_option_nearest(const char *word, const char *const *words, size_t n)
{
    const char *nearest = NULL;
    size_t least = EDITS_MAX + 1;

    for (size_t i = 0; i < n; i++) {
        size_t distance = edits(word, words[i]);

        if (distance < least && distance < strlen(word)) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

int seep_option_number(const char *text, double *out)
{
    char *end = NULL;
    double value = 0;

    if (text[0] == '\0' || strchr(" \t\n", text[0]) != NULL) {
        return -EINVAL;
    }
    value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value) || value < 0) {
        return -EINVAL;
    }
    *out = value;
    return 0;
}

static int unknown(const char *command, const char *argument,
                   const struct seep_option *options, size_t n)
{
    char word[WORD_MAX + 1];
    const char *names[OPTIONS_MAX];
    const char *nearest = NULL;
    size_t len = strcspn(argument, "=");

    for (size_t i = 0; i < n && i < OPTIONS_MAX; i++) {
        names[i] = options[i].name;
    }
    if (strncmp(argument, "--", 2) == 0 && len - 2 < sizeof(word)) {
        memcpy(word, argument + 2, len - 2);
        word[len - 2] = '\0';
        nearest = seep_option_nearest(word, names, n < OPTIONS_MAX ? n : OPTIONS_MAX);
    }
    if (nearest != NULL) {
        return seep_cli_usage_error(command, "unknown option %.*s; did you mean --%s?",
                                    (int)len, argument, nearest);
    }
    return seep_cli_usage_error(command, "unknown option %.*s", (int)len, argument);
}

/* The option that the argument names, and its value when it is in the same argument. */
static struct seep_option *match(const char *argument, struct seep_option *options,
                                 size_t n, const char **value)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(options[i].name);

        if (strncmp(argument, "--", 2) == 0 &&
            strncmp(argument + 2, options[i].name, len) == 0 &&
            (argument[2 + len] == '\0' || argument[2 + len] == '=')) {
            *value = argument[2 + len] == '=' ? argument + 3 + len : NULL;
            return &options[i];
        }
        if (options[i].letter != 0 && argument[1] == options[i].letter) {
            *value = argument[2] != '\0' ? argument + 2 : NULL;
            return &options[i];
        }
    }
    return NULL;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static int add_operand(const char *command, const char *argument,
                       struct seep_operands *operands)
{
    if (operands->count == operands->most) {
        return operands->most <= 2
                   ? seep_cli_usage_error(command, "%s only: \"%s\" is too many",
                                          operands->most == 1 ? "one FILE" : "two FILEs",
                                          argument)
                   : seep_cli_usage_error(command,
                                          "%zu FILEs at most: \"%s\" is too many",
                                          operands->most, argument);
    }
    operands->at[operands->count++] = argument;
    return 0;
}

int seep_option_parse(const char *command, int argc, char **argv,
                      struct seep_option *options, size_t n, const char **operand)
{
    struct seep_operands operands = {.most = 1};
    int status = seep_option_parse_operands(command, argc, argv, options, n, &operands);

    *operand = operands.at[0];
    return status;
}

int seep_option_parse_operands(const char *command, int argc, char **argv,
                               struct seep_option *options, size_t n,
                               struct seep_operands *operands)
{
    bool operands_only = false;
    int status = 0;

    for (int i = 1; i < argc && status == 0; i++) {
        const char *value = NULL;
        struct seep_option *option = NULL;

        if (!operands_only && strcmp(argv[i], "--") == 0) {
            operands_only = true;
            continue;
        }
        if (operands_only || argv[i][0] != '-' || argv[i][1] == '\0') {
            status = add_operand(command, argv[i], operands);
            continue;
        }
        if (is_help(argv[i])) {
            return OPTION_HELP;
        }
        option = match(argv[i], options, n, &value);
        if (option == NULL) {
            return unknown(command, argv[i], options, n);
        }
        if (option->flag) {
            if (value != NULL) {
                return seep_cli_usage_error(command, "option --%s takes no value",
                                            option->name);
            }
            option->value = "";
            continue;
        }
        if (value == NULL && i + 1 == argc) {
            return seep_cli_usage_error(command, "option %s needs a value", argv[i]);
        }
        option->value = value != NULL ? value : argv[++i];
        if (option->values != NULL) {
            if (option->count == option->most) {
                return seep_cli_usage_error(command, "--%s: at most %zu times",
                                            option->name, option->most);
            }
            option->values[option->count++] = option->value;
        }
    }
    return status;
}

int seep_option_duration(const char *text, double *seconds)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end = NULL;
    double value = 0;
    double unit = 1;

    if (!isdigit((unsigned char)text[0])) {
        return -EINVAL;
    }
    value = strtod(text, &end);
    if (end[0] != '\0') {
        unit = 0;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            unit = end[0] == units[i].letter && end[1] == '\0' ? units[i].seconds : unit;
        }
    }
    value *= unit;
    if (!isfinite(value) || !(value > 0) || value > DURATION_MOST_S) {
        return -EINVAL;
    }
    *seconds = value;
    return 0;
}
