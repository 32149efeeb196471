/* Who is calling: from a thread to its self, with the rare cases kept off the hot path.
 *
 * Design: a thread-local pointer and one word that a fork wipes. Comparing the self's
 * epoch with that word covers a new thread, a forked child, a raw clone and the off
 * switch with one branch. Atfork handlers were rejected: a raw clone or a C library of
 * another mind skips them.
 *
 * I1: seep_guard_self never blocks and never allocates through the host.
 * I2: a thread that has given its self back, or is making one, is served by `late`:
 * counted, without a stack.
 *
 * SPDX-License-Identifier: MIT
 */
#include "guard.h"

#include <errno.h>
#include <sys/resource.h>

#include "arch.h"
#include "birth.h"
#include "life.h"
#include "own_maps.h"
#include "peak.h"
#include "sample.h"
#include "segment_map.h"
#include "thread_table.h"
#include "unwind_check.h"

enum {
    POOL_MAX = SEEP_THREADS_MAX,
    LATE_NEST = 1 << 20,
    MAIN_STACK_MAX_BYTES = 64 << 20, /* below it other mappings may lie: the kernel keeps
                                        128 MiB free at least (mmap_base) */
    STACK_EDGE_BYTES = 16384 /* guard page, and what of the size lies above the thread
                                pointer: may belong to a neighbour */
};

struct seep_guard_words seep_guard_words;
__thread struct seep_self *seep_guard_tls;
__thread uintptr_t seep_guard_vfork_sp;

enum tls_state { TLS_FRESH = 0, TLS_MAKING = 1, TLS_ENDED = 2 };
static __thread uint32_t tls_state __attribute__((tls_model("initial-exec")));

static struct seep_self late;

/* Free selves: a stack of pool indices with a tag against ABA; links beside it. */
static struct seep_self *_Atomic pool[POOL_MAX];
static _Atomic uint32_t pool_next[POOL_MAX];
static _Atomic uint64_t pool_free; /* tag << 32 | index + 1 */
static _Atomic uint32_t pool_used;

/* Returns: an index that is not in use, plus 1; 0 when there is none. */
static uint32_t pool_pop(void)
{
    uint64_t head = atomic_load_explicit(&pool_free, memory_order_acquire);

    while ((uint32_t)head != 0) {
        uint32_t index = (uint32_t)head - 1;
        uint32_t next = atomic_load_explicit(&pool_next[index], memory_order_relaxed);
        uint64_t wanted = ((head >> 32) + 1) << 32 | next;

        if (atomic_compare_exchange_weak_explicit(
                &pool_free, &head, wanted, memory_order_acq_rel, memory_order_acquire)) {
            return index + 1;
        }
    }
    return 0;
}

static void pool_push(uint32_t index)
{
    uint64_t head = atomic_load_explicit(&pool_free, memory_order_relaxed);
    uint64_t wanted = 0;

    do {
        atomic_store_explicit(&pool_next[index], (uint32_t)head, memory_order_relaxed);
        wanted = ((head >> 32) + 1) << 32 | (index + 1);
    } while (!atomic_compare_exchange_weak_explicit(
        &pool_free, &head, wanted, memory_order_release, memory_order_relaxed));
}

static struct seep_self *pool_make(void)
{
    struct seep_self *self = NULL;
    uint32_t popped = pool_pop();
    uint32_t index = popped - 1;

    if (popped == 0) {
        index = atomic_fetch_add_explicit(&pool_used, 1, memory_order_relaxed);
        if (index >= POOL_MAX) {
            atomic_fetch_sub_explicit(&pool_used, 1, memory_order_relaxed);
            return NULL;
        }
    }
    self = atomic_load_explicit(&pool[index], memory_order_relaxed);
    if (self != NULL) {
        return self;
    }
    self = seep_own_maps_new(sizeof(*self));
    if (self == NULL) {
        pool_push(index);
        return NULL;
    }
    self->index = index;
    atomic_store_explicit(&pool[index], self, memory_order_relaxed);
    return self;
}

/* The thread's own stack: from the thread control block down; the main thread's from what
 * the kernel gave it. Rather too small than too large: outside it every page is asked for
 * before it is read. Of a thread that no wrapper made nothing is known (stack_bytes 0):
 * its control block may lie anywhere. */
static void find_stack(struct seep_self *self, uint64_t stack_bytes)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
    uintptr_t main_end = seep_life_main_stack_end();

    if (seep_life_is_main_thread() && main_end != 0) {
        (void)seep_arch_syscall4(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit);
        stack_bytes =
            limit.rlim_cur < MAIN_STACK_MAX_BYTES ? limit.rlim_cur : MAIN_STACK_MAX_BYTES;
        self->stack_high = main_end;
    } else {
        self->stack_high = seep_arch_thread_pointer();
        stack_bytes = stack_bytes > STACK_EDGE_BYTES ? stack_bytes - STACK_EDGE_BYTES : 0;
    }
    self->stack_low = stack_bytes < self->stack_high ? self->stack_high - stack_bytes : 0;
}

