/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_NEWCOMER_H
#define SEEP_ANALYZER_COLLECT_NEWCOMER_H

#include <stdbool.h>
#include <stdint.h>

/* Processes that may still hand over a segment: born of the program, not recorded yet. */
struct seep_newcomers {
    const char *socket_name; /* borrowed; as their environment names it */
    uint64_t since_ticks;    /* nobody is older; field 22 of proc(5)'s stat; 0 unknown */
    uint32_t suspect;        /* pid that the last search ended with; 0 none */
};

/* Whether some process may come that is not recorded now.
 *
 * To be asked while no process is recorded. Whoever came before the call and has ended
 * since waits in the listening socket's queue: look there after a false.
 *
 * Returns: false when nobody can; true also when /proc cannot say.
 * Cost: a few microseconds per process of the machine; the last suspect alone as long as
 * it is one.
 */
bool seep_newcomers_expected(struct seep_newcomers *newcomers);

#endif
