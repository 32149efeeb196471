/* seep threads: which threads there are, what each does, and where.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/threads_look.h"
#include "threads/threads_json.h"
#include "threads/threads_text.h"

enum { TOP_MOST = 1000000, HELP_WANTED = 1 };

const char *const seep_help_threads =
    "seep threads - shows what the threads of a process do, in groups of equal stacks\n"
    "\n"
    "usage: seep threads PID [options]\n"
    "       seep threads FILE [options]\n"
    "\n"
    "Of a process, whether Seep records it or not: each thread is stopped for some 20 "
    "us,\n"
    "one after the other, its registers and stack are copied, and it runs on; the\n"
    "program's system calls do not see it. The last line says how long it was.\n"
    "When the process runs under Seep, also where each thread was made, by whom, and\n"
    "its subsystem.\n"
    "Of a recording (FILE): the last state in it, grouped by where threads were made.\n"
    "\n"
    "  --format FORMAT    text (default) or json; for flame graphs: folded (a line per\n"
    "                     stack); for `go tool pprof`: pprof (binary)\n"
    "  -o, --output OUT   write to OUT instead of the terminal; replaced as a whole\n"
    "  --top N            show at most N groups (text: 20; others: all)\n"
    "  --no-stacks        stop nothing: names, states, waits and times from /proc alone\n"
    "  --recording FILE   the recording of the process, when it is not found by itself\n"
    "\n"
    "A group says: how many threads; whether they run or what they are blocked in, with\n"
    "the library function that they called; for how long they have not run (from their\n"
    "last run, so also from the last look at them); their names, CPU time, descriptor.\n"
    "\n"
    "Threads that will never run again are told first: a cycle of locks or joins, a "
    "lock\n"
    "whose owner has ended; of threads that have stood still for a second.\n"
    "\n"
    "Without the right to trace (another user's process, a container, Yama) it says so,\n"
    "what helps, and gives what /proc gives.\n"
    "\n"
    "examples:\n"
    "  seep threads $(pidof redis-server)\n"
    "  sudo seep threads 4711 --top 5\n"
    "  seep threads 4711 --format json | jq '.groups[] | {count, state, call}'\n"
    "  seep threads 4711 --format folded | flamegraph.pl > threads.svg\n"
    "  seep threads 4711 --format pprof -o t.pb.gz && go tool pprof -top t.pb.gz\n"
    "  seep threads soak.seep               what ran when the recording ended\n"
    "\n"
    "Exit status: 0 shown, 2 no such process or unreadable FILE, 3 the process ended or\n"
    "became another program while it was looked at; it is never left stopped.\n";

struct request {
    struct seep_threads_request look;
    const char *format, *out;
    const struct seep_renderer *renderer; /* of a profile; NULL: text or json */
    size_t top;
};

static int complain(const struct seep_error *error)
{
    fprintf(stderr, "seep threads: %s\n", error->message);
    switch (error->code) {
    case -ENOMEM:
    case -ESTALE:
        return SEEP_EXIT_FAILED;
    case -ESRCH:
        return strstr(error->message, "there is no") != NULL ? SEEP_EXIT_USAGE
                                                             : SEEP_EXIT_FAILED;
    default:
        return SEEP_EXIT_USAGE;
    }
}

static int render(const struct request *request, const struct seep_thread_groups *groups,
                  struct seep_buf *out)
{
    struct seep_render_options options = seep_output_options(stdout);

    options.top = request->top;
    options.color = options.color && request->out == NULL;
    if (request->renderer != NULL) {
        options.kind = SEEP_KIND_THREAD;
        options.value = SEEP_VALUE_LIVE;
        return request->renderer->render(groups->findings, &options, out);
    }
    return strcmp(request->format, "json") == 0
               ? seep_threads_json(groups, request->top, out)
               : seep_threads_text(groups, &options, out);
}

