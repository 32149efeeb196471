/* What Seep's own server says, when this program runs under `seep run --listen`: its
 * address is in SEEP_LISTEN then.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LEAKS_CLIENT_H
#define PMA_LEAKS_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

struct pma_buffer;

struct pma_leaks_answer {
    unsigned status;          /* of HTTP */
    struct pma_buffer *body;  /* owned (pma_pool_put) */
    const char *content_type; /* a literal */
    bool own_policy;          /* a document with a Content-Security-Policy of its own */
};

/* Whether there is such a server: SEEP_LISTEN is an http address of this machine.
 * Thread-safety: any thread, while nobody changes the environment. */
bool pma_leaks_is_watched(void);

/* Asks it. path: from its root, "/metrics", not encoded; query: encoded, or "".
 * Returns: 0 with any status; -ENOENT nobody watches; -ENOMEM; -EIO it does not answer
 * within 10 s, or with more than 32 MiB. *answer is untouched on error.
 * Thread-safety: any thread; it waits: for workers. Allocates. */
int pma_leaks_ask(const char *path, const char *query, struct pma_leaks_answer *answer);

/* Findings on this process, worst first and at most 50: an array of {id, kind, verdict,
 * cause, subsystem, summary}. Returns: owned by the caller; NULL: they cannot be had.
 * Thread-safety: as above. */
json_t *pma_leaks_findings(void);

#endif
