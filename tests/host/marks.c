/* Marks from four threads and a signal handler, counted by the program too. Prints its
 * own counts as JSON. Runs without libseep.so too.
 *
 * marks threads       a million marks of one label, and two labels written by turns into
 *                     one buffer of each thread, while a timer's handler marks a fourth
 * marks labels        300 labels, five times each; prints how many marks were refused
 * marks fork          marks before and after fork, on both sides
 * marks warm          more requests than keep their time, then "warm"
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seep/seep.h"

enum { THREADS = 4, REQUESTS_EACH = 250000, TURNS_EACH = 10000, LABELS = 300, TIMES = 5 };

static _Atomic long requests, evens, odds, signals;

static void on_alarm(int number)
{
    (void)number;
    signals += seep_mark("signal") == 0;
}

static void *work(void *argument)
{
    char label[100];

    for (int i = 0; i < REQUESTS_EACH; i++) {
        requests += seep_mark("http request") == 0;
    }
    for (int i = 0; i < TURNS_EACH; i++) {
        (void)snprintf(label, sizeof(label), "%s turn", i % 2 == 0 ? "even" : "odd");
        *(i % 2 == 0 ? &evens : &odds) += seep_mark(label) == 0;
    }
    return argument;
}

static void from_threads(void)
{
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    pthread_t threads[THREADS];

    (void)signal(SIGALRM, on_alarm);
    (void)setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_create(&threads[i], NULL, work, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    while (signals == 0) {
        (void)usleep(1000); /* on a machine that was done before the timer's first time */
    }
    (void)setitimer(ITIMER_REAL, &never, NULL);
    (void)printf("{\"http request\": %ld, \"even turn\": %ld, \"odd turn\": %ld, "
                 "\"signal\": %ld}\n",
                 requests, evens, odds, signals);
}

static void many_labels(void)
{
    int refused = 0;
    char label[100];

    for (int i = 0; i < LABELS * TIMES; i++) {
        (void)snprintf(label, sizeof(label), "label %d", i % LABELS);
        refused += seep_mark(label) < 0;
    }
    memset(label, 'x', sizeof(label)); /* told apart by their first 63 bytes */
    label[sizeof(label) - 1] = '\0';
    refused += seep_mark(label) < 0;
    (void)printf("%d\n", refused);
}

static void on_both_sides(void)
{
    int status = 0;

    for (int i = 0; i < 3; i++) {
        (void)seep_mark("before");
    }
    pid_t child = fork();

    for (int i = 0; i < (child == 0 ? 7 : 5); i++) {
        (void)seep_mark("before");
        (void)seep_mark(child == 0 ? "child" : "parent");
    }
    if (child == 0) {
        _exit(0);
    }
    (void)waitpid(child, &status, 0);
}

static void warm_after_many(void)
{
    for (int i = 0; i < 5000; i++) {
        (void)seep_mark("http request");
    }
    (void)seep_mark("warm");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "threads") == 0) {
        from_threads();
    } else if (strcmp(what, "labels") == 0) {
        many_labels();
    } else if (strcmp(what, "fork") == 0) {
        on_both_sides();
    } else {
        warm_after_many();
    }
    return 0;
}
