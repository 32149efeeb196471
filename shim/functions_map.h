/* Rows of the table (functions.h): mappings.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SHIM_FUNCTIONS_MAP_H
#define SEEP_SHIM_FUNCTIONS_MAP_H

#include <sys/types.h>

#define SEEP_MAPPING_FUNCTIONS(X)                                                        \
    X(mmap, STACK, MAPPING, 6, void *,                                                   \
      (void *address, size_t bytes, int protection, int flags, int fd, off_t offset))    \
    X(mmap64, STACK, MAPPING, 6, void *,                                                 \
      (void *address, size_t bytes, int protection, int flags, int fd, off64_t offset))  \
    X(mremap, STACK, MAPPING, 5, void *,                                                 \
      (void *address, size_t old_bytes, size_t new_bytes, int flags, void *wanted))      \
    X(munmap, PLAIN, MAPPING, 2, int, (void *address, size_t bytes))                     \
    X(shmat, STACK, MAPPING, 3, void *, (int id, const void *address, int flags))        \
    X(shmdt, PLAIN, MAPPING, 1, int, (const void *address))

#endif
