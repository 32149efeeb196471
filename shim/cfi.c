/* Call frame information: from .eh_frame bytes to the row that holds at one address.
 *
 * Design: the binary search table of .eh_frame_hdr gives the function's entry (FDE); its
 * common part (CIE) and its instructions are interpreted up to the address, for three
 * registers only: stack pointer, frame pointer, return address. Others matter only to
 * frames whose CFA hangs on them, which the caller marks as unsupported. A general
 * interpreter with all registers was rejected for this path: rules made here are cached
 * per address and must fit in a few bytes.
 *
 * I1: reads stay inside [start, end) of one entry, whose length comes from the file; a
 * module's own .eh_frame is trusted to be mapped, as the C++ runtime trusts it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cfi.h"

#include <errno.h>
#include <string.h>

#include "arch.h"

/* Pointer encodings. Source: Linux Standard Base Core 5.0, section 10.5.1. */
enum {
    PE_ABSPTR = 0x00,
    PE_ULEB = 0x01,
    PE_UDATA2 = 0x02,
    PE_UDATA4 = 0x03,
    PE_UDATA8 = 0x04,
    PE_SLEB = 0x09,
    PE_SDATA2 = 0x0a,
    PE_SDATA4 = 0x0b,
    PE_SDATA8 = 0x0c,
    PE_FORM = 0x0f,
    PE_PCREL = 0x10,
    PE_DATAREL = 0x30,
    PE_BASE = 0x70,
    PE_INDIRECT = 0x80,
    PE_OMIT = 0xff
};

/* Call frame instructions. Source: DWARF 5, section 7.24, and the GNU extensions of the
 * LSB. */
enum {
    OP_ADVANCE = 0x40,
    OP_OFFSET = 0x80,
    OP_RESTORE = 0xc0,
    OP_HIGH = 0xc0,
    OP_LOW = 0x3f,
    OP_NOP = 0x00,
    OP_SET_LOC = 0x01,
    OP_ADVANCE1 = 0x02,
    OP_ADVANCE2 = 0x03,
    OP_ADVANCE4 = 0x04,
    OP_OFFSET_EXTENDED = 0x05,
    OP_RESTORE_EXTENDED = 0x06,
    OP_UNDEFINED = 0x07,
    OP_SAME_VALUE = 0x08,
    OP_REGISTER = 0x09,
    OP_REMEMBER = 0x0a,
    OP_RECALL = 0x0b,
    OP_DEF_CFA = 0x0c,
    OP_DEF_CFA_REGISTER = 0x0d,
    OP_DEF_CFA_OFFSET = 0x0e,
    OP_DEF_CFA_EXPRESSION = 0x0f,
    OP_EXPRESSION = 0x10,
    OP_OFFSET_EXTENDED_SF = 0x11,
    OP_DEF_CFA_SF = 0x12,
    OP_DEF_CFA_OFFSET_SF = 0x13,
    OP_VAL_OFFSET = 0x14,
    OP_VAL_OFFSET_SF = 0x15,
    OP_VAL_EXPRESSION = 0x16,
    OP_GNU_ARGS_SIZE = 0x2e,
    EXPRESSION_BREG_FP = 0x70 + SEEP_ARCH_DWARF_FP,
    EXPRESSION_DEREF = 0x06
};

enum { REMEMBER_MAX = 16, HDR_VERSION = 1, HDR_TABLE_ENCODING = PE_DATAREL | PE_SDATA4 };

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static uint64_t fixed(struct reader *reader, size_t bytes)
{
    uint64_t value = 0;

    if ((size_t)(reader->end - reader->at) < bytes) {
        reader->failed = true;
        reader->at = reader->end;
        return 0;
    }
    memcpy(&value, reader->at, bytes);
    reader->at += bytes;
    return value;
}

static uint64_t uleb(struct reader *reader)
{
    uint64_t value = 0;
    uint8_t byte = 0x80;

    for (unsigned shift = 0; (byte & 0x80) != 0 && !reader->failed; shift += 7) {
        byte = (uint8_t)fixed(reader, 1);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
    }
    return value;
}

static int64_t sleb(struct reader *reader)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;

    while ((byte & 0x80) != 0 && !reader->failed) {
        byte = (uint8_t)fixed(reader, 1);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        shift += 7;
    }
    if (shift < 64 && (byte & 0x40) != 0) {
        value |= ~UINT64_C(0) << shift;
    }
    return (int64_t)value;
}

