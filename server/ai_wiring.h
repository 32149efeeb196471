/* The AI service within the server: its start, its tools, its faults.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_WIRING_H
#define PMA_AI_WIRING_H

#include "server/rest/app.h"

#include <stddef.h>

/* Starts the service when it is switched on, with the tools of app->mcp, and registers
 * its figures. Store and tools have to be there. Returns: as pma_ai_start, said in why[]
 * when the errno does not say it. Thread-safety: owner thread. */
int pma_ai_wire(struct pma_app *app, char *why, size_t why_bytes);

/* Its clean-up, for pma_reclaim_add. arg: struct pma_app. */
void pma_ai_wiring_sweep(void *arg);

/* Faults that commit themselves. arg: struct pma_app; nothing happens while the service
 * is switched off. */
void pma_ai_commit_f19(void *arg);
void pma_ai_commit_f21(void *arg);
void pma_ai_commit_f22(void *arg);

#endif
