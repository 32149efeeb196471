/* Frame after frame by compact rules.
 *
 * Design: the registers that matter are two, stack pointer and frame pointer, so a step
 * is a table look-up, an addition and one or two loads.
 *
 * I1: within one stack the CFA rises strictly; only a signal frame may lead to another
 * stack.
 *
 * SPDX-License-Identifier: MIT
 */
#include "unwind_walk.h"

#include "arch.h"
#include "life.h"

enum { ENTRY_BYTES = 64 };

/* Over a signal frame: all registers are in it. */
static uint32_t step_signal(struct seep_walk *walk, const struct seep_self *self)
{
    uintptr_t sp = 0;
    uintptr_t fp = 0;
    uintptr_t pc = 0;

    if (!seep_stack_load(&walk->view, walk->sp + SEEP_ARCH_SIGNAL_SP, &sp) ||
        !seep_stack_load(&walk->view, walk->sp + SEEP_ARCH_SIGNAL_FP, &fp) ||
        !seep_stack_load(&walk->view, walk->sp + SEEP_ARCH_SIGNAL_PC, &pc)) {
        return SEEP_NODE_BAD_FRAME;
    }
    seep_stack_view_enter(&walk->view, self->stack_low, self->stack_high, sp);
    walk->sp = sp;
    walk->fp = fp;
    walk->pc = pc + 1;
    return SEEP_NODE_NONE;
}

/* The loader's own first frame has no rules: nothing lies above it but the arguments. */
static bool at_process_entry(const struct seep_walk *walk)
{
    uintptr_t end = seep_life_main_stack_end();

    return walk->sp < end && end - walk->sp <= ENTRY_BYTES;
}

uint32_t seep_walk_end(const struct seep_walk *walk, struct seep_rule rule)
{
    switch (seep_rule_kind(rule)) {
    case SEEP_RULE_END:
        return SEEP_NODE_COMPLETE;
    case SEEP_RULE_UNSUPPORTED:
        return SEEP_NODE_UNSUPPORTED;
    default:
        return at_process_entry(walk) ? SEEP_NODE_COMPLETE : SEEP_NODE_NO_RULE;
    }
}

static uint32_t leave(struct seep_walk *walk, const struct seep_self *self,
                      struct seep_rule rule)
{
    struct seep_step step;

    switch (seep_rule_kind(rule)) {
    case SEEP_RULE_SP:
    case SEEP_RULE_FP:
    case SEEP_RULE_FP_DEREF:
        return seep_walk_step(walk, rule, &step);
    case SEEP_RULE_SIGNAL:
        return step_signal(walk, self);
    default:
        return seep_walk_end(walk, rule);
    }
}

uint32_t seep_unwind_walk(const struct seep_self *self, uintptr_t sp, uintptr_t fp,
                          uint64_t *frames, uint32_t *count)
{
    struct seep_walk walk = {.sp = sp + SEEP_WORD_BYTES, .fp = fp};
    uint64_t exact = 0;
    uint32_t n = 0;
    uint32_t end = SEEP_NODE_NONE;

    seep_stack_view_enter(&walk.view, self->stack_low, self->stack_high, sp);
    if (!seep_stack_load(&walk.view, sp, &walk.pc)) {
        end = SEEP_NODE_BAD_FRAME;
    }
    while (end == SEEP_NODE_NONE) {
        struct seep_rule rule = seep_rule_of(walk.pc);

        if (n == SEEP_STACK_MAX_FRAMES) {
            end = SEEP_NODE_DEEP;
            break;
        }
        frames[n++] = walk.pc | exact;
        exact = seep_rule_kind(rule) == SEEP_RULE_SIGNAL ? SEEP_FRAME_EXACT : 0;
        end = leave(&walk, self, rule);
    }
    *count = n;
    return end;
}
