/* Start, fork, thread end, exit, and the off switch.
 *
 * Design: the word that says "this process records" lies in a page marked
 * MADV_WIPEONFORK. A forked child, however made, reads zero at its first event and
 * attaches a segment of its own; a child that shares memory (vfork, posix_spawn) sees its
 * parent's word and records there, which is where its blocks live. Whatever fails turns
 * the process off for good: wrappers then only call through.
 *
 * I1: the word moves NONE -> ATTACHING -> (epoch | OFF | NONE again when it is too early
 * to start). I2: nobody waits: events that come while another thread attaches are counted
 * as lost, and served.
 *
 * SPDX-License-Identifier: MIT
 */
#include "life.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch.h"
#include "birth.h"
#include "children.h"
#include "guard.h"
#include "handover.h"
#include "interpose.h"
#include "live.h"
#include "peak.h"
#include "real.h"
#include "rule_cache.h"
#include "sample.h"
#include "segment_map.h"
#include "site.h"
#include "text.h"
#include "thread_live.h"
#include "thread_table.h"
#include "unwind_check.h"
#include "unwind_rules.h"
#include "verbose.h"
#include "word_compare.h"

enum { LAST_ROUND = 3 };

static _Atomic uint32_t early_losses;
static _Atomic uint32_t unloads_under_way;
static uint32_t last_epoch = SEEP_EPOCH_FIRST;
static uint32_t first_pid; /* the process that the library was loaded into */
static bool off_for_good;  /* inherited by forked children */
static uintptr_t main_stack_end;
static uintptr_t main_thread_pointer; /* a thread that forks is its child's first, on a
                                         stack of its own */
static pthread_key_t end_key;
static bool end_key_made;
static uint64_t exit_grace_ns; /* 0: threads that run at the end are not waited for */

uintptr_t seep_life_main_stack_end(void)
{
    return main_stack_end;
}

bool seep_life_is_main_thread(void)
{
    return seep_arch_thread_pointer() == main_thread_pointer;
}

bool seep_life_unloading(void)
{
    return atomic_load_explicit(&unloads_under_way, memory_order_acquire) != 0;
}

static void note_unload(void)
{
    atomic_fetch_add_explicit(&seep_guard_words.unloads, 1, memory_order_acq_rel);
    seep_rule_cache_forget();
}

void seep_life_unload_begin(void)
{
    atomic_fetch_add_explicit(&unloads_under_way, 1, memory_order_acq_rel);
    note_unload();
}

/* In a child forked in the middle the count began anew. */
void seep_life_unload_end(void)
{
    uint32_t under_way = atomic_load_explicit(&unloads_under_way, memory_order_relaxed);

    note_unload();
    while (under_way != 0 && !atomic_compare_exchange_weak_explicit(
                                 &unloads_under_way, &under_way, under_way - 1,
                                 memory_order_acq_rel, memory_order_relaxed)) {
    }
}

void seep_life_lose_early(void)
{
    if (seep_guard_epoch() != SEEP_EPOCH_OFF) {
        atomic_fetch_add_explicit(&early_losses, 1, memory_order_relaxed);
    }
}

/* Once per process image. Returns: false when the kernel cannot wipe the page on fork. */
static bool guard_page_is_wiped(void)
{
    return seep_arch_syscall3(SYS_madvise, &seep_guard_words, SEEP_GUARD_PAGE_BYTES,
                              MADV_WIPEONFORK) >= 0;
}

static int start_unwinder(void)
{
    uintptr_t *end = dlsym(RTLD_DEFAULT, "__libc_stack_end");
    char wanted[16];

    main_stack_end = end != NULL ? *end + sizeof(uintptr_t) : 0;
    if (seep_arch_syscall3(SYS_gettid, 0, 0, 0) ==
        seep_arch_syscall3(SYS_getpid, 0, 0, 0)) {
        main_thread_pointer = seep_arch_thread_pointer();
    }
    seep_site_start();
    seep_birth_start();
    (void)seep_text_option("simd", wanted, sizeof(wanted));
    (void)seep_compare_choose(wanted[0] != '\0' ? wanted : NULL);
    return seep_unwind_rules_init() < 0 ? -SEEP_OFF_NO_UNWIND_INFO : 0;
}

