/* A subset of JSON schema, with messages for people.
 *
 * The same schema that is listed to clients and language models is the one that arguments
 * are checked against, so the two cannot drift apart. Chosen: an interpreter of the few
 * keywords that tools use. Rejected: a schema library; those that Debian has are C++ or
 * bring a regex engine for keywords that none of our tools needs, and their messages
 * speak of schema paths, which a model that has to correct its call cannot use.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX  16
#define PATH_BYTES 160

/* One check of one value; `path` names the part that is looked at. */
struct check {
    char path[PATH_BYTES];
    char *why; /* borrowed */
    size_t why_bytes;
};

static int check_value(struct check *check, const json_t *schema, const json_t *value,
                       unsigned depth);

__attribute__((format(printf, 2, 3))) static int fail(struct check *check,
                                                      const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(check->why, check->why_bytes, "%s %s", check->path, text);
    return -EINVAL;
}

static const char *describe_type(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a truth value";
    case JSON_NULL:
    default:
        return "null";
    }
}

static const char *describe_name(const char *type)
{
    static const char *const names[][2] = {
        {"object", "an object"}, {"array", "an array"},
        {"string", "a text"},    {"integer", "a whole number"},
        {"number", "a number"},  {"boolean", "a truth value (true or false)"},
        {"null", "null"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], type) == 0) {
            return names[i][1];
        }
    }
    return type;
}

static bool is_of_type(const json_t *value, const char *type)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return strcmp(type, "object") == 0;
    case JSON_ARRAY:
        return strcmp(type, "array") == 0;
    case JSON_STRING:
        return strcmp(type, "string") == 0;
    case JSON_INTEGER:
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    case JSON_REAL:
        return strcmp(type, "number") == 0;
    case JSON_TRUE:
    case JSON_FALSE:
        return strcmp(type, "boolean") == 0;
    case JSON_NULL:
        return strcmp(type, "null") == 0;
    default:
        return false;
    }
}

static int check_type(struct check *check, const json_t *type, const json_t *value)
{
    if (json_is_string(type)) {
        return is_of_type(value, json_string_value(type))
                   ? 0
                   : fail(check, "must be %s, not %s",
                          describe_name(json_string_value(type)), describe_type(value));
    }
    size_t at = 0;
    const json_t *one = NULL;
    char allowed[120] = "";
    json_array_foreach(type, at, one)
    {
        const char *name = json_string_value(one);
        if (name == NULL || is_of_type(value, name)) {
            return 0;
        }
        const size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", at > 0 ? " or " : "",
                 describe_name(name));
    }
    return allowed[0] == '\0'
               ? 0
               : fail(check, "must be %s, not %s", allowed, describe_type(value));
}

static int check_enum(struct check *check, const json_t *allowed, const json_t *value)
{
    size_t at = 0;
    json_t *one = NULL;
    char texts[140] = "";
    json_array_foreach(allowed, at, one)
    {
        if (json_equal(one, value)) {
            return 0;
        }
        const size_t used = strlen(texts);
        char *text = json_dumps(one, JSON_COMPACT | JSON_ENCODE_ANY);
        snprintf(texts + used, sizeof texts - used, "%s%s", at > 0 ? ", " : "",
                 text != NULL ? text : "?");
        free(text);
    }
    return fail(check, "must be one of %s", texts);
}

static int check_text(struct check *check, const json_t *schema, const json_t *value)
{
    const json_t *least = json_object_get(schema, "minLength");
    const json_t *most = json_object_get(schema, "maxLength");
    const json_int_t length = (json_int_t)json_string_length(value);
    if (json_is_integer(least) && length < json_integer_value(least)) {
        return length == 0
                   ? fail(check, "must not be empty")
                   : fail(check, "must have at least %lld bytes, it has %lld",
                          (long long)json_integer_value(least), (long long)length);
    }
    if (json_is_integer(most) && length > json_integer_value(most)) {
        return fail(check, "must have at most %lld bytes, it has %lld",
                    (long long)json_integer_value(most), (long long)length);
    }
    return 0;
}

