/* no-children: the process is recorded, what it starts is not.
 *
 * Problem: a child that execs and a process that replaces itself look alike to the new
 * image, and in both the environment is all that is handed on. Design: the first image
 * writes its pid into its own SEEP_OPTIONS (main-pid=N); an image that finds another pid
 * there is a child's. Taking LD_PRELOAD out of the environment at once was rejected: a
 * launcher (env, nice, a shell's exec) would lose the program that it becomes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "children.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "text.h"

enum { OPTIONS_BYTES = 1024, PID_BYTES = 16 };

static char marked[OPTIONS_BYTES]; /* an entry of `environ` */

bool seep_children_are_off(void)
{
    const char *options = getenv("SEEP_OPTIONS");

    return options != NULL && strstr(options, "no-children") != NULL;
}

static void own_pid(char text[PID_BYTES])
{
    struct seep_text out = {text, 0, PID_BYTES};

    seep_text_put_number(&out, (uint64_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0));
}

/* Whether SEEP_OPTIONS names a process to record; 0 is none. */
static bool main_is_named(char named[PID_BYTES])
{
    return seep_text_option("main-pid", named, PID_BYTES) && strcmp(named, "0") != 0;
}

bool seep_children_left_out(void)
{
    char named[PID_BYTES];
    char own[PID_BYTES];

    own_pid(own);
    return seep_children_are_off() && main_is_named(named) && strcmp(named, own) != 0;
}

static void hide_from_children(void)
{
    char **to = environ;

    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, "LD_PRELOAD=", 11) != 0 || strstr(*at, "libseep.so") == NULL) {
            *to++ = *at;
        }
    }
    if (to != NULL) {
        *to = NULL;
    }
}

/* Returns: false when there is no room for it. */
static bool write_own_pid(void)
{
    struct seep_text text = {marked, 0, sizeof(marked)};
    char own[PID_BYTES];

    own_pid(own);
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, "SEEP_OPTIONS=", 13) != 0) {
            continue;
        }
        if (strlen(*at) + PID_BYTES + 16 > sizeof(marked)) {
            return false;
        }
        seep_text_put(&text, *at);
        seep_text_put(&text, ",main-pid=");
        seep_text_put(&text, own);
        *at = marked;
        return true;
    }
    return false;
}

void seep_children_start(void)
{
    char named[PID_BYTES];

    if (seep_children_are_off() &&
        (seep_children_left_out() || (!main_is_named(named) && !write_own_pid()))) {
        hide_from_children();
    }
}
