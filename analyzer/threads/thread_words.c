/* Words for threads.
 *
 * Whoever is on call knows pthread_cond_wait, not __futex_abstimed_wait_common64: of the
 * runtime's frames the outermost is the one that the program called. Threads of a pool
 * differ in a number, so names are alike when they are without their digits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "threads/thread_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seep/segment.h"

enum { NAMES_SHOWN = 4, LOOK_MAX = 12 };

const char *seep_thread_state_word(uint32_t table_state, char os_state)
{
    if ((table_state & SEEP_THREAD_ENDED) != 0) {
        const uint32_t done =
            SEEP_THREAD_JOINED | SEEP_THREAD_DETACHED | SEEP_THREAD_FOREIGN;

        return os_state == '\0' && (table_state & done) == 0 ? "ended, not joined"
                                                             : "ended";
    }
    switch (os_state) {
    case 'R':
        return "running";
    case 'S':
        return "blocked";
    case 'D':
        return "uninterruptible";
    case 'T':
        return "stopped";
    case 't':
        return "traced";
    case 'I':
        return "idle";
    default:
        return "unknown";
    }
}

/* Aliases inside of glibc, by what they begin with or are. */
static const char *plain_name(const char *function)
{
    static const char *const prefixes[] = {"__GI_", "__new_", "__libc_", "__old_"};
    static const struct {
        const char *inside, *outside;
    } aliases[] = {
        {"pthread_clockjoin_ex", "pthread_join"},
        {"sem_wait_slow64", "sem_wait"},
        {"clock_nanosleep_time64", "clock_nanosleep"},
    };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(function, prefixes[i], strlen(prefixes[i])) == 0) {
            function += strlen(prefixes[i]);
            break;
        }
    }
    while (*function == '_') {
        function++;
    }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcmp(function, aliases[i].inside) == 0) {
            return aliases[i].outside;
        }
    }
    return function;
}

void seep_thread_call_word(const struct seep_view_frame *frames, size_t count, char *out,
                           size_t out_bytes)
{
    const char *found = "";

    for (size_t i = 0; i < count && i < LOOK_MAX; i++) {
        if (frames[i].role != SEEP_ROLE_RUNTIME) {
            break;
        }
        if (strcmp(frames[i].function, "??") != 0) {
            found = plain_name(frames[i].function);
        }
    }
    if (strcmp(found, "start_thread") == 0 || strncmp(found, "clone", 5) == 0) {
        found = ""; /* the whole stack is the runtime's */
    }
    size_t len = strcspn(found, "@");

    if (len > 2 && strncmp(found + len - 2, "64", 2) == 0) {
        len -= 2; /* of the size of time or of offsets, which nobody wrote */
    }
    (void)snprintf(out, out_bytes, "%.*s", (int)len, found);
}

/* Orders names by their text without digits, then by the numbers in them. */
static int by_kind(const void *left, const void *right)
{
    return strverscmp(*(const char *const *)left, *(const char *const *)right);
}

int seep_thread_name_order(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    while (*a != '\0' || *b != '\0') {
        size_t a_digits = strspn(a, digits);
        size_t b_digits = strspn(b, digits);

        if (a_digits > 0 && b_digits > 0) {
            a += a_digits;
            b += b_digits;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return 0;
}

__attribute__((format(printf, 3, 4))) static void add(char *out, size_t out_bytes,
                                                      const char *format, ...)
{
    size_t used = strlen(out);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out + used, out_bytes - used, format, args);
    va_end(args);
}

static const char *shown(const char *name)
{
    return name[0] != '\0' ? name : "(no name)";
}

int seep_thread_names_words(const char *const *names, size_t n, char *out,
                            size_t out_bytes)
{
    const char **sorted = calloc(n + 1, sizeof(*sorted));
    size_t kinds = 0;

    if (sorted == NULL) {
        return -ENOMEM;
    }
    memcpy(sorted, names, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_kind);
    out[0] = '\0';
    if (n == 0 || sorted[n - 1][0] == '\0') { /* the empty ones come first */
        n = 0;
    }
    for (size_t i = 0; i < n; kinds++) {
        size_t end = i + 1;

        while (end < n && seep_thread_name_order(sorted[i], sorted[end]) == 0) {
            end++;
        }
        if (kinds == NAMES_SHOWN) {
            add(out, out_bytes, ", ...");
            break;
        }
        add(out, out_bytes, "%s%s", kinds > 0 ? ", " : "", shown(sorted[i]));
        if (strcmp(sorted[i], sorted[end - 1]) != 0) {
            add(out, out_bytes, " .. %s", shown(sorted[end - 1]));
        }
        if (end - i > 1) {
            add(out, out_bytes, " (%zu)", end - i);
        }
        i = end;
    }
    free(sorted);
    return 0;
}
