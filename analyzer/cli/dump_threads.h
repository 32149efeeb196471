/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_DUMP_THREADS_H
#define SEEP_ANALYZER_CLI_DUMP_THREADS_H

#include "cli/dump_line.h"

/* Lines of type thread, wait and lifetime. */
void seep_dump_threads(struct seep_dump *d);

#endif
