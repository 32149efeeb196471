/* From a code address to the rule that steps out of its frame.
 *
 * Design: glibc's _dl_find_object gives the module without a lock, cfi.c the row, and the
 * row is packed into a word when it has one of the few shapes that compilers emit.
 * Everything else is UNSUPPORTED and goes the slow way. libunwind for every
 * stack was rejected: it takes locks that a fork may catch, allocates on first use, and
 * its cache is wrong after dlclose (200 of 400 stacks; prototype).
 *
 * SPDX-License-Identifier: MIT
 */
#include "unwind_rules.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "arch.h"
#include "cfi.h"
#include "cfi_entry.h"
#include "module_map.h"

static int (*find_object)(void *, struct dl_find_object *);

int seep_unwind_rules_init(void)
{
    if (find_object == NULL) {
        *(void **)&find_object = dlsym(RTLD_DEFAULT, "_dl_find_object");
    }
    return find_object != NULL ? 0 : -ENOSYS;
}

enum {
    FP_BYTES_MAX = (1 << 23) - 1 /* of 24 bits, signed */
};

static struct seep_rule rule_of_kind(enum seep_rule_kind kind)
{
    return (struct seep_rule){(uint64_t)kind};
}

/* Returns: the kind of the row's CFA; UNSUPPORTED when the rules have none for it. */
static enum seep_rule_kind cfa_kind(const struct seep_cfi_row *row)
{
    if (row->cfa == SEEP_CFI_CFA_FP_DEREF) {
        return SEEP_RULE_FP_DEREF;
    }
    if (row->cfa == SEEP_CFI_CFA_REGISTER && row->cfa_register == SEEP_ARCH_DWARF_SP) {
        return SEEP_RULE_SP;
    }
    if (row->cfa == SEEP_CFI_CFA_REGISTER && row->cfa_register == SEEP_ARCH_DWARF_FP) {
        return SEEP_RULE_FP;
    }
    return SEEP_RULE_UNSUPPORTED;
}

/* Where the caller's frame pointer is. Returns: false when the rules cannot say it. */
static bool fp_place(const struct seep_cfi_row *row, enum seep_rule_fp *fp)
{
    switch (row->fp) {
    case SEEP_CFI_SAME:
        *fp = SEEP_RULE_FP_SAME;
        return true;
    case SEEP_CFI_AT_CFA:
        *fp = SEEP_RULE_FP_AT_CFA;
        break;
    case SEEP_CFI_AT_FP:
        *fp = SEEP_RULE_FP_AT_FP;
        break;
    case SEEP_CFI_UNDEFINED:
    case SEEP_CFI_OTHER:
        return false;
    }
    return row->fp_offset >= -FP_BYTES_MAX && row->fp_offset <= FP_BYTES_MAX;
}

static struct seep_rule pack(const struct seep_cfi_row *row)
{
    enum seep_rule_kind kind = cfa_kind(row);
    enum seep_rule_fp fp = SEEP_RULE_FP_SAME;
    int64_t fp_bytes = 0;

    if (row->signal) {
        return rule_of_kind(SEEP_RULE_SIGNAL);
    }
    if (row->ra == SEEP_CFI_UNDEFINED) {
        return rule_of_kind(SEEP_RULE_END);
    }
    if (row->ra != SEEP_CFI_AT_CFA || row->ra_offset != -8 || row->sp_saved ||
        (int32_t)row->cfa_offset != row->cfa_offset || !fp_place(row, &fp) ||
        kind == SEEP_RULE_UNSUPPORTED) {
        return rule_of_kind(SEEP_RULE_UNSUPPORTED);
    }
    fp_bytes = fp != SEEP_RULE_FP_SAME ? row->fp_offset : 0;
    return (struct seep_rule){(uint64_t)row->cfa_offset << 32 |
                              ((uint64_t)fp_bytes & 0xffffff) << 8 | (uint64_t)fp << 3 |
                              (uint64_t)kind};
}

struct seep_rule seep_unwind_rules_build(uintptr_t key)
{
    struct dl_find_object found = {0};
    struct seep_cfi_row row = {0};
    uintptr_t pc = key - 1;
    int result = 0;

    if (find_object((void *)pc, &found) < 0 || found.dlfo_eh_frame == NULL) {
        return rule_of_kind(SEEP_RULE_MISSING);
    }
    result = seep_cfi_row_at(found.dlfo_eh_frame, pc, &row);
    if (result == 0) {
        return pack(&row);
    }
    if (result == -ENOENT && seep_cfi_begins_at(found.dlfo_eh_frame, key)) {
        return rule_of_kind(SEEP_RULE_END); /* no call returns there: makecontext's */
    }
    return rule_of_kind(result == -EPROTO ? SEEP_RULE_UNSUPPORTED : SEEP_RULE_MISSING);
}

const uint8_t *seep_unwind_rules_eh_frame(uintptr_t pc)
{
    struct dl_find_object found = {0};

    return find_object((void *)pc, &found) < 0 ? NULL : found.dlfo_eh_frame;
}

bool seep_unwind_rules_module(uintptr_t key, struct seep_module_range *range)
{
    struct dl_find_object found = {0};

    *range = (struct seep_module_range){0};
    if (find_object((void *)(key - 1), &found) < 0) {
        return false;
    }
    range->start = (uintptr_t)found.dlfo_map_start;
    range->end = (uintptr_t)found.dlfo_map_end;
    range->base = found.dlfo_link_map->l_addr;
    range->id = seep_module_map_id(found.dlfo_link_map, range->start, range->end);
    return range->id != 0;
}
