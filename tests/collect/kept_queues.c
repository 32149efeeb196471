/* Workers that wait for work, each on a queue whose only address outside its worker is
 * kept in a place of its own: every one of them can be woken, and a search that overlooks
 * one place calls a healthy thread lost. Two are forgotten in truth: searches do find.
 *
 * usage: kept-queues SECONDS
 * Prints "TID WAY" for each worker, then "ready".
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define KEPT __attribute__((noinline))

enum { PAGE = 4096, STACK = 65536, ARENA = 32768, ARENA_AT = 8184, SCRUB = 16384 };

struct queue {
    char before[64]; /* what points into the middle does not point here */
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    sem_t slots;
    bool by_semaphore;
    const char *way;
};

struct way {
    const char *name;
    void (*keep)(struct queue *queue); /* in a thread of its own */
    bool stays;                        /* that thread lives on */
    bool in_arena;                     /* the queue is no block of its own */
};

struct link {
    struct link *next;
    void *into;
};

int __cxa_atexit(void (*function)(void *), void *argument, void *dso);
int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *dso);
extern void *__dso_handle;

static atomic_int waiting;
static struct queue *volatile global_queue;
static __thread struct queue *volatile own_queue;
static pthread_key_t key;
static char *volatile arena, *volatile mapped_arena;
struct link *volatile kept_chain; /* not static: a compiler sees who never reads */
static ucontext_t contexts[2], back;
static char *volatile heap_stack;
static volatile uint64_t tagged, shifted, mangled;
static volatile struct __attribute__((packed)) {
    uint32_t events;
    uint64_t data;
} packed_slot;
static union {
    struct queue *volatile queue;
    char bytes[PAGE];
} sealed __attribute__((aligned(PAGE))) = {.bytes = {1}}; /* of the file, not of .bss */

static KEPT void scrub(void)
{
    volatile char dead[SCRUB];

    for (size_t i = 0; i < sizeof(dead); i++) {
        dead[i] = 0;
    }
}

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(2);
}

static char *map(void *at, size_t bytes, int flags)
{
    char *got = mmap(at, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    if (got == MAP_FAILED) {
        fail("mmap");
    }
    return got;
}

static void put(char *at, const void *pointer)
{
    memcpy(at, &pointer, sizeof(pointer));
}

static void do_nothing(void *unused)
{
    (void)unused;
}

static void do_nothing_at_exit(int status, void *unused)
{
    (void)status;
    (void)unused;
}

static void keep_nowhere(struct queue *queue)
{
    (void)queue;
}

static void keep_globally(struct queue *queue)
{
    global_queue = queue;
}

static void keep_in_tls(struct queue *queue)
{
    own_queue = queue;
}

static void keep_as_specific(struct queue *queue)
{
    pthread_setspecific(key, queue);
}

static void keep_for_exit(struct queue *queue)
{
    on_exit(do_nothing_at_exit, queue);
}

static void keep_for_static_object(struct queue *queue)
{
    __cxa_atexit(do_nothing, queue, NULL);
}

static void keep_for_thread_object(struct queue *queue)
{
    __cxa_thread_atexit_impl(do_nothing, queue, &__dso_handle);
}

static void keep_in_mapping(struct queue *queue)
{
    put(map(NULL, PAGE, 0) + 128, queue);
}

/* The kernel makes one mapping of this and of the recorder's data. */
static void keep_beside_recorder(struct queue *queue)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    uintptr_t end = 0;
    uintptr_t from = 0;
    uintptr_t to = 0;

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) != 2) {
            continue;
        }
        if (strstr(line, "/libseep.so") != NULL || (end == from && end != 0)) {
            end = to;
        } else if (end != 0) {
            break;
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
    if (end == 0) { /* not recorded */
        global_queue = queue;
        return;
    }
    put(map((void *)end, PAGE, MAP_FIXED_NOREPLACE) + 128, queue);
}

static void run_coroutine(unsigned high, unsigned low, int which)
{
    struct queue *volatile queue = (struct queue *)((uintptr_t)high << 32 | low);

    swapcontext(&contexts[which], &back);
    printf("%s", queue->way);
}

