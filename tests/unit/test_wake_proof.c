/* Who can wake whom, in a real process: a child with blocked threads, held still by
 * ptrace while it is searched.
 *
 * The child tells where its blocks are, so that the search is tested apart from the live
 * table.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collect/wake_proof.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
enum { THREADS_MAX = 8, BLOCKS_MAX = 4, DEADLINE_S = 20 };

struct job {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    uint32_t tid; /* of its worker; set when it is about to wait */
    struct job *other;
};

/* What the child tells of itself. */
struct told {
    uint32_t worker_tids[2];
    struct seep_reach_block blocks[BLOCKS_MAX]; /* ascending */
    uint32_t block_count;
};

enum keeper { NOBODY, GLOBAL, THREAD_STACK, EACH_OTHER };

static struct job *volatile kept; /* GLOBAL */
static pthread_t handles[2];      /* known, and no help */
static int told_pipe[2], hold_pipe[2];

static void *work(void *argument)
{
    struct job *job = argument;

    pthread_mutex_lock(&job->mutex);
    job->tid = (uint32_t)syscall(SYS_gettid);
    while (job->tid != 0) {
        pthread_cond_wait(&job->condition, &job->mutex);
    }
    pthread_mutex_unlock(&job->mutex);
    return NULL;
}

static void *hold(void *argument)
{
    struct job *volatile on_my_stack = argument;
    char byte;

    (void)!read(hold_pipe[0], &byte, 1);
    return on_my_stack;
}

static struct job *new_job(struct told *told)
{
    struct job *job = calloc(1, sizeof(*job));
    struct seep_reach_block block = {(uintptr_t)job, sizeof(*job)};
    uint32_t i = told->block_count++;

    pthread_mutex_init(&job->mutex, NULL);
    pthread_cond_init(&job->condition, NULL);
    for (; i > 0 && told->blocks[i - 1].start > block.start; i--) {
        told->blocks[i] = told->blocks[i - 1];
    }
    told->blocks[i] = block;
    return job;
}

static uint32_t wait_until_it_waits(struct job *job)
{
    uint32_t tid = 0;

    while (tid == 0) { /* the mutex is free once the worker waits */
        pthread_mutex_lock(&job->mutex);
        tid = job->tid;
        pthread_mutex_unlock(&job->mutex);
        sched_yield();
    }
    return tid;
}

/* Makes the threads, and forgets what it does not keep. Returns: the second job. */
static __attribute__((noinline)) struct job *build(enum keeper keeper, struct told *told)
{
    struct job *jobs[2] = {new_job(told), new_job(told)};

    if (keeper == EACH_OTHER) {
        jobs[0]->other = jobs[1];
        jobs[1]->other = jobs[0];
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_create(&handles[i], NULL, work, jobs[i]);
        told->worker_tids[i] = wait_until_it_waits(jobs[i]);
    }
    kept = keeper == GLOBAL ? jobs[1] : NULL;
    return jobs[1];
}

/* A function of its own: a new thread starts with its creator's registers, which would
 * know the first job as well. */
static __attribute__((noinline)) void keep_on_a_stack(struct job *job)
{
    pthread_t holder;

    pthread_create(&holder, NULL, hold, job);
}

/* What build() left of pointers in dead frames. */
static __attribute__((noinline)) void scrub(void)
{
    volatile char dead[16384];

    for (size_t i = 0; i < sizeof(dead); i++) {
        dead[i] = 0;
    }
}

static void run_child(enum keeper keeper)
{
    struct told told = {0};
    char byte;

    if (keeper == THREAD_STACK) {
        keep_on_a_stack(build(keeper, &told));
    } else {
        (void)build(keeper, &told);
    }
    scrub();
    (void)!write(told_pipe[1], &told, sizeof(told));
    memset(&told, 0,
           sizeof(told)); /* it holds the addresses, and would keep them alive */
    __asm__ volatile("" : : "r"(&told) : "memory");
    (void)!write(told_pipe[1], "", 1);
    (void)!read(hold_pipe[0], &byte, 1);
    _exit(0);
}

/* Stops every thread and takes its registers. Returns: how many there are. */
static size_t stop_all(pid_t pid, struct seep_wake_thread *threads)
{
    char path[64];
    size_t n = 0;
    DIR *tasks = NULL;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    tasks = opendir(path);
    assert_non_null(tasks);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        struct user_regs_struct regs;
        pid_t tid = atoi(entry->d_name);
        int status = 0;

        if (tid == 0) {
            continue;
        }
        assert_true(n < THREADS_MAX);
        assert_int_equal(ptrace(PTRACE_SEIZE, tid, NULL, NULL), 0);
        assert_int_equal(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL), 0);
        assert_int_equal(waitpid(tid, &status, __WALL), tid);
        assert_int_equal(ptrace(PTRACE_GETREGS, tid, NULL, &regs), 0);
        threads[n++] = (struct seep_wake_thread){
            .tid = (uint32_t)tid,
            .stack_pointer = regs.rsp,
            .thread_pointer = regs.fs_base,
            .registers = {regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi,
                          regs.rbp, regs.r8, regs.r9, regs.r10, regs.r11, regs.r12,
                          regs.r13, regs.r14, regs.r15},
            .object = regs.rdi};
    }
    (void)closedir(tasks);
    return n;
}

