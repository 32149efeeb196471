/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_CHILDREN_H
#define SEEP_SHIM_CHILDREN_H

#include <stdbool.h>

/* Whether SEEP_OPTIONS says no-children. */
bool seep_children_are_off(void);

/* Whether this process is a child that no-children leaves out: SEEP_OPTIONS names another
 * process as the one to record. */
bool seep_children_left_out(void);

/* With no-children, once per program image: writes this process into SEEP_OPTIONS as the
 * one to record, or, in a child, takes the library out of LD_PRELOAD.
 *
 * Thread-safety: before main only (changes `environ`). Allocates: no.
 */
void seep_children_start(void);

#endif
