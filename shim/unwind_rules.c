/* From a code address to the rule that steps out of its frame.
 *
 * Design: glibc's _dl_find_object gives the module without a lock, cfi.c the row, and the
 * row is packed into 32 bytes when it has one of the few shapes that compilers emit.
 * Everything else is UNSUPPORTED and ends the stack there, marked. libunwind for every
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
#include "module_map.h"

static int (*find_object)(void *, struct dl_find_object *);

int seep_unwind_rules_init(void)
{
    if (find_object == NULL) {
        *(void **)&find_object = dlsym(RTLD_DEFAULT, "_dl_find_object");
    }
    return find_object != NULL ? 0 : -ENOSYS;
}

static bool pack_cfa(const struct seep_cfi_row *row, struct seep_rule *rule)
{
    rule->cfa_offset = (int32_t)row->cfa_offset;
    if (row->cfa == SEEP_CFI_CFA_FP_DEREF) {
        rule->kind = SEEP_RULE_FP_DEREF;
    } else if (row->cfa == SEEP_CFI_CFA_REGISTER &&
               row->cfa_register == SEEP_ARCH_DWARF_SP) {
        rule->kind = SEEP_RULE_SP;
    } else if (row->cfa == SEEP_CFI_CFA_REGISTER &&
               row->cfa_register == SEEP_ARCH_DWARF_FP) {
        rule->kind = SEEP_RULE_FP;
    } else {
        return false;
    }
    return rule->cfa_offset == row->cfa_offset;
}

static bool pack_fp(const struct seep_cfi_row *row, struct seep_rule *rule)
{
    rule->fp_words = (int16_t)(row->fp_offset / 8);
    switch (row->fp) {
    case SEEP_CFI_SAME:
        rule->fp = SEEP_RULE_FP_SAME;
        rule->fp_words = 0;
        return true;
    case SEEP_CFI_AT_CFA:
        rule->fp = SEEP_RULE_FP_AT_CFA;
        return (int64_t)rule->fp_words * 8 == row->fp_offset;
    case SEEP_CFI_AT_FP:
        rule->fp = SEEP_RULE_FP_AT_FP;
        return (int64_t)rule->fp_words * 8 == row->fp_offset;
    case SEEP_CFI_UNDEFINED:
    case SEEP_CFI_OTHER:
        break;
    }
    return false;
}

static void pack(const struct seep_cfi_row *row, struct seep_rule *rule)
{
    if (row->signal) {
        rule->kind = SEEP_RULE_SIGNAL;
    } else if (row->ra == SEEP_CFI_UNDEFINED) {
        rule->kind = SEEP_RULE_END;
    } else if (row->ra != SEEP_CFI_AT_CFA || row->ra_offset != -8 || row->sp_saved ||
               !pack_cfa(row, rule) || !pack_fp(row, rule)) {
        rule->kind = SEEP_RULE_UNSUPPORTED;
    }
}

void seep_unwind_rules_build(uintptr_t key, struct seep_rule *rule)
{
    struct dl_find_object found = {0};
    struct seep_cfi_row row = {0};
    uintptr_t pc = key - 1;
    int result = 0;

    *rule = (struct seep_rule){.key = key, .offset = key, .kind = SEEP_RULE_MISSING};
    if (find_object((void *)pc, &found) < 0) {
        return;
    }
    rule->module =
        seep_module_map_id(found.dlfo_link_map, (uintptr_t)found.dlfo_map_start,
                           (uintptr_t)found.dlfo_map_end);
    if (rule->module != 0) {
        rule->offset = key - found.dlfo_link_map->l_addr;
    }
    if (found.dlfo_eh_frame == NULL) {
        return;
    }
    result = seep_cfi_row_at(found.dlfo_eh_frame, pc, &row);
    if (result == 0) {
        pack(&row, rule);
    } else if (result == -EPROTO) {
        rule->kind = SEEP_RULE_UNSUPPORTED;
    }
}
