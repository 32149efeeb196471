/* seep dump: a recording as JSON lines, for other tools.
 *
 * Written as it is made, line by line: a recording's text is many times its size. With -o
 * the lines go to a file beside OUT, which takes OUT's name once it is complete and on
 * disk: an existing OUT is never lost to a run that fails.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cmd_dump_json.h"
#include "cli/option.h"
#include "cli/progress_line.h"
#include "load/recording.h"
#include "load/symbol.h"

const char *const seep_help_dump =
    "seep dump - a recording as JSON lines, for other tools\n"
    "\n"
    "usage: seep dump FILE [options]\n"
    "\n"
    "  --no-symbols       addresses only: no functions, files and lines; much faster\n"
    "  -o, --output OUT   write to OUT instead of the terminal; replaced as a whole\n"
    "\n"
    "One object per line, told apart by \"type\", in this order:\n"
    "  program     command, start, limits; truncated and truncated_at when the file is "
    "cut\n"
    "  module      id, path, build_id, base, size_bytes\n"
    "  subsystem   id, name\n"
    "  limit       id, subsystem, container, limit: entries, as the program declared it\n"
    "  site        id, kind, subsystem, limit (id; without it none), first_ns; stack, "
    "innermost\n"
    "              frame first: module, offset,\n"
    "              function, file, line, inlined; stack_end: complete or why it is cut\n"
    "  snapshot    t_ns, the process's figures; sites: those whose counters changed, as\n"
    "              [id, acquired, released, acquired_bytes, released_bytes], cumulative\n"
    "  ages        t_ns; sites: live, live_bytes, oldest and newest birth, generations\n"
    "  thread      one of the newest thread table\n"
    "  wait        a task that sleeps in a system call (address: of the futex), or that "
    "the\n"
    "              table does not know (slot_plus_1 0)\n"
    "  lifetime    of the threads of one creation site: created, ended, joined ...; "
    "buckets:\n"
    "              ended threads that lived for 1, 2, 4, 8 ... us; stack bytes\n"
    "  descriptors what was open when it was last looked at: t_ns, open, recorded, "
    "inherited,\n"
    "              gone\n"
    "  descriptor  one of them: fd, site, link; of a socket: protocol, local, peer, "
    "state\n"
    "  samples     sampled recordings: sample_bytes; sites: live samples, variance over "
    "estimate\n"
    "  peak        the heap at its highest: t_ns, live, live_bytes; sites: who held it\n"
    "  child       a child process\n"
    "  mark, note  t_ns, text; of each label's marks the first 64\n"
    "  mark_count  all marks of a label: text, count; snapshots: [t_ns, marks so far]\n"
    "  loss        reason, count: what is not in the recording\n"
    "  no_symbols  a module whose names are missing, and why\n"
    "  end         how the program ended; absent when that was not seen\n"
    "Times are nanoseconds since the start, byte counts are bytes.\n"
    "\n"
    "examples:\n"
    "  seep dump soak.seep | jq 'select(.type == \"site\" and .subsystem == "
    "\"websocket\")'\n"
    "  seep dump soak.seep --no-symbols | jq -r 'select(.type == \"snapshot\") | "
    ".rss_bytes'\n"
    "  seep dump soak.seep -o soak.jsonl\n";

struct request {
    const char *path, *out; /* out: NULL for stdout */
    bool symbols;
    bool help;
};

/* Takes the value of -o OUT, -oOUT, --output OUT or --output=OUT.
 * Returns: arguments used; 0 when argv[0] is another one; -1 when the value is missing.
 */
static int take_output(int argc, char **argv, const char **out)
{
    static const char name[] = "--output";
    size_t len = sizeof(name) - 1;

    if (strcmp(argv[0], "-o") == 0 || strcmp(argv[0], name) == 0) {
        *out = argc > 1 ? argv[1] : NULL;
        return argc > 1 ? 2 : -1;
    }
    if (strncmp(argv[0], name, len) == 0 && argv[0][len] == '=') {
        *out = argv[0] + len + 1;
        return 1;
    }
    if (strncmp(argv[0], "-o", 2) == 0) {
        *out = argv[0] + 2;
        return 1;
    }
    return 0;
}

static int unknown_option(const char *option)
{
    static const char *const known[] = {"--no-symbols", "--output", "--help"};
    const char *nearest = seep_option_nearest(option, known, 3);

    return nearest != NULL
               ? seep_cli_usage_error("dump", "unknown option %s; did you mean %s?",
                                      option, nearest)
               : seep_cli_usage_error("dump", "unknown option %s", option);
}

