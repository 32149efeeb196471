/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_CFI_H
#define SEEP_SHIM_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* One row of a call frame table, as far as stepping needs it. Small: sixteen of them lie
 * on the stack of whoever allocates (remember_state). */
enum seep_cfi_cfa {
    SEEP_CFI_CFA_REGISTER,
    SEEP_CFI_CFA_FP_DEREF,
    SEEP_CFI_CFA_OTHER
} __attribute__((packed));
enum seep_cfi_save {
    SEEP_CFI_SAME,
    SEEP_CFI_AT_CFA,
    SEEP_CFI_AT_FP,
    SEEP_CFI_UNDEFINED,
    SEEP_CFI_OTHER
} __attribute__((packed));

struct seep_cfi_row {
    enum seep_cfi_cfa cfa;
    enum seep_cfi_save fp; /* where the caller's frame pointer is */
    enum seep_cfi_save ra; /* AT_CFA (at ra_offset) or UNDEFINED, else not steppable */
    bool sp_saved : 1;     /* the stack pointer itself has a rule other than the CFA */
    bool signal : 1;       /* the frame of a signal handler's return */
    uint32_t cfa_register; /* DWARF number; for CFA_REGISTER */
    int32_t cfa_offset;    /* bytes; for CFA_REGISTER and CFA_FP_DEREF */
    int32_t fp_offset;     /* bytes; for AT_CFA and AT_FP */
    int32_t ra_offset;
};
_Static_assert(sizeof(struct seep_cfi_row) == 20, "sixteen of them are on the stack");

/* The row that holds at `pc`, from a module's .eh_frame_hdr.
 *
 * eh_frame_hdr:  borrowed; as mapped in this process.
 * Returns: 0; -ENOENT no entry covers pc; -EPROTO malformed or an instruction not known.
 * Thread-safety: pure reads of mapped memory; async-signal-safe. Allocates: no.
 */
int seep_cfi_row_at(const uint8_t *eh_frame_hdr, uintptr_t pc, struct seep_cfi_row *row);

#endif
