/* The table of fixes and the text that selects them.
 *
 * A fix is data, a list of settings, and no branch in the code: what a limit means stays
 * in the part that has it, and a fix that is off is a configuration like any other.
 * Rejected: an `if (fixes_off)` in each part, which would be a second program to test.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/fixes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct pma_fix fixes[] = {
#define PMA_FIX_ROW(value, name, subsystem, faults, limits, what)                        \
    {value, name, subsystem, faults, limits, what},
    PMA_FIXES(PMA_FIX_ROW)
#undef PMA_FIX_ROW
};

#define FIXES_COUNT (sizeof fixes / sizeof fixes[0])

#define PMA_FIX_CHECK(value, name, subsystem, faults, limits, what)                      \
    _Static_assert((value) < PMA_FIXES_END, name " is no bit of a mask");
PMA_FIXES(PMA_FIX_CHECK)
#undef PMA_FIX_CHECK

const struct pma_fix *pma_fixes(size_t *count)
{
    *count = FIXES_COUNT;
    return fixes;
}

static bool is_word(const char *word, size_t word_bytes, const char *expected)
{
    return strlen(expected) == word_bytes && strncmp(word, expected, word_bytes) == 0;
}

static uint64_t every_fix(void)
{
    uint64_t all = 0;
    for (size_t i = 0; i < FIXES_COUNT; i++) {
        all |= (uint64_t)1 << fixes[i].bit;
    }
    return all;
}

/* The bit of a fix's name; 0 when there is none of that name. */
static uint64_t find(const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < FIXES_COUNT; i++) {
        if (is_word(name, name_bytes, fixes[i].name)) {
            return (uint64_t)1 << fixes[i].bit;
        }
    }
    return 0;
}

static bool take_word(const char *word, size_t word_bytes, uint64_t *off)
{
    if (is_word(word, word_bytes, "on") || is_word(word, word_bytes, "off")) {
        *off = word_bytes == 3 ? every_fix() : 0;
        return true;
    }
    if (word[0] != '-' && word[0] != '+') {
        return false;
    }
    const uint64_t bit = find(word + 1, word_bytes - 1);
    *off = word[0] == '-' ? *off | bit : *off & ~bit;
    return bit != 0;
}

static void explain(const char *word, size_t word_bytes, char *why, size_t why_bytes)
{
    int used =
        snprintf(why, why_bytes,
                 "\"%.*s\" is not on, off, or - or + and one of:", (int)word_bytes, word);
    for (size_t i = 0; i < FIXES_COUNT && used > 0 && (size_t)used < why_bytes; i++) {
        used += snprintf(why + used, why_bytes - (size_t)used, " %s", fixes[i].name);
    }
}

int pma_fixes_parse(const char *text, uint64_t *off, char *why, size_t why_bytes)
{
    uint64_t mask = *off;
    const char *at = text + strspn(text, ", ");
    if (*at == '\0') {
        explain(text, strlen(text), why, why_bytes);
        return -EINVAL;
    }
    while (*at != '\0') {
        const size_t word_bytes = strcspn(at, ", ");
        if (!take_word(at, word_bytes, &mask)) {
            explain(at, word_bytes < 40 ? word_bytes : 40, why, why_bytes);
            return -EINVAL;
        }
        at += word_bytes;
        at += strspn(at, ", ");
    }
    *off = mask;
    return 0;
}

void pma_fix_each_word(const char *list,
                       void (*visit)(void *arg, const char *word, size_t word_bytes),
                       void *arg)
{
    for (const char *at = list + strspn(list, " "); *at != '\0';) {
        const size_t word_bytes = strcspn(at, " ");
        visit(arg, at, word_bytes);
        at += word_bytes;
        at += strspn(at, " ");
    }
}
