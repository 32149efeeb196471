/* Frame after frame by whole rows, with all general registers.
 *
 * Design: our own walk and not libunwind, which takes the lock of dl_iterate_phdr,
 * allocates on first use, may deadlock after a fork and trusts a stale cache after
 * dlclose. The stubs hand over the stack and the frame pointer alone; the other registers
 * are read here, in the middle of our own code, and our own frames are unwound by their
 * own .eh_frame up to the wrapped function: at its entry they are what its caller had.
 *
 * I1: on one stack the CFA rises strictly. A step to another stack must be one that
 * unwind information asks for (a signal frame, a CFA from elsewhere than the stack
 * pointer) and must arrive at code with unwind information; SWITCHES_MAX bound them.
 * I2: every load is of the thread's own stack or of a page that the kernel finds
 * readable.
 *
 * SPDX-License-Identifier: MIT
 */
#include "unwind_slow.h"

#include <errno.h>
#include <stddef.h>

#include "arch.h"
#include "cfi_entry.h"
#include "cfi_full.h"
#include "dwarf_expression.h"
#include "stack_read.h"
#include "unwind_rules.h"
#include "unwind_walk.h"

enum { OWN_FRAMES_MAX = 32, SWITCHES_MAX = 16 };

struct slow {
    const struct seep_self *self;
    struct seep_registers registers; /* of the frame that the walk is in */
    bool exact;                      /* its pc was interrupted, it is no return address */
    uint32_t switches;
    uintptr_t hdr; /* of the frame's module */
    struct seep_stack_view own;
    struct seep_stack_view elsewhere;
};

static uintptr_t sp_of(const struct slow *slow)
{
    return slow->registers.value[SEEP_ARCH_DWARF_SP];
}

static uintptr_t pc_of(const struct slow *slow)
{
    return slow->registers.value[SEEP_ARCH_DWARF_RA];
}

static bool load_word(struct slow *slow, uintptr_t address, uintptr_t *word)
{
    return seep_stack_load(&slow->own, address, word) ||
           seep_stack_load_far(&slow->elsewhere, address, word);
}

/* seep_expression_load: any alignment, little endian. */
static bool load(void *context, uintptr_t address, uint32_t bytes, uintptr_t *value)
{
    uintptr_t offset = address % SEEP_WORD_BYTES;
    uintptr_t low = 0;
    uintptr_t high = 0;

    if (!load_word(context, address - offset, &low)) {
        return false;
    }
    if (offset + bytes > SEEP_WORD_BYTES &&
        !load_word(context, address - offset + SEEP_WORD_BYTES, &high)) {
        return false;
    }
    low >>= offset * 8;
    if (offset != 0) {
        low |= high << (SEEP_WORD_BYTES - offset) * 8;
    }
    *value = bytes < SEEP_WORD_BYTES ? low & ((UINT64_C(1) << bytes * 8) - 1) : low;
    return true;
}

static int evaluate(struct slow *slow, int32_t where, const uintptr_t *initial,
                    uintptr_t *value)
{
    /* Its length has been read before, within its record. */
    struct seep_cfi_reader reader = {.at = (const uint8_t *)slow->hdr + where,
                                     .end = (const uint8_t *)UINTPTR_MAX};
    struct seep_cfi_reader body = seep_cfi_block(&reader);
    struct seep_expression expression = {.at = body.at,
                                         .end = body.end,
                                         .registers = &slow->registers,
                                         .initial = initial,
                                         .load = load,
                                         .context = slow};

    return seep_dwarf_expression(&expression, value);
}

static int find_cfa(struct slow *slow, const struct seep_cfi_place *place, uintptr_t *cfa)
{
    if (place->how == SEEP_CFI_FULL_EXPRESSION) {
        return evaluate(slow, place->value, NULL, cfa);
    }
    if (place->how != SEEP_CFI_FULL_REGISTER) {
        return -EPROTO;
    }
    if (!seep_register_known(&slow->registers, place->reg)) {
        return -EFAULT;
    }
    *cfa = slow->registers.value[place->reg] + (uintptr_t)(intptr_t)place->value;
    return 0;
}

/* The caller's value of one register. Returns: 0; -ENODATA when it is lost; -EFAULT,
 * -EPROTO. */
static int find_register(struct slow *slow, uint32_t number,
                         const struct seep_cfi_place *place, uintptr_t cfa,
                         uintptr_t *value)
{
    uintptr_t at = cfa + (uintptr_t)(intptr_t)place->value;
    uint32_t from = place->how == SEEP_CFI_FULL_REGISTER ? place->reg : number;
    int result = 0;

    switch (place->how) {
    case SEEP_CFI_FULL_SAME:
        if (number == SEEP_ARCH_DWARF_SP) {
            *value = cfa;
            return 0;
        }
        __attribute__((fallthrough));
    case SEEP_CFI_FULL_REGISTER:
        *value = slow->registers.value[from];
        return seep_register_known(&slow->registers, from) ? 0 : -ENODATA;
    case SEEP_CFI_FULL_CFA:
        *value = at;
        return 0;
    case SEEP_CFI_FULL_EXPRESSION:
        return evaluate(slow, place->value, &cfa, value);
    case SEEP_CFI_FULL_AT_EXPRESSION:
        result = evaluate(slow, place->value, &cfa, &at);
        if (result < 0) {
            return result;
        }
        __attribute__((fallthrough));
    case SEEP_CFI_FULL_AT_CFA:
        return load(slow, at, SEEP_WORD_BYTES, value) ? 0 : -EFAULT;
    default:
        return -ENODATA;
    }
}

