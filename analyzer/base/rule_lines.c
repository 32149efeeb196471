/* Rule files, line by line.
 *
 * Everything that can be wrong with a file as such is refused here, with its place, so
 * that a grammar has only its own line to look at.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/rule_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(struct seep_error *error, const char *name, size_t number, int code,
                  const char *what)
{
    return seep_error_set(error, code, "%s:%zu: %s", name, number, what);
}

static const char *trim(const char *from, const char *end, const char **trimmed_end)
{
    while (from < end && strchr(" \t\r", *from) != NULL) {
        from++;
    }
    while (end > from && strchr(" \t\r", end[-1]) != NULL) {
        end--;
    }
    *trimmed_end = end;
    return from;
}

int seep_rule_lines_parse(const char *name, const char *bytes, size_t len_bytes,
                          seep_rule_taker *take, void *context, struct seep_error *error)
{
    const char *at = bytes;
    const char *stop = bytes + len_bytes;
    size_t rules = 0;

    for (size_t number = 1; at < stop; number++) {
        const char *newline = memchr(at, '\n', (size_t)(stop - at));
        const char *next = newline != NULL ? newline + 1 : stop;
        const char *end = NULL;
        const char *from = NULL;
        char line[SEEP_RULE_LINE_MAX + 1];
        struct seep_error inner = {0};

        if (memchr(at, '\0', (size_t)(next - at)) != NULL) {
            return refuse(error, name, number, -EINVAL, "a byte 0: is this a text file?");
        }
        from = trim(at, newline != NULL ? newline : stop, &end);
        at = next;
        if (from == end || *from == '#') {
            continue;
        }
        if (end - from > SEEP_RULE_LINE_MAX) {
            return refuse(error, name, number, -EINVAL, "longer than 1,000 bytes");
        }
        if (++rules > SEEP_RULES_MAX) {
            return refuse(error, name, number, -EINVAL, "more than 10,000 rules");
        }
        memcpy(line, from, (size_t)(end - from));
        line[end - from] = '\0';
        int status = take(context, line, number, &inner);

        if (status < 0) {
            return refuse(error, name, number, status, inner.message);
        }
    }
    return 0;
}

int seep_rule_lines_read(const char *path, seep_rule_taker *take, void *context,
                         struct seep_error *error)
{
    FILE *file = fopen(path, "re");
    char *bytes = NULL;
    size_t n = 0;
    int status = 0;

    if (file == NULL) {
        status = -errno;
        return seep_error_set(error, status, "cannot read %s: %s", path,
                              strerrordesc_np(-status));
    }
    bytes = malloc(SEEP_RULES_BYTES_MAX + 1);
    if (bytes == NULL) {
        status = seep_error_set(error, -ENOMEM, "%s: out of memory", path);
        goto fail_memory;
    }
    errno = 0;
    n = fread(bytes, 1, SEEP_RULES_BYTES_MAX + 1, file);
    if (ferror(file) != 0) {
        status = errno != 0 ? -errno : -EIO;
        status = seep_error_set(error, status, "cannot read %s: %s", path,
                                strerrordesc_np(-status));
    } else if (n > SEEP_RULES_BYTES_MAX) {
        status = seep_error_set(error, -EFBIG, "%s: larger than 1 MiB", path);
    } else {
        status = seep_rule_lines_parse(path, bytes, n, take, context, error);
    }
    free(bytes);
fail_memory:
    (void)fclose(file);
    return status;
}
