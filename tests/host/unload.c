/* Two libraries loaded in turn, mostly at the same address, each allocating: who
 * allocated must stay known. Prints per library: [acquired]. Arguments: the two
 * libraries.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 40 };

typedef void *allocate(int);

int main(int argc, char **argv)
{
    static const char *const names[] = {"first_plugin", "second_plugin"};

    if (argc != 3) {
        return 2;
    }
    for (int i = 0; i < ROUNDS; i++) {
        void *library = dlopen(argv[1 + i % 2], RTLD_NOW);
        allocate *function =
            library != NULL ? (allocate *)dlsym(library, names[i % 2]) : NULL;

        if (function == NULL || function(100) == NULL || dlclose(library) != 0) {
            (void)fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
    }
    (void)puts("{\"first_plugin\":20,\"second_plugin\":20}");
    return 0;
}
