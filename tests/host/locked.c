/* Locks all memory, present and future, and goes on allocating. Prints what the kernel
 * says is locked, in KiB. With an argument: in a forked child, before anything else.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) static void allocate(void)
{
    for (int i = 0; i < 1000; i++) {
        void *volatile block = malloc(1000);

        (void)block;
    }
}

int main(int count, char **arguments)
{
    char line[256];
    long locked_kib = 0;
    FILE *status = NULL;
    int ending = 0;
    pid_t child = count > 1 ? fork() : 0;

    (void)arguments;
    if (child > 0) {
        return waitpid(child, &ending, 0) == child && ending == 0 ? 0 : 1;
    }

    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        (void)puts("refused");
        return 0;
    }
    allocate();
    status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        (void)sscanf(line, "VmRSS: %ld", &locked_kib);
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    (void)printf("%ld\n", locked_kib);
    return 0;
}