static int carry_out(const struct request *request)
{
    struct seep_thread_groups *groups = NULL;
    struct seep_error error = {0};
    struct seep_buf bytes = {0};
    int status = seep_threads_look(&request->look, &groups, &error);

    if (status < 0) {
        return complain(&error);
    }
    if (render(request, groups, &bytes) < 0) {
        (void)seep_error_set(&error, -ENOMEM, "out of memory while writing");
    } else if (request->out != NULL) {
        (void)seep_output_file(request->out, &bytes, &error);
    } else {
        (void)seep_output_stream(stdout, &bytes, &error);
    }
    seep_buf_fini(&bytes);
    seep_thread_groups_free(groups);
    if (error.code != 0) {
        fprintf(stderr, "seep threads: %s\n", error.message);
        return SEEP_EXIT_FAILED;
    }
    return SEEP_EXIT_OK;
}

static int set_format(struct request *request, const char *name)
{
    request->format = name;
    if (strcmp(name, "text") == 0 || strcmp(name, "json") == 0) {
        return 0;
    }
    if (strcmp(name, "folded") != 0 && strcmp(name, "pprof") != 0) {
        return seep_cli_usage_error(
            "threads", "--format \"%s\": use one of: text, json, folded, pprof", name);
    }
    request->renderer = seep_renderer_find(name);
    request->look.profile = true;
    return 0;
}

static int set_top(struct request *request, const char *word)
{
    double top = 0;

    if (seep_option_number(word, &top) < 0 || top < 1 || top > TOP_MOST ||
        top != (double)(size_t)top) {
        return seep_cli_usage_error("threads", "--top \"%s\": a whole number from 1 on",
                                    word);
    }
    request->top = (size_t)top;
    return 0;
}

/* Digits alone are a process; a file of such a name is ./4711. */
static int set_what(struct request *request, const char *operand, const char *recording)
{
    if (operand == NULL) {
        return seep_cli_usage_error("threads", "which PID or FILE?");
    }
    request->look.recording = recording;
    if (operand[0] == '\0' || strspn(operand, "0123456789") != strlen(operand)) {
        request->look.recording = operand;
        return recording == NULL
                   ? 0
                   : seep_cli_usage_error("threads", "--recording goes with a PID");
    }
    errno = 0;
    long pid = strtol(operand, NULL, 10);

    if (errno != 0 || pid < 1 || pid > INT_MAX) {
        return seep_cli_usage_error("threads", "%s is no process id", operand);
    }
    request->look.pid = (pid_t)pid;
    return 0;
}

enum { FORMAT, OUTPUT, TOP, NO_STACKS, RECORDING, OPTION_COUNT };

static int interpret(struct request *request, const struct seep_option *options,
                     const char *operand)
{
    int status = 0;

    if (options[FORMAT].value != NULL) {
        status = set_format(request, options[FORMAT].value);
    }
    if (status == 0 && options[TOP].value != NULL) {
        status = set_top(request, options[TOP].value);
    }
    if (status == 0) {
        status = set_what(request, operand, options[RECORDING].value);
    }
    request->look.no_stacks = options[NO_STACKS].value != NULL;
    request->out = options[OUTPUT].value;
    if (request->out != NULL && strcmp(request->out, "-") == 0) {
        request->out = NULL;
    }
    if (status == 0 && request->renderer != NULL && request->renderer->binary &&
        request->out == NULL && isatty(STDOUT_FILENO) == 1) {
        status = seep_cli_usage_error(
            "threads", "--format %s is binary, not for a terminal: add -o OUT",
            request->format);
    }
    return status;
}

int seep_cmd_threads(int argc, char **argv)
{
    struct seep_option options[OPTION_COUNT] = {
        [FORMAT] = {.name = "format"},
        [OUTPUT] = {.name = "output", .letter = 'o'},
        [TOP] = {.name = "top"},
        [NO_STACKS] = {.name = "no-stacks", .flag = true},
        [RECORDING] = {.name = "recording"},
    };
    struct request request = {.format = "text"};
    const char *operand = NULL;
    int status =
        seep_option_parse("threads", argc, argv, options, OPTION_COUNT, &operand);

    if (status == HELP_WANTED) {
        fputs(seep_help_threads, stdout);
        return SEEP_EXIT_OK;
    }
    if (status == 0) {
        status = interpret(&request, options, operand);
    }
    return status != 0 ? status : carry_out(&request);
}
