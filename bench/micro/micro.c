/* SPDX-License-Identifier: MIT */
#include "micro.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t bench_clock_ns(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

unsigned long bench_argument(int argc, char **argv, int at, const char *name)
{
    char *end = NULL;
    unsigned long value = at < argc ? strtoul(argv[at], &end, 10) : 0;

    if (end == NULL || end == argv[at] || *end != '\0') {
        fprintf(stderr, "%s: argument %d must be %s, a number\n", argv[0], at, name);
        exit(2);
    }
    return value;
}

uint32_t bench_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

void bench_need(int is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

void bench_print(const char *name, double value)
{
    printf("{\"%s\":%.6g}\n", name, value);
    (void)fflush(stdout);
}

void bench_wait_for_end(void (*meanwhile)(void))
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte = 0;

    bench_print("ready", 1);
    for (;;) {
        int count = poll(&input, 1, meanwhile != NULL ? 100 : -1);

        if (count > 0 && read(STDIN_FILENO, &byte, 1) <= 0) {
            return;
        }
        if (count == 0 && meanwhile != NULL) {
            meanwhile();
        }
    }
}
