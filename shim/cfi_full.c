/* Call frame instructions, all of them, for all general registers.
 *
 * Design: a table of places that instructions change, as DWARF describes it; what an
 * expression says is evaluated by whoever has registers (unwind_slow.c). Registers
 * beyond the general ones (vectors) are skipped: no address hangs on them.
 *
 * I1: the machine's state is below 1 KiB: it lies on the stack of whoever allocates. So
 * four remembered states must do; compilers nest one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cfi_full.h"

#include <errno.h>
#include <stddef.h>

#include "cfi_entry.h"

enum { REMEMBER_MAX = 4 };

struct table {
    struct seep_cfi_place cfa;
    struct seep_cfi_place places[SEEP_ARCH_DWARF_REGISTERS];
};

struct machine {
    struct table now;
    struct table initial;
    struct table remembered[REMEMBER_MAX];
    uint32_t depth;
    int error; /* 0, or -EPROTO */
    uintptr_t location;
    uintptr_t hdr;
    const struct seep_cfi_entry *entry;
};
_Static_assert(sizeof(struct machine) <= 1024, "I1");

static void put(struct machine *machine, uint64_t reg, enum seep_cfi_how how,
                int64_t value)
{
    if (reg >= SEEP_ARCH_DWARF_REGISTERS) {
        return;
    }
    if (value != (int32_t)value) {
        machine->error = -EPROTO; /* no frame is that large */
        return;
    }
    machine->now.places[reg] =
        (struct seep_cfi_place){.how = (uint8_t)how, .value = (int32_t)value};
}

static void put_register(struct machine *machine, uint64_t reg, uint64_t other)
{
    if (other >= SEEP_ARCH_DWARF_REGISTERS) {
        put(machine, reg, SEEP_CFI_FULL_UNDEFINED, 0);
    } else if (reg < SEEP_ARCH_DWARF_REGISTERS) {
        machine->now.places[reg] =
            (struct seep_cfi_place){.how = SEEP_CFI_FULL_REGISTER, .reg = (uint8_t)other};
    }
}

static void restore(struct machine *machine, uint64_t reg)
{
    if (reg < SEEP_ARCH_DWARF_REGISTERS) {
        machine->now.places[reg] = machine->initial.places[reg];
    }
}

/* Notes where an expression begins and goes past it. */
static int64_t expression(struct machine *machine, struct seep_cfi_reader *reader)
{
    int64_t at = (int64_t)((uintptr_t)reader->at - machine->hdr);

    (void)seep_cfi_block(reader);
    return at;
}

static void define_cfa(struct machine *machine, enum seep_cfi_how how, uint64_t reg,
                       int64_t value)
{
    if (reg >= SEEP_ARCH_DWARF_REGISTERS || value != (int32_t)value) {
        machine->error = -EPROTO;
        return;
    }
    machine->now.cfa = (struct seep_cfi_place){
        .how = (uint8_t)how, .reg = (uint8_t)reg, .value = (int32_t)value};
}

/* Instructions that change the CFA. Returns: whether op was one. */
static bool step_cfa(struct machine *machine, uint8_t op, struct seep_cfi_reader *reader)
{
    int64_t align = machine->entry->data_align;
    const struct seep_cfi_place *cfa = &machine->now.cfa;
    uint64_t reg = 0;

    switch (op) {
    case SEEP_CFI_OP_DEF_CFA:
        reg = seep_cfi_uleb(reader);
        define_cfa(machine, SEEP_CFI_FULL_REGISTER, reg, (int64_t)seep_cfi_uleb(reader));
        return true;
    case SEEP_CFI_OP_DEF_CFA_SF:
        reg = seep_cfi_uleb(reader);
        define_cfa(machine, SEEP_CFI_FULL_REGISTER, reg, seep_cfi_sleb(reader) * align);
        return true;
    case SEEP_CFI_OP_DEF_CFA_REGISTER:
        define_cfa(machine, (enum seep_cfi_how)cfa->how, seep_cfi_uleb(reader),
                   cfa->value);
        return true;
    case SEEP_CFI_OP_DEF_CFA_OFFSET:
        define_cfa(machine, (enum seep_cfi_how)cfa->how, cfa->reg,
                   (int64_t)seep_cfi_uleb(reader));
        return true;
    case SEEP_CFI_OP_DEF_CFA_OFFSET_SF:
        define_cfa(machine, (enum seep_cfi_how)cfa->how, cfa->reg,
                   seep_cfi_sleb(reader) * align);
        return true;
    case SEEP_CFI_OP_DEF_CFA_EXPRESSION:
        define_cfa(machine, SEEP_CFI_FULL_EXPRESSION, 0, expression(machine, reader));
        return true;
    default:
        return false;
    }
}

/* Instructions that say where a register is. Returns: whether op was one. */
static bool step_register(struct machine *machine, uint8_t op, uint64_t reg,
                          struct seep_cfi_reader *reader)
{
    int64_t align = machine->entry->data_align;

