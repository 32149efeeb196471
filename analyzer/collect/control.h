/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_CONTROL_H
#define SEEP_ANALYZER_COLLECT_CONTROL_H

#include <stdint.h>

/* What `seep run` and its collector tell each other, over a SOCK_SEQPACKET pair: both are
 * one binary, so a message is a struct. */
enum seep_control_type {
    SEEP_CONTROL_NONE = 0,
    SEEP_CONTROL_MAIN =
        1, /* to the collector: pid and name of the program about to start */
    SEEP_CONTROL_ENDED = 2, /* to the collector: the program's wait status */
    SEEP_CONTROL_DONE = 3   /* from the collector: the program's recording is complete */
};

struct seep_control_message {
    uint32_t type;          /* enum seep_control_type */
    uint32_t pid;           /* MAIN, ENDED */
    int32_t wait_status;    /* ENDED; as of waitpid */
    uint32_t registered;    /* DONE: processes that handed over a segment */
    uint32_t main_recorded; /* DONE: 1 when the program itself was one of them */
    uint32_t running;       /* DONE: processes that are still being recorded */
    uint32_t children_kept; /* DONE: recordings of children so far */
    uint32_t complete;      /* DONE: 1 when every frame was written */
    char file[256];         /* MAIN: file name of the recording; DONE: where it is now */
    char trouble[256];      /* DONE: what went wrong, in a line; "" nothing */
};

/* Returns: 0; -errno (-EPIPE, -ECONNRESET: the other end is gone). */
int seep_control_send(int fd, const struct seep_control_message *message);
/* Waits for a message as long as fd blocks. Strings come back NUL terminated.
 * Returns: 0; -EAGAIN none; -EPIPE the other end is gone; -EPROTO; -errno. */
int seep_control_receive(int fd, struct seep_control_message *message);

#endif
