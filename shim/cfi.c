/* Call frame information: from .eh_frame bytes to the row that holds at one address.
 *
 * Design: a function's instructions are interpreted up to the address, for three
 * registers only: stack pointer, frame pointer, return address. Others matter only to
 * frames whose CFA hangs on them, which the caller marks as unsupported (cfi_full.c has
 * them all). A general interpreter with all registers was rejected for this path: rules
 * made here are cached per address and must fit in a few bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cfi.h"

#include <errno.h>
#include <stddef.h>

#include "arch.h"
#include "cfi_entry.h"

enum {
    REMEMBER_MAX = 16,
    EXPRESSION_BREG_FP = 0x70 + SEEP_ARCH_DWARF_FP,
    EXPRESSION_DEREF = 0x06
};

static void save_register(struct seep_cfi_row *row, uint64_t reg,
                          enum seep_cfi_save where, int64_t offset)
{
    if (offset != (int32_t)offset) {
        where = SEEP_CFI_OTHER; /* no frame is that large */
    }
    if (reg == SEEP_ARCH_DWARF_FP) {
        row->fp = where;
        row->fp_offset = (int32_t)offset;
    } else if (reg == SEEP_ARCH_DWARF_RA) {
        row->ra = where;
        row->ra_offset = (int32_t)offset;
    } else if (reg == SEEP_ARCH_DWARF_SP) {
        row->sp_saved = where != SEEP_CFI_SAME;
    }
}

static void restore_register(struct seep_cfi_row *row, const struct seep_cfi_row *initial,
                             uint64_t reg)
{
    if (reg == SEEP_ARCH_DWARF_FP) {
        row->fp = initial->fp;
        row->fp_offset = initial->fp_offset;
    } else if (reg == SEEP_ARCH_DWARF_RA) {
        row->ra = initial->ra;
        row->ra_offset = initial->ra_offset;
    } else if (reg == SEEP_ARCH_DWARF_SP) {
        row->sp_saved = initial->sp_saved;
    }
}

/* "fp + offset", optionally dereferenced, is all that compilers emit for frames
 * over-aligned by hand. */
static bool fp_expression(struct seep_cfi_reader *reader, bool deref, int64_t *offset)
{
    struct seep_cfi_reader body = seep_cfi_block(reader);
    bool simple = false;

    if (seep_cfi_fixed(&body, 1) == EXPRESSION_BREG_FP) {
        *offset = seep_cfi_sleb(&body);
        simple = !deref || seep_cfi_fixed(&body, 1) == EXPRESSION_DEREF;
    }
    return simple && !body.failed && body.at == body.end;
}

struct machine {
    struct seep_cfi_row row;
    struct seep_cfi_row initial;
    struct seep_cfi_row remembered[REMEMBER_MAX];
    size_t depth;
    uintptr_t location;
    const struct seep_cfi_entry *entry;
};

static void define_cfa(struct machine *machine, enum seep_cfi_cfa how, uint64_t reg,
                       int64_t offset)
{
    bool fits = offset == (int32_t)offset && reg == (uint32_t)reg;

    machine->row.cfa = fits ? how : SEEP_CFI_CFA_OTHER;
    machine->row.cfa_register = (uint32_t)reg;
    machine->row.cfa_offset = (int32_t)offset;
}

/* Instructions that change the CFA. Returns: whether op was one. */
static bool step_cfa(struct machine *machine, uint8_t op, struct seep_cfi_reader *reader)
{
    int64_t align = machine->entry->data_align;
    uint64_t reg = 0;
    int64_t offset = 0;
    bool simple = false;

    switch (op) {
    case SEEP_CFI_OP_DEF_CFA:
        reg = seep_cfi_uleb(reader);
        define_cfa(machine, SEEP_CFI_CFA_REGISTER, reg, (int64_t)seep_cfi_uleb(reader));
        return true;
    case SEEP_CFI_OP_DEF_CFA_SF:
        reg = seep_cfi_uleb(reader);
        define_cfa(machine, SEEP_CFI_CFA_REGISTER, reg, seep_cfi_sleb(reader) * align);
        return true;
    case SEEP_CFI_OP_DEF_CFA_REGISTER:
        define_cfa(machine, machine->row.cfa, seep_cfi_uleb(reader),
                   machine->row.cfa_offset);
        return true;
    case SEEP_CFI_OP_DEF_CFA_OFFSET:
        define_cfa(machine, machine->row.cfa, machine->row.cfa_register,
                   (int64_t)seep_cfi_uleb(reader));
        return true;
    case SEEP_CFI_OP_DEF_CFA_OFFSET_SF:
        define_cfa(machine, machine->row.cfa, machine->row.cfa_register,
                   seep_cfi_sleb(reader) * align);
        return true;
    case SEEP_CFI_OP_DEF_CFA_EXPRESSION:
        simple = fp_expression(reader, true, &offset);
        define_cfa(machine, simple ? SEEP_CFI_CFA_FP_DEREF : SEEP_CFI_CFA_OTHER, 0,
                   offset);
        return true;
    default:
        return false;
    }
}

/* Instructions that say where a register is. Returns: whether op was one. */
static bool step_register(struct machine *machine, uint8_t op,
                          struct seep_cfi_reader *reader)
{
    int64_t align = machine->entry->data_align;
    uint64_t reg = seep_cfi_uleb(reader);
    int64_t offset = 0;

