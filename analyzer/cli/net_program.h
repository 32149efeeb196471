/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_NET_PROGRAM_H
#define SEEP_ANALYZER_CLI_NET_PROGRAM_H

#include <stdbool.h>

/* Whether `seep ARGUMENT...` is for seep-net: a command, or an option of one, that talks
 * to a network or to a database. Too much is harmless: seep-net does all that seep does.
 * argv: as of main. Pure. */
bool seep_net_is_wanted(int argc, char *const *argv);

/* Becomes seep-net, with the same arguments. Returns: only when that fails, after a line
 * on stderr: SEEP_EXIT_FAILED. */
int seep_net_become(char *const *argv);

#endif
