/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_DUMP_LINE_H
#define SEEP_ANALYZER_CLI_DUMP_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "load/recording.h"
#include "load/symbol.h"

/* JSON lines in the making: values, members, and the line that goes out. Lack of memory
 * is noted once, in the dump, and looked at in the end. */
struct seep_dump {
    const struct seep_recording *recording;
    struct seep_symbolizer *symbolizer; /* NULL: no names */
    FILE *out;
    bool no_memory;
};

/* New values, owned by the caller; NULL when memory is out. */
json_t *seep_dump_number(uint64_t value);
json_t *seep_dump_text(const char *bytes);

/* Sets a member, taking the value; NULL means that memory was out when it was made. */
void seep_dump_put(struct seep_dump *d, json_t *object, const char *key, json_t *value);
void seep_dump_put_number(struct seep_dump *d, json_t *object, const char *key,
                          uint64_t value);
void seep_dump_put_text(struct seep_dump *d, json_t *object, const char *key,
                        const char *value);
/* Takes the value. */
void seep_dump_append(struct seep_dump *d, json_t *array, json_t *value);

/* A line of its own, told apart by "type". */
json_t *seep_dump_new_line(struct seep_dump *d, const char *type);
/* Writes and frees a line. */
void seep_dump_write_line(struct seep_dump *d, json_t *line);

/* Whether there is no sense in going on. */
bool seep_dump_stopped(const struct seep_dump *d);

#endif
