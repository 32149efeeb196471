/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_VERBOSE_H
#define SEEP_SHIM_VERBOSE_H

#include "seep/kinds.h"

/* Says on standard error, in one line, that this process is not recorded and why; only
 * when the environment has a SEEP_VERBOSE that is neither empty nor "0".
 *
 * Allocates: no; one write. Thread-safety: any thread (reads the environment).
 */
void seep_verbose_off(enum seep_off_reason reason);

#endif
