/* A child process that is looked at from outside.
 *
 * SPDX-License-Identifier: MIT
 */
#include "probe_child.h"

#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/proc_file.h"

enum { PATIENCE_MS = 10000 };

bool seep_child_begin(struct seep_child *child)
{
    assert_int_equal(pipe(child->told), 0);
    assert_int_equal(pipe(child->never), 0);
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        return true;
    }
    return false;
}

void seep_child_tell(const struct seep_child *child, const void *bytes, size_t n)
{
    if (write(child->told[1], bytes, n) != (ssize_t)n) {
        _exit(99);
    }
}

void seep_child_hear(const struct seep_child *child, void *bytes, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t more = read(child->told[0], (char *)bytes + got, n - got);

        assert_true(more > 0);
        got += (size_t)more;
    }
}

void seep_child_end(struct seep_child *child)
{
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, NULL, 0);
    for (int i = 0; i < 2; i++) {
        close(child->told[i]);
        close(child->never[i]);
    }
}

void seep_child_pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&pause, NULL);
}

char seep_child_state(pid_t pid, uint32_t tid, uint64_t *tracer)
{
    char path[64];
    char text[4096];

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%" PRIu32 "/status", (int)pid, tid);
    if (seep_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0) {
        return 0;
    }
    assert_true(seep_proc_number(text, "\nTracerPid:", tracer));
    return strstr(text, "\nState:\t")[sizeof("\nState:\t") - 1];
}

void seep_child_await(pid_t pid, uint32_t tid, char wanted)
{
    uint64_t tracer = 0;

    for (int i = 0; i < PATIENCE_MS && seep_child_state(pid, tid, &tracer) != wanted;
         i++) {
        seep_child_pause_ms(1);
    }
    assert_int_equal(seep_child_state(pid, tid, &tracer), wanted);
}

void seep_child_assert_free(pid_t pid, uint32_t tid)
{
    uint64_t tracer = 1;
    char state = seep_child_state(pid, tid, &tracer);

    assert_int_equal(tracer, 0);
    assert_true(state == 'S' || state == 'R' || state == 'D');
}

__attribute__((noinline)) static int innermost(const struct seep_child *child)
{
    struct seep_child_stack stack;
    char byte = 0;

    stack.caller = __builtin_return_address(0);
    stack.count = backtrace(stack.frames, SEEP_CHILD_DEPTH_MAX);
    seep_child_tell(child, &stack, sizeof(stack));
    return read(child->never[0], &byte, 1) == 1 ? 1 : 2;
}

__attribute__((noinline)) static int middle(const struct seep_child *child)
{
    return innermost(child) + 1;
}

__attribute__((noinline)) int seep_child_outermost(const struct seep_child *child)
{
    return middle(child) + 1;
}

uint64_t seep_child_address(const struct seep_probe *probe, size_t thread, size_t frame)
{
    const struct seep_probe_frame *at = &probe->threads[thread].frames[frame];

    return at->offset + probe->modules[at->module].base;
}

void seep_child_assert_stack(const struct seep_probe *probe, size_t thread,
                             const struct seep_child_stack *told)
{
    size_t n = probe->threads[thread].frame_count;
    size_t count = (size_t)told->count;
    size_t first = 0;
    size_t caller = 0; /* a sanitizer has frames of its own before it */

    while (caller < count && told->frames[caller] != told->caller) {
        caller++;
    }
    assert_true(caller > 0 && caller + 2 < count);
    while (first < n && seep_child_address(probe, thread, first) !=
                            (uint64_t)(uintptr_t)told->caller) {
        first++;
    }
    assert_in_range(first, 1, 8);
    for (size_t i = caller; i < count; i++) {
        assert_true(first + i - caller < n);
        assert_int_equal(seep_child_address(probe, thread, first + i - caller),
                         (uint64_t)(uintptr_t)told->frames[i]);
    }
    assert_int_equal(probe->threads[thread].end, SEEP_PROBE_END_COMPLETE);
}
