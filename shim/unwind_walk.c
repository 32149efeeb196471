/* Frame after frame by compact rules.
 *
 * Design: the registers that matter are two, stack pointer and frame pointer, so a step
 * is a table look-up, an addition and one or two loads. Words on the thread's own stack
 * above its present stack pointer are readable and loaded directly; on any other stack
 * (coroutines, sigaltstack) the page is first shown to the kernel, so that a wild pointer
 * ends the stack and not the host.
 *
 * I1: within one stack the CFA rises strictly; only a signal frame may lead to another
 * stack.
 *
 * SPDX-License-Identifier: MIT
 */
#include "unwind_walk.h"

#include <errno.h>

#include "arch.h"
#include "life.h"

enum { PAGE_SHIFT = 12, WORD_BYTES = 8, NO_SUCH_HOW = 99, ENTRY_BYTES = 64 };

struct walk {
    struct seep_self *self;
    bool cached;
    uintptr_t sp, fp;
    uintptr_t pc;      /* key of the present frame */
    uintptr_t own_low; /* [own_low, self->stack_high) is readable; empty range on a
                          foreign stack */
    uintptr_t page;    /* last page of a foreign stack found readable */
};

const struct seep_rule *seep_unwind_rule(struct seep_self *self, bool cached,
                                         uintptr_t key, struct seep_rule *scratch)
{
    struct seep_rule *set = NULL;

    if (!cached) {
        seep_unwind_rules_build(key, scratch);
        return scratch;
    }
    set = self->rules[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 55];
    if (__builtin_expect(set[0].key == key, 1)) {
        return &set[0];
    }
    if (set[1].key != key) {
        set[1] = set[0]; /* the older one goes */
        seep_unwind_rules_build(key, &set[0]);
        return &set[0];
    }
    return &set[1];
}
_Static_assert(SEEP_SELF_RULE_SETS == 1 << (64 - 55), "the hash above gives an index");

/* Whether the kernel can read the page: an invalid `how` makes the call read its mask and
 * then refuse. Source: kernel/signal.c, sys_rt_sigprocmask: copy_from_user comes before
 * the check of `how`. */
static bool page_readable(uintptr_t address)
{
    return seep_arch_syscall4(SYS_rt_sigprocmask, NO_SUCH_HOW, address & ~(uintptr_t)7, 0,
                              8) != -EFAULT;
}

static inline __attribute__((always_inline)) bool load(struct walk *walk,
                                                       uintptr_t address, uintptr_t *word)
{
    if ((address & (WORD_BYTES - 1)) != 0) {
        return false;
    }
    if (address < walk->own_low || address > walk->self->stack_high - WORD_BYTES) {
        if (walk->own_low != UINTPTR_MAX || address < WORD_BYTES) {
            return false; /* off our own stack without a signal frame */
        }
        if (address >> PAGE_SHIFT != walk->page) {
            if (!page_readable(address)) {
                return false;
            }
            walk->page = address >> PAGE_SHIFT;
        }
    }
    *word = *(const uintptr_t *)address;
    return true;
}

/* Says which words may be loaded from now on: sp has moved to this stack. */
static void enter_stack(struct walk *walk, uintptr_t sp)
{
    bool own = sp >= walk->self->stack_low && sp < walk->self->stack_high;

    walk->own_low = own ? sp : UINTPTR_MAX;
    walk->page = UINTPTR_MAX;
    walk->sp = sp;
}

/* Over a signal frame: all registers are in it. */
static uint32_t step_signal(struct walk *walk)
{
    uintptr_t sp = 0;
    uintptr_t fp = 0;
    uintptr_t pc = 0;

    if (!load(walk, walk->sp + SEEP_ARCH_SIGNAL_SP, &sp) ||
        !load(walk, walk->sp + SEEP_ARCH_SIGNAL_FP, &fp) ||
        !load(walk, walk->sp + SEEP_ARCH_SIGNAL_PC, &pc)) {
        return SEEP_NODE_BAD_FRAME;
    }
    enter_stack(walk, sp);
    walk->fp = fp;
    walk->pc = pc + 1;
    return SEEP_NODE_NONE;
}

