/* What the options of `seep fleet` mean.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/fleet_options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/option.h"
#include "fleet/gauge_judge.h"

void seep_fleet_asked_fini(struct seep_fleet_asked *asked)
{
    free(asked->url);
    free(asked->group_text);
    explicit_bzero(asked->token, sizeof(asked->token));
    asked->url = asked->group_text = NULL;
}

static int out_of_memory(void)
{
    fputs("seep fleet: out of memory\n", stderr);
    return SEEP_EXIT_FAILED;
}

int seep_fleet_set_url(struct seep_fleet_asked *asked, const char *url)
{
    size_t length = strlen(url);

    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        strpbrk(url, "?# \t\n") != NULL) {
        return seep_cli_usage_error(
            "fleet", "--prometheus \"%s\": an address like http://HOST:9090", url);
    }
    if (strchr(url, '@') != NULL) { /* would stand in reports and lists of processes */
        return seep_cli_usage_error(
            "fleet", "--prometheus: no user and password in the address; a token goes to "
                     "--token-file");
    }
    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    asked->url = strndup(url, length);
    asked->question.source.url = asked->url;
    return asked->url == NULL ? out_of_memory() : 0;
}

/* Source: Prometheus' data model: [a-zA-Z_:][a-zA-Z0-9_:]*; labels without the colon. */
static bool is_name(const char *text, size_t n, bool colon)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = isalpha((unsigned char)text[i]) || text[i] == '_' ||
                      (colon && text[i] == ':');

        if (!letter && (i == 0 || !isdigit((unsigned char)text[i]))) {
            return false;
        }
    }
    return n > 0;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text);

    return n >= strlen(end) && strcmp(text + n - strlen(end), end) == 0;
}

int seep_fleet_set_query(struct seep_fleet_asked *asked, const char *name)
{
    struct seep_fleet_question *question = &asked->question;

    if (name == NULL) {
        question->metrics[0] = (struct seep_fleet_metric){
            SEEP_FLEET_BYTES_METRIC, "kind=~\"heap|mapping|\"", true};
        question->metrics[1] = (struct seep_fleet_metric){
            SEEP_FLEET_COUNT_METRIC, "kind=~\"thread|fd|timer\"", false};
        question->metric_count = 2;
        question->age_metric = SEEP_FLEET_AGE_METRIC;
        return 0;
    }
    if (!is_name(name, strlen(name), true)) {
        return seep_cli_usage_error(
            "fleet", "--query \"%s\": the name of a metric; matchers go to --match",
            name);
    }
    question->metrics[0] = (struct seep_fleet_metric){name, "", ends_in(name, "_bytes")};
    question->metric_count = 1;
    question->age_metric = strncmp(name, "seep_", 5) == 0 ? SEEP_FLEET_AGE_METRIC : NULL;
    return 0;
}

int seep_fleet_set_groups(struct seep_fleet_asked *asked, const char *names)
{
    static const char *const own[] = {"id",   "function", "place",    "subsystem",
                                      "kind", "instance", "recording"};
    struct seep_fleet_labels *labels = &asked->question.labels;

    memcpy(labels->names, own, sizeof(own));
    labels->count = SEEP_FLEET_GROUP;
    asked->group_text = strdup(names);
    if (asked->group_text == NULL) {
        return out_of_memory();
    }
    for (char *name = asked->group_text, *next = NULL; name != NULL; name = next) {
        next = strchr(name, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (!is_name(name, strlen(name), false)) {
            return seep_cli_usage_error(
                "fleet", "--group \"%s\": names of labels, with commas between", names);
        }
        if (labels->count == SEEP_FLEET_LABELS_MAX) {
            return seep_cli_usage_error("fleet", "--group: at most %d labels",
                                        SEEP_FLEET_GROUPS_MAX);
        }
        for (size_t i = 0; i < labels->count; i++) {
            if (strcmp(labels->names[i], name) == 0) {
                return seep_cli_usage_error(
                    "fleet", "--group: %s is named twice, or is a label of the site",
                    name);
            }
        }
        labels->names[labels->count++] = name;
    }
    return 0;
}

int seep_fleet_set_token(struct seep_fleet_asked *asked, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, asked->token, sizeof(asked->token) - 1) : -1;
    int err = errno;

    if (fd >= 0) {
        (void)close(fd);
    }
    if (n < 0) {
        fprintf(stderr, "seep fleet: %s: %s\n", path, strerrordesc_np(err));
        return SEEP_EXIT_USAGE;
    }
    while (n > 0 && isspace((unsigned char)asked->token[n - 1])) {
        n--;
    }
    asked->token[n] = '\0';
    for (ssize_t i = 0; i < n; i++) {
        if (!isgraph((unsigned char)asked->token[i])) {
            n = 0; /* would end the header, or is no token */
        }
    }
    if (n == 0 || n == SEEP_FLEET_TOKEN_MAX - 1) {
        fprintf(stderr,
                "seep fleet: %s: a token alone, on one line of less than 8 KiB, was "
                "expected\n",
                path);
        return SEEP_EXIT_USAGE;
    }
    asked->question.source.token = asked->token;
    return 0;
}

int seep_fleet_duration(const char *text, double *out_s)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char number[32];
    size_t n = strlen(text);
    double factor = 1;
    double value = 0;

    for (size_t i = 0; n > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[n - 1] == units[i].unit) {
            factor = units[i].seconds;
            n--;
            break;
        }
    }
    if (n == 0 || n >= sizeof(number)) {
        return -EINVAL;
    }
    memcpy(number, text, n);
    number[n] = '\0';
    if (seep_option_number(number, &value) < 0 || value <= 0) {
        return -EINVAL;
    }
    *out_s = value * factor;
    return 0;
}

int seep_fleet_set_range(struct seep_fleet_asked *asked, const char *since,
                         const char *step, const char *until)
{
    struct seep_fleet_grid *grid = &asked->question.grid;
    double since_s = 0;
    double until_s = (double)time(NULL);

    if (seep_fleet_duration(since, &since_s) < 0) {
        return seep_cli_usage_error("fleet", "--since \"%s\": a time like 24h, 7d, 90m",
                                    since);
    }
    if (seep_fleet_duration(step, &grid->step_s) < 0 || grid->step_s < 1) {
        return seep_cli_usage_error("fleet",
                                    "--step \"%s\": a time like 5m, 30s; from 1s", step);
    }
    if (until != NULL && (seep_option_number(until, &until_s) < 0 || until_s > 1e11)) {
        return seep_cli_usage_error(
            "fleet", "--until \"%s\": seconds since 1970 (date +%%s)", until);
    }
    if (since_s / grid->step_s < SEEP_GAUGE_POINTS_MIN ||
        since_s / grid->step_s >= SEEP_FLEET_STEPS_MAX) {
        return seep_cli_usage_error(
            "fleet",
            "--since %s with --step %s: from %d to %d samples, to be judged and to be "
            "answered",
            since, step, SEEP_GAUGE_POINTS_MIN, SEEP_FLEET_STEPS_MAX - 1);
    }
    double end_s = floor(until_s / grid->step_s) * grid->step_s;

    grid->steps = (size_t)(since_s / grid->step_s) + 1;
    grid->start_s = end_s - (double)(grid->steps - 1) * grid->step_s;
    return 0;
}
