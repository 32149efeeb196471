/* Threads as resources: who made them, whether they run, whether anybody took them back.
 *
 * Design: states are bits raised by fetch_or, so that "ended" and "detached", which race,
 * see each other: whoever raises the second one releases. The pthread_t is a memory
 * address, so the live table serves as the index from pthread_t to slot, and ages of
 * threads come out of the same scan as ages of blocks.
 *
 * I1: a slot is reused only after its release; its ticket (generation) tells a creator
 * that comes late. I2: a shard is one thread's own while it is marked in `shard_taken`;
 * beyond them threads share.
 *
 * SPDX-License-Identifier: MIT
 */
#include "thread_table.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "arch.h"
#include "counters.h"
#include "life.h"
#include "lifetime.h"
#include "live.h"
#include "seep/live_entry.h"
#include "segment_map.h"
#include "unwind_rules.h"

enum {
    TICKET_STEP = 4,
    TICKET_CLAIMED = 1,    /* creator or thread is registering it */
    TICKET_REGISTERED = 2, /* it can be found by its pthread_t */
    TICKET_STATE = 3,
    REGISTER_TRIES = 2000
};

static _Atomic uint64_t tickets[SEEP_THREADS_MAX]; /* generation * 4 | TICKET_* */
static _Atomic uint32_t next_free[SEEP_THREADS_MAX];
static _Atomic uint64_t free_head; /* tag << 32 | slot */
static _Atomic uint32_t shard_taken[SEEP_SHARDS_OWN];
static _Atomic uint32_t shards_used; /* highest own shard ever taken, plus 1 */

