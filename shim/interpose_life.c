/* Calls of the host that change the ground under the shim: libraries closed, memory
 * locked.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <sys/mman.h>

#include "interpose.h"
#include "life.h"
#include "real.h"

/* Rules and stacks remembered for the closed library are void, in all threads. Before the
 * real call, so that nothing is remembered while its destructors run for longer than
 * that; after it, since another may now lie there. */
SEEP_EXPORT int dlclose(void *library)
{
    int result = 0;

    if (!seep_real_ready()) {
        return -1;
    }
    seep_life_note_unload();
    result = seep_real.dlclose(library);
    seep_life_note_unload();
    return result;
}

/* The segment's address range is hundreds of gigabytes of holes: locking would fill them.
 * Pages are locked as they are touched instead, which keeps the host's promise to itself
 * from then on. */
SEEP_EXPORT int mlockall(int flags)
{
    if (!seep_real_ready()) {
        return -1;
    }
    return seep_real.mlockall(flags | MCL_ONFAULT);
}