/* Makes the segment and gives it to the collector. Returns: 0; a negative enum
 * seep_off_reason. */
static int attach_segment(void)
{
    uint32_t pid = (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0);
    int fd = -1;
    int result = 0;

    if (first_pid == 0) {
        first_pid = pid;
        result = seep_children_left_out() ? -SEEP_OFF_CHILDREN_OFF : start_unwinder();
    } else if (first_pid != pid && seep_children_are_off()) {
        result = -SEEP_OFF_CHILDREN_OFF;
    }
    if (result < 0) {
        return result;
    }
    if (seep_guard_tls == NULL || seep_guard_levels(seep_guard_tls) == 0) {
        seep_segment_unmap(); /* a forked child's view of its parent's */
    }
    result = seep_live_start() < 0 ? -SEEP_OFF_NO_SEGMENT
                                   : seep_segment_create(seep_live_granule_shift(), &fd);
    if (result < 0) {
        return result;
    }
    seep_thread_table_reset();
    seep_sample_attach(seep_segment_header());
    seep_unwind_check_attach(seep_segment_header());
    seep_peak_reset();
    atomic_store_explicit(&unloads_under_way, 0,
                          memory_order_relaxed); /* other threads', when forked */
    atomic_store_explicit(&seep_segment_header()->state, SEEP_SEGMENT_READY,
                          memory_order_release);
    result = seep_handover_send(fd, SEEP_OFF_NONE);
    (void)seep_arch_syscall3(SYS_close, fd, 0, 0);
    if (result < 0) {
        seep_segment_unmap();
        return -SEEP_OFF_NO_COLLECTOR;
    }
    return 0;
}

bool seep_life_attach(void)
{
    uint32_t expected = SEEP_EPOCH_NONE;
    int result = 0;

    if ((environ == NULL && first_pid == 0) || !seep_real_ready()) {
        return false; /* the C library itself is not up yet; later it may be clearenv() */
    }
    if (!atomic_compare_exchange_strong_explicit(
            &seep_guard_words.epoch, &expected, SEEP_EPOCH_ATTACHING,
            memory_order_acq_rel, memory_order_acquire)) {
        return expected >= SEEP_EPOCH_FIRST;
    }
    if (off_for_good || (first_pid == 0 && !guard_page_is_wiped())) {
        result = -SEEP_OFF_NO_SEGMENT;
    } else {
        result = attach_segment();
    }
    if (result < 0) {
        if (!off_for_good && result != -SEEP_OFF_NO_COLLECTOR &&
            result != -SEEP_OFF_CHILDREN_OFF) {
            (void)seep_handover_send(-1, (enum seep_off_reason) - result);
        }
        if (!off_for_good) {
            seep_verbose_off((enum seep_off_reason) - result);
        }
        off_for_good = true;
        atomic_store_explicit(&seep_guard_words.epoch, SEEP_EPOCH_OFF,
                              memory_order_release);
        return false;
    }
    atomic_fetch_add_explicit(
        &seep_segment_header()->lost[SEEP_LOSS_BEFORE_START],
        atomic_exchange_explicit(&early_losses, 0, memory_order_relaxed),
        memory_order_relaxed);
    atomic_store_explicit(&seep_guard_words.epoch, ++last_epoch, memory_order_release);
    return true;
}

