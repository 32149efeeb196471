/* A birth per tick instead of one per block.
 *
 * Design: the collector writes a number into the segment that changes 16 times a second;
 * while it is the same, so is the birth, which has that precision. Not to compare
 * anything (every Nth event, a thread's own count) was rejected: a thread that slept for
 * an hour would give its next block the time before. Reading the kernel's coarse clock
 * for each block costs 3 ns, a sixth of all.
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

uint16_t seep_birth_by_clock(struct seep_self *self, uint64_t tick)
{
    uint64_t start_ns = seep_segment_header()->start_monotonic_ns;
    struct timespec now = {0};
    uint64_t now_ns = 0;
    uint16_t birth = 0;

    (void)seep_birth_clock(CLOCK_MONOTONIC_COARSE, &now);
    now_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    birth = seep_birth_encode(now_ns > start_ns ? now_ns - start_ns : 0);
    self->birth_tick = SEEP_BIRTH_NO_TICK; /* until both belong together */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->birth = birth;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->birth_tick = tick != 0 ? tick : SEEP_BIRTH_NO_TICK;
    return birth;
}
