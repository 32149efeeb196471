/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_UNWIND_RULES_H
#define SEEP_SHIM_UNWIND_RULES_H

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
    SEEP_RULE_FP_AT_CFA = 1, /* saved at CFA + fp_words * 8 */
    SEEP_RULE_FP_AT_FP = 2   /* saved at fp + fp_words * 8 */
};

/* The rule of one code address, 32 bytes. The return address is always at CFA - 8. */
struct seep_rule {
    uintptr_t key;      /* address + 1: a return address stands for the call before it */
    uint64_t offset;    /* key - the module's load base, or key itself without a module */
    int32_t cfa_offset; /* bytes */
    int16_t fp_words;   /* words of 8 bytes */
    uint8_t kind;       /* enum seep_rule_kind */
    uint8_t fp;         /* enum seep_rule_fp */
    uint32_t module;    /* module id; 0 = none */
    uint32_t pad;
};
_Static_assert(sizeof(struct seep_rule) == 32, "two to a cache line");

/* Finds the loader's look-up function. Returns: 0; -ENOSYS when this C library has none.
 * Call once, early. */
int seep_unwind_rules_init(void);

/* Builds the rule for the instruction before `key` from .eh_frame, and names its module.
 *
 * rule:  out; always filled (kind MISSING or UNSUPPORTED at worst).
 * Thread-safety: any thread; async-signal-safe; takes no lock. Allocates: no.
 * Cost: a binary search and the interpretation of one function's call frame instructions.
 * Source: DWARF 5, section 6.4; Linux Standard Base, .eh_frame and .eh_frame_hdr.
 */
void seep_unwind_rules_build(uintptr_t key, struct seep_rule *rule);

#endif
