/* seep: finds what a long-running program leaks. This file maps words to commands.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/net_program.h"
#include "cli/option.h"

static const char help_text[] =
    "seep - finds what a long-running program leaks: memory, threads,\n"
    "       file descriptors, timers, mappings\n"
    "\n"
    "usage: seep COMMAND [options]\n"
    "\n"
    "  seep run PROGRAM [ARG...]   record a program; when it ends, print what it leaks\n"
    "  seep report FILE            judge a recording again; as text, HTML, Markdown ...\n"
    "  seep diff BASE NEW          what leaks anew, more, less or no more in NEW\n"
    "  seep bisect ...             the commit that brought a leak, with git bisect\n"
    "  seep threads PID            what the threads of a process do, in groups\n"
    "  seep top [PID|FILE]         what a program holds while it runs, like top\n"
    "  seep serve [FILE...|DIR]    the same as a web page, and as metrics for "
    "Prometheus\n"
    "  seep fleet ...              which place leaks, on which of many instances\n"
    "  seep store ...              what runs found, kept: since when, how fast\n"
    "  seep gate FILE              fail a build that leaks more than a branch's history\n"
    "  seep dump FILE              a recording as JSON lines, for other tools\n"
    "  seep help COMMAND           all about one command\n"
    "  seep --version\n"
    "\n"
    "A first look at a server, for a minute:\n"
    "  seep run --duration 60 -- ./server --port 8080\n"
    "In a build: fail it when something leaks, and keep the report:\n"
    "  seep run --fail-on probable -o soak.seep -- ./server\n"
    "  seep report soak.seep --format json -o report.json\n"
    "Without `seep run`, from a service file or a container:\n"
    "  LD_PRELOAD=libseep.so ./server\n"
    "\n"
    "Exit status: 0 fine, 1 found what --fail-on asks for, 2 wrong usage or unreadable "
    "input,\n"
    "3 Seep failed; `seep run` gives the program's own status otherwise.\n";

/* Of seep alone these lead to seep-net before the table is asked. */
#ifdef SEEP_WITHOUT_NET
#define NET_COMMANDS
#else
#define NET_COMMANDS                                                                     \
    {"serve", seep_cmd_serve, &seep_help_serve},                                         \
        {"fleet", seep_cmd_fleet, &seep_help_fleet},                                     \
        {"store", seep_cmd_store, &seep_help_store},                                     \
        {"gate", seep_cmd_gate, &seep_help_gate},
#endif

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *const *help;
} commands[] = {
    {"run", seep_cmd_run, &seep_help_run},
    {"report", seep_cmd_report, &seep_help_report},
    {"diff", seep_cmd_diff, &seep_help_diff},
    {"bisect", seep_cmd_bisect, &seep_help_bisect},
    {"threads", seep_cmd_threads, &seep_help_threads},
    {"top", seep_cmd_top, &seep_help_top},
    NET_COMMANDS{"dump", seep_cmd_dump, &seep_help_dump},
    {"collect", seep_cmd_collect, &seep_help_collect},
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int unknown(const char *name)
{
    static const char *const words[] = {"run",     "report", "diff",  "bisect",
                                        "threads", "top",    "serve", "fleet",
                                        "store",   "gate",   "dump",  "help"};
    static const char *const later[] = {"check"};
    const char *nearest =
        seep_option_nearest(name, words, sizeof(words) / sizeof(words[0]));

    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (strcmp(name, later[i]) == 0) {
            fprintf(stderr,
                    "seep: the command %s is not in this version (see: seep help)\n",
                    name);
            return SEEP_EXIT_USAGE;
        }
    }
    if (nearest != NULL) {
        fprintf(stderr, "seep: unknown command %s; did you mean %s? (see: seep help)\n",
                name, nearest);
    } else {
        fprintf(stderr, "seep: unknown command %s (see: seep help)\n", name);
    }
    return SEEP_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    const struct command *command = argc > 1 ? find(argv[1]) : NULL;

    if (argc > 1 && command == NULL && strcmp(argv[1], "help") != 0) {
        return unknown(argv[1]);
    }
    fputs(command != NULL ? *command->help : help_text, stdout);
    return SEEP_EXIT_OK;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct command *command = find(name);

#ifdef SEEP_WITHOUT_NET
    if (seep_net_is_wanted(argc, argv)) {
        return seep_net_become(argv);
    }
#endif
    if (command != NULL) {
        return command->run(argc - 1, argv + 1);
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 ||
        strcmp(name, "-h") == 0) {
        return help(argc - 1, argv + 1);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("seep " SEEP_VERSION);
        return SEEP_EXIT_OK;
    }
    if (argc < 2) {
        fputs(help_text, stderr);
        return SEEP_EXIT_USAGE;
    }
    if (name[0] == '-') {
        fprintf(stderr, "seep: unknown option %s (see: seep help)\n", name);
        return SEEP_EXIT_USAGE;
    }
    return unknown(name);
}
