/* golden_write PROGRAM FOLDER: writes every forged recording to FOLDER/NAME.seep.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <stdio.h>

#include "golden_recordings.h"

int main(int argc, char **argv)
{
    char path[PATH_MAX];

    if (argc != 3) {
        fprintf(stderr, "usage: golden_write PROGRAM FOLDER\n");
        return 2;
    }
    for (size_t i = 0; i < SEEP_GOLDEN_COUNT; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s.seep", argv[2], SEEP_GOLDENS[i].name);
        SEEP_GOLDENS[i].write(argv[1], path);
    }
    return 0;
}