/* Returns: 0; SEEP_EXIT_USAGE after one line on stderr. */
static int parse(int argc, char **argv, struct request *request)
{
    bool options = true;
    int step = 1;

    *request = (struct request){.symbols = true};
    for (int i = 1; i < argc; i += step) {
        int used = options ? take_output(argc - i, argv + i, &request->out) : 0;

        step = used > 0 ? used : 1;
        if (used < 0) {
            return seep_cli_usage_error("dump", "%s needs a file", argv[i]);
        }
        if (used > 0) {
            continue;
        }
        if (options && strcmp(argv[i], "--no-symbols") == 0) {
            request->symbols = false;
        } else if (options &&
                   (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            request->help = true;
        } else if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            return unknown_option(argv[i]);
        } else if (request->path != NULL) {
            return seep_cli_usage_error("dump", "two files: %s and %s", request->path,
                                        argv[i]);
        } else {
            request->path = argv[i];
        }
    }
    if (request->path == NULL && !request->help) {
        return seep_cli_usage_error("dump", "which recording?");
    }
    if (request->out != NULL && request->out[0] == '\0') {
        return seep_cli_usage_error("dump", "-o needs a file");
    }
    return 0;
}

/* Where the lines go. */
struct sink {
    FILE *out;
    const char *path;         /* NULL: stdout */
    char temporary[PATH_MAX]; /* "": `out` is the file itself */
};

static mode_t new_file_mode(const char *path)
{
    struct stat existing;
    mode_t mask = umask(0);

    (void)umask(mask);
    return stat(path, &existing) == 0 ? existing.st_mode & 07777 : 0666 & ~mask;
}

/* Returns: 0; -errno. What is no regular file (a pipe, /dev/null) is written as it is. */
static int sink_open(struct sink *sink, const char *path)
{
    struct stat existing;
    int fd = -1;

    *sink = (struct sink){.out = stdout, .path = path};
    if (path == NULL) {
        return 0;
    }
    if (stat(path, &existing) == 0 && !S_ISREG(existing.st_mode)) {
        sink->out = fopen(path, "we");
        return sink->out != NULL ? 0 : -errno;
    }
    if (snprintf(sink->temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    fd = mkostemp(sink->temporary, O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    sink->out = fdopen(fd, "w");
    if (sink->out == NULL) {
        int code = -errno;

        (void)close(fd);
        (void)unlink(sink->temporary);
        return code;
    }
    return 0;
}

/* Finishes what was written, or drops it when status is an error.
 * Returns: status; -errno when the bytes did not get there. */
static int sink_close(struct sink *sink, int status)
{
    bool replaces = sink->temporary[0] != '\0';

    if (fflush(sink->out) != 0 && (status == 0 || status == -EIO)) {
        status = -errno;
    }
    if (status == 0 && replaces &&
        (fchmod(fileno(sink->out), new_file_mode(sink->path)) < 0 ||
         fsync(fileno(sink->out)) < 0)) {
        status = -errno;
    }
    if (sink->path != NULL && fclose(sink->out) != 0 && status == 0) {
        status = -errno;
    }
    if (status == 0 && replaces && rename(sink->temporary, sink->path) < 0) {
        status = -errno;
    }
    if (status < 0 && replaces) {
        (void)unlink(sink->temporary);
    }
    return status;
}

static int write_dump(const struct seep_recording *recording,
                      const struct request *request)
{
    struct seep_symbolizer *symbolizer = NULL;
    struct sink sink;
    int status = request->symbols ? seep_symbolizer_new(recording, &symbolizer) : 0;

    if (status == 0) {
        status = sink_open(&sink, request->out);
    }
    if (status == 0) {
        status = sink_close(&sink, seep_dump_json(recording, symbolizer, sink.out));
    }
    seep_symbolizer_free(symbolizer);
    return status;
}

int seep_cmd_dump(int argc, char **argv)
{
    struct request request;
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};
    struct seep_progress_line line;
    int status = parse(argc, argv, &request);

    if (status != 0) {
        return status;
    }
    if (request.help) {
        (void)fputs(seep_help_dump, stdout);
        return SEEP_EXIT_OK;
    }
    seep_progress_line_start(&line, "dump", false);
    seep_progress_line_set_file(&line, request.path);
    status =
        seep_recording_open_telling(request.path, &line.progress, &recording, &error);
    seep_progress_line_end(&line);
    if (status < 0) {
        fprintf(stderr, "seep dump: %s\n", error.message);
        return status == -ENOMEM ? SEEP_EXIT_FAILED : SEEP_EXIT_USAGE;
    }
    status = write_dump(recording, &request);
    seep_recording_free(recording);
    if (status < 0) {
        fprintf(stderr, "seep dump: cannot write %s: %s\n",
                request.out != NULL ? request.out : "to the terminal or pipe",
                strerrordesc_np(-status));
        return SEEP_EXIT_FAILED;
    }
    return SEEP_EXIT_OK;
}