/* A pointer in one of the encodings; `data` is the base of DATAREL. */
static uintptr_t encoded(struct reader *reader, uint8_t encoding, uintptr_t data)
{
    uintptr_t here = (uintptr_t)reader->at;
    uint64_t value = 0;

    switch (encoding & PE_FORM) {
    case PE_ABSPTR:
    case PE_UDATA8:
    case PE_SDATA8:
        value = fixed(reader, 8);
        break;
    case PE_ULEB:
        value = uleb(reader);
        break;
    case PE_SLEB:
        value = (uint64_t)sleb(reader);
        break;
    case PE_UDATA2:
        value = fixed(reader, 2);
        break;
    case PE_SDATA2:
        value = (uint64_t)(int64_t)(int16_t)fixed(reader, 2);
        break;
    case PE_UDATA4:
        value = fixed(reader, 4);
        break;
    case PE_SDATA4:
        value = (uint64_t)(int64_t)(int32_t)fixed(reader, 4);
        break;
    default:
        reader->failed = true;
        return 0;
    }
    if ((encoding & PE_BASE) == PE_PCREL) {
        value += here;
    } else if ((encoding & PE_BASE) == PE_DATAREL) {
        value += data;
    } else if ((encoding & PE_BASE) != 0) {
        reader->failed = true;
    }
    return value;
}

/* What an FDE and its CIE say, before any instruction. */
struct entry {
    uintptr_t begin;
    uint64_t range_bytes;
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding; /* of code addresses */
    bool signal;
    struct reader common; /* the CIE's instructions */
    struct reader own;    /* the FDE's */
};

/* A reader over one length-prefixed record, after its length. 64-bit records are not used
 * in .eh_frame. */
static struct reader record_at(const uint8_t *at)
{
    uint32_t len = 0;

    memcpy(&len, at, sizeof(len));
    if (len == 0 || len == UINT32_MAX) {
        return (struct reader){.failed = true};
    }
    return (struct reader){.at = at + 4, .end = at + 4 + len};
}

static void read_augmentation(struct reader *cie, const char *letters,
                              struct entry *entry)
{
    uint64_t len = uleb(cie);
    const uint8_t *end = cie->at + len;

    if (len > (uint64_t)(cie->end - cie->at)) {
        cie->failed = true;
        return;
    }
    for (; *letters != '\0' && !cie->failed; letters++) {
        if (*letters == 'R') {
            entry->encoding = (uint8_t)fixed(cie, 1);
        } else if (*letters == 'P') {
            uint8_t personality = (uint8_t)fixed(cie, 1);

            (void)encoded(cie, personality & (uint8_t)~PE_INDIRECT, 0);
        } else if (*letters == 'L') {
            (void)fixed(cie, 1);
        } else if (*letters == 'S') {
            entry->signal = true;
        }
    }
    cie->at = end;
}

static int read_cie(const uint8_t *at, struct entry *entry)
{
    struct reader cie = record_at(at);
    uint8_t version = 0;
    const char *letters = NULL;
    const uint8_t *end = NULL;

    (void)fixed(&cie, 4); /* id */
    version = (uint8_t)fixed(&cie, 1);
    letters = (const char *)cie.at;
    end = cie.failed ? NULL : memchr(cie.at, 0, (size_t)(cie.end - cie.at));
    if (end == NULL || (letters[0] != '\0' && letters[0] != 'z')) {
        return -EPROTO;
    }
    cie.at = end + 1;
    entry->code_align = uleb(&cie);
    entry->data_align = sleb(&cie);
    (void)(version == 1 ? fixed(&cie, 1)
                        : uleb(&cie)); /* the return address's register */
    entry->encoding = PE_ABSPTR;
    if (letters[0] == 'z') {
        read_augmentation(&cie, letters + 1, entry);
    }
    entry->common = cie;
    return cie.failed ? -EPROTO : 0;
}

static int read_fde(const uint8_t *at, struct entry *entry)
{
    struct reader fde = record_at(at);
    const uint8_t *pointer = fde.at;
    uint32_t back = (uint32_t)fixed(&fde, 4);
    bool augmented = false;

    if (fde.failed || back == 0 || read_cie(pointer - back, entry) < 0) {
        return -EPROTO;
    }
    augmented = *((const char *)(pointer - back) + 9) == 'z';
    entry->begin = encoded(&fde, entry->encoding, 0);
    entry->range_bytes = encoded(&fde, entry->encoding & PE_FORM, 0);
    if (augmented) {
        uint64_t len = uleb(&fde);

        fde.failed |= len > (uint64_t)(fde.end - fde.at);
        fde.at = fde.failed ? fde.end : fde.at + len;
    }
    entry->own = fde;
    return fde.failed ? -EPROTO : 0;
}

