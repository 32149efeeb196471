/* A small server without a network, for bench/diff_pairs.py: requests come by chance, and
 * what one has to do is what servers do. It is compiled several times: with and without a
 * leak, its lines moved, inlined in other ways.
 *
 *     pairs SECONDS CACHE REQUESTS_PER_S SEED [warm]
 *
 * A healthy build holds at most CACHE entries (all of them within seconds with "warm"),
 * some sessions (as many as come and go by chance), a log ring and one helper thread; all
 * else is released in the request that took it. With -DLEAK_<KIND>=N every Nth request
 * leaves one resource behind: LEAK_HEAP, LEAK_FD, LEAK_THREAD, LEAK_TIMER, LEAK_MAPPING.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "seep/seep.h"

enum {
    SLOTS = 1 << 14,
    SESSIONS = 4096,
    LOG_LINES = 64,
    PAGE = 4096,
    MARK_EVERY = 10,
    RUSH = 4, /* requests for each entry of a cache that is filled at once */
    RUSH_US = 20,
    NS_PER_S = 1000000000
};
static const double SESSION_S = 2;                                         /* mean life */
static const double HELPER_EVERY = 200, FILE_EVERY = 20, TIMER_EVERY = 15; /* requests */

struct session {
    double ends_s; /* 0: free */
    char *name;
};

static void *cache[SLOTS];
static struct session sessions[SESSIONS];
static char *log_ring[LOG_LINES];
static uint64_t random_state;

/* Source: splitmix64, S. Vigna. 0 <= x < 1. */
static double chance(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool one_in(double n)
{
    return chance() * n < 1;
}

static double exponential(double mean)
{
    return -mean * log(1 - chance());
}

static double now_s(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / NS_PER_S;
}

static char *copy_of(const char *text)
{
    char *copy = malloc(strlen(text) + 1);

    return copy != NULL ? strcpy(copy, text) : NULL;
}

/* A request's own text, which grows as it is read. */
static char *read_request(unsigned n)
{
    size_t pieces = 1 + (size_t)(chance() * 6);
    char *text = NULL;

    for (size_t i = 1; i <= pieces; i++) {
        char *larger = realloc(text, i * 64);

        if (larger == NULL) {
            break;
        }
        text = larger;
        (void)snprintf(text + (i - 1) * 64, 64, "request %u", n);
    }
    return text;
}

static void remember(unsigned limit)
{
    unsigned key = (unsigned)(chance() * limit) % SLOTS;

    free(cache[key]);
    cache[key] = malloc(64 + (size_t)(chance() * 400));
}

static void log_line(const char *text, unsigned n)
{
    free(log_ring[n % LOG_LINES]);
    log_ring[n % LOG_LINES] = copy_of(text);
}

static void begin_session(double at_s)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].ends_s == 0) {
            sessions[i] =
                (struct session){at_s + exponential(SESSION_S), copy_of("guest")};
            return;
        }
    }
}

static void end_sessions(double at_s)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].ends_s != 0 && sessions[i].ends_s < at_s) {
            free(sessions[i].name);
            sessions[i] = (struct session){0};
        }
    }
}

static void *help(void *unused)
{
    (void)usleep(20000);
    return unused;
}

static void run_helper(void)
{
    pthread_t helper;

    if (pthread_create(&helper, NULL, help, NULL) == 0) {
        (void)pthread_join(helper, NULL);
    }
}

static void read_file(bool forget)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (!forget && fd >= 0) {
        (void)close(fd);
    }
}

static void arm_timer(bool forget)
{
    struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &quiet, &timer) == 0 && !forget) {
        (void)timer_delete(timer);
    }
}

static void map_buffer(bool forget)
{
    void *at =
        mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!forget && at != MAP_FAILED) {
        (void)munmap(at, 4 * PAGE);
    }
}

#ifdef LEAK_THREAD
static void *wait_for_ever(void *unused)
{
    for (;;) {
        (void)pause();
    }
    return unused;
}

static void leave_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) {
        (void)pthread_detach(thread);
    }
}
#endif

static char *volatile kept;

static void keep_name(bool forget)
{
    char *name = copy_of("a name that somebody wanted to have for a while");

    if (forget) {
        kept = name;
    } else {
        free(name);
    }
}

static void handle(unsigned n, unsigned limit)
{
    double at_s = now_s();
    char *text = read_request(n);

#ifdef LEAK_HEAP
    keep_name(one_in(LEAK_HEAP));
#else
    keep_name(false);
#endif
#ifdef LEAK_FD
    read_file(one_in(LEAK_FD));
#endif
#ifdef LEAK_TIMER
    arm_timer(one_in(LEAK_TIMER));
#endif
#ifdef LEAK_MAPPING
    map_buffer(one_in(LEAK_MAPPING));
#endif
#ifdef LEAK_THREAD
    if (one_in(LEAK_THREAD)) {
        leave_thread();
    }
#endif
    if (one_in(FILE_EVERY)) {
        read_file(false);
        map_buffer(false);
    }
    if (one_in(TIMER_EVERY)) {
        arm_timer(false);
    }
    if (one_in(HELPER_EVERY)) {
        run_helper();
    }
    begin_session(at_s);
    end_sessions(at_s);
    remember(limit);
    log_line(text != NULL ? text : "", n);
    free(text);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    unsigned limit = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100;
    double per_s = argc > 3 ? strtod(argv[3], NULL) : 100;
    double end_s = now_s() + seconds;
    unsigned rush = argc > 5 ? RUSH * limit : 0; /* as after a restart */

    random_state = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
    for (unsigned n = 0; now_s() < end_s; n++) {
        bool burst = n < rush;

        if (!burst && n % MARK_EVERY == 0) {
            seep_mark("ten requests");
        }
        handle(n, limit);
        (void)usleep((useconds_t)(burst ? RUSH_US : exponential(1 / per_s) * 1e6));
    }
    return 0;
}
