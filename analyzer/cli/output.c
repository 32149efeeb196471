/* Reports on their way out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, COLUMNS_MOST = 400 };

unsigned seep_output_columns(FILE *stream)
{
    const char *set = getenv("COLUMNS");
    struct winsize size = {0};
    char *end = NULL;
    unsigned long columns = 0;

    if (set != NULL && *set != '\0') {
        columns = strtoul(set, &end, 10);
        columns = *end == '\0' ? columns : 0;
    }
    if (columns == 0 && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    columns = columns == 0 ? COLUMNS_DEFAULT : columns;
    return (unsigned)(columns < COLUMNS_MOST ? columns : COLUMNS_MOST);
}

static bool wants_color(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fileno(stream)) == 1 && (no_color == NULL || *no_color == '\0') &&
           term != NULL && strcmp(term, "dumb") != 0;
}

struct seep_render_options seep_output_options(FILE *stream)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the command line has one thread */
    (void)setlocale(LC_CTYPE, "");
    return (struct seep_render_options){
        .columns = seep_output_columns(stream),
        .color = wants_color(stream),
        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
}

int seep_output_stream(FILE *stream, const struct seep_buf *bytes,
                       struct seep_error *error)
{
    /* A report may be empty (no stack grows): then there is no memory either. */
    size_t written =
        bytes->len_bytes > 0 ? fwrite(bytes->data, 1, bytes->len_bytes, stream) : 0;

    if (written != bytes->len_bytes || fflush(stream) != 0) {
        int code = errno;

        return seep_error_set(error, -code, "cannot write the report: %s",
                              strerrordesc_np(code));
    }
    return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);

        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        if (written > 0) {
            bytes += written;
            n -= (size_t)written;
        }
    }
    return 0;
}

static mode_t new_file_mode(const char *path)
{
    struct stat existing;
    mode_t mask = umask(0);

    (void)umask(mask);
    return stat(path, &existing) == 0 ? existing.st_mode & 07777 : 0666 & ~mask;
}

static int write_special(const char *path, const struct seep_buf *bytes)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int status = fd < 0 ? -errno : write_all(fd, bytes->data, bytes->len_bytes);

    if (fd >= 0 && close(fd) < 0 && status == 0) {
        status = -errno;
    }
    return status;
}

static int write_beside(const char *path, const struct seep_buf *bytes)
{
    char temporary[PATH_MAX];
    int fd = -1;
    int status = 0;

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >=
        (int)sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    status = write_all(fd, bytes->data, bytes->len_bytes);
    if (status == 0 && (fchmod(fd, new_file_mode(path)) < 0 || fsync(fd) < 0)) {
        status = -errno;
    }
    if (close(fd) < 0 && status == 0) {
        status = -errno;
    }
    if (status == 0 && rename(temporary, path) < 0) {
        status = -errno;
    }
    if (status < 0) {
        (void)unlink(temporary);
    }
    return status;
}

int seep_output_file(const char *path, const struct seep_buf *bytes,
                     struct seep_error *error)
{
    struct stat existing;
    bool special = stat(path, &existing) == 0 && !S_ISREG(existing.st_mode);
    int status = special ? write_special(path, bytes) : write_beside(path, bytes);

    return status < 0 ? seep_error_set(error, status, "cannot write %s: %s", path,
                                       strerrordesc_np(-status))
                      : 0;
}
