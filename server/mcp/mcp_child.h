/* A child process that is spoken to by its standard input and output, and its end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_CHILD_H
#define PMA_MCP_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pma_mcp_child {
    pid_t pid;          /* leader of a process group of its own; 0: there is none */
    int pid_fd;         /* readable when it has ended; -1 without (an old kernel) */
    int in_fd;          /* of its standard input, non-blocking; -1: closed */
    int out_fd, err_fd; /* of its outputs, non-blocking; -1: closed */
};

#define PMA_MCP_CHILD_NONE                                                               \
    {                                                                                    \
        .pid = 0, .pid_fd = -1, .in_fd = -1, .out_fd = -1, .err_fd = -1                  \
    }

/* Starts argv[0], looked up in our PATH, with exactly the environment envp, no descriptor
 * of ours but its three pipes, no signal blocked or ignored. Both arrays end with NULL
 * and are borrowed. Returns: 0 and *child; -ENOENT, -EACCES, ...: it cannot be run;
 * -EMFILE, -ENOMEM, -EAGAIN. *child is untouched on error. Thread-safety: any thread. */
int pma_mcp_child_spawn(char *const argv[], char *const envp[],
                        struct pma_mcp_child *child);

/* Sends a signal to the whole group; nothing without a child. Thread-safety: owner. */
void pma_mcp_child_signal(const struct pma_mcp_child *child, int signal_number);

/* Closes its standard input, which asks a well-behaved server to end. */
void pma_mcp_child_close_input(struct pma_mcp_child *child);

/* Looks, without waiting, whether the child has ended; when it has, what is left of its
 * group is killed, it is reaped, all descriptors are closed and *status is what waitpid
 * gives. Returns: whether there is no child any more. Thread-safety: owner. */
bool pma_mcp_child_reap(struct pma_mcp_child *child, int *status);

/* F24: kills the child and forgets it. Nobody waits for it, its output pipes stay open,
 * and a thread per pipe stays too, as in the original (exec.Cmd without Wait).
 * Thread-safety: owner. */
void pma_mcp_child_forget(struct pma_mcp_child *child);

/* F24 by itself: starts a process and forgets it as above; nothing unless the fault is
 * on. arg is ignored. Thread-safety: any thread. */
void pma_mcp_child_leak(void *arg);

/* "exit status 3", "signal 9 (Killed)". Thread-safety: any thread. */
void pma_mcp_child_describe(int status, char *text, size_t text_bytes);

#endif
