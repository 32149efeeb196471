/* Stacks of another process's threads, with a stop of some ten microseconds each.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_ATTACH_PROBE_H
#define SEEP_ANALYZER_ATTACH_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/thread_stop.h"
#include "base/error.h"

enum { SEEP_PROBE_FRAMES_MAX = 1024, SEEP_PROBE_BUILD_ID_MAX = 32 };

struct seep_probe_module {
    char *path; /* owned; as in /proc/PID/maps; under /proc/PID/root when the process
                   lives in another mount namespace; "[vdso]" */
    uint8_t build_id[SEEP_PROBE_BUILD_ID_MAX];
    uint32_t build_id_bytes; /* 0 none */
    uint64_t base;           /* address - base = offset in the file as it is laid out */
};

struct seep_probe_frame {
    uint32_t module; /* index into modules; 0: code without a file (made by a JIT) */
    uint64_t offset; /* in the module; without one, the address itself */
    /* Execution was here: innermost frames, and what a signal interrupted. Otherwise a
     * return address: the call is before it. */
    bool exact;
};

/* How a stack ends at its outer end. */
enum seep_probe_end {
    SEEP_PROBE_END_NONE = 0,     /* no stack: see status */
    SEEP_PROBE_END_COMPLETE = 1, /* at the start of the thread */
    SEEP_PROBE_END_NO_RULE = 2,  /* in code that does not say how to unwind it */
    SEEP_PROBE_END_CUT = 3,      /* SEEP_PROBE_FRAMES_MAX, or stack_cut */
    SEEP_PROBE_END_NO_FILE = 4   /* in code without a file */
};

struct seep_probe_thread {
    struct seep_thread_copy copy;    /* tid, status, stop_ns, registers, stack */
    struct seep_probe_frame *frames; /* owned; innermost first */
    size_t frame_count;
    enum seep_probe_end end;
};

struct seep_probe {
    struct seep_probe_module *modules; /* owned; [0]: none, path "" */
    size_t module_count;
    struct seep_probe_thread *threads; /* owned; in the order asked for */
    size_t thread_count;
    size_t stopped; /* threads that stood still for us */
    uint64_t
        stop_total_ns; /* sum over the threads; with `together`, see stop_longest_ns */
    uint64_t stop_longest_ns;
};

/* Takes the stacks of threads of a process.
 *
 * tids:    borrowed; count thread ids of pid, at least 1.
 * options: borrowed; NULL: the defaults.
 * probe:   out, owned (seep_probe_free); untouched on error.
 *
 * Returns: 0: the process could be looked at; each thread has a status of its own.
 *   -ESRCH  no such process, or it ended meanwhile
 *   -ESTALE it became another program (exec) meanwhile
 *   -EPERM  the kernel refuses; the message says why and what helps
 *   -EBUSY  another tracer (a debugger) holds it
 *   -ENOTSUP a 32-bit program
 *   -ENOMEM, -EAGAIN.
 * No thread is left stopped, whatever happens; see thread_stop.h.
 * Thread-safety: any thread, while no other thread of ours waits for children with
 *   waitpid(-1). Allocates: yes. Cost: some 30 us of stop per thread, then some
 *   milliseconds for the files of the first stack and 0.1 ms for each other.
 */
int seep_probe_threads(pid_t pid, const uint32_t *tids, size_t count,
                       const struct seep_stop_options *options, struct seep_probe **probe,
                       struct seep_error *error);
/* NULL is ignored. */
void seep_probe_free(struct seep_probe *probe);

#endif
