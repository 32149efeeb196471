/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_CACHE_H
#define SEEP_ANALYZER_SERVE_SERVE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/serve_answer.h"
#include "serve/serve_target.h"

/* Answers by what was asked. One is handed out while it is fresh: nothing that it was
 * made of has changed, or making it took so long that it is not due again (30 times as
 * long: 3 % of a core for each address). Bounded in number and bytes; what was not asked
 * for longest goes first. */
enum { SEEP_CACHE_ENTRIES = 256 };
#define SEEP_CACHE_BYTES ((size_t)16 << 20)

struct seep_cache_entry {
    char key[SEEP_TARGET_KEY_BYTES];
    char name[SEEP_TARGET_NAME_BYTES], base[SEEP_TARGET_NAME_BYTES]; /* "": all */
    struct seep_answer *answer;                                      /* owned */
    bool stale;
    uint64_t due_ns, used_ns;
};

/* All-zero is a valid empty one. Thread-safety of all: under the owner's lock. */
struct seep_cache {
    struct seep_cache_entry *entries[SEEP_CACHE_ENTRIES]; /* owned */
    size_t count, bytes;
};

/* The answer to hand out, held for the caller; NULL: it has to be made (anew).
 * any: an old one will do, because nobody can make one now. */
struct seep_answer *seep_cache_get(struct seep_cache *cache, const char *key, bool any,
                                   uint64_t now_ns);
/* Keeps an answer (held; borrowed) that took `cost_ns`. Nothing without memory. */
void seep_cache_put(struct seep_cache *cache, const struct seep_target *target,
                    struct seep_answer *answer, uint64_t cost_ns, uint64_t now_ns);
/* What is of that recording, or of all, is stale. */
void seep_cache_touch(struct seep_cache *cache, const char *name);
void seep_cache_fini(struct seep_cache *cache);

#endif