uint64_t seep_guard_fast(const struct seep_self *self)
{
    return seep_sample_is_on() ? SEEP_SELF_SLOW
                               : (uint64_t)self->unload_generation << 32 | self->epoch;
}

/* Makes the self belong to this thread and to the present segment. What named an older
 * segment is dropped; what a thread before learned about the same code is kept; `nest`
 * stays. */
static void renew(struct seep_self *self, uint32_t epoch, uint32_t slot)
{
    if (self->cache_epoch != epoch) {
        if (self->cache_epoch != SEEP_EPOCH_NONE) { /* else fresh from the kernel: zero */
            seep_guard_drop_caches(self);
        }
        self->unload_generation = seep_guard_unloads();
        self->cache_epoch = epoch;
    }
    self->destructor_rounds = 0;
    self->birth_tick = SEEP_BIRTH_NO_TICK;
    self->slot = slot != 0 ? slot : seep_thread_table_take_foreign();
    self->shard = seep_thread_table_shard(self->slot);
    self->shared = self->shard >= SEEP_SHARDS_OWN;
    self->counters = seep_segment_shard(self->shard);
    if (self->stack_high == 0) { /* else the thread that forked: still on its stack */
        uintptr_t low = self->stack_low;

        find_stack(self, seep_thread_table_stack_bytes(self->slot));
        if (self->memo.high != self->stack_high || low != self->stack_low) {
            self->last.count = 0; /* their words may not even be readable here */
            seep_memo_forget(&self->memo);
        }
        seep_memo_start(&self->memo, self->stack_high);
    }
    self->subsystem = seep_thread_table_subsystem(self->slot);
    seep_sample_start(self);
    seep_peak_start(self);
    self->epoch = epoch;
    if (self->fast != SEEP_SELF_BUSY) { /* else in a child that a handler forked */
        self->fast = self->nest == 0 ? seep_guard_fast(self) : SEEP_SELF_SLOW;
    }
}

/* Several dying threads may be here at once and write the same; the epoch comes last. */
static struct seep_self *late_self(uint32_t epoch)
{
    if (__atomic_load_n(&late.epoch, __ATOMIC_ACQUIRE) != epoch) {
        late.shard = SEEP_SHARDS - 1;
        late.shared = true;
        late.nest = LATE_NEST;
        late.fast = SEEP_SELF_SLOW;
        late.birth_tick = SEEP_BIRTH_NO_TICK;
        late.counters = seep_segment_shard(late.shard);
        late.peak_span_bytes = 0; /* every event goes to the sum */
        seep_sample_start(&late);
        __atomic_store_n(&late.epoch, epoch, __ATOMIC_RELEASE);
    }
    return &late;
}

static struct seep_self *make(uint32_t slot)
{
    uint32_t epoch = atomic_load_explicit(&seep_guard_words.epoch, memory_order_acquire);
    struct seep_self *self = seep_guard_tls;

    if (epoch < SEEP_EPOCH_FIRST) {
        return NULL;
    }
    if (tls_state != TLS_FRESH) {
        return late_self(epoch);
    }
    tls_state = TLS_MAKING;
    if (self == NULL) {
        self = pool_make();
    }
    if (self != NULL) {
        renew(self, epoch, slot);
        seep_guard_tls = self;
    } else {
        seep_segment_lose(SEEP_LOSS_NO_MEMORY);
    }
    tls_state = TLS_FRESH;
    if (self != NULL) {
        seep_life_watch_thread_end(self);
    }
    return self != NULL ? self : late_self(epoch);
}

struct seep_self *seep_guard_self_slow(void)
{
    int saved_errno = errno;
    uint32_t epoch = atomic_load_explicit(&seep_guard_words.epoch, memory_order_acquire);
    struct seep_self *self = NULL;

    if (epoch == SEEP_EPOCH_OFF || seep_unwind_check_busy()) {
        return NULL;
    }
    if (epoch >= SEEP_EPOCH_FIRST || seep_life_attach()) {
        self = make(0);
    } else {
        seep_life_lose_early();
    }
    errno = saved_errno;
    return self;
}

struct seep_self *seep_guard_adopt(uint32_t slot)
{
    return make(slot);
}

void seep_guard_release(struct seep_self *self)
{
    uint32_t shard = self->shard;

    seep_peak_flush(self);
    tls_state = TLS_ENDED;
    seep_guard_tls = NULL;
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* from here on a handler is served by
                                                `late`, and the shard has no writer */
    seep_thread_table_release_shard(shard);
    if (seep_guard_levels(self) !=
        0) { /* it ended inside a handler on top of a recording */
        seep_guard_drop_caches(self);
    }
    self->epoch = SEEP_EPOCH_NONE;
    self->fast = SEEP_SELF_SLOW;
    self->nest = 0;
    self->stack_high = 0;
    pool_push(self->index);
}
