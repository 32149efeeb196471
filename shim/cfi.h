/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_CFI_H
#define SEEP_SHIM_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* One row of a call frame table, as far as stepping needs it. */
enum seep_cfi_cfa { SEEP_CFI_CFA_REGISTER, SEEP_CFI_CFA_FP_DEREF, SEEP_CFI_CFA_OTHER };
enum seep_cfi_save {
    SEEP_CFI_SAME,
    SEEP_CFI_AT_CFA,
    SEEP_CFI_AT_FP,
    SEEP_CFI_UNDEFINED,
    SEEP_CFI_OTHER
};

struct seep_cfi_row {
    enum seep_cfi_cfa cfa;
    uint64_t cfa_register; /* DWARF number; for CFA_REGISTER */
    int64_t cfa_offset;    /* bytes; for CFA_REGISTER and CFA_FP_DEREF */
    enum seep_cfi_save fp; /* where the caller's frame pointer is */
    int64_t fp_offset;     /* bytes; for AT_CFA and AT_FP */
    enum seep_cfi_save ra; /* AT_CFA (at ra_offset) or UNDEFINED, else not steppable */
    int64_t ra_offset;
    bool sp_saved; /* the stack pointer itself has a rule other than the CFA */
    bool signal;   /* the frame of a signal handler's return */
};

/* The row that holds at `pc`, from a module's .eh_frame_hdr.
 *
 * eh_frame_hdr:  borrowed; as mapped in this process.
 * Returns: 0; -ENOENT no entry covers pc; -EPROTO malformed or an instruction not known.
 * Thread-safety: pure reads of mapped memory; async-signal-safe. Allocates: no.
 */
int seep_cfi_row_at(const uint8_t *eh_frame_hdr, uintptr_t pc, struct seep_cfi_row *row);

#endif
