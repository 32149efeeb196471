/* Patterns of rule files against names.
 *
 * One loop that goes back to the last star alone: it suffices, since an earlier star can
 * take nothing that the last one could not. fnmatch(3) was rejected: its cost is
 * exponential in the number of stars, and its brackets are characters of C++ names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/glob.h"

#include <stddef.h>
#include <string.h>

struct pattern {
    const char *at, *end;
    bool question;             /* `?` is a wildcard */
    bool open_start, open_end; /* as if a star stood there */
};

static bool fits(const struct pattern *pattern, const char *text)
{
    const char *at = pattern->at;
    const char *star = pattern->open_start ? at : NULL; /* what follows the last one */
    const char *retry = text;

    while (*text != '\0') {
        if (at == pattern->end && pattern->open_end) {
            return true;
        }
        if (at < pattern->end && *at == '*') {
            star = ++at;
            retry = text;
        } else if (at < pattern->end &&
                   (*at == *text || (pattern->question && *at == '?'))) {
            at++;
            text++;
        } else if (star != NULL) {
            at = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (at < pattern->end && *at == '*') {
        at++;
    }
    return at == pattern->end;
}

bool seep_glob_fits(const char *pattern, const char *text)
{
    const struct pattern whole = {
        .at = pattern, .end = pattern + strlen(pattern), .question = true};

    return fits(&whole, text);
}

bool seep_glob_finds(const char *pattern, const char *text)
{
    bool anchored = pattern[0] == '^';
    const char *from = pattern + anchored;
    size_t len = strlen(from);
    bool to_end = len > 0 && from[len - 1] == '$';
    const struct pattern part = {.at = from,
                                 .end = from + len - to_end,
                                 .open_start = !anchored,
                                 .open_end = !to_end};

    return *text != '\0' && fits(&part, text);
}
