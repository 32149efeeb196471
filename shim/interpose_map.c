/* Mappings: mmap and its family, and System V shared memory.
 *
 * Design: a mapping is what the program mapped. What an allocator maps to cut blocks from
 * is the heap, which is recorded block by block already: calls from the module that the
 * real malloc lies in are passed through (glibc's do not come here at all). Where the
 * program's own allocator comes before us, its blocks are not seen and its mappings are
 * recorded. What the loader and the C library map for themselves, they map without these
 * functions.
 *
 * A call takes what it will unmap out of the table first (mapping_table.h): munmap and
 * mremap their range, MAP_FIXED what it covers. mremap is to a mapping what realloc is to
 * a block: the old one is released, the new one acquired by the caller; one that only
 * shrinks stays what it was.
 *
 * Until the originals are known, calls are the system's, and counted as before the start:
 * looking them up may allocate, and it may be the allocator that calls, holding its lock.
 *
 * I1: a signal handler may fork in the middle: its child must not write to the segment of
 * its parent (as record.c, I2).
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <errno.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "arch.h"
#include "interpose.h"
#include "life.h"
#include "mapping_table.h"
#include "real.h"
#include "site.h"

enum { PAGE_BYTES = 4096, ERRNO_MAX = 4095 };

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Where the allocator's code lies; empty while unknown, or when it is not behind us.
 * Written once known, by any thread, always the same; `high` is written last. */
static _Atomic uintptr_t allocator_low;
static _Atomic uintptr_t allocator_high;
static _Atomic bool allocator_known;

static void learn_allocator(void)
{
    struct dl_find_object found;

    if (seep_real.first_realloc == NULL &&
        _dl_find_object((void *)(uintptr_t)seep_real.malloc, &found) == 0) {
        atomic_store_explicit(&allocator_low, (uintptr_t)found.dlfo_map_start,
                              memory_order_relaxed);
        atomic_store_explicit(&allocator_high, (uintptr_t)found.dlfo_map_end,
                              memory_order_relaxed);
    }
    atomic_store_explicit(&allocator_known, true, memory_order_release);
}

static bool is_ready(void)
{
    return atomic_load_explicit(&seep_real_state, memory_order_acquire) ==
           SEEP_REAL_READY;
}

static bool is_allocator(uintptr_t caller)
{
    if (!atomic_load_explicit(&allocator_known, memory_order_acquire)) {
        learn_allocator();
    }
    return caller >= atomic_load_explicit(&allocator_low, memory_order_relaxed) &&
           caller < atomic_load_explicit(&allocator_high, memory_order_relaxed);
}

