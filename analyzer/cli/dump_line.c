/* Numbers beyond 63 bits, which no sound recording has, become reals. Text that is not
 * UTF-8 has its stray bytes replaced by U+FFFD: JSON has no other bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/dump_line.h"

#include <stdlib.h>
#include <string.h>

json_t *seep_dump_number(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value)
                              : json_real((double)value);
}

/* Bytes of the UTF-8 character at `at`; 0 when it is none. json_stringn is the judge. */
static size_t character_bytes(const char *at)
{
    for (size_t n = 1; n <= 4 && at[n - 1] != '\0'; n++) {
        json_t *value = json_stringn(at, n);

        if (value != NULL) {
            json_decref(value);
            return n;
        }
    }
    return 0;
}

json_t *seep_dump_text(const char *bytes)
{
    json_t *value = json_string(bytes);
    char *clean = NULL;
    size_t n = 0;

    if (value != NULL) {
        return value;
    }
    clean = malloc(strlen(bytes) * 3 + 1);
    if (clean == NULL) {
        return NULL;
    }
    while (*bytes != '\0') {
        size_t len = character_bytes(bytes);
        const char *from = len != 0 ? bytes : "\xef\xbf\xbd";
        size_t from_bytes = len != 0 ? len : 3;

        memcpy(clean + n, from, from_bytes);
        n += from_bytes;
        bytes += len != 0 ? len : 1;
    }
    value = json_stringn(clean, n);
    free(clean);
    return value;
}

/* Sets a member, taking the value; NULL means that memory was out when it was made. */
void seep_dump_put(struct seep_dump *d, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        d->no_memory = true;
    }
}

void seep_dump_put_number(struct seep_dump *d, json_t *object, const char *key,
                          uint64_t value)
{
    seep_dump_put(d, object, key, seep_dump_number(value));
}

void seep_dump_put_text(struct seep_dump *d, json_t *object, const char *key,
                        const char *value)
{
    seep_dump_put(d, object, key, seep_dump_text(value));
}

void seep_dump_append(struct seep_dump *d, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        d->no_memory = true;
    }
}

json_t *seep_dump_new_line(struct seep_dump *d, const char *type)
{
    json_t *line = json_object();

    seep_dump_put(d, line, "type", json_string(type));
    return line;
}

/* Writes and frees a line. */
void seep_dump_write_line(struct seep_dump *d, json_t *line)
{
    if (!d->no_memory && !ferror(d->out)) {
        (void)json_dumpf(line, d->out, JSON_COMPACT);
        (void)fputc('\n', d->out);
    }
    json_decref(line);
}

bool seep_dump_stopped(const struct seep_dump *d)
{
    return d->no_memory || ferror(d->out) != 0;
}
