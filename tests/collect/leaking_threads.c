/* Threads that pile up, locks whose owner is gone in one of several ways, and what only
 * looks like either.
 *
 * usage: leaking-threads WAY SECONDS
 * Prints "ready" when it has begun, and ends after SECONDS.
 *
 * SPDX-License-Identifier: MIT
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POOL = 12, CONVOY = 16, STACK_BYTES = 65536 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static sem_t slots;
static int dead_pipe[2];
static pthread_mutex_t *volatile lock; /* of what kind the way says */
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static pthread_t last_stuck;
static atomic_int at_work;

static void pause_s(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};

    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    nanosleep(&left, NULL);
}

static pthread_t start(void *(*routine)(void *), void *argument)
{
    pthread_attr_t small;
    pthread_t thread;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    if (pthread_create(&thread, &small, routine, argument) != 0) {
        fputs("leaking-threads: no thread\n", stderr);
        exit(2);
    }
    pthread_attr_destroy(&small);
    return thread;
}

static void *wait_for_mutex(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *wait_for_condition(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    for (;;) {
        pthread_cond_wait(&filled, &mutex);
    }
    return NULL;
}

static void *wait_for_semaphore(void *unused)
{
    (void)unused;
    for (;;) {
        sem_wait(&slots);
    }
    return NULL;
}

static void *read_dead_pipe(void *unused)
{
    char byte;

    (void)unused;
    (void)!read(dead_pipe[0], &byte, 1);
    return NULL;
}

static void *join_stuck(void *unused)
{
    (void)unused;
    pthread_join(last_stuck, NULL);
    return NULL;
}

static void *wait_for_own_semaphore(void *argument)
{
    sem_t *own = argument;

    for (;;) {
        sem_wait(own);
    }
    return NULL;
}

static void *wait_for_raw_futex(void *argument)
{
    for (;;) {
        syscall(SYS_futex, argument, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    return NULL;
}

static void *wait_at_barrier(void *argument)
{
    atomic_fetch_add(&at_work, 1);
    pthread_barrier_wait(argument);
    return NULL;
}

static void *lock_and_leave(void *unused)
{
    (void)unused;
    pthread_mutex_lock(lock);
    return NULL;
}

static void *wait_for_lock(void *unused)
{
    (void)unused;
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

static void *stand_in_line(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    pause_s(0.5);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *work_a_little(void *unused)
{
    (void)unused;
    pause_s(1);
    return NULL;
}

static void *write_table(void *unused)
{
    (void)unused;
    pthread_rwlock_wrlock(&table);
    pthread_rwlock_unlock(&table);
    return NULL;
}

static void grow_join(void)
{
    last_stuck = start(read_dead_pipe, NULL);
    start(join_stuck, NULL);
    pause_s(0.05); /* it has begun to join before the next takes its place */
}

static __attribute__((noinline)) void grow_forgotten(void)
{
    sem_t *own = calloc(1, sizeof(*own));

    start(wait_for_own_semaphore, own);
}

static __attribute__((noinline)) void grow_futex(void)
{
    start(wait_for_raw_futex, calloc(1, 64));
}

static const struct {
    const char *way;
    void *(*routine)(void *);
    void (*grow)(void);
} growing[] =
    {
        {"grow-mutex", wait_for_mutex, NULL},
        {"grow-condition", wait_for_condition, NULL},
        {"grow-semaphore", wait_for_semaphore, NULL},
        {"grow-pipe", read_dead_pipe, NULL},
        {"grow-join", NULL, grow_join},
        {"grow-forgotten", NULL, grow_forgotten},
        {"grow-futex", NULL, grow_futex},
},
  steady[] = {
      {"steady-condition", wait_for_condition, NULL},
      {"steady-semaphore", wait_for_semaphore, NULL},
      {"steady-pipe", read_dead_pipe, NULL},
};

static const struct {
    const char *way;
    int type, protocol, robust;
} dead[] = {
    {"dead-normal", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED},
    {"dead-recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED},
    {"dead-errorcheck", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE,
     PTHREAD_MUTEX_STALLED},
    {"dead-adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE,
     PTHREAD_MUTEX_STALLED},
    {"dead-inheriting", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT,
     PTHREAD_MUTEX_STALLED},
    {"dead-robust", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST},
};

static void make_dead(size_t which, int shared)
{
    static pthread_mutex_t own;
    pthread_mutexattr_t kind;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, dead[which].type);
    pthread_mutexattr_setprotocol(&kind, dead[which].protocol);
    pthread_mutexattr_setrobust(&kind, dead[which].robust);
    pthread_mutexattr_setpshared(&kind, shared);
    lock = shared == PTHREAD_PROCESS_SHARED
               ? mmap(NULL, sizeof(*lock), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0)
               : &own;
    pthread_mutex_init(lock, &kind);
}

static void make_orphan(size_t which)
{
    make_dead(which, PTHREAD_PROCESS_PRIVATE);
    pthread_join(start(lock_and_leave, NULL), NULL);
    for (int i = 0; i < 2; i++) {
        pthread_detach(start(wait_for_lock, NULL));
    }
}

/* Another process has it, for as long as this one lives. */
static void make_shared(void)
{
    make_dead(0, PTHREAD_PROCESS_SHARED);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pthread_mutex_lock(lock);
        for (;;) {
            pause();
        }
    }
    pause_s(0.5);
    start(wait_for_lock, NULL);
}

static void *make_barrier(void *unused)
{
    pthread_barrier_t *barrier = calloc(1, sizeof(*barrier));

    (void)unused;
    pthread_barrier_init(barrier, NULL, POOL + 1);
    /* The second half is old enough for a look when enough of the first had one. All are
     * of one place: volatile, or the loop is unrolled. */
    for (volatile int i = 0; i < POOL; i++) {
        pause_s(i == POOL / 2 ? 1 : 0);
        start(wait_at_barrier, barrier);
    }
    return NULL;
}

static void make_convoy(void)
{
    for (int i = 0; i < CONVOY; i++) {
        pthread_detach(start(stand_in_line, NULL));
    }
}

static bool make(const char *way)
{
    for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
        if (strcmp(way, dead[i].way) == 0) {
            make_orphan(i);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(steady) / sizeof(steady[0]); i++) {
        for (int k = 0; strcmp(way, steady[i].way) == 0 && k < POOL; k++) {
            start(steady[i].routine, NULL);
        }
    }
    if (strcmp(way, "barrier") == 0) {
        pthread_join(start(make_barrier, NULL), NULL);
    } else if (strcmp(way, "shared") == 0) {
        make_shared();
    } else if (strcmp(way, "reader") == 0) {
        pthread_rwlock_rdlock(&table);
        start(write_table, NULL);
    }
    return true;
}

/* What the way does every quarter of a second; `turn` counts them. */
static void go_on(const char *way, int turn)
{
    for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++) {
        if (strcmp(way, growing[i].way) == 0 && growing[i].grow != NULL) {
            growing[i].grow();
        } else if (strcmp(way, growing[i].way) == 0) {
            start(growing[i].routine, NULL);
        }
    }
    if (strcmp(way, "convoy") == 0 && turn % 36 == 0) {
        make_convoy();
    }
    if (strcmp(way, "bursts") == 0 && turn % 40 == 0) {
        for (int i = 0; i < CONVOY; i++) {
            pthread_detach(start(work_a_little, NULL));
        }
    }
}

int main(int argc, char **argv)
{
    double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;

    sem_init(&slots, 0, 0);
    if (seconds <= 0 || pipe(dead_pipe) != 0 || !make(argv[1])) {
        fputs("usage: leaking-threads WAY SECONDS\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "grow-mutex") == 0) {
        pthread_mutex_lock(&mutex);
    }
    puts("ready");
    fflush(stdout);
    for (int turn = 0; turn < seconds * 4; turn++) {
        go_on(argv[1], turn);
        pause_s(0.25);
    }
    _exit(0);
}
