/* A short stop of threads in another process.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT, because PTRACE_ATTACH sends a SIGSTOP that the
 * program's parent can see and that can go astray. Nothing is computed while a thread
 * stands still: its registers and the used part of its stack are copied by one
 * process_vm_readv, and it runs again; unwinding is done
 * afterwards from the copy. Unwinding meanwhile was rejected: the first thread would wait
 * until the files are opened and read, for 0.3 ms (elfutils) to 50 ms (libunwind-ptrace):
 * docs/threads.md.
 *
 * The tracing is done by a thread of our own, for the sake of those that cannot be let
 * go: PTRACE_DETACH works on a stopped thread alone, and one in uninterruptible sleep
 * stops whenever it wakes, one that called exec bears another number. The kernel lets go
 * of all of them when the thread that traces ends. So:
 *
 * I1: whoever traces ends as soon as a thread has not stopped in time; the next one is
 *     traced by a new thread.
 * I2: seep_thread_stop returns when that end is complete (its directory in /proc is
 * gone); pthread_join alone returns a moment earlier.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/thread_stop.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "attach/syscall_restart.h"

static const uint64_t WAIT_DEFAULT_NS = 20000000;
static const uint64_t STOP_DEFAULT_NS = 5000000;
static const uint64_t SPIN_NS = 200000;
static const uint64_t PATIENCE_NS = 1000000000;
enum {
    STACK_DEFAULT_BYTES = 1 << 20,
    RED_ZONE_BYTES = 128,
    UNKNOWN_STACK_BYTES = 1 << 16, /* of a stack that is in no mapping that we know */
    PAGE_BYTES = 4096,
    PIECES_MAX = 64,
    SMALL_BYTES = 512,
    EVENT_SHIFT = 16,
    ENDED_POLLS = 2000,
    SEIZE_TRIES = 10,
    TRACER_NICE = -20,
    POLL_NS = 50000
};

/* Where a thread is on its way through a stop. */
enum stage { UNTOUCHED = 0, SEIZED = 1, STOPPED = 2, LET_GO = 3 };

struct tracee {
    enum stage stage;
    int signal;              /* to deliver when it is let go; 0: none */
    uint64_t not_stopped_ns; /* the last instant at which it still ran */
};

struct tracer {
    pid_t pid;
    const struct seep_memory_map *map;
    struct seep_thread_copy *copies;
    struct tracee *tracees;
    bool refused;       /* by the kernel, for good */
    size_t count, next; /* next: the first that nobody has touched */
    struct seep_stop_options options;
    uint8_t *scratch; /* stack_most_bytes, touched beforehand */
    _Atomic pid_t tid;
};

static uint64_t now_ns(void)
{
    return seep_proc_clock_ns(CLOCK_MONOTONIC);
}

static char state_of(pid_t pid, pid_t tid)
{
    char path[64];
    char text[SMALL_BYTES];
    const char *name_end = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    if (seep_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0) {
        return 'X';
    }
    name_end = strrchr(text, ')');
    return name_end != NULL ? name_end[2] : 'X';
}

/* Of a thread on its way out, or one whose number is about to go to another by exec, the
 * kernel says EPERM too: that passes. */
