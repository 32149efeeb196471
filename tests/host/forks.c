/* Processes made in every way, while other threads allocate without pause. Each child
 * allocates, frees and exits with a status that says so; a hang is the failure that this
 * program is made to provoke.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, FORKS = 60, CHILD_STATUS = 33 };

extern char **environ;
static _Atomic bool stop;

static void churn(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        void *volatile memory = malloc(i % 900 + 1);

        memory = realloc(memory, i % 2000 + 1);
        free(memory);
    }
}

static void *work(void *argument)
{
    while (!atomic_load(&stop)) {
        churn(100);
    }
    return argument;
}

static void expect(pid_t pid, int wanted)
{
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != wanted) {
        (void)fprintf(stderr, "child %d: status %x instead of exit %d\n", pid, status,
                      wanted);
        abort();
    }
}

static void child_that_allocates(void)
{
    churn(200);
    _exit(CHILD_STATUS);
}

static void *thread_in_child(void *argument)
{
    churn(50);
    return argument;
}

/* A forked child that makes threads of its own and leaves by exit(). */
static void child_with_threads(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, thread_in_child, NULL);
    pthread_join(thread, NULL);
    exit(CHILD_STATUS);
}

static void daemonise_and_wait(void)
{
    int ends[2];
    char byte = 0;
    pid_t pid = 0;

    if (pipe(ends) != 0) {
        abort();
    }
    pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0) {
            for (int fd = 0; fd < 1024; fd++) {
                if (fd != ends[1]) {
                    close(fd);
                }
            }
            churn(500);
            if (write(ends[1], "d", 1) != 1) {
                abort();
            }
            _exit(0);
        }
        _exit(CHILD_STATUS);
    }
    expect(pid, CHILD_STATUS);
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1 || byte != 'd') {
        abort();
    }
    close(ends[0]);
}

int main(void)
{
    pthread_t threads[THREADS];
    char *const spawned[] = {(char *)"/bin/sh", (char *)"-c", (char *)"exit 33", NULL};

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work, NULL);
    }
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            child_that_allocates();
        }
        expect(pid, CHILD_STATUS);
        pid = fork();
        if (pid == 0) {
            child_with_threads();
        }
        expect(pid, CHILD_STATUS);
        pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); /* no atfork handler runs */
        if (pid == 0) {
            child_that_allocates();
        }
        expect(pid, CHILD_STATUS);
        if (i % 10 == 0) {
            pid = vfork();
            if (pid == 0) {
                execve(spawned[0], spawned, environ);
                _exit(1);
            }
            expect(pid, CHILD_STATUS);
            if (posix_spawn(&pid, spawned[0], NULL, NULL, spawned, environ) != 0) {
                abort();
            }
            expect(pid, CHILD_STATUS);
        }
    }
    daemonise_and_wait();
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    (void)puts("all children ended as they should");
    return 0;
}
