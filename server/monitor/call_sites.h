/* Where in the program something is held: libseep's call sites, for people.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CALL_SITES_H
#define PMA_CALL_SITES_H

#include <stddef.h>
#include <stdint.h>

#define PMA_CALL_SITE_FRAMES 16

struct pma_call_site {
    uint32_t site;
    char subsystem[64];
    uint64_t live, live_bytes;
    uint64_t grown; /* since pma_call_sites_mark: bytes of heap, else a number */
    int depth;      /* of frames, at most PMA_CALL_SITE_FRAMES */
    uintptr_t frames[PMA_CALL_SITE_FRAMES]; /* return addresses, innermost first */
};

/* Remembers what every site holds now: growth counts from here. Sites beyond 16,384 count
 * from zero. Does nothing without libseep. Thread-safety: any thread, takes
 * PMA_LOCK_CALL_SITES. Allocates: 128 KiB, once. Cost: O(sites x threads). */
void pma_call_sites_mark(void);

/* The sites of a kind (SEEP_SITE_*) that have grown most, greatest first; sites that have
 * not grown are left out. Returns: how many; 0 without libseep. Thread-safety: as above.
 * Cost: O(sites x (threads + capacity)). */
size_t pma_call_sites_grown(uint32_t kind, struct pma_call_site *sites, size_t capacity);

/* "function+0x1f (pma-backend)", or "pma-backend+0x1234". Thread-safety: any thread. */
void pma_frame_text(uintptr_t address, char *text, size_t text_bytes);

/* Forgets the mark; for the end of the program. */
void pma_call_sites_fini(void);

#endif
