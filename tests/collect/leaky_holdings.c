/* Leaks one of each kind ten times a second, until it is killed; and does beside it what
 * healthy programs do with descriptors.
 *
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROUND_NS = 100000000, MAPPING_BYTES = 65536, POOL = 4 };

static int listener;
static struct sockaddr_in address;
static volatile int sink; /* keeps each call in its own function */

/* A connection whose client has gone, never closed. */
__attribute__((noinline)) static void leak_connection(void)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(client, (void *)&address, sizeof(address)) == 0) {
        sink = accept(listener, NULL, NULL);
    }
    close(client);
}

__attribute__((noinline)) static void leak_duplicate(void)
{
    sink = dup(listener);
}

__attribute__((noinline)) static void leak_stream(void)
{
    sink = fopen("/dev/zero", "r") != NULL;
}

/* Past every wrapper. */
__attribute__((noinline)) static void leak_raw(void)
{
    sink = (int)syscall(SYS_openat, AT_FDCWD, "/dev/full", O_RDONLY);
}

__attribute__((noinline)) static void leak_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    timer_t timer;

    sink = timer_create(CLOCK_MONOTONIC, &event, &timer);
}

__attribute__((noinline)) static void leak_mapping(void)
{
    sink = mmap(NULL, MAPPING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0) != MAP_FAILED;
}

/* Opens and closes, and keeps a pool that fills slowly and then stays as it is. */
__attribute__((noinline)) static void stay_healthy(int round)
{
    static int pool[POOL];
    int passing = open("/dev/null", O_RDONLY);

    if (round % 8 == 0 && round / 8 < POOL) {
        pool[round / 8] = dup(passing);
    }
    close(passing);
    sink = pool[0];
}

int main(void)
{
    const struct timespec pause = {0, ROUND_NS};
    socklen_t bytes = sizeof(address);

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, sizeof(address)) < 0 ||
        listen(listener, 16) < 0 || getsockname(listener, (void *)&address, &bytes) < 0) {
        perror("listen");
        return 1;
    }
    for (int round = 0;; round++) {
        leak_connection();
        leak_duplicate();
        leak_stream();
        leak_raw();
        leak_timer();
        leak_mapping();
        stay_healthy(round);
        (void)nanosleep(&pause, NULL);
    }
}
