/* The line that says how far a command is.
 *
 * Work knows neither clock nor terminal (it must give the same result anywhere), so it
 * tells and this decides. A thread that wakes up was rejected: work that says nothing for
 * a second is work that should say more. Escape sequences were rejected: blanks take a
 * line away on any terminal.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/progress_line.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"

enum { LINE_MAX_BYTES = 256, COLUMNS_LEAST = 20, PERCENT_MOST = 100 };

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned percent_of(uint64_t done, uint64_t total)
{
    double share = done < total ? (double)done / (double)total : 1;

    return (unsigned)(share * PERCENT_MOST);
}

/* Replaces what stands there; text: one column a byte. */
static void show(struct seep_progress_line *line, const char *text)
{
    unsigned columns = (unsigned)strlen(text);
    int blanks = line->shown > columns ? (int)(line->shown - columns) : 0;

    (void)fprintf(line->stream, "\r%s%*s", text, blanks, "");
    if (blanks > 0) {
        (void)fprintf(line->stream, "\r%s", text);
    }
    (void)fflush(line->stream);
    line->shown = columns;
}

/* A file's name may hold anything; a control character would move the cursor, and what
 * is no ASCII has an unknown width. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

void seep_progress_line_tell_at(struct seep_progress_line *line, double now,
                                const char *what, uint64_t done, uint64_t total)
{
    char text[LINE_MAX_BYTES];
    char share[16] = "";

    if (line->stream == NULL || now < line->next_s) {
        return;
    }
    line->next_s = now + SEEP_PROGRESS_EVERY_MS / 1e3;
    if (total != 0) {
        (void)snprintf(share, sizeof(share), ", %u %%", percent_of(done, total));
    }
    (void)snprintf(text, sizeof(text), "seep %s: %s%s%s", line->command, what,
                   *line->file != '\0' ? " " : "", line->file);

    /* the last column stays free: some terminals go to the next line behind it */
    size_t room = line->columns < sizeof(text) ? line->columns - 1 : sizeof(text) - 1;
    size_t share_bytes = strlen(share);
    size_t length = strlen(text);

    length = length < room - share_bytes ? length : room - share_bytes;
    memcpy(text + length, share, share_bytes + 1);
    make_plain(text);
    show(line, text);
}

static void tell(struct seep_progress *progress, const char *what, uint64_t done,
                 uint64_t total)
{
    struct seep_progress_line *line = (struct seep_progress_line *)progress;

    if (line->stream != NULL) {
        seep_progress_line_tell_at(line, now_s(), what, done, total);
    }
}

void seep_progress_line_start(struct seep_progress_line *line, const char *command,
                              bool quiet)
{
    bool shown = !quiet && isatty(STDERR_FILENO) == 1;

    *line =
        (struct seep_progress_line){.progress = {.tell = tell},
                                    .command = command,
                                    .file = "",
                                    .stream = shown ? stderr : NULL,
                                    .columns = shown ? seep_output_columns(stderr) : 0,
                                    .from_s = now_s()};
    line->next_s = line->from_s + SEEP_PROGRESS_AFTER_MS / 1e3;
    if (line->columns < COLUMNS_LEAST) {
        line->stream = NULL;
    }
}

void seep_progress_line_set_file(struct seep_progress_line *line, const char *path)
{
    const char *slash = strrchr(path, '/');

    line->file = slash != NULL ? slash + 1 : path;
}

void seep_progress_line_clear(struct seep_progress_line *line)
{
    if (line->stream != NULL && line->shown > 0) {
        show(line, "");
        (void)fputc('\r', line->stream);
        (void)fflush(line->stream);
    }
}

void seep_progress_line_end(struct seep_progress_line *line)
{
    seep_progress_line_clear(line);
    line->stream = NULL;
}
