/* Clears its environment, as daemons do, and forks: the child is to be recorded all the
 * same.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 100 };

__attribute__((noinline)) static void keep(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        void *volatile kept = malloc(10);

        (void)kept;
    }
}

int main(void)
{
    int status = 0;

    if (clearenv() != 0) {
        return 1;
    }
    if (fork() == 0) {
        keep();
        _exit(0);
    }
    (void)wait(&status);
    return status;
}
