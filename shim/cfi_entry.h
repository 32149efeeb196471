/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_CFI_ENTRY_H
#define SEEP_SHIM_CFI_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reading call frame information: bytes, and the entry that covers an address. */

/* Call frame instructions. Source: DWARF 5, section 7.24, and the GNU extensions of the
 * LSB. */
enum seep_cfi_op {
    SEEP_CFI_OP_ADVANCE = 0x40, /* these three hold an operand in their low bits */
    SEEP_CFI_OP_OFFSET = 0x80,
    SEEP_CFI_OP_RESTORE = 0xc0,
    SEEP_CFI_OP_HIGH = 0xc0,
    SEEP_CFI_OP_LOW = 0x3f,
    SEEP_CFI_OP_NOP = 0x00,
    SEEP_CFI_OP_SET_LOC = 0x01,
    SEEP_CFI_OP_ADVANCE1 = 0x02,
    SEEP_CFI_OP_ADVANCE2 = 0x03,
    SEEP_CFI_OP_ADVANCE4 = 0x04,
    SEEP_CFI_OP_OFFSET_EXTENDED = 0x05,
    SEEP_CFI_OP_RESTORE_EXTENDED = 0x06,
    SEEP_CFI_OP_UNDEFINED = 0x07,
    SEEP_CFI_OP_SAME_VALUE = 0x08,
    SEEP_CFI_OP_REGISTER = 0x09,
    SEEP_CFI_OP_REMEMBER = 0x0a,
    SEEP_CFI_OP_RECALL = 0x0b,
    SEEP_CFI_OP_DEF_CFA = 0x0c,
    SEEP_CFI_OP_DEF_CFA_REGISTER = 0x0d,
    SEEP_CFI_OP_DEF_CFA_OFFSET = 0x0e,
    SEEP_CFI_OP_DEF_CFA_EXPRESSION = 0x0f,
    SEEP_CFI_OP_EXPRESSION = 0x10,
    SEEP_CFI_OP_OFFSET_EXTENDED_SF = 0x11,
    SEEP_CFI_OP_DEF_CFA_SF = 0x12,
    SEEP_CFI_OP_DEF_CFA_OFFSET_SF = 0x13,
    SEEP_CFI_OP_VAL_OFFSET = 0x14,
    SEEP_CFI_OP_VAL_OFFSET_SF = 0x15,
    SEEP_CFI_OP_VAL_EXPRESSION = 0x16,
    SEEP_CFI_OP_GNU_ARGS_SIZE = 0x2e,
    SEEP_CFI_OP_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f
};

/* Bytes still to be read. A read past the end fails for good and gives 0. */
struct seep_cfi_reader {
    const uint8_t *at, *end;
    bool failed;
};

static inline uint64_t seep_cfi_fixed(struct seep_cfi_reader *reader, size_t bytes)
{
    uint64_t value = 0;

    if ((size_t)(reader->end - reader->at) < bytes) {
        reader->failed = true;
        reader->at = reader->end;
        return 0;
    }
    __builtin_memcpy(&value, reader->at, bytes);
    reader->at += bytes;
    return value;
}

static inline uint64_t seep_cfi_uleb(struct seep_cfi_reader *reader)
{
    uint64_t value = 0;
    uint8_t byte = 0x80;

    for (unsigned shift = 0; (byte & 0x80) != 0 && !reader->failed; shift += 7) {
        byte = (uint8_t)seep_cfi_fixed(reader, 1);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
    }
    return value;
}

static inline int64_t seep_cfi_sleb(struct seep_cfi_reader *reader)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;

    while ((byte & 0x80) != 0 && !reader->failed) {
        byte = (uint8_t)seep_cfi_fixed(reader, 1);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        shift += 7;
    }
    if (shift < 64 && (byte & 0x40) != 0) {
        value |= ~UINT64_C(0) << shift;
    }
    return (int64_t)value;
}

/* A block with its length before it, as expressions are. Returns: a reader over it;
 * `reader` stands after it. */
static inline struct seep_cfi_reader seep_cfi_block(struct seep_cfi_reader *reader)
{
    uint64_t len = seep_cfi_uleb(reader);
    struct seep_cfi_reader block = {.at = reader->at, .end = reader->at};

    if (reader->failed || len > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        block.failed = true;
        return block;
    }
    block.end = reader->at + len;
    reader->at = block.end;
    return block;
}

/* A pointer in one of the encodings of .eh_frame; `data` is the base of DATAREL. Source:
 * Linux Standard Base Core 5.0, section 10.5.1. */
uintptr_t seep_cfi_encoded(struct seep_cfi_reader *reader, uint8_t encoding,
                           uintptr_t data);

/* What an FDE and its CIE say, before any instruction. */
struct seep_cfi_entry {
    uintptr_t begin;
    uint64_t range_bytes;
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding; /* of code addresses */
    bool signal;
    struct seep_cfi_reader common; /* the CIE's instructions */
    struct seep_cfi_reader own;    /* the FDE's */
};

/* The entry that covers `pc`, from a module's .eh_frame_hdr.
 *
 * eh_frame_hdr:  borrowed; as mapped in this process.
 * Returns: 0; -ENOENT no entry covers pc; -EPROTO malformed.
 * Thread-safety: pure reads of mapped memory; async-signal-safe. Allocates: no. Cost: a
 * binary search.
 */
int seep_cfi_entry_at(const uint8_t *eh_frame_hdr, uintptr_t pc,
                      struct seep_cfi_entry *entry);

/* Whether an entry begins at `pc`. A return address with no entry before it and one that
 * begins there was never returned to: it was laid on a fresh stack by hand. */
static inline bool seep_cfi_begins_at(const uint8_t *eh_frame_hdr, uintptr_t pc)
{
    struct seep_cfi_entry entry;

    return seep_cfi_entry_at(eh_frame_hdr, pc, &entry) == 0 && entry.begin == pc;
}

#endif
