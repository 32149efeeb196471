/* Which pages of a process exist.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/page_map.h"

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

enum { ENTRIES = 4096 };
static const uint64_t PRESENT_OR_SWAPPED = UINT64_C(3) << 62;

int seep_page_map_walk(int fd, struct seep_span span,
                       int (*visit)(void *arg, uint64_t page), void *arg)
{
    const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t entries[ENTRIES];
    uint64_t page = span.start / page_bytes;
    uint64_t end = (span.end + page_bytes - 1) / page_bytes;
    int err = 0;

    while (err == 0 && page < end) {
        size_t wanted = end - page < ENTRIES ? (size_t)(end - page) : ENTRIES;
        ssize_t n = pread(fd, entries, wanted * sizeof(entries[0]),
                          (off_t)(page * sizeof(entries[0])));

        if (n < (ssize_t)sizeof(entries[0])) {
            return n < 0 ? -errno : -ESRCH;
        }
        for (size_t i = 0; err == 0 && i < (size_t)n / sizeof(entries[0]); i++, page++) {
            err = (entries[i] & PRESENT_OR_SWAPPED) != 0 ? visit(arg, page * page_bytes)
                                                         : 0;
        }
    }
    return err;
}