static int try_seize(struct tracer *tracer, pid_t tid)
{
    static const struct timespec pause = {.tv_nsec = POLL_NS};

    for (int i = 0; ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0; i++) {
        if (errno != EPERM) {
            return -errno;
        }
        if (strchr("ZX", state_of(tracer->pid, tid)) != NULL && i > 0) {
            return -ESRCH;
        }
        if (tracer->refused || i == SEIZE_TRIES) {
            tracer->refused = true;
            return -EPERM;
        }
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

static void seize(struct tracer *tracer, size_t i)
{
    struct seep_thread_copy *copy = &tracer->copies[i];
    struct tracee *tracee = &tracer->tracees[i];
    pid_t tid = (pid_t)copy->tid;

    copy->status = try_seize(tracer, tid);
    if (copy->status != 0) {
        return;
    }
    tracee->stage = SEIZED;
    tracee->not_stopped_ns = now_ns();
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0) {
        copy->status = -errno;
    }
}

/* One look at a thread that was told to stop. Returns: whether there is something to wait
 * for. */
static bool look(struct tracer *tracer, size_t i)
{
    struct seep_thread_copy *copy = &tracer->copies[i];
    struct tracee *tracee = &tracer->tracees[i];
    uint64_t before = now_ns();
    int status = 0;
    pid_t got = waitpid((pid_t)copy->tid, &status, __WALL | WNOHANG);

    if (got == 0) {
        tracee->not_stopped_ns = before;
        return true;
    }
    if (got < 0 || !WIFSTOPPED(status)) {
        copy->status = -ESRCH; /* it ended; or it called exec and has another number */
        tracee->stage = LET_GO;
        return false;
    }
    tracee->stage = STOPPED;
    if (status >> EVENT_SHIFT == 0) {
        tracee->signal = WSTOPSIG(status); /* one was about to be delivered */
    }
    return false;
}

/* Waits until the thread has stopped, and gives up after most_ns: at once in
 * uninterruptible sleep, later on a thread that only waits for a CPU; that one has been
 * woken already, and who goes away from it now leaves it with an interrupted system call.
 * Returns: false when it has not stopped. */
static bool await(struct tracer *tracer, size_t i, uint64_t most_ns, bool patient)
{
    static const struct timespec pause = {.tv_nsec = POLL_NS};
    pid_t tid = (pid_t)tracer->copies[i].tid;
    uint64_t began = now_ns();

    while (look(tracer, i)) {
        uint64_t waited = now_ns() - began;

        if (waited > most_ns &&
            (!patient || waited > PATIENCE_NS || state_of(tracer->pid, tid) == 'D')) {
            return false;
        }
        if (waited < SPIN_NS) {
            (void)sched_yield();
        } else {
            (void)nanosleep(&pause, NULL);
        }
    }
    return true;
}

static int read_registers(pid_t tid, struct user_regs_struct *regs)
{
    struct iovec whole = {.iov_base = regs, .iov_len = sizeof(*regs)};

    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &whole) < 0) {
        return errno == ESRCH ? -ESRCH : -EIO;
    }
    return whole.iov_len == sizeof(*regs) ? 0 : -ENOTSUP;
}

static void put_registers(const struct user_regs_struct *regs,
                          uint64_t out[static SEEP_REGISTERS])
{
    const uint64_t in_order[SEEP_REGISTERS] = {
        regs->rax, regs->rdx, regs->rcx, regs->rbx, regs->rsi, regs->rdi,
        regs->rbp, regs->rsp, regs->r8,  regs->r9,  regs->r10, regs->r11,
        regs->r12, regs->r13, regs->r14, regs->r15, regs->rip};

    memcpy(out, in_order, sizeof(in_order));
}

/* Copies [start, start + bytes) as far as it is there. Pages of their own: a single piece
 * that is only partly mapped would be all or nothing. Returns: bytes read. */
static size_t read_unknown(pid_t pid, uint8_t *out, uint64_t start, size_t bytes)
{
    struct iovec theirs[PIECES_MAX];
    struct iovec ours = {.iov_base = out, .iov_len = bytes};
    size_t pieces = 0;

    for (uint64_t at = start; at < start + bytes && pieces < PIECES_MAX;) {
        uint64_t next = (at / PAGE_BYTES + 1) * PAGE_BYTES;
        uint64_t end = next < start + bytes ? next : start + bytes;

        /* NOLINTNEXTLINE(performance-no-int-to-ptr): an address in another process */
        theirs[pieces++] = (struct iovec){(void *)at, end - at};
        at = end;
    }
    ssize_t n = process_vm_readv(pid, &ours, 1, theirs, pieces, 0);

    return n > 0 ? (size_t)n : 0;
}

