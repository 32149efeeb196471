/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_MEMO_LEARN_H
#define SEEP_SHIM_MEMO_LEARN_H

#include <stdint.h>

#include "guard.h"
#include "stackmemo.h"

/* Considers the stack that was just taken (self->last) for remembering: one that was
 * missed twice of late is, others now and then.
 *
 * Returns: its entry; NULL when it is not remembered. Owner thread, at nest 1.
 */
struct seep_memo_entry *seep_memo_learn(struct seep_self *self, uintptr_t sp,
                                        uintptr_t fp);

#endif
