/* seep top: what a program holds, while it runs.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/top_source.h"
#include "cli/top_terminal.h"
#include "top/top_screen.h"

enum { HELP_WANTED = 1, WIDTH_LEAST = 40, WIDTH_MOST = 400, ROWS_MOST = 1000000 };

const char *const seep_help_top =
    "seep top - shows what a program holds while it runs, like top and htop\n"
    "\n"
    "usage: seep top [PID|FILE] [options]\n"
    "\n"
    "PID: a process that `seep run` (or LD_PRELOAD) records now; its recording is found "
    "by\n"
    "itself. FILE: a recording, running or complete (shown as it ended). Neither: the "
    "one\n"
    "program that is being recorded. Only the file is read: the program notices "
    "nothing,\n"
    "whether you come, go or come again.\n"
    "\n"
    "Above: memory (resident), threads and descriptors of the process, now and over the\n"
    "whole run. Below: where the program acquired what it holds: how much is live, what "
    "it\n"
    "gained per second and how many new ones came per second (both over the last 10 s).\n"
    "These are figures, not verdicts: whether it is a leak says `seep report`.\n"
    "\n"
    "Keys: q quit, ? help; Tab the next kind (heap, mapping, thread, fd, timer; also 1 "
    "to\n"
    "5); s sort; w window of the rates; / filter by subsystem, u the next one; Enter "
    "the\n"
    "stack of a site, Esc back; Space freeze; left and right: back and forth in time.\n"
    "\n"
    "  --kind KIND        heap (default), mapping, thread, fd or timer\n"
    "  --sort ORDER       live (default), growth or rate\n"
    "  --subsystem TEXT   only subsystems whose name holds TEXT\n"
    "  --window S         seconds that growth and rates are over (10)\n"
    "  --interval S       seconds between two looks (1; from 0.1)\n"
    "  --once             print one screen as text and end: for scripts and screen "
    "readers;\n"
    "                     also when the output is no terminal\n"
    "  --width N          columns of --once (the terminal's)\n"
    "  --rows N           sites that --once shows at most (20)\n"
    "\n"
    "examples:\n"
    "  seep top\n"
    "  seep top $(pidof server) --sort growth\n"
    "  seep top soak.seep --once --kind thread --rows 5\n"
    "  watch -n 5 seep top soak.seep.partial --once\n"
    "\n"
    "Exit status: 0 shown, 2 no such recording or unreadable FILE, 3 Seep failed.\n";

struct request {
    struct seep_top_view view;
    double interval_s;
    bool once;
};

enum { KIND, SORT, SUBSYSTEM, WINDOW, INTERVAL, ONCE, WIDTH, ROWS, OPTION_COUNT };

static int complain(const struct seep_error *error)
{
    fprintf(stderr, "seep top: %s\n", error->message);
    return error->code == -ENOMEM ? SEEP_EXIT_FAILED : SEEP_EXIT_USAGE;
}

static int set_kind(struct seep_top_view *view, const char *word)
{
    for (int kind = SEEP_KIND_HEAP; kind < SEEP_KIND_END; kind++) {
        if (strcmp(word, seep_top_kind_name((enum seep_kind)kind)) == 0) {
            view->kind = (enum seep_kind)kind;
            return 0;
        }
    }
    return seep_cli_usage_error(
        "top", "--kind \"%s\": use one of: heap, mapping, thread, fd, timer", word);
}

static int set_sort(struct seep_top_view *view, const char *word)
{
    static const char *const orders[SEEP_TOP_SORTS] = {"live", "growth", "rate"};

    for (int sort = 0; sort < SEEP_TOP_SORTS; sort++) {
        if (strcmp(word, orders[sort]) == 0) {
            view->sort = (enum seep_top_sort)sort;
            return 0;
        }
    }
    return seep_cli_usage_error("top", "--sort \"%s\": use one of: live, growth, rate",
                                word);
}

static int set_seconds(const struct seep_option *option, double least, double *out)
{
    double value = 0;

    if (option->value == NULL) {
        return 0;
    }
    if (seep_option_number(option->value, &value) < 0 || value < least || value > 1e9) {
        return seep_cli_usage_error("top", "--%s \"%s\": seconds, from %g on",
                                    option->name, option->value, least);
    }
    *out = value;
    return 0;
}

static int set_whole(const struct seep_option *option, unsigned least, unsigned most,
                     unsigned *out)
{
    double value = 0;

    if (option->value == NULL) {
        return 0;
    }
    if (seep_option_number(option->value, &value) < 0 || value < least || value > most ||
        value != (double)(unsigned)value) {
        return seep_cli_usage_error("top", "--%s \"%s\": a whole number from %u to %u",
                                    option->name, option->value, least, most);
    }
    *out = (unsigned)value;
    return 0;
}

static int set_subsystem(struct seep_top_view *view, const char *text)
{
    if (strlen(text) >= sizeof(view->subsystem)) {
        return seep_cli_usage_error("top", "--subsystem: at most %zu characters",
                                    sizeof(view->subsystem) - 1);
    }
    (void)snprintf(view->subsystem, sizeof(view->subsystem), "%s", text);
    return 0;
}

static int interpret(struct request *request, const struct seep_option *options)
{
    struct seep_top_view *view = &request->view;
    int status = 0;

    if (options[KIND].value != NULL) {
        status = set_kind(view, options[KIND].value);
    }
    if (status == 0 && options[SORT].value != NULL) {
        status = set_sort(view, options[SORT].value);
    }
    if (status == 0 && options[SUBSYSTEM].value != NULL) {
        status = set_subsystem(view, options[SUBSYSTEM].value);
    }
    if (status == 0) {
        status = set_seconds(&options[WINDOW], 0.1, &view->window_s);
    }
    if (status == 0) {
        status = set_seconds(&options[INTERVAL], 0.1, &request->interval_s);
    }
    if (status == 0) {
        status = set_whole(&options[WIDTH], WIDTH_LEAST, WIDTH_MOST, &view->columns);
    }
    if (status == 0) {
        status = set_whole(&options[ROWS], 1, ROWS_MOST, &view->rows_max);
    }
    request->once = options[ONCE].value != NULL || isatty(STDOUT_FILENO) != 1 ||
                    isatty(STDIN_FILENO) != 1;
    return status;
}

static int print_once(struct seep_top_view *view, const struct seep_recording *recording,
                      struct seep_error *error)
{
    struct seep_top_query query = {.kind = view->kind,
                                   .sort = view->sort,
                                   .subsystem = view->subsystem,
                                   .window_s = view->window_s,
                                   .snapshot = recording->snapshot_count - 1};
    struct seep_top_model model = {0};
    struct seep_top_names names = {0};
    struct seep_top_screen screen = {0};
    struct seep_buf bytes = {0};
    int status = seep_top_model_update(&model, recording, &query);

    if (status == 0) {
        status = seep_top_screen_draw(&screen, view, &model, &names, recording);
    }
    for (size_t i = 0; i < screen.count; i++) {
        struct seep_top_line line = seep_top_screen_line(&screen, i);

        seep_buf_put(&bytes, screen.text.data + line.at, line.len_bytes);
        seep_buf_put(&bytes, "\n", 1);
    }
    status = status < 0 || bytes.failed ? seep_error_set(error, -ENOMEM, "out of memory")
                                        : seep_output_stream(stdout, &bytes, error);
    seep_buf_fini(&bytes);
    seep_top_screen_fini(&screen);
    seep_top_names_fini(&names);
    seep_top_model_fini(&model);
    return status;
}

static int carry_out(struct request *request, const char *operand)
{
    struct seep_follow *follow = NULL;
    struct seep_error error = {0};
    bool color = seep_output_options(stdout).color;
    int status = seep_top_source_open(operand, &follow, &error);

    if (status < 0) {
        return complain(&error);
    }
    status = request->once
                 ? print_once(&request->view, seep_follow_recording(follow), &error)
                 : seep_top_terminal_run(follow, &request->view, request->interval_s,
                                         color, &error);
    seep_follow_close(follow);
    return status < 0 ? complain(&error) : SEEP_EXIT_OK;
}

int seep_cmd_top(int argc, char **argv)
{
    struct seep_option options[OPTION_COUNT] = {
        [KIND] = {.name = "kind"},           [SORT] = {.name = "sort"},
        [SUBSYSTEM] = {.name = "subsystem"}, [WINDOW] = {.name = "window"},
        [INTERVAL] = {.name = "interval"},   [ONCE] = {.name = "once", .flag = true},
        [WIDTH] = {.name = "width"},         [ROWS] = {.name = "rows"},
    };
    struct request request = {.interval_s = 1};
    struct seep_render_options output = seep_output_options(stdout);
    const char *operand = NULL;
    int status = seep_option_parse("top", argc, argv, options, OPTION_COUNT, &operand);

    if (status == HELP_WANTED) {
        fputs(seep_help_top, stdout);
        return SEEP_EXIT_OK;
    }
    seep_top_view_init(&request.view);
    request.view.columns = output.columns > WIDTH_LEAST ? output.columns : WIDTH_LEAST;
    request.view.utf8 = output.utf8;
    if (status == 0) {
        status = interpret(&request, options);
    }
    return status != 0 ? status : carry_out(&request, operand);
}