/* Into the tracer's scratch; seep_thread_copy keeps it after the stop. */
static void read_stack(struct tracer *tracer, struct seep_thread_copy *copy)
{
    uint64_t start = copy->registers[SEEP_REGISTER_SP] - RED_ZONE_BYTES;
    const struct seep_vma *range =
        seep_memory_map_find(tracer->map, copy->registers[SEEP_REGISTER_SP]);
    size_t most = tracer->options.stack_most_bytes;

    copy->stack_start = start;
    if (range == NULL) {
        most = most < UNKNOWN_STACK_BYTES ? most : UNKNOWN_STACK_BYTES;
        copy->stack_bytes = read_unknown(tracer->pid, tracer->scratch, start, most);
        return;
    }
    if (start < range->start) {
        start = range->start;
        copy->stack_start = start;
    }
    size_t used = range->end - start;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): an address in another process */
    struct iovec theirs = {(void *)start, used < most ? used : most};
    struct iovec ours = {tracer->scratch, theirs.iov_len};
    ssize_t n = process_vm_readv(tracer->pid, &ours, 1, &theirs, 1, 0);

    copy->stack_cut = used > most;
    copy->stack_bytes = n > 0 ? (size_t)n : 0;
}

static void keep_stack(struct tracer *tracer, struct seep_thread_copy *copy)
{
    if (copy->status == 0 && copy->stack_bytes > 0) {
        copy->stack = malloc(copy->stack_bytes);
        if (copy->stack == NULL) {
            copy->stack_bytes = 0;
            copy->status = -ENOMEM;
        } else {
            memcpy(copy->stack, tracer->scratch, copy->stack_bytes);
        }
    }
}

static void copy_stopped(struct tracer *tracer, size_t i)
{
    struct seep_thread_copy *copy = &tracer->copies[i];
    struct tracee *tracee = &tracer->tracees[i];
    struct user_regs_struct regs;

    if (copy->status != 0 || tracee->stage != STOPPED) {
        return;
    }
    copy->status = read_registers((pid_t)copy->tid, &regs);
    if (copy->status != 0) {
        return;
    }
    put_registers(&regs, copy->registers);
    if (tracee->signal == 0) {
        (void)seep_syscall_restart(tracer->pid, (pid_t)copy->tid, &regs);
    }
    if (now_ns() - tracee->not_stopped_ns < tracer->options.stop_most_ns) {
        read_stack(tracer, copy);
    }
}

static void let_go(struct tracer *tracer, size_t i)
{
    struct seep_thread_copy *copy = &tracer->copies[i];
    struct tracee *tracee = &tracer->tracees[i];

    if (tracee->stage != STOPPED) {
        return;
    }
    tracee->stage = LET_GO;
    (void)ptrace(PTRACE_DETACH, (pid_t)copy->tid, NULL, (void *)(intptr_t)tracee->signal);
    copy->stop_ns = now_ns() - tracee->not_stopped_ns;
}

/* One thread on its own. Returns: false when it did not stop. */
static bool stop_one(struct tracer *tracer, size_t i)
{
    struct seep_thread_copy *copy = &tracer->copies[i];

    if (copy->status == 0 && !await(tracer, i, tracer->options.wait_most_ns, true)) {
        copy->status = -ETIME;
        return false;
    }
    copy_stopped(tracer, i);
    let_go(tracer, i);
    keep_stack(tracer, copy);
    return true;
}

static void trace_one_by_one(struct tracer *tracer)
{
    bool stopped = true;

    while (stopped && tracer->next < tracer->count) {
        size_t i = tracer->next++;

        seize(tracer, i);
        stopped = stop_one(tracer, i);
    }
}

/* The waits are one after the other, with one limit for all, so that those that have
 * stopped do not wait for the others; these are let go in their turn. */
