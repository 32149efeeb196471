/* What life.c, guard.c and thread_table.c give the other modules, without attaching to a
 * collector.
 *
 * SPDX-License-Identifier: MIT
 */
#include "shim_bench_self.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "life.h"
#include "live.h"
#include "rule_cache.h"
#include "segment_map.h"
#include "unwind_rules.h"

struct seep_guard_words seep_guard_words;
__thread struct seep_self *seep_guard_tls;
__thread uintptr_t seep_guard_vfork_sp;

struct seep_self *seep_guard_self_slow(void)
{
    return NULL;
}

uint64_t seep_guard_fast(const struct seep_self *self)
{
    return (uint64_t)self->unload_generation << 32 | self->epoch;
}

uintptr_t seep_life_main_stack_end(void)
{
    return 0;
}

bool seep_life_unloading(void)
{
    return false;
}

void shim_bench_unload(void)
{
    seep_guard_words.unloads++;
    seep_rule_cache_forget();
}

void shim_bench_start(void)
{
    int fd = -1;

    seep_segment_unmap();
    if (seep_unwind_rules_init() < 0 || seep_live_start() < 0 ||
        seep_segment_create(5, &fd) < 0) {
        (void)fprintf(stderr, "no segment for the test\n");
        exit(1);
    }
    (void)close(fd);
}

struct seep_self *shim_bench_self(uint32_t shard)
{
    struct seep_self *self = calloc(1, sizeof(*self));
    pthread_attr_t attributes;
    void *low = NULL;
    size_t bytes = 0;

    if (self == NULL || pthread_getattr_np(pthread_self(), &attributes) != 0) {
        exit(1);
    }
    (void)pthread_attr_getstack(&attributes, &low, &bytes);
    (void)pthread_attr_destroy(&attributes);
    self->stack_low = (uintptr_t)low;
    self->stack_high = (uintptr_t)low + bytes;
    self->shard = shard;
    self->counters = seep_segment_shard(shard);
    self->unload_generation = seep_guard_unloads();
    self->fast = seep_guard_fast(self);
    seep_memo_start(&self->memo, self->stack_high);
    return self;
}
