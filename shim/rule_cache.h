/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_RULE_CACHE_H
#define SEEP_SHIM_RULE_CACHE_H

#include <stdatomic.h>
#include <stdint.h>

#include "unwind_rules.h"

/* Rules by code address, shared by all threads and signal handlers without a lock.
 *
 * C1: an entry is two words, the rule and a check of rule, key and salt. A torn pair, of
 * two writers at once, does not add up and is a miss. C2: the salt changes when a library
 * is closed, so that no rule outlives its code; while one is being closed nothing is
 * stored.
 */
enum { SEEP_RULE_SET_BITS = 12, SEEP_RULE_WAYS = 4 };

struct seep_rule_entry {
    _Atomic uint64_t check;
    _Atomic uint64_t rule;
};

extern struct seep_rule_entry seep_rule_sets[1 << SEEP_RULE_SET_BITS][SEEP_RULE_WAYS]
    __attribute__((visibility("hidden")));
extern _Atomic uint64_t seep_rule_salt
    __attribute__((visibility("hidden"))); /* written by seep_rule_cache_forget */

static inline uint64_t seep_rule_check(struct seep_rule rule, uintptr_t key,
                                       uint64_t salt)
{
    return rule.word * UINT64_C(0xbf58476d1ce4e5b9) ^ key ^ salt;
}

/* The slow half of seep_rule_of: builds the rule and, unless a library is being closed,
 * stores it. */
struct seep_rule seep_rule_of_new(uintptr_t key);

/* Forgets all rules. Any thread. */
void seep_rule_cache_forget(void);

/* The rule for a key (see seep_unwind_rules_build). Any thread; async-signal-safe. */
static inline __attribute__((always_inline)) struct seep_rule seep_rule_of(uintptr_t key)
{
    struct seep_rule_entry *set =
        seep_rule_sets[(key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SEEP_RULE_SET_BITS)];
    uint64_t salt = atomic_load_explicit(&seep_rule_salt, memory_order_relaxed);

    for (unsigned i = 0; i < SEEP_RULE_WAYS; i++) {
        struct seep_rule rule = {
            atomic_load_explicit(&set[i].rule, memory_order_relaxed)};

        if (atomic_load_explicit(&set[i].check, memory_order_relaxed) ==
            seep_rule_check(rule, key, salt)) {
            return rule;
        }
    }
    return seep_rule_of_new(key);
}

#endif
