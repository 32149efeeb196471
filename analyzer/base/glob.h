/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_GLOB_H
#define SEEP_ANALYZER_BASE_GLOB_H

#include <stdbool.h>

/* Whether a whole text fits a pattern: `*` is any characters, `?` one byte, all else
 * itself. A slash is a character like others.
 *
 * pattern, text: borrowed, NUL-terminated.
 * Thread-safety: pure. Allocates: no. Cost: O(pattern x text) at worst.
 */
bool seep_glob_fits(const char *pattern, const char *text);

/* LeakSanitizer's patterns: found anywhere in the text; `^` in front and `$` at the end
 * anchor; `*` is any characters; `?` is itself. An empty text never fits.
 *
 * Cost: as above. Source: compiler-rt, sanitizer_common.cpp, TemplateMatch; which, unlike
 * this, takes the first place of each piece alone, so that "o$" misses "foo".
 */
bool seep_glob_finds(const char *pattern, const char *text);

#endif
