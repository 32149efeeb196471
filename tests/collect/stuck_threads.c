/* Threads that never run again, one way each, and their healthy twins.
 *
 * usage: stuck-threads WAY SECONDS
 * Prints "ready" when everything stands as it will, and ends after SECONDS.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { POOL = 4, JOINERS = 3 /* of two, the C library refuses the second */ };

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t both_hold;
static atomic_int at_work;
static pthread_t partners[JOINERS];
static int dead_pipe[2];

/* A queue with its workers, on the heap as programs have them. */
struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    sem_t slots;
    unsigned length;
    struct queue *next; /* of a list of queues that know each other */
};

static struct queue *volatile known_queue; /* the healthy twin's */

static void note_work(void)
{
    atomic_fetch_add(&at_work, 1);
}

static void await_work(int count)
{
    while (atomic_load(&at_work) < count) {
        sched_yield();
    }
}

static __attribute__((noinline)) void *take_first_then_second(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&first);
    pthread_barrier_wait(&both_hold);
    note_work();
    pthread_mutex_lock(&second);
    return NULL;
}

static __attribute__((noinline)) void *take_second_then_first(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&second);
    pthread_barrier_wait(&both_hold);
    note_work();
    pthread_mutex_lock(&first);
    return NULL;
}

static void *wait_for_first(void *unused)
{
    (void)unused;
    note_work();
    pthread_mutex_lock(&first);
    pthread_mutex_unlock(&first);
    return NULL;
}

static void *relock(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&first);
    note_work();
    pthread_mutex_lock(&first);
    return NULL;
}

static void *lock_and_leave(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&first);
    return NULL;
}

static void *write_lock_and_read(void *unused)
{
    char byte;

    (void)unused;
    pthread_rwlock_wrlock(&table_lock);
    note_work();
    (void)!read(dead_pipe[0], &byte, 1);
    return NULL;
}

static void *read_lock(void *unused)
{
    (void)unused;
    note_work();
    pthread_rwlock_rdlock(&table_lock);
    return NULL;
}

static void *join_partner(void *which)
{
    note_work();
    await_work(JOINERS + 1);
    pthread_join(partners[((intptr_t)which + 1) % JOINERS], NULL);
    return NULL;
}

/* The healthy twin of a cycle: both take the two locks in one order, all the time. */
static void *take_in_order(void *unused)
{
    (void)unused;
    note_work();
    for (;;) {
        pthread_mutex_lock(&first);
        pthread_mutex_lock(&second);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        pthread_mutex_unlock(&second);
        pthread_mutex_unlock(&first);
    }
    return NULL;
}

/* The healthy twin of `held`: waits for input, and holds nothing meanwhile. */
static void *read_input(void *unused)
{
    char byte;

    (void)unused;
    note_work();
    (void)!read(dead_pipe[0], &byte, 1);
    return NULL;
}

static void *join_reader(void *unused)
{
    (void)unused;
    note_work();
    pthread_join(partners[0], NULL);
    return NULL;
}

static __attribute__((noinline)) void *serve_queue(void *argument)
{
    struct queue *queue = argument;

    pthread_mutex_lock(&queue->mutex);
    note_work();
    while (queue->length == 0) {
        pthread_cond_wait(&queue->filled, &queue->mutex);
    }
    pthread_mutex_unlock(&queue->mutex);
    return NULL;
}

static void *serve_semaphore(void *argument)
{
    struct queue *queue = argument;

    note_work();
    while (sem_wait(&queue->slots) != 0) {
    }
    return NULL;
}

static pthread_t start(void *(*routine)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, routine, argument) != 0) {
        fputs("stuck-threads: no thread\n", stderr);
        exit(2);
    }
    return thread;
}

static struct queue *new_queue(void)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->filled, NULL);
    sem_init(&queue->slots, 0, 0);
    return queue;
}

/* In a thread of its own that ends: nothing of what it knew is left on a stack in use. */
struct order {
    void *(*routine)(void *);
    bool keep, each_other;
};

static __attribute__((noinline)) void start_workers(const struct order *order)
{
    struct queue *queue = new_queue();
    struct queue *other = order->each_other ? new_queue() : NULL;

    queue->next = other;
    if (other != NULL) {
        other->next = queue;
        start(order->routine, other);
    }
    for (int i = 0; i < POOL; i++) {
        start(order->routine, queue);
    }
    if (order->keep) {
        known_queue = queue;
    }
}

static void *start_and_leave(void *argument)
{
    start_workers(argument);
    return NULL;
}

static void make_workers(void *(*routine)(void *), bool keep, bool each_other)
{
    struct order order = {.routine = routine, .keep = keep, .each_other = each_other};

    pthread_join(start(start_and_leave, &order), NULL);
    await_work(each_other ? POOL + 1 : POOL);
}

static void make_cycle(void)
{
    pthread_barrier_init(&both_hold, NULL, 2);
    start(take_first_then_second, NULL);
    start(take_second_then_first, NULL);
    await_work(2);
    start(wait_for_first, NULL);
    await_work(3);
}

static void make_orphan(void)
{
    pthread_join(start(lock_and_leave, NULL), NULL);
    start(wait_for_first, NULL);
    start(wait_for_first, NULL);
    await_work(2);
}

static void make_join_cycle(void)
{
    for (intptr_t i = 0; i < JOINERS; i++) {
        partners[i] = start(join_partner, (void *)i);
    }
    note_work(); /* all partners are known */
    await_work(JOINERS + 1);
}

static void make_held(void)
{
    if (pipe(dead_pipe) != 0) {
        exit(2);
    }
    start(write_lock_and_read, NULL);
    await_work(1);
    start(read_lock, NULL);
    await_work(2);
}

static void make_idle(void)
{
    if (pipe(dead_pipe) != 0) {
        exit(2);
    }
    start(take_in_order, NULL);
    start(take_in_order, NULL);
    partners[0] = start(read_input, NULL);
    start(join_reader, NULL);
    await_work(4);
}

static bool make(const char *way)
{
    if (strcmp(way, "cycle") == 0) {
        make_cycle();
    } else if (strcmp(way, "relock") == 0) {
        start(relock, NULL);
        await_work(1);
    } else if (strcmp(way, "orphan") == 0) {
        make_orphan();
    } else if (strcmp(way, "join-cycle") == 0) {
        make_join_cycle();
    } else if (strcmp(way, "held") == 0) {
        make_held();
    } else if (strcmp(way, "forgotten-queue") == 0) {
        make_workers(serve_queue, false, false);
    } else if (strcmp(way, "forgotten-semaphore") == 0) {
        make_workers(serve_semaphore, false, false);
    } else if (strcmp(way, "forgotten-each-other") == 0) {
        make_workers(serve_queue, false, true);
    } else if (strcmp(way, "idle") == 0) {
        make_idle();
    } else if (strcmp(way, "pool") == 0) {
        make_workers(serve_queue, true, false);
    } else if (strcmp(way, "semaphore-pool") == 0) {
        make_workers(serve_semaphore, true, false);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3 || !make(argv[1])) {
        fputs("usage: stuck-threads WAY SECONDS\n", stderr);
        return 2;
    }
    puts("ready");
    fflush(stdout);
    for (double left = strtod(argv[2], NULL); left > 0; left -= 0.1) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    _exit(0);
}
