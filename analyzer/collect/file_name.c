/* Free file names, found by asking. That nobody takes one in between is the creator's
 * care: recordings are created with O_EXCL.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/file_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 1000 };

int seep_file_name_free(int dir_fd, const char *stem, uint32_t first,
                        char name[SEEP_FILE_NAME_BYTES])
{
    for (uint32_t n = first; n < first + TRIES; n++) {
        char candidate[SEEP_FILE_NAME_BYTES];
        int len = n == 0 ? snprintf(candidate, sizeof(candidate), "%s.seep", stem)
                         : snprintf(candidate, sizeof(candidate), "%s.%u.seep", stem, n);

        if (len < 0 || len >= (int)sizeof(candidate)) {
            return -ENAMETOOLONG;
        }
        if (faccessat(dir_fd, candidate, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno != ENOENT) {
                return -errno;
            }
            memcpy(name, candidate, sizeof(candidate));
            return 0;
        }
    }
    return -EEXIST;
}