static uint32_t end_of(int result)
{
    return result == -EPROTO ? SEEP_NODE_UNSUPPORTED : SEEP_NODE_BAD_FRAME;
}

/* What the walk takes for another stack than the one it is on. */
static bool leaves_stack(const struct slow *slow, uintptr_t sp)
{
    return sp <= sp_of(slow) || (slow->own.low != UINTPTR_MAX && sp > slow->own.high);
}

/* The row of the frame that the walk is in. Returns: SEEP_NODE_NONE, or how the stack
 * ends. */
static uint32_t find_row(struct slow *slow, struct seep_cfi_full_row *row)
{
    uintptr_t pc = pc_of(slow) - !slow->exact;
    struct seep_walk here = {.sp = sp_of(slow)};
    struct seep_rule missing = {SEEP_RULE_MISSING};
    const uint8_t *hdr = seep_unwind_rules_eh_frame(pc);
    int result = hdr != NULL ? seep_cfi_full_row_at(hdr, pc, row) : -ENOENT;

    slow->hdr = (uintptr_t)hdr;
    if (result == -ENOENT) {
        if (hdr != NULL && seep_cfi_begins_at(hdr, pc + 1)) {
            return SEEP_NODE_COMPLETE; /* as seep_unwind_rules_build */
        }
        return seep_walk_end(&here, missing);
    }
    return result < 0 ? SEEP_NODE_UNSUPPORTED : SEEP_NODE_NONE;
}

/* I1. Returns: whether the walk may go on with the caller's registers. */
static bool may_enter(struct slow *slow, const struct seep_cfi_full_row *row,
                      const struct seep_registers *caller)
{
    uintptr_t sp = caller->value[SEEP_ARCH_DWARF_SP];
    uintptr_t pc = caller->value[SEEP_ARCH_DWARF_RA];
    bool by_sp =
        row->cfa.how == SEEP_CFI_FULL_REGISTER && row->cfa.reg == SEEP_ARCH_DWARF_SP;

    if (!row->signal && !leaves_stack(slow, sp)) {
        return true;
    }
    if (!row->signal && (by_sp || seep_unwind_rules_eh_frame(pc - 1) == NULL)) {
        return false;
    }
    seep_stack_view_enter(&slow->own, slow->self->stack_low, slow->self->stack_high, sp);
    return ++slow->switches <= SWITCHES_MAX;
}

/* To the caller. Returns: SEEP_NODE_NONE, or how the stack ends. */
static uint32_t step(struct slow *slow)
{
    struct seep_cfi_full_row row = {.signal = false};
    struct seep_registers caller = {.known = 0};
    uintptr_t cfa = 0;
    uint32_t end = find_row(slow, &row);
    int result = 0;

    if (end != SEEP_NODE_NONE) {
        return end;
    }
    if (row.places[SEEP_ARCH_DWARF_RA].how == SEEP_CFI_FULL_UNDEFINED) {
        return SEEP_NODE_COMPLETE;
    }
    result = find_cfa(slow, &row.cfa, &cfa);
    for (uint32_t i = 0; i < SEEP_ARCH_DWARF_REGISTERS && result == 0; i++) {
        result = find_register(slow, i, &row.places[i], cfa, &caller.value[i]);
        caller.known |= (uint32_t)(result == 0) << i;
        result = result == -ENODATA ? 0 : result;
    }
    if (result < 0) {
        return end_of(result);
    }
    if (!seep_register_known(&caller, SEEP_ARCH_DWARF_RA) ||
        !seep_register_known(&caller, SEEP_ARCH_DWARF_SP)) {
        return SEEP_NODE_UNSUPPORTED;
    }
    if (!may_enter(slow, &row, &caller)) {
        return SEEP_NODE_BAD_FRAME;
    }
    slow->registers = caller;
    slow->exact = row.signal;
    return pc_of(slow) == 0 ? SEEP_NODE_COMPLETE : SEEP_NODE_NONE;
}

/* Up to the wrapped function's caller. Returns: whether it was reached. */
static bool leave_own_frames(struct slow *slow, uintptr_t sp)
{
    for (uint32_t i = 0; i < OWN_FRAMES_MAX && sp_of(slow) <= sp; i++) {
        if (step(slow) != SEEP_NODE_NONE) {
            return false;
        }
    }
    return sp_of(slow) == sp + SEEP_WORD_BYTES;
}

__attribute__((noinline)) uint32_t seep_unwind_slow(const struct seep_self *self,
                                                    uintptr_t sp, uint64_t *frames,
                                                    uint32_t *count, uint32_t otherwise)
{
    struct slow slow = {.self = self, .exact = true};
    uint32_t n = 0;
    uint32_t end = SEEP_NODE_NONE;

    slow.registers.known = seep_arch_registers_here(slow.registers.value);
    seep_stack_view_enter(&slow.own, self->stack_low, self->stack_high, sp_of(&slow));
    seep_stack_view_enter(&slow.elsewhere, UINTPTR_MAX, 0, 0);
    if (!leave_own_frames(&slow, sp)) {
        return otherwise;
    }
    while (end == SEEP_NODE_NONE) {
        if (n == SEEP_STACK_MAX_FRAMES) {
            end = SEEP_NODE_DEEP;
            break;
        }
        frames[n++] = (pc_of(&slow) + slow.exact) | (slow.exact ? SEEP_FRAME_EXACT : 0);
        end = step(&slow);
    }
    *count = n;
    return end;
}