/* The FDE that may cover pc, through the sorted table of .eh_frame_hdr; NULL when none
 * does. */
static const uint8_t *search(const uint8_t *hdr, uintptr_t pc)
{
    struct reader reader = {.at = hdr + 4, .end = hdr + 4 + 32};
    uintptr_t base = (uintptr_t)hdr;
    uint64_t count = 0;
    int64_t target = (int64_t)(pc - base);
    const uint8_t *table = NULL;
    uint64_t low = 0;
    int32_t pair[2];

    if (hdr[0] != HDR_VERSION || hdr[2] == PE_OMIT || hdr[3] != HDR_TABLE_ENCODING) {
        return NULL;
    }
    (void)encoded(&reader, hdr[1], base);
    count = encoded(&reader, hdr[2], base);
    table = reader.at;
    if (reader.failed || count == 0) {
        return NULL;
    }
    for (uint64_t high = count; high - low > 1;) {
        uint64_t middle = low + (high - low) / 2;

        memcpy(pair, table + middle * sizeof(pair), sizeof(pair));
        if (pair[0] <= target) {
            low = middle;
        } else {
            high = middle;
        }
    }
    memcpy(pair, table + low * sizeof(pair), sizeof(pair));
    return pair[0] <= target ? hdr + pair[1] : NULL;
}

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
static bool fp_expression(struct reader *reader, bool deref, int64_t *offset)
{
    uint64_t len = uleb(reader);
    struct reader body = {.at = reader->at, .end = reader->at + len};
    bool simple = false;

    if (len > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return false;
    }
    reader->at += len;
    if (fixed(&body, 1) == EXPRESSION_BREG_FP) {
        *offset = sleb(&body);
        simple = !deref || fixed(&body, 1) == EXPRESSION_DEREF;
    }
    return simple && !body.failed && body.at == body.end;
}

