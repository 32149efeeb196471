/* Names of subsystems that a recording gets after it was read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/recording_subsystem.h"

#include <errno.h>
#include <string.h>

#include "load/recording_decode.h"

int seep_recording_add_subsystem(struct seep_recording *recording, const char *name,
                                 uint32_t *id)
{
    struct seep_recording_store *store = recording->arena;
    char *copy = NULL;

    for (size_t i = 0; i < recording->subsystem_count; i++) {
        if (strcmp(recording->subsystems[i], name) == 0) {
            *id = (uint32_t)i;
            return 0;
        }
    }
    copy = seep_pool_take_string(&store->pool, name, strlen(name));
    if (copy == NULL ||
        seep_pool_grow_table(&store->budget, (void **)&recording->subsystems,
                             &store->subsystems, recording->subsystem_count + 1,
                             sizeof(*recording->subsystems)) < 0) {
        return -ENOMEM;
    }
    recording->subsystems[recording->subsystem_count] = copy;
    *id = (uint32_t)recording->subsystem_count++;
    return 0;
}
