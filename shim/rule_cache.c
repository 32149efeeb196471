/* The shared rule cache: 16,384 rules in 256 KiB, of which only used pages exist.
 *
 * Design: sets of four in a cache line, newest first. Per-thread caches were rejected:
 * 32 KiB for each thread pushed the host's own data out of the first-level cache and
 * every thread learned the same rules again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rule_cache.h"

#include "life.h"

_Alignas(64) struct seep_rule_entry
    seep_rule_sets[1 << SEEP_RULE_SET_BITS][SEEP_RULE_WAYS];
_Atomic uint64_t seep_rule_salt = UINT64_C(0x6a09e667f3bcc909);

void seep_rule_cache_forget(void)
{
    (void)atomic_fetch_add_explicit(&seep_rule_salt, UINT64_C(0x9e3779b97f4a7c15),
                                    memory_order_acq_rel);
}

static void store(struct seep_rule_entry *entry, uint64_t check, uint64_t rule)
{
    atomic_store_explicit(&entry->check, check, memory_order_relaxed);
    atomic_store_explicit(&entry->rule, rule, memory_order_relaxed);
}

struct seep_rule seep_rule_of_new(uintptr_t key)
{
    struct seep_rule_entry *set =
        seep_rule_sets[(key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SEEP_RULE_SET_BITS)];
    uint64_t salt = atomic_load_explicit(&seep_rule_salt, memory_order_acquire);
    struct seep_rule rule = seep_unwind_rules_build(key); /* after the salt: C2 */

    if (!seep_life_unloading()) {
        for (unsigned i = SEEP_RULE_WAYS - 1; i > 0; i--) {
            store(&set[i], atomic_load_explicit(&set[i - 1].check, memory_order_relaxed),
                  atomic_load_explicit(&set[i - 1].rule, memory_order_relaxed));
        }
        store(&set[0], seep_rule_check(rule, key, salt), rule.word);
    }
    return rule;
}