void seep_thread_table_reset(void)
{
    atomic_store_explicit(&free_head, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < SEEP_SHARDS_OWN; i++) {
        atomic_store_explicit(&shard_taken[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&shards_used, 0, memory_order_relaxed);
}

static uint32_t pop_free(void)
{
    uint64_t head = atomic_load_explicit(&free_head, memory_order_acquire);

    while ((uint32_t)head != 0) {
        uint32_t slot = (uint32_t)head;
        uint64_t wanted = ((head >> 32) + 1) << 32 |
                          atomic_load_explicit(&next_free[slot], memory_order_relaxed);

        if (atomic_compare_exchange_weak_explicit(
                &free_head, &head, wanted, memory_order_acq_rel, memory_order_acquire)) {
            return slot;
        }
    }
    return 0;
}

static void push_free(uint32_t slot)
{
    uint64_t head = atomic_load_explicit(&free_head, memory_order_relaxed);

    atomic_store_explicit(&seep_segment_threads()[slot].state, 0, memory_order_release);
    do {
        atomic_store_explicit(&next_free[slot], (uint32_t)head, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(
        &free_head, &head, ((head >> 32) + 1) << 32 | slot, memory_order_release,
        memory_order_relaxed));
}

static uint32_t take_slot(void)
{
    uint32_t slot = pop_free();
    _Atomic uint32_t *count = &seep_segment_header()->thread_count;

    if (slot == 0) {
        slot = atomic_fetch_add_explicit(count, 1, memory_order_acq_rel);
        if (slot >= SEEP_THREADS_MAX) {
            atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
            seep_segment_lose(SEEP_LOSS_THREADS_FULL);
            return 0;
        }
    }
    atomic_fetch_add_explicit(&seep_segment_threads()[slot].generation, 1,
                              memory_order_relaxed);
    atomic_store_explicit(&tickets[slot],
                          (atomic_load_explicit(&tickets[slot], memory_order_relaxed) &
                           ~(uint64_t)TICKET_STATE) +
                              TICKET_STEP,
                          memory_order_relaxed);
    return slot;
}

static void note_shard(uint32_t shard)
{
    uint32_t used = atomic_load_explicit(&shards_used, memory_order_relaxed);

    while (used <= shard && !atomic_compare_exchange_weak_explicit(
                                &shards_used, &used, shard + 1, memory_order_relaxed,
                                memory_order_relaxed)) {
    }
}

/* A shard of the thread's own while there is one, the lowest first so that few hold
 * everything; else a shared one. */
static uint32_t take_shard(uint32_t slot)
{
    for (uint32_t shard = 0; shard < SEEP_SHARDS_OWN; shard++) {
        uint32_t expected = 0;

        if (atomic_load_explicit(&shard_taken[shard], memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&shard_taken[shard], &expected, 1,
                                                    memory_order_acquire,
                                                    memory_order_relaxed)) {
            note_shard(shard);
            return shard;
        }
    }
    return SEEP_SHARDS_OWN + slot % SEEP_SHARDS_SHARED;
}

uint32_t seep_thread_table_take_foreign(void)
{
    uint32_t slot = take_slot();
    struct seep_thread *thread = &seep_segment_threads()[slot];

    if (slot == 0) {
        return 0;
    }
    thread->site = 0;
    thread->creator = 0;
    thread->subsystem = 0;
    thread->start_module = 0;
    thread->start_offset = 0;
    thread->shard = take_shard(slot);
    thread->stack_bytes = 0;
    thread->pthread = 0;
    thread->lifetime = 0;
    thread->name[0] = '\0';
    thread->created_ns = seep_segment_now_ns();
    atomic_store_explicit(&thread->ended_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->started_ns, thread->created_ns, memory_order_relaxed);
    atomic_store_explicit(&thread->tid, (uint32_t)seep_arch_syscall3(SYS_gettid, 0, 0, 0),
                          memory_order_relaxed);
    atomic_store_explicit(&thread->state,
                          SEEP_THREAD_USED | SEEP_THREAD_STARTED | SEEP_THREAD_FOREIGN |
                              SEEP_THREAD_DETACHED,
                          memory_order_release);
    return slot;
}

uint32_t seep_thread_table_take(struct seep_self *self, uint32_t site, uintptr_t start,
                                uint64_t stack_bytes, bool detached)
{
    uint32_t slot = take_slot();
    struct seep_thread *thread = &seep_segment_threads()[slot];
    struct seep_module_range module;

    if (slot == 0) {
        return 0;
    }
    (void)seep_unwind_rules_module(start + 1, &module); /* the key is the address + 1 */
    thread->site = site;
    thread->creator = self->slot;
    thread->subsystem = self->subsystem;
    thread->start_module = module.id;
    thread->start_offset = start - module.base;
    thread->shard = take_shard(slot);
    thread->stack_bytes = stack_bytes;
    thread->pthread = 0;
    thread->lifetime = seep_lifetime_of(site);
    thread->name[0] = '\0';
    thread->created_ns = seep_segment_now_exact_ns();
    atomic_store_explicit(&thread->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->started_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->ended_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->state,
                          SEEP_THREAD_USED | (detached ? SEEP_THREAD_DETACHED : 0),
                          memory_order_release);
    return slot;
}

uint64_t seep_thread_table_ticket(uint32_t slot)
{
    return atomic_load_explicit(&tickets[slot], memory_order_relaxed) &
           ~(uint64_t)TICKET_STATE;
}

/* Without this wait a thread that detaches itself, or a creator that joins at once, might
 * not be found, and would be reported as never joined. */
static void wait_until_registered(uint32_t slot, uint64_t ticket)
{
    for (unsigned i = 0; i < REGISTER_TRIES &&
                         atomic_load_explicit(&tickets[slot], memory_order_acquire) ==
                             (ticket | TICKET_CLAIMED);
         i++) {
        (void)seep_arch_syscall3(SYS_sched_yield, 0, 0, 0);
    }
}

static void register_claimed(struct seep_self *self, uint32_t slot, uintptr_t pthread)
{
    struct seep_thread *thread = &seep_segment_threads()[slot];
    uint64_t *entry = NULL;

    thread->pthread = pthread;
    entry = seep_live_make(pthread);
    if (entry == NULL || thread->site == 0) {
        thread->site = 0;
        thread->lifetime = 0;
        return;
    }
    __atomic_store_n(
        entry, seep_live_pack(thread->site, slot, seep_birth_encode(thread->created_ns)),
        __ATOMIC_RELEASE);
    seep_counters_acquire(self, thread->site, thread->stack_bytes);
    seep_lifetime_created(thread->lifetime,
                          (atomic_load_explicit(&thread->state, memory_order_relaxed) &
                           SEEP_THREAD_DETACHED) != 0);
}

void seep_thread_table_register(struct seep_self *self, uint32_t slot, uint64_t ticket,
                                uintptr_t pthread)
{
    uint64_t expected = ticket;

    if (!atomic_compare_exchange_strong_explicit(
            &tickets[slot], &expected, ticket | TICKET_CLAIMED, memory_order_acq_rel,
            memory_order_relaxed)) {
        wait_until_registered(slot, ticket); /* T1: the other side does it */
        return;
    }
    register_claimed(self, slot, pthread);
    atomic_store_explicit(&tickets[slot], ticket | TICKET_REGISTERED,
                          memory_order_release);
}

void seep_thread_table_release_shard(uint32_t shard)
{
    if (shard < SEEP_SHARDS_OWN) {
        atomic_store_explicit(&shard_taken[shard], 0, memory_order_release);
    }
}

void seep_thread_table_drop(uint32_t slot)
{
    seep_thread_table_release_shard(seep_segment_threads()[slot].shard);
    push_free(slot);
}

void seep_thread_table_start(uint32_t slot)
{
    struct seep_thread *thread = &seep_segment_threads()[slot];

    atomic_store_explicit(&thread->tid, (uint32_t)seep_arch_syscall3(SYS_gettid, 0, 0, 0),
                          memory_order_relaxed);
    atomic_store_explicit(&thread->started_ns, seep_segment_now_exact_ns(),
                          memory_order_relaxed);
    atomic_fetch_or_explicit(&thread->state, SEEP_THREAD_STARTED, memory_order_release);
}

void seep_thread_table_run(uint32_t slot)
{
    seep_lifetime_started(seep_segment_threads()[slot].lifetime);
}

void seep_thread_table_ending(uint32_t slot, uint32_t way)
{
    if (slot != 0) {
        atomic_fetch_or_explicit(&seep_segment_threads()[slot].state, way,
                                 memory_order_relaxed);
    }
}

void seep_thread_table_end(uint32_t slot)
{
    if (slot != 0) {
        atomic_store_explicit(&seep_segment_threads()[slot].ended_ns,
                              seep_segment_now_exact_ns(), memory_order_relaxed);
    }
}

/* Counts an end, before the thread may be released. */
static void count_end(const struct seep_thread *thread, uint32_t state, uint64_t cpu_ns)
{
    uint64_t started_ns = atomic_load_explicit(&thread->started_ns, memory_order_relaxed);
    uint64_t ended_ns = atomic_load_explicit(&thread->ended_ns, memory_order_relaxed);

    seep_lifetime_ended(thread->lifetime, state,
                        ended_ns > started_ns ? ended_ns - started_ns : 0, cpu_ns);
}

static uint64_t own_cpu_ns(void)
{
    struct timespec spent = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000U + (uint64_t)spent.tv_nsec;
}

/* Clears the thread's live entry, unless a newer thread already stands there, and counts
 * the release. */
static void release_thread(struct seep_self *self, struct seep_thread *thread,
                           uint32_t slot)
{
    uint64_t *entry = thread->site != 0 ? seep_live_find(thread->pthread) : NULL;

    if (entry != NULL) {
        uint64_t expected =
            seep_live_pack(thread->site, slot, seep_birth_encode(thread->created_ns));

        (void)__atomic_compare_exchange_n(entry, &expected, 0, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED);
    }
    if (thread->site != 0) {
        seep_counters_release(self, thread->site, thread->stack_bytes);
    }
    push_free(slot);
}

void seep_thread_table_leave(struct seep_self *self)
{
    struct seep_thread *thread = &seep_segment_threads()[self->slot];
    uint32_t before = 0;

    if (self->slot == 0) {
        return;
    }
    if (thread->lifetime != 0) {
        count_end(thread,
                  atomic_load_explicit(&thread->state, memory_order_relaxed) |
                      SEEP_THREAD_ENDED,
                  own_cpu_ns());
    }
    before =
        atomic_fetch_or_explicit(&thread->state, SEEP_THREAD_ENDED, memory_order_acq_rel);
    if ((before & SEEP_THREAD_DETACHED) != 0) {
        release_thread(self, thread, self->slot);
    }
}

/* A join, a detach or another caller that comes between changes the state, and settles
 * it. */
void seep_thread_table_bury(struct seep_self *self, uint32_t slot, uint32_t generation)
{
    struct seep_thread *thread = &seep_segment_threads()[slot];
    uint32_t before = atomic_load_explicit(&thread->state, memory_order_acquire);

    if ((before & SEEP_THREAD_ENDED) != 0 ||
        atomic_load_explicit(&thread->generation, memory_order_relaxed) != generation ||
        !atomic_compare_exchange_strong_explicit(
            &thread->state, &before, before | SEEP_THREAD_ENDED, memory_order_acq_rel,
            memory_order_relaxed)) {
        return;
    }
    seep_thread_table_end(slot);
    count_end(thread, before, 0);
    if ((before & SEEP_THREAD_DETACHED) != 0) {
        release_thread(self, thread, slot);
    }
}

uint64_t seep_thread_table_find(uintptr_t pthread)
{
    uint64_t *entry = seep_live_find(pthread);
    uint64_t value = entry != NULL ? __atomic_load_n(entry, __ATOMIC_ACQUIRE) : 0;
    uint32_t slot = seep_live_size24(value);

    if (value == 0 || slot >= SEEP_THREADS_MAX ||
        seep_segment_threads()[slot].pthread != pthread ||
        seep_segment_threads()[slot].site != seep_live_site(value)) {
        return 0;
    }
    return value;
}

void seep_thread_table_joined(struct seep_self *self, uint64_t entry)
{
    uint32_t slot = seep_live_size24(entry);
    struct seep_thread *thread = &seep_segment_threads()[slot];

    uint32_t before = atomic_fetch_or_explicit(&thread->state, SEEP_THREAD_JOINED,
                                               memory_order_acq_rel);

    if ((before & SEEP_THREAD_ENDED) == 0) { /* it ended by the system call exit */
        seep_thread_table_end(slot);
        count_end(thread, before, 0);
    }
    seep_lifetime_joined(thread->lifetime);
    release_thread(self, thread, slot);
}

void seep_thread_table_detached(struct seep_self *self, uint64_t entry)
{
    uint32_t slot = seep_live_size24(entry);
    struct seep_thread *thread = &seep_segment_threads()[slot];
    uint32_t before = atomic_fetch_or_explicit(&thread->state, SEEP_THREAD_DETACHED,
                                               memory_order_acq_rel);

    if ((before & SEEP_THREAD_DETACHED) == 0) {
        seep_lifetime_detached(thread->lifetime);
    }
    if ((before & (SEEP_THREAD_ENDED | SEEP_THREAD_DETACHED)) == SEEP_THREAD_ENDED) {
        release_thread(self, thread, slot);
    }
}

void seep_thread_table_name(struct seep_self *self, uintptr_t pthread, const char *name)
{
    uint64_t entry = seep_thread_table_find(pthread);
    uint32_t slot = entry != 0 ? seep_live_size24(entry) : 0;

    if (slot == 0 && pthread == (uintptr_t)pthread_self()) {
        slot = self->slot;
    }
    if (slot != 0) {
        struct seep_thread *thread = &seep_segment_threads()[slot];
        size_t len = strnlen(name, sizeof(thread->name) - 1);

        memcpy(thread->name, name, len);
        memset(thread->name + len, 0, sizeof(thread->name) - len);
    }
}

uint32_t seep_thread_table_shards_used(void)
{
    return atomic_load_explicit(&shards_used, memory_order_relaxed);
}

uint32_t seep_thread_table_shard(uint32_t slot)
{
    return slot != 0 ? seep_segment_threads()[slot].shard : SEEP_SHARDS - 1;
}

uint64_t seep_thread_table_stack_bytes(uint32_t slot)
{
    return slot != 0 ? seep_segment_threads()[slot].stack_bytes : 0;
}

uint32_t seep_thread_table_subsystem(uint32_t slot)
{
    uint32_t made_in = slot != 0 ? seep_segment_threads()[slot].subsystem : 0;
    const struct seep_limit *limit = &seep_segment_limits()[made_in];

    return atomic_load_explicit(&limit->most, memory_order_relaxed) != 0 ? limit->plain
                                                                         : made_in;
}
