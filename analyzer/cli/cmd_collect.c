/* seep collect: the collector as a program of its own, started by libseep.so when nobody
 * else did.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/option.h"
#include "collect/collect_loop.h"

enum { OPTION_LISTEN = 0, OPTION_MAIN = 1, OPTIONS = 2, FIRST_FREE_FD = 3 };

const char *const seep_help_collect =
    "seep collect - records processes that hand over their segment (internal)\n"
    "\n"
    "usage: seep collect --listen-fd N [--main PID]\n"
    "\n"
    "Started by libseep.so when a program runs with LD_PRELOAD=libseep.so and no other "
    "collector\n"
    "answers. Writes PROGRAM.PID.seep into $SEEP_OUT (default: the program's working "
    "directory) and ends\n"
    "with the last process. A program that another one was replaced by (exec) has its "
    "own "
    "name.\n"
    "\n"
    "  SEEP_OPTIONS   interval=S,min-child=S,stuck-after=S,mode=full|sampled[=N],\n"
    "                 no-children\n"
    "  SEEP_OUT       output directory\n"
    "  SEEP_VERBOSE   libseep.so: say on stderr when a process is not recorded, and "
    "why\n";

/* A whole number within [least, most]; -1 otherwise. */
static long whole_number(const char *text, double least, double most)
{
    double value = -1;

    if (text == NULL || seep_option_number(text, &value) < 0 || value < least ||
        value > most || value != (double)(long)value) {
        return -1;
    }
    return (long)value;
}

/* Opens SEEP_OUT, or, with a note, the working directory: a program's environment is no
 * reason to lose its recording. Returns: owned descriptor; -errno. */
static int open_output(struct seep_collect_options *options)
{
    const char *out = getenv("SEEP_OUT");
    int fd = -1;

    if (out != NULL && out[0] != '\0') {
        fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0) {
            return fd;
        }
        if (options->note_count < SEEP_OPTION_NOTES_MAX) {
            (void)snprintf(options->notes[options->note_count++], SEEP_OPTION_NOTE_BYTES,
                           "SEEP_OUT '%.64s': %s; the working directory is used", out,
                           strerrordesc_np(errno));
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int seep_cmd_collect(int argc, char **argv)
{
    struct seep_option options[OPTIONS] = {{.name = "listen-fd"}, {.name = "main"}};
    struct seep_collect collect = {.control_fd = -1, .file = ""};
    struct seep_error error = {0};
    const char *operand = NULL;
    int status = seep_option_parse("collect", argc, argv, options, OPTIONS, &operand);
    long listen_fd = whole_number(options[OPTION_LISTEN].value, FIRST_FREE_FD, 1 << 20);
    long main_pid = whole_number(options[OPTION_MAIN].value, 1, 1 << 30);

    if (status != 0) {
        if (status == 1) {
            fputs(seep_help_collect, stdout);
        }
        return status == 1 ? SEEP_EXIT_OK : status;
    }
    if (operand != NULL || listen_fd < 0 || fcntl((int)listen_fd, F_GETFD) < 0) {
        return seep_cli_usage_error("collect", "--listen-fd needs an open descriptor");
    }
    if (main_pid < 0 && options[OPTION_MAIN].value != NULL) {
        return seep_cli_usage_error("collect", "--main '%s': a process id expected",
                                    options[OPTION_MAIN].value);
    }
    collect.listen_fd = (int)listen_fd;
    collect.main_pid = main_pid > 0 ? (uint32_t)main_pid : 0;
    collect.options = seep_options_default();
    seep_options_parse(getenv("SEEP_OPTIONS"), &collect.options);
    collect.dir_fd = open_output(&collect.options);
    if (collect.dir_fd < 0) {
        fprintf(stderr, "seep collect: working directory: %s\n",
                strerrordesc_np(-collect.dir_fd));
        return SEEP_EXIT_FAILED;
    }
    (void)prctl(PR_SET_NAME, "seep-collect");
    if (seep_collect_run(&collect, &error) < 0) {
        fprintf(stderr, "seep collect: %s\n", error.message);
        return SEEP_EXIT_FAILED;
    }
    return SEEP_EXIT_OK;
}