static void keep_on_stack(struct queue *queue, char *stack, int which)
{
    uintptr_t address = (uintptr_t)queue;

    getcontext(&contexts[which]);
    contexts[which].uc_stack.ss_sp = stack;
    contexts[which].uc_stack.ss_size = STACK;
    makecontext(&contexts[which], (void (*)(void))run_coroutine, 3,
                (unsigned)(address >> 32), (unsigned)address, which);
    swapcontext(&back, &contexts[which]);
    memset(&back, 0, sizeof(back));
}

static void keep_on_mapped_stack(struct queue *queue)
{
    keep_on_stack(queue, map(NULL, STACK, MAP_STACK), 0);
}

static void keep_on_heap_stack(struct queue *queue)
{
    heap_stack = malloc(STACK);
    keep_on_stack(queue, heap_stack, 1);
}

static void keep_in_heap_arena(struct queue *queue)
{
    arena = calloc(1, ARENA);
    put(arena + ARENA_AT, queue);
}

static void keep_in_sbrk(struct queue *queue)
{
    char *got = sbrk(PAGE);

    if (got == (void *)-1) {
        fail("sbrk");
    }
    put(got + 256, queue);
    for (int i = 0; i < 64; i++) { /* the C library's heap goes on behind it */
        if (malloc(PAGE) == NULL) {
            fail("malloc");
        }
    }
}

static void keep_in_epoll(struct queue *queue)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = queue};
    int ends[2];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (pipe(ends) != 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) != 0) {
        fail("epoll");
    }
    memset(&event, 0, sizeof(event));
}

static void keep_in_timer(struct queue *queue)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGUSR1,
                             .sigev_value.sival_ptr = queue};
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
        fail("timer");
    }
    timer_settime(timer, 0, &(struct itimerspec){.it_value.tv_sec = 86400}, NULL);
    memset(&event, 0, sizeof(event));
}

static void keep_packed(struct queue *queue)
{
    packed_slot.data = (uintptr_t)queue;
}

static void keep_tagged(struct queue *queue)
{
    tagged = UINT64_C(0xfffc) << 48 | (uintptr_t)queue;
}

static void keep_shifted(struct queue *queue)
{
    shifted = (uintptr_t)queue << 16 | 7;
}

/* As setjmp keeps rbp, which code without frame pointers uses as any other register. */
static void keep_mangled(struct queue *queue)
{
    uint64_t value = (uintptr_t)queue;

    __asm__ volatile("xor %%fs:0x30, %0\n\trol $17, %0" : "+r"(value));
    mangled = value;
}

static void keep_sealed(struct queue *queue)
{
    sealed.queue = queue;
    if (mprotect(&sealed, PAGE, PROT_READ) != 0) {
        fail("mprotect");
    }
}

static void keep_in_chain(struct queue *queue)
{
    struct link *links[3];

    for (int i = 0; i < 3; i++) {
        links[i] = calloc(1, sizeof(*links[i]));
    }
    links[0]->next = links[1];
    links[1]->next = links[2];
    links[2]->into = &queue->slots;
    kept_chain = links[0];
}

/* The queue is in the arena, and its block known by its beginning alone. */
static void keep_arena(struct queue *queue)
{
    (void)queue;
}

