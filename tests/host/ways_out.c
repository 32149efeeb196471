/* Ends in the way that its argument names, with status 3. In "vfork" a child ends by
 * _exit in the memory of its parent, which is killed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS = 3, CHILD_STATUS = 9 };

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    void *volatile memory = malloc(8);

    free(memory);
    if (strcmp(how, "exit") == 0) {
        exit(STATUS);
    }
    if (strcmp(how, "_exit") == 0) {
        _exit(STATUS);
    }
    if (strcmp(how, "_Exit") == 0) {
        _Exit(STATUS);
    }
    if (strcmp(how, "vfork") == 0) {
        pid_t child = vfork();

        if (child == 0) {
            _exit(CHILD_STATUS);
        }
        (void)waitpid(child, NULL, 0);
        (void)raise(SIGKILL);
    }
    if (strcmp(how, "kill") == 0) {
        (void)raise(SIGKILL);
    }
    return STATUS;
}
