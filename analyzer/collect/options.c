/* Options of recording, from two places with one set of rules.
 *
 * On the command line a wrong value ends `seep run` before anything starts. In
 * SEEP_OPTIONS of somebody's service it may not: the service starts, with the default,
 * and the recording says so.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/options.h"
#include "seep/sampling.h"
#include "seep/segment.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = 128, NS_PER_MS = 1000000 };

#define INTERVAL_LEAST_S    0.1
#define INTERVAL_MOST_S     3600
#define MIN_CHILD_MOST_S    86400
#define STUCK_AFTER_LEAST_S 1
#define STUCK_AFTER_MOST_S  86400
#define CHECK_MOST          1000000000U

struct seep_collect_options seep_options_default(void)
{
    return (struct seep_collect_options){.interval_ns = UINT64_C(1000000000),
                                         .min_child_ns = UINT64_C(5000000000),
                                         .stuck_after_ns = UINT64_C(30000000000),
                                         .children = true};
}

int seep_options_seconds(const char *option, const char *text, double least_s,
                         double most_s, uint64_t *out_ns, struct seep_error *error)
{
    char *end = NULL;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(seconds) || seconds < least_s ||
        seconds > most_s) {
        return seep_error_set(error, -EINVAL,
                              "%s '%.64s': seconds from %g to %g expected", option, text,
                              least_s, most_s);
    }
    *out_ns = (uint64_t)llround(seconds * 1e9);
    return 0;
}

int seep_options_interval(const char *text, uint64_t *out_ns, struct seep_error *error)
{
    return seep_options_seconds("interval", text, INTERVAL_LEAST_S, INTERVAL_MOST_S,
                                out_ns, error);
}

int seep_options_min_child(const char *text, uint64_t *out_ns, struct seep_error *error)
{
    return seep_options_seconds("min-child", text, 0, MIN_CHILD_MOST_S, out_ns, error);
}

int seep_options_stuck_after(const char *text, uint64_t *out_ns, struct seep_error *error)
{
    return seep_options_seconds("stuck-after", text, STUCK_AFTER_LEAST_S,
                                STUCK_AFTER_MOST_S, out_ns, error);
}

int seep_options_mode(const char *text, struct seep_collect_options *options,
                      struct seep_error *error)
{
    uint32_t mode = seep_sample_parse_mode(text, strlen(text), &options->sample_bytes);

    if (mode == 0) {
        return seep_error_set(error, -EINVAL,
                              "mode '%.64s': full, sampled or sampled=BYTES expected, "
                              "with 64 to 1g bytes (k, m, g: times 1,024)",
                              text);
    }
    options->mode = mode;
    return 0;
}

int seep_options_at_exit(const char *text, uint32_t *out_grace_ms,
                         struct seep_error *error)
{
    const double most_s = SEEP_EXIT_GRACE_MOST_MS / 1000.0;
    uint64_t grace_ns = (uint64_t)SEEP_EXIT_GRACE_DEFAULT_MS * NS_PER_MS;
    int err = 0;

    if (strncmp(text, "none=", 5) == 0) {
        err = seep_options_seconds("at-exit-threads", text + 5, 0.001, most_s, &grace_ns,
                                   error);
    } else if (strcmp(text, "none") != 0) {
        err = seep_error_set(error, -EINVAL,
                             "at-exit-threads '%.64s': none or none=SECONDS expected",
                             text);
    }
    if (err == 0) {
        *out_grace_ms = (uint32_t)(grace_ns / NS_PER_MS);
    }
    return err;
}

int seep_options_check(const char *text, uint32_t *out_every, struct seep_error *error)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number == 0 ||
        number > CHECK_MOST) {
        return seep_error_set(error, -EINVAL,
                              "check '%.64s': a number from 1 to %u expected", text,
                              CHECK_MOST);
    }
    *out_every = (uint32_t)number;
    return 0;
}

static void add_note(struct seep_collect_options *options, const char *what)
{
    if (options->note_count < SEEP_OPTION_NOTES_MAX) {
        (void)snprintf(options->notes[options->note_count++], SEEP_OPTION_NOTE_BYTES,
                       "SEEP_OPTIONS: %.100s; the default is used", what);
    }
}

static void parse_word(const char *word, struct seep_collect_options *options)
{
    struct seep_error error = {0};

    if (strncmp(word, "interval=", 9) == 0) {
        (void)seep_options_interval(word + 9, &options->interval_ns, &error);
    } else if (strncmp(word, "min-child=", 10) == 0) {
        (void)seep_options_min_child(word + 10, &options->min_child_ns, &error);
    } else if (strncmp(word, "stuck-after=", 12) == 0) {
        (void)seep_options_stuck_after(word + 12, &options->stuck_after_ns, &error);
    } else if (strncmp(word, "mode=", 5) == 0) {
        (void)seep_options_mode(word + 5, options, &error);
    } else if (strncmp(word, "check=", 6) == 0) {
        (void)seep_options_check(word + 6, &options->check_every, &error);
    } else if (strncmp(word, "at-exit-threads=", 16) == 0) {
        (void)seep_options_at_exit(word + 16, &options->exit_grace_ms, &error);
    } else if (strncmp(word, "sample-seed=", 12) == 0 ||
               strncmp(word, "main-pid=", 9) == 0 || strncmp(word, "simd=", 5) == 0 ||
               strncmp(word, "memo=", 5) == 0) {
        return; /* the shim's own: for tests and measuring; which process no-children
                   leaves */
    } else if (strcmp(word, "no-children") == 0) {
        options->children = false;
    } else if (word[0] != '\0') {
        (void)seep_error_set(&error, -EINVAL, "unknown option '%.64s'", word);
    }
    if (error.code < 0) {
        add_note(options, error.message);
    }
}

void seep_options_parse(const char *text, struct seep_collect_options *options)
{
    while (text != NULL && *text != '\0') {
        char word[WORD_BYTES];
        size_t len = strcspn(text, ",");

        (void)snprintf(word, sizeof(word), "%.*s",
                       (int)(len < WORD_BYTES ? len : WORD_BYTES), text);
        parse_word(word, options);
        text += len;
        text += *text == ',';
    }
}