static const struct way ways[] = {
    {"forgotten", keep_nowhere, false, false},
    {"forgotten-too", keep_nowhere, false, false},
    {"global", keep_globally, false, false},
    {"tls", keep_in_tls, true, false},
    {"specific", keep_as_specific, true, false},
    {"on-exit", keep_for_exit, false, false},
    {"static-object", keep_for_static_object, false, false},
    {"thread-object", keep_for_thread_object, true, false},
    {"mapping", keep_in_mapping, false, false},
    {"by-recorder", keep_beside_recorder, false, false},
    {"mapped-stack", keep_on_mapped_stack, false, false},
    {"heap-stack", keep_on_heap_stack, false, false},
    {"heap-arena", keep_in_heap_arena, false, false},
    {"in-heap-arena", keep_arena, false, true},
    {"in-mapped-arena", keep_arena, false, true},
    {"sbrk", keep_in_sbrk, false, false},
    {"epoll", keep_in_epoll, false, false},
    {"timer", keep_in_timer, false, false},
    {"packed", keep_packed, false, false},
    {"tagged", keep_tagged, false, false},
    {"shifted", keep_shifted, false, false},
    {"mangled", keep_mangled, false, false},
    {"sealed", keep_sealed, false, false},
    {"chain", keep_in_chain, false, false},
    {"register", keep_nowhere, true, false},
    {"result", keep_nowhere, false, false},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static KEPT void *work(void *argument)
{
    struct queue *queue = argument;

    pthread_setname_np(pthread_self(), queue->way);
    flockfile(stdout);
    printf("%ld %s\n", syscall(SYS_gettid), queue->way);
    funlockfile(stdout);
    atomic_fetch_add(&waiting, 1);
    while (queue->by_semaphore) {
        sem_wait(&queue->slots);
    }
    pthread_mutex_lock(&queue->mutex);
    for (;;) {
        pthread_cond_wait(&queue->filled, &queue->mutex);
    }
    return NULL;
}

static struct queue *room_for_queue(const struct way *way)
{
    if (way->in_arena && strcmp(way->name, "in-heap-arena") == 0) {
        static char *volatile own;

        own = calloc(1, ARENA);
        return (struct queue *)(own + ARENA_AT);
    }
    if (way->in_arena) {
        mapped_arena = map(NULL, ARENA, 0);
        return (struct queue *)(mapped_arena + ARENA_AT);
    }
    return calloc(1, sizeof(struct queue));
}

static KEPT struct queue *make(const struct way *way)
{
    struct queue *queue = room_for_queue(way);
    pthread_t thread;

    queue->by_semaphore = (way - ways) % 2 == 0;
    queue->way = way->name;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->filled, NULL);
    sem_init(&queue->slots, 0, 0);
    way->keep(queue);
    if (pthread_create(&thread, NULL, work, queue) != 0) {
        fail("pthread_create");
    }
    return queue;
}

/* Sleeps for ever, with the address in a register that system calls leave alone. */
static KEPT void hold_in_register(struct queue *queue)
{
    static const struct timespec pause = {.tv_nsec = 50000000};

    __asm__ volatile("mov %0, %%rbx\n\t"
                     "xor %0, %0\n"
                     "1:\n\t"
                     "mov %1, %%rdi\n\t"
                     "xor %%esi, %%esi\n\t"
                     "mov $35, %%eax\n\t"
                     "syscall\n\t"
                     "jmp 1b"
                     : "+r"(queue)
                     : "r"(&pause)
                     : "rax", "rbx", "rcx", "rdi", "rsi", "r11", "memory");
}

static KEPT void make_for_register(const struct way *way)
{
    struct queue *queue = make(way);

    scrub();
    hold_in_register(queue);
}

static KEPT void make_and_forget(const struct way *way)
{
    (void)make(way);
}

static void *run(void *argument)
{
    const struct way *way = argument;

    if (strcmp(way->name, "register") == 0) {
        make_for_register(way);
    }
    if (strcmp(way->name, "result") == 0) {
        return make(way);
    }
    make_and_forget(way);
    while (way->stays) {
        scrub();
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    double left = argc == 2 ? strtod(argv[1], NULL) : 0;

    if (left <= 0) {
        fputs("usage: kept-queues SECONDS\n", stderr);
        return 2;
    }
    pthread_key_create(&key, NULL);
    for (int i = 0; i < WAYS; i++) {
        static pthread_t makers[WAYS]; /* "result" is in one that can still be joined */

        if (pthread_create(&makers[i], NULL, run, (void *)&ways[i]) != 0) {
            fail("pthread_create");
        }
        if (!ways[i].stays && strcmp(ways[i].name, "result") != 0) {
            pthread_join(makers[i], NULL);
        }
        while (atomic_load(&waiting) <= i) {
            sched_yield();
        }
    }
    puts("ready");
    fflush(stdout);
    for (; left > 0; left -= 0.1) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    _exit(0);
}