    switch (op) {
    case SEEP_CFI_OP_OFFSET_EXTENDED:
        save_register(&machine->row, reg, SEEP_CFI_AT_CFA,
                      (int64_t)seep_cfi_uleb(reader) * align);
        return true;
    case SEEP_CFI_OP_OFFSET_EXTENDED_SF:
        save_register(&machine->row, reg, SEEP_CFI_AT_CFA, seep_cfi_sleb(reader) * align);
        return true;
    case SEEP_CFI_OP_RESTORE_EXTENDED:
        restore_register(&machine->row, &machine->initial, reg);
        return true;
    case SEEP_CFI_OP_UNDEFINED:
        save_register(&machine->row, reg, SEEP_CFI_UNDEFINED, 0);
        return true;
    case SEEP_CFI_OP_SAME_VALUE:
        save_register(&machine->row, reg, SEEP_CFI_SAME, 0);
        return true;
    case SEEP_CFI_OP_REGISTER:
    case SEEP_CFI_OP_VAL_OFFSET:
        (void)seep_cfi_uleb(reader);
        save_register(&machine->row, reg, SEEP_CFI_OTHER, 0);
        return true;
    case SEEP_CFI_OP_VAL_OFFSET_SF:
        (void)seep_cfi_sleb(reader);
        save_register(&machine->row, reg, SEEP_CFI_OTHER, 0);
        return true;
    case SEEP_CFI_OP_EXPRESSION:
    case SEEP_CFI_OP_VAL_EXPRESSION:
        save_register(&machine->row, reg,
                      fp_expression(reader, false, &offset) &&
                              op == SEEP_CFI_OP_EXPRESSION
                          ? SEEP_CFI_AT_FP
                          : SEEP_CFI_OTHER,
                      offset);
        return true;
    default:
        return false;
    }
}

/* Location and stack instructions, and the rest. Returns: 0; -EPROTO. */
static int step_other(struct machine *machine, uint8_t op, struct seep_cfi_reader *reader)
{
    uint64_t align = machine->entry->code_align;

    switch (op) {
    case SEEP_CFI_OP_NOP:
        return 0;
    case SEEP_CFI_OP_SET_LOC:
        machine->location = seep_cfi_encoded(reader, machine->entry->encoding, 0);
        return 0;
    case SEEP_CFI_OP_ADVANCE1:
        machine->location += seep_cfi_fixed(reader, 1) * align;
        return 0;
    case SEEP_CFI_OP_ADVANCE2:
        machine->location += seep_cfi_fixed(reader, 2) * align;
        return 0;
    case SEEP_CFI_OP_ADVANCE4:
        machine->location += seep_cfi_fixed(reader, 4) * align;
        return 0;
    case SEEP_CFI_OP_REMEMBER:
        if (machine->depth == REMEMBER_MAX) {
            return -EPROTO;
        }
        machine->remembered[machine->depth++] = machine->row;
        return 0;
    case SEEP_CFI_OP_RECALL:
        if (machine->depth == 0) {
            return -EPROTO;
        }
        machine->row = machine->remembered[--machine->depth];
        return 0;
    case SEEP_CFI_OP_GNU_ARGS_SIZE:
        (void)seep_cfi_uleb(reader);
        return 0;
    default:
        return -EPROTO;
    }
}

/* Runs instructions until the location passes pc. Returns: 0; -EPROTO. */
static int run(struct machine *machine, struct seep_cfi_reader reader, uintptr_t pc)
{
    int result = 0;

    while (reader.at < reader.end && result == 0 && !reader.failed &&
           machine->location <= pc) {
        uint8_t op = (uint8_t)seep_cfi_fixed(&reader, 1);
        uint8_t low = op & SEEP_CFI_OP_LOW;

        if ((op & SEEP_CFI_OP_HIGH) == SEEP_CFI_OP_ADVANCE) {
            machine->location += low * machine->entry->code_align;
        } else if ((op & SEEP_CFI_OP_HIGH) == SEEP_CFI_OP_OFFSET) {
            save_register(&machine->row, low, SEEP_CFI_AT_CFA,
                          (int64_t)seep_cfi_uleb(&reader) * machine->entry->data_align);
        } else if ((op & SEEP_CFI_OP_HIGH) == SEEP_CFI_OP_RESTORE) {
            restore_register(&machine->row, &machine->initial, low);
        } else if (op >= SEEP_CFI_OP_DEF_CFA && op <= SEEP_CFI_OP_DEF_CFA_EXPRESSION) {
            (void)step_cfa(machine, op, &reader);
        } else if (op == SEEP_CFI_OP_DEF_CFA_SF || op == SEEP_CFI_OP_DEF_CFA_OFFSET_SF) {
            (void)step_cfa(machine, op, &reader);
        } else if ((op >= SEEP_CFI_OP_OFFSET_EXTENDED && op <= SEEP_CFI_OP_REGISTER) ||
                   (op >= SEEP_CFI_OP_EXPRESSION && op <= SEEP_CFI_OP_VAL_EXPRESSION)) {
            (void)step_register(machine, op, &reader);
        } else {
            result = step_other(machine, op, &reader);
        }
    }
    return reader.failed ? -EPROTO : result;
}

int seep_cfi_row_at(const uint8_t *eh_frame_hdr, uintptr_t pc, struct seep_cfi_row *row)
{
    struct seep_cfi_entry entry;
    struct machine machine = {.entry = &entry};
    int result = seep_cfi_entry_at(eh_frame_hdr, pc, &entry);

    if (result < 0) {
        return result;
    }
    if (run(&machine, entry.common, UINTPTR_MAX) < 0) {
        return -EPROTO;
    }
    machine.initial = machine.row;
    machine.location = entry.begin;
    if (run(&machine, entry.own, pc) < 0) {
        return -EPROTO;
    }
    *row = machine.row;
    row->signal = entry.signal;
    return 0;
}
