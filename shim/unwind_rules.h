/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_UNWIND_RULES_H
#define SEEP_SHIM_UNWIND_RULES_H

#include <stdbool.h>
#include <stdint.h>

/* How to step from one frame to its caller. */
enum seep_rule_kind {
    SEEP_RULE_NONE = 0,
    SEEP_RULE_SP = 1,         /* CFA = sp + cfa_offset */
    SEEP_RULE_FP = 2,         /* CFA = fp + cfa_offset */
    SEEP_RULE_FP_DEREF = 3,   /* CFA = word at fp + cfa_offset */
    SEEP_RULE_SIGNAL = 4,     /* registers are in the signal frame at sp */
    SEEP_RULE_END = 5,        /* return address undefined: the outermost frame */
    SEEP_RULE_MISSING = 6,    /* no unwind information for this address */
    SEEP_RULE_UNSUPPORTED = 7 /* information that these rules cannot express */
};

enum seep_rule_fp {
    SEEP_RULE_FP_SAME = 0,   /* the caller's frame pointer is unchanged */
    SEEP_RULE_FP_AT_CFA = 1, /* saved at CFA + fp_bytes */
    SEEP_RULE_FP_AT_FP = 2   /* saved at fp + fp_bytes */
};

/* The rule of one code address in a word; the return address is always at CFA - 8.
 * 63..32 cfa_offset, signed bytes | 31..8 fp_bytes, signed | 7..3 fp | 2..0 kind */
struct seep_rule {
    uint64_t word;
};

static inline enum seep_rule_kind seep_rule_kind(struct seep_rule rule)
{
    return (enum seep_rule_kind)(rule.word & 7);
}
static inline enum seep_rule_fp seep_rule_fp(struct seep_rule rule)
{
    return (enum seep_rule_fp)(rule.word >> 3 & 31);
}
static inline intptr_t seep_rule_fp_bytes(struct seep_rule rule)
{
    return (int32_t)rule.word >> 8;
}
static inline intptr_t seep_rule_cfa_offset(struct seep_rule rule)
{
    return (int64_t)rule.word >> 32;
}

/* Finds the loader's look-up function. Returns: 0; -ENOSYS when this C library has none.
 * Call once, early. */
int seep_unwind_rules_init(void);

/* Builds the rule for the instruction before `key` from .eh_frame.
 *
 * key:  return address, or interrupted address + 1: the call before it is looked up.
 * Returns: the rule; kind MISSING or UNSUPPORTED at worst.
 * Thread-safety: any thread; async-signal-safe; takes no lock. Allocates: no.
 * Cost: a binary search and the interpretation of one function's call frame instructions.
 * Source: DWARF 5, section 6.4; Linux Standard Base, .eh_frame and .eh_frame_hdr.
 */
struct seep_rule seep_unwind_rules_build(uintptr_t key);

/* The .eh_frame_hdr of the module that holds `pc`; NULL when there is none. As
 * seep_unwind_rules_build. */
const uint8_t *seep_unwind_rules_eh_frame(uintptr_t pc);

/* Where a module lies, and its id. */
struct seep_module_range {
    uintptr_t start, end; /* mapped range; empty: not a module's */
    uintptr_t base;       /* load address */
    uint32_t id;          /* module id; 0 = none */
};

/* The module of a code address. Returns: false when it is in none; `range` is then {0}.
 * As seep_unwind_rules_build. */
bool seep_unwind_rules_module(uintptr_t key, struct seep_module_range *range);

#endif
