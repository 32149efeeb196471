/* The machine and this process as the kernel counts them; nothing here waits.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MACHINE_H
#define PMA_MACHINE_H

#include <stdint.h>

struct pma_machine {
    double cpu_percent; /* since the last look of anybody, since boot at the first */
    uint64_t memory_total_bytes, memory_available_bytes;
    double memory_percent;                      /* not available */
    uint64_t disk_total_bytes, disk_free_bytes; /* of the root file system */
    double disk_percent;
    double load_1m;
    double cpu_celsius; /* 0: no sensor */
    uint32_t processors;
    uint64_t uptime_s; /* of the machine */
};

/* Fills *machine; what the kernel refuses is 0. Thread-safety: any thread, takes
 * PMA_LOCK_MACHINE. Allocates: a pool's buffer for the time of the call. */
void pma_machine_read(struct pma_machine *machine);

/* Processor time that this process has used, user and system. Thread-safety: any. */
double pma_machine_process_cpu_s(void);

#endif