void seep_life_limit_address_space(uint64_t limit_bytes)
{
    uint32_t epoch = atomic_load_explicit(&seep_guard_words.epoch, memory_order_acquire);
    bool ours =
        epoch >= SEEP_EPOCH_FIRST; /* else a forked child's view of its parent's */
    bool busy = seep_guard_tls != NULL && seep_guard_levels(seep_guard_tls) != 0;

    if (limit_bytes / SEEP_SEGMENT_ADDRESS_SHARE >= seep_segment_mapped_bytes() ||
        epoch == SEEP_EPOCH_ATTACHING || epoch == SEEP_EPOCH_OFF) {
        return;
    }
    if (ours &&
        seep_segment_header()->pid != (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0)) {
        return; /* after vfork: the memory is the parent's, the limit is not */
    }
    off_for_good = true;
    atomic_store_explicit(&seep_guard_words.epoch, SEEP_EPOCH_OFF, memory_order_release);
    if (ours) {
        atomic_store_explicit(&seep_segment_header()->off_reason, SEEP_OFF_ADDRESS_SPACE,
                              memory_order_relaxed);
        atomic_store_explicit(&seep_segment_header()->state, SEEP_SEGMENT_OFF,
                              memory_order_release);
        seep_verbose_off(SEEP_OFF_ADDRESS_SPACE);
    }
    seep_sample_trim(!ours ? 0
                           : atomic_load_explicit(&seep_segment_header()->leaf_count,
                                                  memory_order_relaxed));
    if (!busy && seep_text_stat_threads() == 1) {
        seep_segment_unmap();
    } else {
        seep_segment_trim(); /* others may be in the middle of an event */
    }
}

/* Runs at the end of a thread, once per round of destructors; the last round gives
 * everything back, so that the destructors of others are still recorded in full. */
static void on_thread_end(void *argument)
{
    struct seep_self *self = argument;
    int saved_errno = errno;

    if (self == seep_guard_tls && self == seep_guard_self()) {
        if (self->destructor_rounds == 0) {
            seep_thread_table_end(self->slot);
        }
        if (self->destructor_rounds++ < LAST_ROUND - 1) {
            (void)pthread_setspecific(end_key, self);
        } else {
            seep_thread_table_leave(self);
            seep_guard_release(self);
        }
    }
    errno = saved_errno;
}

void seep_life_watch_thread_end(struct seep_self *self)
{
    if (end_key_made) {
        (void)pthread_setspecific(end_key, self);
    }
}

/* SEEP_OPTIONS at-exit-threads=none or none=SECONDS: threads that are about to end are
 * given that time. Otherwise nobody waits. */
static void read_exit_grace(void)
{
    char value[32];
    double grace_s = SEEP_EXIT_GRACE_DEFAULT_MS / 1e3;

    if (!seep_text_option("at-exit-threads", value, sizeof(value)) ||
        strncmp(value, "none", 4) != 0) {
        return;
    }
    if (value[4] == '=') {
        grace_s = strtod(value + 5, NULL); /* the locale is still C */
    }
    if (grace_s > 0 && grace_s <= SEEP_EXIT_GRACE_MOST_MS / 1e3) {
        exit_grace_ns = (uint64_t)(grace_s * 1e9);
    }
}

/* Not in a child of vfork, and once. */
static void settle_threads(void)
{
    struct seep_self *self = exit_grace_ns != 0 ? seep_guard_self() : NULL;

    if (self != NULL) {
        (void)seep_thread_live_settle(self, exit_grace_ns);
        exit_grace_ns = 0;
    }
}

void seep_life_note_exit(uint32_t way, int status)
{
    if (atomic_load_explicit(&seep_guard_words.epoch, memory_order_acquire) >=
            SEEP_EPOCH_FIRST &&
        seep_segment_header()->pid == (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0)) {
        settle_threads();
        atomic_store_explicit(&seep_segment_header()->exit_status, status,
                              memory_order_relaxed);
        atomic_store_explicit(&seep_segment_header()->exit_noted, way,
                              memory_order_release);
    }
}

static void on_process_exit(int status, void *unused)
{
    (void)unused;
    seep_life_note_exit(SEEP_EXIT_WAY_EXIT, status);
}

__attribute__((constructor)) static void start(void)
{
    int saved_errno = errno;
    struct seep_self *self = NULL;

    (void)seep_real_ready();
    end_key_made = pthread_key_create(&end_key, on_thread_end) == 0;
    self = seep_guard_self();
    if (self != NULL) {
        seep_life_watch_thread_end(self);
    }
    seep_interpose_cxx_start();
    seep_unwind_check_start();
    seep_children_start();
    read_exit_grace();
    (void)on_exit(on_process_exit, NULL);
    errno = saved_errno;
}
