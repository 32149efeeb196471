/* A thread that sleeps on one futex per process.
 *
 * Design: futex_waitv over the header pages. A descriptor in the host (eventfd, pipe) was
 * rejected: programs close what they do not know, and count what they have. A signal to
 * the collector was rejected: a pid is nobody's for ever. Polling costs more the better
 * it is.
 *
 * W1: a header page exists (its magic was read through the descriptor) and its file
 * cannot shrink, so that looking at it cannot fault. W2: whatever a process does with its
 * word, the thread tells of it at most once in PAUSE_NS, and not before whoever looks at
 * the heap wants to look again (seep_peak_watch_rest): a heap that grows steadily raises
 * its word a thousand times a second, of which fifty are looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/peak_watch.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "seep/segment.h"

enum {
    SLOTS = FUTEX_WAITV_MAX - 1, /* one is ours: the set has changed */
    PAGE_BYTES = 4096,
    PAUSE_NS = 500000,
    NS_PER_S = 1000000000
};
static_assert(offsetof(struct seep_segment_header, peak_wanted) + sizeof(uint32_t) <=
                  PAGE_BYTES,
              "the word lies in the first page");

struct slot {
    const struct seep_segment_header *header; /* NULL: free */
    uint32_t seen;
    bool raised;
    uint64_t rests_until_ns; /* CLOCK_MONOTONIC; not waited for before */
};

struct seep_peak_watch {
    pthread_mutex_t lock; /* around slots; held for no system call that waits */
    pthread_t thread;
    int event_fd;
    _Atomic uint32_t changes; /* a futex: main thread writes, the waiting one reads */
    _Atomic bool stop;
    struct slot slots[SLOTS];
};

static uint32_t word_of(const struct slot *slot)
{
    return atomic_load_explicit(&slot->header->peak_wanted, memory_order_acquire);
}

static void put_waiter(struct futex_waitv *waiter, const void *word, uint32_t value,
                       uint32_t flags)
{
    *waiter = (struct futex_waitv){
        .val = value, .uaddr = (uintptr_t)word, .flags = FUTEX_32 | flags};
}

/* What to wait for, and until when. */
struct waiting {
    struct futex_waitv words[SLOTS + 1];
    unsigned count;
    uint64_t until_ns; /* UINT64_MAX: for ever */
    bool raised;       /* a word has changed */
};

/* Notes which words have changed, and what to wait for. */
static void gather(struct seep_peak_watch *watch, struct waiting *waiting)
{
    uint64_t now_ns = seep_proc_clock_ns(CLOCK_MONOTONIC);

    waiting->count = 0;
    waiting->until_ns = UINT64_MAX;
    waiting->raised = false;
    pthread_mutex_lock(&watch->lock);
    put_waiter(&waiting->words[waiting->count++], &watch->changes,
               atomic_load_explicit(&watch->changes, memory_order_acquire),
               FUTEX_PRIVATE_FLAG);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &watch->slots[i];

        if (slot->header == NULL) {
            continue;
        }
        uint32_t now = word_of(slot);

        if (slot->rests_until_ns <= now_ns && now != slot->seen) {
            slot->seen = now;
            slot->raised = true;
            slot->rests_until_ns = now_ns + PAUSE_NS;
            waiting->raised = true;
        }
        if (slot->rests_until_ns > now_ns) {
            waiting->until_ns = slot->rests_until_ns < waiting->until_ns
                                    ? slot->rests_until_ns
                                    : waiting->until_ns;
        } else {
            put_waiter(&waiting->words[waiting->count++], &slot->header->peak_wanted, now,
                       0);
        }
    }
    pthread_mutex_unlock(&watch->lock);
}

/* Until a word or the set changes, or a rest is over. -EFAULT: unmapped meanwhile, the
 * set has changed. */
static void wait_for(struct waiting *waiting)
{
    const struct timespec until = {.tv_sec = (time_t)(waiting->until_ns / NS_PER_S),
                                   .tv_nsec = (long)(waiting->until_ns % NS_PER_S)};

    (void)syscall(SYS_futex_waitv, waiting->words, waiting->count, 0,
                  waiting->until_ns != UINT64_MAX ? &until : NULL, CLOCK_MONOTONIC);
}

static void *wait_for_words(void *argument)
{
    struct seep_peak_watch *watch = argument;
    struct waiting waiting;

    while (!atomic_load_explicit(&watch->stop, memory_order_acquire)) {
        gather(watch, &waiting);
        if (waiting.raised) {
            (void)eventfd_write(watch->event_fd, 1);
        }
        wait_for(&waiting);
    }
    return NULL;
}

static void tell_of_change(struct seep_peak_watch *watch)
{
    atomic_fetch_add_explicit(&watch->changes, 1, memory_order_release);
    (void)syscall(SYS_futex, &watch->changes, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int seep_peak_watch_new(struct seep_peak_watch **out)
{
    struct seep_peak_watch *watch = NULL;
    int err = 0;

    if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == ENOSYS) {
        return -ENOSYS;
    }
    watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return -ENOMEM;
    }
    (void)pthread_mutex_init(&watch->lock, NULL);
    watch->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->event_fd < 0) {
        err = -errno;
        goto fail_eventfd;
    }
    err = -pthread_create(&watch->thread, NULL, wait_for_words, watch);
    if (err < 0) {
        goto fail_thread;
    }
    *out = watch;
    return 0;

fail_thread:
    close(watch->event_fd);
fail_eventfd:
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
    return err;
}

void seep_peak_watch_free(struct seep_peak_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    atomic_store_explicit(&watch->stop, true, memory_order_release);
    tell_of_change(watch);
    (void)pthread_join(watch->thread, NULL);
    (void)pthread_mutex_destroy(&watch->lock);
    close(watch->event_fd);
    free(watch);
}

int seep_peak_watch_fd(const struct seep_peak_watch *watch)
{
    return watch->event_fd;
}

int seep_peak_watch_add(struct seep_peak_watch *watch, int segment_fd)
{
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, segment_fd, 0);
    int found = -ENOSPC;

    if (page == MAP_FAILED) {
        return -errno;
    }
    pthread_mutex_lock(&watch->lock);
    for (int i = 0; i < SLOTS && found < 0; i++) {
        if (watch->slots[i].header == NULL) {
            watch->slots[i] = (struct slot){.header = page};
            found = i;
        }
    }
    pthread_mutex_unlock(&watch->lock);
    if (found < 0) {
        (void)munmap(page, PAGE_BYTES);
    } else {
        tell_of_change(watch);
    }
    return found;
}

void seep_peak_watch_remove(struct seep_peak_watch *watch, int slot)
{
    void *page = NULL;

    pthread_mutex_lock(&watch->lock);
    page = (void *)watch->slots[slot].header;
    watch->slots[slot] = (struct slot){0};
    pthread_mutex_unlock(&watch->lock);
    tell_of_change(watch);
    (void)munmap(page, PAGE_BYTES);
}

void seep_peak_watch_rest(struct seep_peak_watch *watch, int slot, uint64_t until_ns)
{
    pthread_mutex_lock(&watch->lock);
    watch->slots[slot].rests_until_ns = until_ns;
    pthread_mutex_unlock(&watch->lock);
}

bool seep_peak_watch_take(struct seep_peak_watch *watch, int slot)
{
    bool raised = false;

    pthread_mutex_lock(&watch->lock);
    raised = watch->slots[slot].raised;
    watch->slots[slot].raised = false;
    pthread_mutex_unlock(&watch->lock);
    return raised;
}
