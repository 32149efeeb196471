/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_OPTION_H
#define SEEP_ANALYZER_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>

/* One option that a command knows, with a value (`--top 5`, `--top=5`, `-o FILE`) or,
 * as a flag, without. */
struct seep_option {
    const char *name; /* without dashes */
    char letter;      /* 0: no short form */
    bool flag;        /* takes no value; its value is "" when given */
    const char
        *value; /* out; NULL: not given. Borrowed from argv; the last one given counts. */
    /* Of one that may be given several times: room for `most` values, in their order. One
     * too many is wrong usage. NULL: only the last counts. */
    const char **values; /* borrowed */
    size_t most, count;  /* count: out */
};

/* Sorts a command's arguments into options and one operand.
 *
 * command:  for messages. argc, argv: as main's; argv[0] is the command's name. "--" ends
 * the options. options:  in/out; n of them. operand:  out; the one argument that is not
 * an option; NULL when there was none.
 *
 * Returns: 0; 1 when --help or -h was among them; SEEP_EXIT_USAGE after one line on
 * stderr: an unknown option (with the nearest known one), a missing value, a second
 * operand.
 */
int seep_option_parse(const char *command, int argc, char **argv,
                      struct seep_option *options, size_t n, const char **operand);

/* The same with up to `most` operands, in their order.
 * operands: in/out; `most` is given, 1 to SEEP_OPERANDS_MAX. */
enum { SEEP_OPERANDS_MAX = 256 };
struct seep_operands {
    const char *at[SEEP_OPERANDS_MAX]; /* NULL: not given */
    size_t count, most;
};
int seep_option_parse_operands(const char *command, int argc, char **argv,
                               struct seep_option *options, size_t n,
                               struct seep_operands *operands);

/* The nearest of n words within two edits (transposition counts as one), or NULL.
 * Source: optimal string alignment; Damerau 1964. Thread-safety: pure. */
const char *seep_option_nearest(const char *word, const char *const *words, size_t n);

/* A whole text as a number. Returns: 0; -EINVAL when it is not one, negative, or not
 * finite. */
int seep_option_number(const char *text, double *out);

/* "6h", "90m", "30s", "2d", "90": as seconds. Returns: 0; -EINVAL. Pure. */
int seep_option_duration(const char *text, double *seconds);

#endif
