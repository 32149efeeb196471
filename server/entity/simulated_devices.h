/* A house full of devices that do not exist: the far end of the simulated source.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_SIMULATED_DEVICES_H
#define PMA_SIMULATED_DEVICES_H

#include <jansson.h>
#include <stdint.h>

struct pma_devices;

#define PMA_SIMULATED_SOURCE "simulated"

/* A message about a device has at most so many bytes. */
#define PMA_DEVICE_MESSAGE_BYTES_MAX 1024

struct pma_devices_config {
    uint32_t devices;             /* from 1 */
    uint64_t change_interval_ns;  /* between two changes of state, of all devices; 0: none
                                   */
    uint64_t restart_interval_ns; /* between two losses of the connection; 0: none */
};

/* config: borrowed, copied. devices: out. Returns: 0; -EINVAL; -ENOMEM. Allocates. */
int pma_devices_new(const struct pma_devices_config *config,
                    struct pma_devices **devices);

/* Starts the worker that changes states. Returns: 0; as pma_worker_start. */
int pma_devices_start(struct pma_devices *devices);

/* Stops it. Returns: as pma_worker_stop. Thread-safety: owner thread. */
int pma_devices_stop(struct pma_devices *devices, uint64_t timeout_ns);

/* Frees stopped ones, and closes their end. NULL is allowed. */
void pma_devices_free(struct pma_devices *devices);

/* All that follows: Thread-safety: any thread, takes PMA_LOCK_SIMULATED. */

/* Connects: a message socket on which changes come, one JSON document each: {id, state,
 * attributes}. A connection before is closed. fd: out, owned by the caller. Returns: 0;
 * a negative errno. */
int pma_devices_connect(struct pma_devices *devices, int *fd);

/* Closes the connection, as a device that restarts does. */
void pma_devices_drop(struct pma_devices *devices);

/* The rooms and all devices as entities; both arrays, owned by the caller. Returns: 0;
 * -ENOMEM. Allocates. */
int pma_devices_list(struct pma_devices *devices, json_t **rooms, json_t **entities);

/* Brings a device to a state. state: NULL keeps it. Returns: 0; -ENODEV: none of that id.
 */
int pma_devices_command(struct pma_devices *devices, const char *id, const char *state,
                        const json_t *attributes);

/* Changes that could not be sent: nobody was connected, or the socket was full. */
uint64_t pma_devices_dropped(struct pma_devices *devices);

#endif
