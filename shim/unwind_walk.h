/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_UNWIND_WALK_H
#define SEEP_SHIM_UNWIND_WALK_H

#include <stdint.h>

#include "guard.h"
#include "rule_cache.h"
#include "stack_read.h"
#include "walk_frame.h"

/* Walks the calling thread's stack from a wrapped function's entry to its end.
 *
 * sp, fp:  stack pointer at entry (the word there is the return address) and frame
 * pointer. frames:  out; room for SEEP_STACK_MAX_FRAMES; innermost first. count:   out;
 * frames written. Returns: how the stack ends: SEEP_NODE_COMPLETE, _DEEP, _NO_RULE,
 * _BAD_FRAME or _UNSUPPORTED. Thread-safety: owner thread; async-signal-safe. Allocates:
 * no. Never faults on a wild pointer.
 */
uint32_t seep_unwind_walk(const struct seep_self *self, uintptr_t sp, uintptr_t fp,
                          uint64_t *frames, uint32_t *count);

/* Where a walk is: in the frame whose key is pc, entered with sp and fp. */
struct seep_walk {
    uintptr_t sp, fp, pc;
    struct seep_stack_view view;
};

/* The words that one step has read, beside the return address at CFA - 8. */
struct seep_step {
    uintptr_t fp_at;    /* where the caller's frame pointer was; 0 = not read */
    uintptr_t deref_at; /* the word that the CFA was taken from; 0 = none */
};

/* Whether the rule's step needs the frame pointer's value to find its words. */
static inline bool seep_rule_uses_fp(struct seep_rule rule)
{
    enum seep_rule_kind kind = seep_rule_kind(rule);

    return kind == SEEP_RULE_FP || kind == SEEP_RULE_FP_DEREF ||
           seep_rule_fp(rule) == SEEP_RULE_FP_AT_FP;
}

/* To the caller, by a rule of kind SP, FP or FP_DEREF.
 *
 * step:  out.
 * Returns: SEEP_NODE_NONE, or how the stack ends.
 */
static inline __attribute__((always_inline)) uint32_t
seep_walk_step(struct seep_walk *walk, struct seep_rule rule, struct seep_step *step)
{
    uintptr_t cfa = (seep_rule_kind(rule) == SEEP_RULE_SP ? walk->sp : walk->fp) +
                    (uintptr_t)seep_rule_cfa_offset(rule);
    uintptr_t fp = walk->fp;

    *step = (struct seep_step){0, 0};
    if (__builtin_expect(seep_rule_kind(rule) == SEEP_RULE_FP_DEREF, 0)) {
        step->deref_at = cfa;
        if (!seep_stack_load(&walk->view, cfa, &cfa)) {
            return SEEP_NODE_BAD_FRAME;
        }
    }
    if (__builtin_expect(cfa <= walk->sp, 0)) {
        return SEEP_NODE_BAD_FRAME;
    }
    if (seep_rule_fp(rule) != SEEP_RULE_FP_SAME) {
        step->fp_at = (seep_rule_fp(rule) == SEEP_RULE_FP_AT_CFA ? cfa : walk->fp) +
                      (uintptr_t)seep_rule_fp_bytes(rule);
        if (!seep_stack_load(&walk->view, step->fp_at, &fp)) {
            return SEEP_NODE_BAD_FRAME;
        }
    }
    if (!seep_stack_load(&walk->view, cfa - SEEP_WORD_BYTES, &walk->pc)) {
        return SEEP_NODE_BAD_FRAME;
    }
    walk->sp = cfa;
    walk->fp = fp;
    return walk->pc == 0 ? SEEP_NODE_COMPLETE : SEEP_NODE_NONE;
}

/* The kind of end that a rule is which leads no further: END, MISSING, UNSUPPORTED. */
uint32_t seep_walk_end(const struct seep_walk *walk, struct seep_rule rule);

#endif
