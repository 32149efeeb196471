/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_CFI_FULL_H
#define SEEP_SHIM_CFI_FULL_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"

/* Where the caller's value of a register is. */
enum seep_cfi_how {
    SEEP_CFI_FULL_SAME = 0, /* unchanged; of the stack pointer: the CFA */
    SEEP_CFI_FULL_UNDEFINED = 1,
    SEEP_CFI_FULL_AT_CFA = 2,        /* saved at CFA + value */
    SEEP_CFI_FULL_CFA = 3,           /* is CFA + value */
    SEEP_CFI_FULL_REGISTER = 4,      /* in register `reg`; of the CFA: reg + value */
    SEEP_CFI_FULL_AT_EXPRESSION = 5, /* saved where an expression says */
    SEEP_CFI_FULL_EXPRESSION = 6     /* is what an expression says */
};

/* value: bytes; of an expression: where it is, from .eh_frame_hdr, with its length
 * before it. */
struct seep_cfi_place {
    uint8_t how; /* enum seep_cfi_how */
    uint8_t reg;
    int32_t value;
};

/* A whole row of a call frame table. */
struct seep_cfi_full_row {
    struct seep_cfi_place cfa; /* REGISTER or EXPRESSION */
    struct seep_cfi_place places[SEEP_ARCH_DWARF_REGISTERS];
    bool signal; /* the frame of a signal handler's return */
};

/* The row that holds at `pc`, for all registers. As seep_cfi_row_at, which see; also
 * -EPROTO where states are remembered more than four deep or a register number is not of
 * this processor's general ones and matters.
 */
int seep_cfi_full_row_at(const uint8_t *eh_frame_hdr, uintptr_t pc,
                         struct seep_cfi_full_row *row);

#endif