static struct seep_wake_thread *thread_of(struct seep_wake_thread *threads, size_t n,
                                          uint32_t tid)
{
    for (size_t i = 0; i < n; i++) {
        if (threads[i].tid == tid) {
            return &threads[i];
        }
    }
    fail_msg("the child has no thread %u", tid);
    return NULL;
}

static void expect(enum keeper keeper, bool first, bool second)
{
    struct seep_wake_thread threads[THREADS_MAX];
    struct seep_memory_map map = {0};
    struct seep_wake_result result;
    struct told told;
    char ready = 0;
    pid_t pid = 0;

    /* The child inherits this frame, with what the test before found at the same
     * addresses. */
    memset(threads, 0, sizeof(threads));
    memset(&told, 0, sizeof(told));
    __asm__ volatile("" : : "r"(threads), "r"(&told) : "memory");
    assert_int_equal(pipe(told_pipe), 0);
    assert_int_equal(pipe(hold_pipe), 0);
    pid = fork();
    if (pid == 0) {
        (void)alarm(DEADLINE_S);
        run_child(keeper);
    }
    assert_true(pid > 0);
    assert_int_equal(read(told_pipe[0], &told, sizeof(told)), sizeof(told));
    assert_int_equal(read(told_pipe[0], &ready, 1), 1);

    size_t n = stop_all(pid, threads);
    struct seep_wake_scene scene = {.pid = (uint32_t)pid,
                                    .blocks = told.blocks,
                                    .block_count = told.block_count,
                                    .limit_bytes = UINT64_C(4) << 30};

    for (size_t i = 0; i < 2; i++) {
        thread_of(threads, n, told.worker_tids[i])->blocked = true;
    }
    assert_int_equal(seep_memory_map_read((uint32_t)pid, &map), 0);
    scene.map = &map;
    int err = seep_wake_proof(&scene, threads, n, &result, NULL);

    if (SANITIZED) { /* more address space is reserved than is looked through */
        assert_int_equal(err, -E2BIG);
    } else {
        assert_int_equal(err, 0);
        assert_true(result.scanned_bytes > 0);
        assert_int_equal(thread_of(threads, n, told.worker_tids[0])->reachable, first);
        assert_int_equal(thread_of(threads, n, told.worker_tids[1])->reachable, second);
        assert_true(thread_of(threads, n, (uint32_t)pid)->reachable);
    }
    seep_memory_map_fini(&map);
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (size_t i = 0; i < n; i++) { /* a traced thread is waited for before its leader */
        if (threads[i].tid != (uint32_t)pid) {
            assert_true(waitpid((pid_t)threads[i].tid, NULL, __WALL) > 0);
        }
    }
    assert_true(waitpid(pid, NULL, __WALL) > 0);
    for (size_t i = 0; i < 2; i++) {
        (void)close(told_pipe[i]);
        (void)close(hold_pipe[i]);
    }
}

static void workers_whose_jobs_were_forgotten_can_be_woken_by_nobody(void **state)
{
    (void)state;
    expect(NOBODY, false, false);
}

static void a_global_variable_is_enough_to_be_woken(void **state)
{
    (void)state;
    expect(GLOBAL, false, true);
}

static void so_is_another_threads_stack(void **state)
{
    (void)state;
    expect(THREAD_STACK, false, true);
}

static void jobs_that_know_only_each_other_are_forgotten_as_well(void **state)
{
    (void)state;
    expect(EACH_OTHER, false, false);
}

static void more_memory_than_the_limit_is_refused(void **state)
{
    struct seep_memory_map map = {0};
    struct seep_wake_scene scene = {
        .pid = (uint32_t)getpid(), .map = &map, .limit_bytes = 4096};
    struct seep_wake_result result;
    struct seep_error error = {0};

    (void)state;
    assert_int_equal(seep_memory_map_read((uint32_t)getpid(), &map), 0);
    assert_int_equal(seep_wake_proof(&scene, NULL, 0, &result, &error), -E2BIG);
    assert_int_equal(error.code, -E2BIG);
    seep_memory_map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_whose_jobs_were_forgotten_can_be_woken_by_nobody),
        cmocka_unit_test(a_global_variable_is_enough_to_be_woken),
        cmocka_unit_test(so_is_another_threads_stack),
        cmocka_unit_test(jobs_that_know_only_each_other_are_forgotten_as_well),
        cmocka_unit_test(more_memory_than_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
