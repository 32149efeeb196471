/* Replaces itself by another program, as taskset, nice and env do; also linked
 * statically, where nothing can be preloaded.
 *
 * usage: launcher [-t] [-w] PROGRAM [ARG...]
 *   -t  a thread other than main calls execv
 *   -w  waits for a byte on standard input before
 *
 * It allocates, so that it is recorded itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile kept;

static void *replace(void *argument)
{
    char **command = argument;

    execv(command[0], command);
    perror(command[0]);
    exit(127);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int in_thread = 0;
    int option = 0;
    char byte = 0;

    kept = malloc(4321);
    while ((option = getopt(argc, argv, "+tw")) > 0) {
        if (option == 't') {
            in_thread = 1;
        } else if (option != 'w' || read(STDIN_FILENO, &byte, 1) < 0) {
            return 2;
        }
    }
    if (optind == argc) {
        return 2;
    }
    if (!in_thread) {
        (void)replace(argv + optind);
    }
    if (pthread_create(&thread, NULL, replace, argv + optind) != 0) {
        return 1;
    }
    (void)pthread_join(thread, NULL);
    return 1;
}
