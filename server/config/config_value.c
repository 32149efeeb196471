/* Parsing of scalars.
 *
 * strtoull and strtod accept signs, spaces, hex and "infinity"; a configuration that
 * means something else than it says is worse than one that is refused. So the form is
 * checked by hand, and only then converted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_value.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit duration_units[] = {
    {"ns", 1.0}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
};

static const struct unit byte_units[] = {
    {"", 1.0},           {"B", 1.0},           {"K", 1024.0},         {"KB", 1024.0},
    {"KiB", 1024.0},     {"M", 1048576.0},     {"MB", 1048576.0},     {"MiB", 1048576.0},
    {"G", 1073741824.0}, {"GB", 1073741824.0}, {"GiB", 1073741824.0},
};

/* Reads "12" or "12.5" at *at and moves it behind. Up to 15 digits: exact in a double. */
static bool take_number(const char **at, double *number)
{
    const char *from = *at;
    const size_t whole = strspn(from, "0123456789");
    size_t length = whole;
    size_t fraction = 0;
    if (from[whole] == '.') {
        fraction = strspn(from + whole + 1, "0123456789");
        if (fraction == 0) {
            return false;
        }
        length += 1 + fraction;
    }
    if (whole == 0 || whole + fraction > 15) {
        return false;
    }
    char copy[20];
    memcpy(copy, from, length);
    copy[length] = '\0';
    *number = strtod(copy, NULL);
    *at = from + length;
    return true;
}

static const struct unit *find_unit(const struct unit *units, size_t units_count,
                                    const char *name, size_t name_length)
{
    for (size_t i = 0; i < units_count; i++) {
        if (strlen(units[i].name) == name_length &&
            strncmp(units[i].name, name, name_length) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

int pma_parse_duration(const char *text, uint64_t *ns)
{
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return 0;
    }
    double total = 0;
    const char *at = text;
    do {
        double number = 0;
        if (!take_number(&at, &number)) {
            return -EINVAL;
        }
        const size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz");
        const struct unit *unit = find_unit(
            duration_units, sizeof duration_units / sizeof duration_units[0], at, length);
        if (unit == NULL) {
            return -EINVAL;
        }
        total += number * unit->factor;
        at += length;
    } while (*at != '\0');
    if (total > 1e18) {
        return -ERANGE;
    }
    *ns = (uint64_t)llround(total);
    return 0;
}

int pma_parse_bytes(const char *text, uint64_t *bytes)
{
    double number = 0;
    const char *at = text;
    if (!take_number(&at, &number)) {
        return -EINVAL;
    }
    at += strspn(at, " ");
    const struct unit *unit =
        find_unit(byte_units, sizeof byte_units / sizeof byte_units[0], at, strlen(at));
    if (unit == NULL) {
        return -EINVAL;
    }
    if (number * unit->factor > 1e18) {
        return -ERANGE;
    }
    *bytes = (uint64_t)llround(number * unit->factor);
    return 0;
}

int pma_parse_count(const char *text, uint64_t *count)
{
    const size_t length = strspn(text, "0123456789");
    if (length == 0 || text[length] != '\0') {
        return -EINVAL;
    }
    if (length > 18) {
        return -ERANGE;
    }
    *count = strtoull(text, NULL, 10);
    return 0;
}

int pma_parse_real(const char *text, double *real)
{
    double number = 0;
    const char *at = text;
    if (!take_number(&at, &number) || *at != '\0') {
        return -EINVAL;
    }
    *real = number;
    return 0;
}

int pma_parse_bool(const char *text, bool *truth)
{
    static const struct {
        const char *name;
        bool truth;
    } names[] = {{"true", true},   {"on", true},   {"yes", true},
                 {"false", false}, {"off", false}, {"no", false}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i].name) == 0) {
            *truth = names[i].truth;
            return 0;
        }
    }
    return -EINVAL;
}
