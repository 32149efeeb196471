/* Locks all memory, present and future, and goes on allocating. Prints what the kernel
 * says is locked, in KiB.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(void)
{
    char line[256];
    long locked_kib = 0;
    FILE *status = NULL;

    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        (void)puts("refused");
        return 0;
    }
    for (int i = 0; i < 1000; i++) {
        void *volatile block = malloc(1000);

        (void)block;
    }
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
