/* Installations of models: a bounded table of what was asked for and what became of it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MODEL_INSTALLS_H
#define PMA_MODEL_INSTALLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMA_INSTALL_ID_BYTES    40
#define PMA_INSTALL_NAME_BYTES  32
#define PMA_INSTALL_MODEL_BYTES 96

struct pma_installs;

/* A copy of one record. */
struct pma_install {
    char id[PMA_INSTALL_ID_BYTES];
    char provider[PMA_INSTALL_NAME_BYTES];
    char model[PMA_INSTALL_MODEL_BYTES];
};

struct pma_installs_info {
    uint64_t records;  /* kept now, those of fault F21 too */
    uint64_t retained; /* of them: failed ones that nothing will remove (fault F21) */
    uint64_t begun, failed, forgotten; /* since the start */
    uint32_t most;
};

/* Returns: 0; -ENOMEM. most: records kept, from 1. Thread-safety: any thread. */
int pma_installs_new(uint32_t most, struct pma_installs **installs);

/* NULL is allowed. Thread-safety: owner thread. */
void pma_installs_free(struct pma_installs *installs);

/* All that follow: any thread, take PMA_LOCK_INSTALLS. Cost: O(records). */

/* Adds a queued record; the oldest that ended makes room. id: out. Returns: 0; -EBUSY: as
 * many as allowed are queued or running; -ENOMEM. */
int pma_installs_add(struct pma_installs *installs, const char *provider,
                     const char *model, char id[PMA_INSTALL_ID_BYTES]);

/* Takes the oldest queued record, which is running from then on. Returns: whether there
 * was one. */
bool pma_installs_take(struct pma_installs *installs, struct pma_install *install);

/* Ends a record. error: NULL for success; else it has failed, and stays for ever while
 * fault F21 is on. */
void pma_installs_end(struct pma_installs *installs, const char *id, const char *error);

/* Forgets records that ended longer ago than age_ns. Returns: how many. */
uint32_t pma_installs_sweep(struct pma_installs *installs, uint64_t now_ns,
                            uint64_t age_ns);

/* [{download_id, provider, model_name, status, error?, started_at, ended_at}], newest
 * last, at most `most`; owned by the caller. */
json_t *pma_installs_json(struct pma_installs *installs);

void pma_installs_info_read(struct pma_installs *installs,
                            struct pma_installs_info *info);

/* Fault F21 by itself: an installation that fails. arg: struct pma_installs. */
void pma_installs_commit_failed(void *arg);

#endif
