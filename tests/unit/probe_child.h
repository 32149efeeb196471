/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_UNIT_PROBE_CHILD_H
#define SEEP_TESTS_UNIT_PROBE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/probe.h"

/* A pipe on which the child tells something, and one on which it waits for what may never
 * come. */
struct seep_child {
    pid_t pid;
    int told[2], never[2];
};

/* Forks. The child is killed with the test program. Returns: true in the child. */
bool seep_child_begin(struct seep_child *child);
/* Kills it, closes the pipes. */
void seep_child_end(struct seep_child *child);
/* n bytes from the child to us. */
void seep_child_tell(const struct seep_child *child, const void *bytes, size_t n);
void seep_child_hear(const struct seep_child *child, void *bytes, size_t n);

void seep_child_pause_ms(long ms);
/* State letter of a thread, 0 when it is not there; *tracer as /proc says. */
char seep_child_state(pid_t pid, uint32_t tid, uint64_t *tracer);
/* Waits until a thread is in a state; fails the test when it never is. */
void seep_child_await(pid_t pid, uint32_t tid, char wanted);
/* A thread is neither stopped nor traced. */
void seep_child_assert_free(pid_t pid, uint32_t tid);

/* A backtrace() of the child's own. */
enum { SEEP_CHILD_DEPTH_MAX = 64 };
struct seep_child_stack {
    int count;
    void *caller; /* of the innermost function: where it returns to */
    void *frames[SEEP_CHILD_DEPTH_MAX];
};

/* Tells its stack from three functions further in, and reads from `never`. */
int seep_child_outermost(const struct seep_child *child);
/* What the probe found is what was told: from the innermost caller outwards both hold the
 * same return addresses. */
void seep_child_assert_stack(const struct seep_probe *probe, size_t thread,
                             const struct seep_child_stack *told);

/* Where a frame was, as an address in the process. */
uint64_t seep_child_address(const struct seep_probe *probe, size_t thread, size_t frame);

#endif