static inline __attribute__((always_inline)) bool
find_cfa(struct walk *walk, const struct seep_rule *rule, uintptr_t *cfa)
{
    switch (rule->kind) {
    case SEEP_RULE_SP:
        *cfa = walk->sp + (uintptr_t)(intptr_t)rule->cfa_offset;
        return true;
    case SEEP_RULE_FP:
        *cfa = walk->fp + (uintptr_t)(intptr_t)rule->cfa_offset;
        return true;
    default:
        return load(walk, walk->fp + (uintptr_t)(intptr_t)rule->cfa_offset, cfa);
    }
}

/* To the caller. Returns: SEEP_NODE_NONE, or how the stack ends. */
static inline __attribute__((always_inline)) uint32_t step(struct walk *walk,
                                                           const struct seep_rule *rule)
{
    uintptr_t cfa = 0;
    uintptr_t fp = walk->fp;
    uintptr_t pc = 0;

    if (!find_cfa(walk, rule, &cfa) || cfa <= walk->sp) {
        return SEEP_NODE_BAD_FRAME;
    }
    if (rule->fp != SEEP_RULE_FP_SAME) {
        uintptr_t base = rule->fp == SEEP_RULE_FP_AT_CFA ? cfa : walk->fp;

        if (!load(walk, base + (uintptr_t)((intptr_t)rule->fp_words * WORD_BYTES), &fp)) {
            return SEEP_NODE_BAD_FRAME;
        }
    }
    if (!load(walk, cfa - WORD_BYTES, &pc)) {
        return SEEP_NODE_BAD_FRAME;
    }
    walk->sp = cfa;
    walk->fp = fp;
    walk->pc = pc;
    return pc == 0 ? SEEP_NODE_COMPLETE : SEEP_NODE_NONE;
}

/* The loader's own first frame has no rules: nothing lies above it but the arguments. */
static bool at_process_entry(const struct walk *walk)
{
    uintptr_t end = seep_life_main_stack_end();

    return walk->sp < end && end - walk->sp <= ENTRY_BYTES;
}

static inline __attribute__((always_inline)) uint32_t leave(struct walk *walk,
                                                            const struct seep_rule *rule)
{
    switch (rule->kind) {
    case SEEP_RULE_SIGNAL:
        return step_signal(walk);
    case SEEP_RULE_END:
        return SEEP_NODE_COMPLETE;
    case SEEP_RULE_MISSING:
        return at_process_entry(walk) ? SEEP_NODE_COMPLETE : SEEP_NODE_NO_RULE;
    case SEEP_RULE_UNSUPPORTED:
        return SEEP_NODE_UNSUPPORTED;
    default:
        return step(walk, rule);
    }
}

uint32_t seep_unwind_walk(struct seep_self *self, bool cached, uintptr_t sp, uintptr_t fp,
                          uint64_t *frames, uint32_t *count)
{
    struct walk walk = {.self = self, .cached = cached, .fp = fp};
    struct seep_rule scratch;
    uint64_t exact = 0;
    uint32_t n = 0;
    uint32_t end = SEEP_NODE_NONE;

    enter_stack(&walk, sp);
    if (!load(&walk, sp, &walk.pc)) {
        end = SEEP_NODE_BAD_FRAME;
    }
    walk.sp = sp + WORD_BYTES;
    while (end == SEEP_NODE_NONE) {
        const struct seep_rule *rule = seep_unwind_rule(self, cached, walk.pc, &scratch);

        if (n == SEEP_STACK_MAX_FRAMES) {
            end = SEEP_NODE_DEEP;
            break;
        }
        frames[n++] = walk.pc | exact;
        exact = rule->kind == SEEP_RULE_SIGNAL ? SEEP_FRAME_EXACT : 0;
        end = leave(&walk, rule);
    }
    *count = n;
    return end;
}