static void trace_together(struct tracer *tracer)
{
    uint64_t began = 0;

    tracer->next = tracer->count;
    for (size_t i = 0; i < tracer->count; i++) {
        seize(tracer, i);
    }
    began = now_ns();
    for (size_t i = 0; i < tracer->count; i++) {
        uint64_t spent = now_ns() - began;
        uint64_t most = tracer->options.wait_most_ns;

        if (tracer->copies[i].status == 0) {
            (void)await(tracer, i, spent < most ? most - spent : 0, false);
        }
    }
    for (size_t i = 0; i < tracer->count; i++) {
        copy_stopped(tracer, i);
        keep_stack(tracer, &tracer->copies[i]);
    }
    if (tracer->options.while_stopped != NULL) {
        tracer->options.while_stopped(tracer->options.context);
    }
    for (size_t i = 0; i < tracer->count; i++) {
        let_go(tracer, i);
    }
    for (size_t i = 0; i < tracer->count; i++) {
        if (tracer->tracees[i].stage == SEIZED && tracer->copies[i].status == 0) {
            (void)stop_one(tracer, i);
            seep_thread_copy_fini(&tracer->copies[i]);
            tracer->copies[i].status = -ETIME;
        }
    }
}

static void *trace(void *argument)
{
    struct tracer *tracer = argument;

    tracer->tid = gettid();
    /* Where we may: on a busy machine whoever is put aside while it holds a thread makes
     * the stop 1,000 times longer. */
    (void)setpriority(PRIO_PROCESS, (id_t)tracer->tid, TRACER_NICE);
    if (tracer->options.together) {
        trace_together(tracer);
    } else {
        trace_one_by_one(tracer);
    }
    return NULL;
}

/* I2. Bounded: a thread that is joined is on the last steps of its end. */
static void await_end(pid_t tid)
{
    static const struct timespec pause = {.tv_nsec = POLL_NS};
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d", (int)tid);
    for (int i = 0; i < ENDED_POLLS && access(path, F_OK) == 0; i++) {
        (void)nanosleep(&pause, NULL);
    }
}

static int run_tracer(struct tracer *tracer)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, trace, tracer);

    if (err != 0) {
        return -err;
    }
    (void)pthread_join(thread, NULL);
    await_end(tracer->tid);
    return 0;
}

static void put_defaults(struct seep_stop_options *options)
{
    if (options->wait_most_ns == 0) {
        options->wait_most_ns = WAIT_DEFAULT_NS;
    }
    if (options->stop_most_ns == 0) {
        options->stop_most_ns = STOP_DEFAULT_NS;
    }
    if (options->stack_most_bytes == 0) {
        options->stack_most_bytes = STACK_DEFAULT_BYTES;
    }
}

int seep_thread_stop(pid_t pid, const struct seep_memory_map *map,
                     struct seep_thread_copy *copies, size_t count,
                     const struct seep_stop_options *options)
{
    struct tracer tracer = {.pid = pid, .map = map, .copies = copies, .count = count};
    sigset_t all;
    sigset_t before;
    int status = 0;

    if (options != NULL) {
        tracer.options = *options;
    }
    put_defaults(&tracer.options);
    tracer.tracees = calloc(count + 1, sizeof(*tracer.tracees));
    tracer.scratch = malloc(tracer.options.stack_most_bytes);
    if (tracer.tracees == NULL || tracer.scratch == NULL) {
        status = -ENOMEM;
        goto done;
    }
    memset(tracer.scratch, 0, tracer.options.stack_most_bytes); /* no faults later */
    /* ^Z on the terminal must not stop us in the middle */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (status == 0 && tracer.next < count) {
        status = run_tracer(&tracer);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
done:
    free(tracer.tracees);
    free(tracer.scratch);
    return status;
}

void seep_thread_copy_arguments(const struct seep_thread_copy *copy,
                                uint64_t arguments[6])
{
    static const uint8_t dwarf_numbers[6] = {5, 4, 1, 10, 8, 9}; /* rdi rsi rdx r10 .. */

    for (size_t i = 0; i < 6; i++) {
        arguments[i] = copy->registers[dwarf_numbers[i]];
    }
}

void seep_thread_copy_fini(struct seep_thread_copy *copy)
{
    free(copy->stack);
    copy->stack = NULL;
    copy->stack_bytes = 0;
}
