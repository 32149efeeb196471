/* A birth per clock tick instead of one per block.
 *
 * Design: the coarse clock is read for each block (a few loads from the page that the
 * kernel shares), the encoding is kept. Not reading it each time was rejected: a thread
 * that slept for an hour would give its next block the time before.
 *
 * A handler that interrupts the update leaves a birth that is one tick old, for that
 * tick.
 *
 * SPDX-License-Identifier: MIT
 */
#include "birth.h"

#include <dlfcn.h>

#include "segment_map.h"

seep_clock_function *seep_birth_clock = clock_gettime;

void seep_birth_start(void)
{
    void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    void *clock = vdso != NULL ? dlsym(vdso, "__vdso_clock_gettime") : NULL;

    if (clock != NULL) {
        *(void **)&seep_birth_clock = clock;
    }
    (void)dlerror(); /* the host is not to find our failures */
}

uint16_t seep_birth_encode_at(struct seep_self *self, const struct timespec *now)
{
    uint64_t now_ns = (uint64_t)now->tv_sec * 1000000000U + (uint64_t)now->tv_nsec;
    uint64_t start_ns = seep_segment_header()->start_monotonic_ns;
    uint16_t birth = seep_birth_encode(now_ns > start_ns ? now_ns - start_ns : 0);

    self->birth_sec = -1; /* until all three belong together */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->birth = birth;
    self->birth_nsec = now->tv_nsec;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->birth_sec = now->tv_sec;
    return birth;
}