static uint64_t whole_pages(size_t bytes)
{
    return ((uint64_t)bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/* The result of a system call, as the C library gives it. */
static void *result_of(long result)
{
    if (result < 0 && result >= -ERRNO_MAX) {
        errno = (int)-result;
        return MAP_FAILED;
    }
    return (void *)result;
}

static int result_or_minus_one(long result)
{
    return result_of(result) == MAP_FAILED ? -1 : 0;
}

static bool is_mine(const struct seep_self *self)
{
    return self != NULL && seep_guard_epoch() == self->epoch;
}

/* Who is to record a call from there; NULL: nobody. */
static struct seep_self *recorder(uintptr_t caller)
{
    if (!is_ready()) {
        if (atomic_load_explicit(&seep_real_state, memory_order_relaxed) ==
            SEEP_REAL_UNKNOWN) { /* else the look-up's own */
            seep_life_lose_early();
        }
        return NULL;
    }
    return is_allocator(caller) ? NULL : seep_guard_self();
}

static uintptr_t caller_at(uintptr_t sp)
{
    return *(const uintptr_t *)sp;
}

static void take(const struct seep_self *self, const void *address, uint64_t bytes,
                 struct seep_mapping_taken *taken)
{
    if (is_mine(self)) {
        seep_mapping_take(self, (uintptr_t)address, bytes, taken);
    }
}

static void finish(const struct seep_self *self, bool done,
                   const struct seep_mapping_taken *taken)
{
    if (is_mine(self)) {
        (done ? seep_mapping_settle : seep_mapping_restore)(self, taken);
    }
}

static void acquire(struct seep_self *self, const void *address, uint64_t bytes,
                    uintptr_t sp, uintptr_t fp)
{
    uint32_t site =
        is_mine(self) && bytes != 0 ? seep_site_here(self, SEEP_KIND_MAPPING, sp, fp) : 0;

    if (site != 0 && is_mine(self)) {
        seep_mapping_add(self, (uintptr_t)address, bytes, site);
    }
}

static void *real_mmap(void *address, size_t bytes, int protection, int flags, int fd,
                       off_t offset)
{
    return is_ready() ? seep_real.mmap(address, bytes, protection, flags, fd, offset)
                      : result_of(seep_arch_syscall6(SYS_mmap, (long)address, (long)bytes,
                                                     protection, flags, fd, offset));
}

void *seep_wrap_mmap(void *address, size_t bytes, int protection, int flags, int fd,
                     off_t offset, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = recorder(caller_at(sp));
    struct seep_mapping_taken taken = {.count = 0};
    void *at = NULL;

    if ((flags & MAP_FIXED) != 0) {
        take(self, address, whole_pages(bytes), &taken);
    }
    at = real_mmap(address, bytes, protection, flags, fd, offset);
    finish(self, at != MAP_FAILED, &taken);
    if (at != MAP_FAILED) {
        acquire(self, at, whole_pages(bytes), sp, fp);
    }
    return at;
}

void *seep_wrap_mmap64(void *address, size_t bytes, int protection, int flags, int fd,
                       off64_t offset, uintptr_t sp, uintptr_t fp)
{
    return seep_wrap_mmap(address, bytes, protection, flags, fd, offset, sp, fp);
}

static void *real_mremap(void *address, size_t old_bytes, size_t new_bytes, int flags,
                         void *wanted)
{
    return is_ready()
               ? seep_real.mremap(address, old_bytes, new_bytes, flags, wanted)
               : result_of(seep_arch_syscall6(SYS_mremap, (long)address, (long)old_bytes,
                                              (long)new_bytes, flags, (long)wanted, 0));
}

void *seep_wrap_mremap(void *address, size_t old_bytes, size_t new_bytes, int flags,
                       void *wanted, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = recorder(caller_at(sp));
    struct seep_mapping_taken taken = {.count = 0};
    uint64_t before = whole_pages(old_bytes);
    uint64_t after = whole_pages(new_bytes);
    bool shrinks = after <= before && (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) == 0;
    void *at = NULL;

    if (shrinks) {
        take(self, (char *)address + after, before - after, &taken);
    } else if ((flags & MREMAP_DONTUNMAP) == 0) {
        take(self, address, before, &taken);
    }
    if ((flags & MREMAP_FIXED) != 0) {
        take(self, wanted, after, &taken);
    }
    at = real_mremap(address, old_bytes, new_bytes, flags, wanted);
    finish(self, at != MAP_FAILED, &taken);
    if (at != MAP_FAILED && !shrinks) {
        acquire(self, at, after, sp, fp);
    }
    return at;
}

SEEP_EXPORT int munmap(void *address, size_t bytes)
{
    struct seep_self *self = recorder((uintptr_t)__builtin_return_address(0));
    struct seep_mapping_taken taken;
    int result = 0;

    taken.count = taken.forgotten = 0;                  /* the parts need no clearing */
    if (((uintptr_t)address & (PAGE_BYTES - 1)) == 0) { /* else it will fail */
        take(self, address, whole_pages(bytes), &taken);
    }
    result = is_ready()
                 ? seep_real.munmap(address, bytes)
                 : result_or_minus_one(seep_arch_syscall3(SYS_munmap, address, bytes, 0));
    finish(self, result == 0, &taken);
    return result;
}

static uint64_t segment_bytes(int id)
{
    struct shmid_ds facts = {0};

    return seep_arch_syscall3(SYS_shmctl, id, IPC_STAT, &facts) >= 0
               ? whole_pages(facts.shm_segsz)
               : PAGE_BYTES; /* attached, but not to be asked about */
}

void *seep_wrap_shmat(int id, const void *address, int flags, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = recorder(caller_at(sp));
    struct seep_mapping_taken taken = {.count = 0};
    uint64_t bytes = self != NULL ? segment_bytes(id) : 0;
    void *at = NULL;

    if ((flags & SHM_REMAP) != 0) {
        take(self, address, bytes, &taken);
    }
    at = is_ready() ? seep_real.shmat(id, address, flags)
                    : result_of(seep_arch_syscall3(SYS_shmat, id, address, flags));
    finish(self, at != MAP_FAILED, &taken);
    if (at != MAP_FAILED) {
        acquire(self, at, bytes, sp, fp);
    }
    return at;
}

SEEP_EXPORT int shmdt(const void *address)
{
    struct seep_self *self = recorder((uintptr_t)__builtin_return_address(0));
    struct seep_mapping_taken taken = {.count = 0};
    int result = 0;

    if (self != NULL) {
        take(self, address, seep_mapping_bytes_at((uintptr_t)address), &taken);
    }
    result = is_ready()
                 ? seep_real.shmdt(address)
                 : result_or_minus_one(seep_arch_syscall3(SYS_shmdt, address, 0, 0));
    finish(self, result == 0, &taken);
    return result;
}