struct machine {
    struct seep_cfi_row row;
    struct seep_cfi_row initial;
    struct seep_cfi_row remembered[REMEMBER_MAX];
    size_t depth;
    uintptr_t location;
    const struct entry *entry;
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
static bool step_cfa(struct machine *machine, uint8_t op, struct reader *reader)
{
    int64_t align = machine->entry->data_align;
    uint64_t reg = 0;
    int64_t offset = 0;
    bool simple = false;

    switch (op) {
    case OP_DEF_CFA:
        reg = uleb(reader);
        define_cfa(machine, SEEP_CFI_CFA_REGISTER, reg, (int64_t)uleb(reader));
        return true;
    case OP_DEF_CFA_SF:
        reg = uleb(reader);
        define_cfa(machine, SEEP_CFI_CFA_REGISTER, reg, sleb(reader) * align);
        return true;
    case OP_DEF_CFA_REGISTER:
        define_cfa(machine, machine->row.cfa, uleb(reader), machine->row.cfa_offset);
        return true;
    case OP_DEF_CFA_OFFSET:
        define_cfa(machine, machine->row.cfa, machine->row.cfa_register,
                   (int64_t)uleb(reader));
        return true;
    case OP_DEF_CFA_OFFSET_SF:
        define_cfa(machine, machine->row.cfa, machine->row.cfa_register,
                   sleb(reader) * align);
        return true;
    case OP_DEF_CFA_EXPRESSION:
        simple = fp_expression(reader, true, &offset);
        define_cfa(machine, simple ? SEEP_CFI_CFA_FP_DEREF : SEEP_CFI_CFA_OTHER, 0,
                   offset);
        return true;
    default:
        return false;
    }
}

/* Instructions that say where a register is. Returns: whether op was one. */
static bool step_register(struct machine *machine, uint8_t op, struct reader *reader)
{
    int64_t align = machine->entry->data_align;
    uint64_t reg = uleb(reader);
    int64_t offset = 0;

    switch (op) {
    case OP_OFFSET_EXTENDED:
        save_register(&machine->row, reg, SEEP_CFI_AT_CFA, (int64_t)uleb(reader) * align);
        return true;
    case OP_OFFSET_EXTENDED_SF:
        save_register(&machine->row, reg, SEEP_CFI_AT_CFA, sleb(reader) * align);
        return true;
    case OP_RESTORE_EXTENDED:
        restore_register(&machine->row, &machine->initial, reg);
        return true;
    case OP_UNDEFINED:
        save_register(&machine->row, reg, SEEP_CFI_UNDEFINED, 0);
        return true;
    case OP_SAME_VALUE:
        save_register(&machine->row, reg, SEEP_CFI_SAME, 0);
        return true;
    case OP_REGISTER:
    case OP_VAL_OFFSET:
        (void)uleb(reader);
        save_register(&machine->row, reg, SEEP_CFI_OTHER, 0);
        return true;
    case OP_VAL_OFFSET_SF:
        (void)sleb(reader);
        save_register(&machine->row, reg, SEEP_CFI_OTHER, 0);
        return true;
    case OP_EXPRESSION:
    case OP_VAL_EXPRESSION:
        save_register(&machine->row, reg,
                      fp_expression(reader, false, &offset) && op == OP_EXPRESSION
                          ? SEEP_CFI_AT_FP
                          : SEEP_CFI_OTHER,
                      offset);
        return true;
    default:
        return false;
    }
}

/* Location and stack instructions, and the rest. Returns: 0; -EPROTO. */
static int step_other(struct machine *machine, uint8_t op, struct reader *reader)
{
    uint64_t align = machine->entry->code_align;

    switch (op) {
    case OP_NOP:
        return 0;
    case OP_SET_LOC:
        machine->location = encoded(reader, machine->entry->encoding, 0);
        return 0;
    case OP_ADVANCE1:
        machine->location += fixed(reader, 1) * align;
        return 0;
    case OP_ADVANCE2:
        machine->location += fixed(reader, 2) * align;
        return 0;
    case OP_ADVANCE4:
        machine->location += fixed(reader, 4) * align;
        return 0;
    case OP_REMEMBER:
        if (machine->depth == REMEMBER_MAX) {
            return -EPROTO;
        }
        machine->remembered[machine->depth++] = machine->row;
        return 0;
    case OP_RECALL:
        if (machine->depth == 0) {
            return -EPROTO;
        }
        machine->row = machine->remembered[--machine->depth];
        return 0;
    case OP_GNU_ARGS_SIZE:
        (void)uleb(reader);
        return 0;
    default:
        return -EPROTO;
    }
}

/* Runs instructions until the location passes pc. Returns: 0; -EPROTO. */
static int run(struct machine *machine, struct reader reader, uintptr_t pc)
{
    int result = 0;

    while (reader.at < reader.end && result == 0 && !reader.failed &&
           machine->location <= pc) {
        uint8_t op = (uint8_t)fixed(&reader, 1);
        uint8_t low = op & OP_LOW;

        if ((op & OP_HIGH) == OP_ADVANCE) {
            machine->location += low * machine->entry->code_align;
        } else if ((op & OP_HIGH) == OP_OFFSET) {
            save_register(&machine->row, low, SEEP_CFI_AT_CFA,
                          (int64_t)uleb(&reader) * machine->entry->data_align);
        } else if ((op & OP_HIGH) == OP_RESTORE) {
            restore_register(&machine->row, &machine->initial, low);
        } else if (op >= OP_DEF_CFA && op <= OP_DEF_CFA_EXPRESSION) {
            (void)step_cfa(machine, op, &reader);
        } else if (op == OP_DEF_CFA_SF || op == OP_DEF_CFA_OFFSET_SF) {
            (void)step_cfa(machine, op, &reader);
        } else if ((op >= OP_OFFSET_EXTENDED && op <= OP_REGISTER) ||
                   (op >= OP_EXPRESSION && op <= OP_VAL_EXPRESSION)) {
            (void)step_register(machine, op, &reader);
        } else {
            result = step_other(machine, op, &reader);
        }
    }
    return reader.failed ? -EPROTO : result;
}

int seep_cfi_row_at(const uint8_t *eh_frame_hdr, uintptr_t pc, struct seep_cfi_row *row)
{
    struct entry entry = {0};
    struct machine machine = {.entry = &entry, .location = 0};
    const uint8_t *fde = search(eh_frame_hdr, pc);

    if (fde == NULL) {
        return -ENOENT;
    }
    if (read_fde(fde, &entry) < 0) {
        return -EPROTO;
    }
    if (pc - entry.begin >= entry.range_bytes) {
        return -ENOENT;
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
