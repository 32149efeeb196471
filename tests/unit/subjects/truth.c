/* The truth about stacks, for tests of what remembers them.
 *
 * SPDX-License-Identifier: MIT
 */
#define UNW_LOCAL_ONLY
#include "truth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <libunwind.h>

#include "unwind_walk.h"

static _Thread_local uint64_t frames[SEEP_STACK_MAX_FRAMES];

uint32_t truth_leaf_node(const struct seep_self *self, uintptr_t sp, uintptr_t fp)
{
    uint32_t count = 0;
    uint32_t node = seep_unwind_walk(self, sp, fp, frames, &count);
    uint32_t path = node;

    while (count-- > 0) {
        path = seep_node_path_of_child(path, frames[count]);
        node = seep_node_child(path, node, frames[count]);
    }
    return node;
}

void truth_check_walk(const struct seep_self *self, uintptr_t sp, uintptr_t fp)
{
    static _Thread_local void *found[SEEP_STACK_MAX_FRAMES];
    int wanted = 0;
    uint32_t count = 0;

#if defined(__SANITIZE_THREAD__)
    if (gettid() != getpid()) {
        return; /* at a thread's end libunwind takes a lock, after ThreadSanitizer's own
                 */
    }
#endif
    wanted = unw_backtrace(found, SEEP_STACK_MAX_FRAMES);
    assert_int_equal(seep_unwind_walk(self, sp, fp, frames, &count), SEEP_NODE_COMPLETE);
    assert_in_range(wanted, count + 1, count + 2); /* it may be jumped to, not called */
    for (uint32_t i = 1; i <= count; i++) {
        assert_int_equal(SEEP_FRAME_KEY(frames[count - i]),
                         (uintptr_t)found[wanted - (int)i]);
    }
}

uint64_t truth_seed(void)
{
    const char *wanted = getenv("SEEP_TEST_SEED");
    struct timespec now;
    uint64_t seed = 0;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    seed = wanted != NULL ? strtoull(wanted, NULL, 10)
                          : (uint64_t)now.tv_sec * 1000003U + (uint64_t)now.tv_nsec;
    seed = seed != 0 ? seed : 1;
    (void)printf("SEEP_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}
