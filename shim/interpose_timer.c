/* POSIX timers. Those of timerfd_create are descriptors, and of kind fd.
 *
 * The id is the value of the timer_t, whatever glibc hides in it: the kernel's number,
 * or, with SIGEV_THREAD, a tagged pointer. An id that was deleted may be given out again
 * at once, so its entry is taken before the real call, and put back when that fails.
 *
 * SPDX-License-Identifier: MIT
 */
#include <time.h>

#include "holding.h"
#include "interpose.h"
#include "real.h"

int seep_wrap_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer,
                           uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.timer_create) real = SEEP_REAL(timer_create);
    int result = real != NULL ? real(clock, event, timer) : seep_real_missing();

    if (result == 0) {
        seep_holding_timer_acquire((uint64_t)(uintptr_t)*timer, sp, fp);
    }
    return result;
}

SEEP_EXPORT int timer_delete(timer_t timer)
{
    __typeof__(seep_real.timer_delete) real = SEEP_REAL(timer_delete);
    struct seep_holding_taken taken = {0};
    int result = 0;

    if (real == NULL) {
        return seep_real_missing();
    }
    taken = seep_holding_timer_take((uint64_t)(uintptr_t)timer);
    result = real(timer);
    if (result == 0) {
        seep_holding_timer_settle(&taken);
    } else {
        seep_holding_timer_restore(&taken);
    }
    return result;
}
