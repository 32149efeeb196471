/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_DWARF_EXPRESSION_H
#define SEEP_SHIM_DWARF_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"

/* A frame's registers by DWARF number, the program counter last. */
struct seep_registers {
    uintptr_t value[SEEP_ARCH_DWARF_REGISTERS];
    uint32_t known; /* bit per register */
};

static inline bool seep_register_known(const struct seep_registers *registers,
                                       uint64_t number)
{
    return number < SEEP_ARCH_DWARF_REGISTERS && (registers->known >> number & 1) != 0;
}

/* Loads `bytes` (1..8) from any address into *value. Returns: false when it must not be
 * read. */
typedef bool seep_expression_load(void *context, uintptr_t address, uint32_t bytes,
                                  uintptr_t *value);

/* Evaluates a DWARF expression of call frame information.
 *
 * at, end:    borrowed; its bytes.
 * registers:  borrowed; of the frame whose caller is sought.
 * initial:    what lies on its stack at the start; NULL: nothing (a CFA's expression).
 * load:       reads memory for it, given `context`.
 * value:      out.
 * Returns: 0; -EPROTO for what is malformed, not known, or longer than its bounds (32
 * values on the stack, 1,000 steps); -EFAULT when memory or a register cannot be read.
 * Thread-safety: async-signal-safe. Allocates: no.
 * Source: DWARF 5, section 2.5; operations 0x03 to 0x96 that make sense without a
 * symbol table.
 */
struct seep_expression {
    const uint8_t *at, *end;
    const struct seep_registers *registers;
    const uintptr_t *initial;
    seep_expression_load *load;
    void *context;
};
int seep_dwarf_expression(const struct seep_expression *expression, uintptr_t *value);

#endif