    switch (op) {
    case SEEP_CFI_OP_OFFSET_EXTENDED:
        put(machine, reg, SEEP_CFI_FULL_AT_CFA, (int64_t)seep_cfi_uleb(reader) * align);
        return true;
    case SEEP_CFI_OP_GNU_NEGATIVE_OFFSET_EXTENDED:
        put(machine, reg, SEEP_CFI_FULL_AT_CFA, -(int64_t)seep_cfi_uleb(reader) * align);
        return true;
    case SEEP_CFI_OP_OFFSET_EXTENDED_SF:
        put(machine, reg, SEEP_CFI_FULL_AT_CFA, seep_cfi_sleb(reader) * align);
        return true;
    case SEEP_CFI_OP_VAL_OFFSET:
        put(machine, reg, SEEP_CFI_FULL_CFA, (int64_t)seep_cfi_uleb(reader) * align);
        return true;
    case SEEP_CFI_OP_VAL_OFFSET_SF:
        put(machine, reg, SEEP_CFI_FULL_CFA, seep_cfi_sleb(reader) * align);
        return true;
    case SEEP_CFI_OP_EXPRESSION:
        put(machine, reg, SEEP_CFI_FULL_AT_EXPRESSION, expression(machine, reader));
        return true;
    case SEEP_CFI_OP_VAL_EXPRESSION:
        put(machine, reg, SEEP_CFI_FULL_EXPRESSION, expression(machine, reader));
        return true;
    case SEEP_CFI_OP_RESTORE_EXTENDED:
        restore(machine, reg);
        return true;
    case SEEP_CFI_OP_UNDEFINED:
        put(machine, reg, SEEP_CFI_FULL_UNDEFINED, 0);
        return true;
    case SEEP_CFI_OP_SAME_VALUE:
        put(machine, reg, SEEP_CFI_FULL_SAME, 0);
        return true;
    case SEEP_CFI_OP_REGISTER:
        put_register(machine, reg, seep_cfi_uleb(reader));
        return true;
    default:
        return false;
    }
}

static bool is_register_op(uint8_t op)
{
    return (op >= SEEP_CFI_OP_OFFSET_EXTENDED && op <= SEEP_CFI_OP_REGISTER) ||
           (op >= SEEP_CFI_OP_EXPRESSION && op <= SEEP_CFI_OP_OFFSET_EXTENDED_SF) ||
           (op >= SEEP_CFI_OP_VAL_OFFSET && op <= SEEP_CFI_OP_VAL_EXPRESSION) ||
           op == SEEP_CFI_OP_GNU_NEGATIVE_OFFSET_EXTENDED;
}

/* Location and stack instructions, and the rest. */
static void step_other(struct machine *machine, uint8_t op,
                       struct seep_cfi_reader *reader)
{
    uint64_t align = machine->entry->code_align;

    switch (op) {
    case SEEP_CFI_OP_NOP:
        return;
    case SEEP_CFI_OP_SET_LOC:
        machine->location = seep_cfi_encoded(reader, machine->entry->encoding, 0);
        return;
    case SEEP_CFI_OP_ADVANCE1:
        machine->location += seep_cfi_fixed(reader, 1) * align;
        return;
    case SEEP_CFI_OP_ADVANCE2:
        machine->location += seep_cfi_fixed(reader, 2) * align;
        return;
    case SEEP_CFI_OP_ADVANCE4:
        machine->location += seep_cfi_fixed(reader, 4) * align;
        return;
    case SEEP_CFI_OP_GNU_ARGS_SIZE:
        (void)seep_cfi_uleb(reader);
        return;
    default:
        break;
    }
    if (op == SEEP_CFI_OP_REMEMBER && machine->depth < REMEMBER_MAX) {
        machine->remembered[machine->depth++] = machine->now;
    } else if (op == SEEP_CFI_OP_RECALL && machine->depth > 0) {
        machine->now = machine->remembered[--machine->depth];
    } else {
        machine->error = -EPROTO;
    }
}

/* Runs instructions until the location passes pc. Returns: 0; -EPROTO. */
static int run(struct machine *machine, struct seep_cfi_reader reader, uintptr_t pc)
{
    while (reader.at < reader.end && machine->error == 0 && !reader.failed &&
           machine->location <= pc) {
        uint8_t op = (uint8_t)seep_cfi_fixed(&reader, 1);
        uint8_t low = op & SEEP_CFI_OP_LOW;

        if ((op & SEEP_CFI_OP_HIGH) == SEEP_CFI_OP_ADVANCE) {
            machine->location += low * machine->entry->code_align;
        } else if ((op & SEEP_CFI_OP_HIGH) == SEEP_CFI_OP_OFFSET) {
            (void)step_register(machine, SEEP_CFI_OP_OFFSET_EXTENDED, low, &reader);
        } else if ((op & SEEP_CFI_OP_HIGH) == SEEP_CFI_OP_RESTORE) {
            restore(machine, low);
        } else if (is_register_op(op)) {
            uint64_t reg = seep_cfi_uleb(&reader);

            (void)step_register(machine, op, reg, &reader);
        } else if (!step_cfa(machine, op, &reader)) {
            step_other(machine, op, &reader);
        }
    }
    return reader.failed ? -EPROTO : machine->error;
}

int seep_cfi_full_row_at(const uint8_t *eh_frame_hdr, uintptr_t pc,
                         struct seep_cfi_full_row *row)
{
    struct seep_cfi_entry entry;
    struct machine machine;
    int result = seep_cfi_entry_at(eh_frame_hdr, pc, &entry);

    if (result < 0) {
        return result;
    }
    machine.now = (struct table){0};
    machine.initial = (struct table){0};
    machine.depth = 0;
    machine.error = 0;
    machine.location = 0;
    machine.hdr = (uintptr_t)eh_frame_hdr;
    machine.entry = &entry;
    result = run(&machine, entry.common, UINTPTR_MAX);
    if (result == 0) {
        machine.initial = machine.now;
        machine.location = entry.begin;
        result = run(&machine, entry.own, pc);
    }
    if (result < 0) {
        return result;
    }
    row->cfa = machine.now.cfa;
    __builtin_memcpy(row->places, machine.now.places, sizeof(row->places));
    row->signal = entry.signal;
    return 0;
}
