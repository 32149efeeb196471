/* From .eh_frame_hdr to the entry of one address.
 *
 * Design: the binary search table of .eh_frame_hdr gives the function's entry (FDE),
 * which names its common part (CIE). What the instructions say is for others: cfi.c makes
 * the few words that a compact rule needs, cfi_full.c all registers.
 *
 * I1: reads stay inside [at, end) of one record, whose length comes from the file; a
 * module's own .eh_frame is trusted to be mapped, as the C++ runtime trusts it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cfi_entry.h"

#include <errno.h>
#include <string.h>

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

enum { HDR_VERSION = 1, HDR_TABLE_ENCODING = PE_DATAREL | PE_SDATA4 };

uintptr_t seep_cfi_encoded(struct seep_cfi_reader *reader, uint8_t encoding,
                           uintptr_t data)
{
    uintptr_t here = (uintptr_t)reader->at;
    uint64_t value = 0;

    switch (encoding & PE_FORM) {
    case PE_ABSPTR:
    case PE_UDATA8:
    case PE_SDATA8:
        value = seep_cfi_fixed(reader, 8);
        break;
    case PE_ULEB:
        value = seep_cfi_uleb(reader);
        break;
    case PE_SLEB:
        value = (uint64_t)seep_cfi_sleb(reader);
        break;
    case PE_UDATA2:
        value = seep_cfi_fixed(reader, 2);
        break;
    case PE_SDATA2:
        value = (uint64_t)(int64_t)(int16_t)seep_cfi_fixed(reader, 2);
        break;
    case PE_UDATA4:
        value = seep_cfi_fixed(reader, 4);
        break;
    case PE_SDATA4:
        value = (uint64_t)(int64_t)(int32_t)seep_cfi_fixed(reader, 4);
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

/* A reader over one length-prefixed record, after its length. 64-bit records are not used
 * in .eh_frame. */
static struct seep_cfi_reader record_at(const uint8_t *at)
{
    uint32_t len = 0;

    memcpy(&len, at, sizeof(len));
    if (len == 0 || len == UINT32_MAX) {
        return (struct seep_cfi_reader){.failed = true};
    }
    return (struct seep_cfi_reader){.at = at + 4, .end = at + 4 + len};
}

static void read_augmentation(struct seep_cfi_reader *cie, const char *letters,
                              struct seep_cfi_entry *entry)
{
    uint64_t len = seep_cfi_uleb(cie);
    const uint8_t *end = cie->at + len;

    if (len > (uint64_t)(cie->end - cie->at)) {
        cie->failed = true;
        return;
    }
    for (; *letters != '\0' && !cie->failed; letters++) {
        if (*letters == 'R') {
            entry->encoding = (uint8_t)seep_cfi_fixed(cie, 1);
        } else if (*letters == 'P') {
            uint8_t personality = (uint8_t)seep_cfi_fixed(cie, 1);

            (void)seep_cfi_encoded(cie, personality & (uint8_t)~PE_INDIRECT, 0);
        } else if (*letters == 'L') {
            (void)seep_cfi_fixed(cie, 1);
        } else if (*letters == 'S') {
            entry->signal = true;
        }
    }
    cie->at = end;
}

static int read_cie(const uint8_t *at, struct seep_cfi_entry *entry)
{
    struct seep_cfi_reader cie = record_at(at);
    uint8_t version = 0;
    const char *letters = NULL;
    const uint8_t *end = NULL;

    (void)seep_cfi_fixed(&cie, 4); /* id */
    version = (uint8_t)seep_cfi_fixed(&cie, 1);
    letters = (const char *)cie.at;
    end = cie.failed ? NULL : memchr(cie.at, 0, (size_t)(cie.end - cie.at));
    if (end == NULL || (letters[0] != '\0' && letters[0] != 'z')) {
        return -EPROTO;
    }
    cie.at = end + 1;
    entry->code_align = seep_cfi_uleb(&cie);
    entry->data_align = seep_cfi_sleb(&cie);
    (void)(version == 1 ? seep_cfi_fixed(&cie, 1)
                        : seep_cfi_uleb(&cie)); /* the return address's register */
    entry->encoding = PE_ABSPTR;
    if (letters[0] == 'z') {
        read_augmentation(&cie, letters + 1, entry);
    }
    entry->common = cie;
    return cie.failed ? -EPROTO : 0;
}

static int read_fde(const uint8_t *at, struct seep_cfi_entry *entry)
{
    struct seep_cfi_reader fde = record_at(at);
    const uint8_t *pointer = fde.at;
    uint32_t back = (uint32_t)seep_cfi_fixed(&fde, 4);
    bool augmented = false;

    if (fde.failed || back == 0 || read_cie(pointer - back, entry) < 0) {
        return -EPROTO;
    }
    augmented = *((const char *)(pointer - back) + 9) == 'z';
    entry->begin = seep_cfi_encoded(&fde, entry->encoding, 0);
    entry->range_bytes = seep_cfi_encoded(&fde, entry->encoding & PE_FORM, 0);
    if (augmented) {
        uint64_t len = seep_cfi_uleb(&fde);

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
    struct seep_cfi_reader reader = {.at = hdr + 4, .end = hdr + 4 + 32};
    uintptr_t base = (uintptr_t)hdr;
    uint64_t count = 0;
    int64_t target = (int64_t)(pc - base);
    const uint8_t *table = NULL;
    uint64_t low = 0;
    int32_t pair[2];

    if (hdr[0] != HDR_VERSION || hdr[2] == PE_OMIT || hdr[3] != HDR_TABLE_ENCODING) {
        return NULL;
    }
    (void)seep_cfi_encoded(&reader, hdr[1], base);
    count = seep_cfi_encoded(&reader, hdr[2], base);
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

int seep_cfi_entry_at(const uint8_t *eh_frame_hdr, uintptr_t pc,
                      struct seep_cfi_entry *entry)
{
    const uint8_t *fde = search(eh_frame_hdr, pc);

    *entry = (struct seep_cfi_entry){0};
    if (fde == NULL) {
        return -ENOENT;
    }
    if (read_fde(fde, entry) < 0) {
        return -EPROTO;
    }
    return pc - entry->begin < entry->range_bytes ? 0 : -ENOENT;
}