static int check_number(struct check *check, const json_t *schema, const json_t *value)
{
    const json_t *least = json_object_get(schema, "minimum");
    const json_t *most = json_object_get(schema, "maximum");
    const double number = json_number_value(value);
    if (json_is_number(least) && number < json_number_value(least)) {
        return fail(check, "must be at least %g, it is %g", json_number_value(least),
                    number);
    }
    if (json_is_number(most) && number > json_number_value(most)) {
        return fail(check, "must be at most %g, it is %g", json_number_value(most),
                    number);
    }
    return 0;
}

/* Checks a part of the value whose name continues the path; the path is restored. */
__attribute__((format(printf, 5, 6))) static int
check_part(struct check *check, const json_t *schema, const json_t *part, unsigned depth,
           const char *format, ...)
{
    const size_t length = strlen(check->path);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->path + length, sizeof check->path - length, format, arguments);
    va_end(arguments);
    const int err = check_value(check, schema, part, depth + 1);
    if (err == 0) {
        check->path[length] = '\0';
    }
    return err;
}

static int check_array(struct check *check, const json_t *schema, const json_t *value,
                       unsigned depth)
{
    const json_t *least = json_object_get(schema, "minItems");
    const json_t *most = json_object_get(schema, "maxItems");
    const json_t *items = json_object_get(schema, "items");
    const json_int_t count = (json_int_t)json_array_size(value);
    if (json_is_integer(least) && count < json_integer_value(least)) {
        return fail(check, "must have at least %lld items, it has %lld",
                    (long long)json_integer_value(least), (long long)count);
    }
    if (json_is_integer(most) && count > json_integer_value(most)) {
        return fail(check, "must have at most %lld items, it has %lld",
                    (long long)json_integer_value(most), (long long)count);
    }
    for (size_t i = 0; json_is_object(items) && i < (size_t)count; i++) {
        const int err =
            check_part(check, items, json_array_get(value, i), depth, "[%zu]", i);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int check_members(struct check *check, const json_t *schema, const json_t *value,
                         unsigned depth)
{
    const json_t *properties = json_object_get(schema, "properties");
    const bool is_closed = json_is_false(json_object_get(schema, "additionalProperties"));
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *known = json_object_get(properties, key);
        if (known == NULL && is_closed) {
            return fail(check, "has no member \"%.60s\"", key);
        }
        if (known == NULL) {
            continue;
        }
        const int err = check_part(check, known, member, depth, ".%.60s", key);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int check_object(struct check *check, const json_t *schema, const json_t *value,
                        unsigned depth)
{
    size_t at = 0;
    const json_t *name = NULL;
    json_array_foreach(json_object_get(schema, "required"), at, name)
    {
        const char *key = json_string_value(name);
        if (key != NULL && json_object_get(value, key) == NULL) {
            return fail(check, "needs the member \"%s\"", key);
        }
    }
    return check_members(check, schema, value, depth);
}

static int check_value(struct check *check, const json_t *schema, const json_t *value,
                       unsigned depth)
{
    const json_t *type = json_object_get(schema, "type");
    const json_t *allowed = json_object_get(schema, "enum");
    if (depth >= DEPTH_MAX) {
        return fail(check, "is nested deeper than %d levels", DEPTH_MAX);
    }
    int err = type != NULL ? check_type(check, type, value) : 0;
    if (err == 0 && json_is_array(allowed)) {
        err = check_enum(check, allowed, value);
    }
    if (err != 0) {
        return err;
    }
    if (json_is_string(value)) {
        return check_text(check, schema, value);
    }
    if (json_is_number(value)) {
        return check_number(check, schema, value);
    }
    if (json_is_array(value)) {
        return check_array(check, schema, value, depth);
    }
    return json_is_object(value) ? check_object(check, schema, value, depth) : 0;
}

int pma_mcp_schema_check(const json_t *schema, const json_t *value, const char *name,
                         char *why, size_t why_bytes)
{
    struct check check = {.why = why, .why_bytes = why_bytes};
    snprintf(check.path, sizeof check.path, "%s", name);
    return check_value(&check, schema, value, 0);
}
