/* Rows of the table (functions.h): functions that a program has only with an allocator
 * that brings them, or with a C library of C23. optional.h says how they stay invisible
 * in all other programs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SHIM_FUNCTIONS_OPTIONAL_H
#define SEEP_SHIM_FUNCTIONS_OPTIONAL_H

#define SEEP_OPTIONAL_LISTS(X)                                                           \
    SEEP_FREE_FUNCTIONS(X)                                                               \
    SEEP_JEMALLOC_FUNCTIONS(X)                                                           \
    SEEP_TCMALLOC_FUNCTIONS(X)                                                           \
    SEEP_TCMALLOC_CXX_FUNCTIONS(X)

/* C23; and what glibc before 2.26 and tcmalloc have. */
#define SEEP_FREE_FUNCTIONS(X)                                                           \
    X(free_sized, PLAIN, HEAP, 2, void, (void *block, size_t size))                      \
    X(free_aligned_sized, PLAIN, HEAP, 3, void,                                          \
      (void *block, size_t align, size_t size))                                          \
    X(cfree, PLAIN, HEAP, 1, void, (void *block))

#define SEEP_JEMALLOC_FUNCTIONS(X)                                                       \
    X(mallocx, STACK, HEAP, 2, void *, (size_t size, int flags))                         \
    X(rallocx, STACK, HEAP, 3, void *, (void *block, size_t size, int flags))            \
    X(xallocx, STACK, HEAP, 4, size_t,                                                   \
      (void *block, size_t size, size_t extra, int flags))                               \
    X(sallocx, PLAIN, HEAP, 2, size_t, (const void *block, int flags))                   \
    X(dallocx, PLAIN, HEAP, 2, void, (void *block, int flags))                           \
    X(sdallocx, PLAIN, HEAP, 3, void, (void *block, size_t size, int flags))             \
    X(nallocx, PLAIN, HEAP, 2, size_t, (size_t size, int flags))

#define SEEP_TCMALLOC_FUNCTIONS(X)                                                       \
    X(tc_malloc, STACK, HEAP, 1, void *, (size_t size))                                  \
    X(tc_malloc_skip_new_handler, STACK, HEAP, 1, void *, (size_t size))                 \
    X(tc_calloc, STACK, HEAP, 2, void *, (size_t count, size_t size))                    \
    X(tc_realloc, STACK, HEAP, 2, void *, (void *block, size_t size))                    \
    X(tc_memalign, STACK, HEAP, 2, void *, (size_t align, size_t size))                  \
    X(tc_posix_memalign, STACK, HEAP, 3, int, (void **out, size_t align, size_t size))   \
    X(tc_valloc, STACK, HEAP, 1, void *, (size_t size))                                  \
    X(tc_pvalloc, STACK, HEAP, 1, void *, (size_t size))                                 \
    X(tc_free, PLAIN, HEAP, 1, void, (void *block))                                      \
    X(tc_free_sized, PLAIN, HEAP, 2, void, (void *block, size_t size))                   \
    X(tc_cfree, PLAIN, HEAP, 1, void, (void *block))                                     \
    X(tc_malloc_size, PLAIN, HEAP, 1, size_t, (void *block))                             \
    X(tc_nallocx, PLAIN, HEAP, 2, size_t, (size_t size, int flags))

#define SEEP_TCMALLOC_CXX_FUNCTIONS(X)                                                   \
    X(tc_new, STACK, HEAP, 1, void *, (size_t size))                                     \
    X(tc_newarray, STACK, HEAP, 1, void *, (size_t size))                                \
    X(tc_new_nothrow, STACK, HEAP, 2, void *, (size_t size, const void *tag))            \
    X(tc_newarray_nothrow, STACK, HEAP, 2, void *, (size_t size, const void *tag))       \
    X(tc_new_aligned, STACK, HEAP, 2, void *, (size_t size, size_t align))               \
    X(tc_newarray_aligned, STACK, HEAP, 2, void *, (size_t size, size_t align))          \
    X(tc_new_aligned_nothrow, STACK, HEAP, 3, void *,                                    \
      (size_t size, size_t align, const void *tag))                                      \
    X(tc_newarray_aligned_nothrow, STACK, HEAP, 3, void *,                               \
      (size_t size, size_t align, const void *tag))                                      \
    X(tc_delete, PLAIN, HEAP, 1, void, (void *block))                                    \
    X(tc_deletearray, PLAIN, HEAP, 1, void, (void *block))                               \
    X(tc_delete_sized, PLAIN, HEAP, 2, void, (void *block, size_t size))                 \
    X(tc_deletearray_sized, PLAIN, HEAP, 2, void, (void *block, size_t size))            \
    X(tc_delete_nothrow, PLAIN, HEAP, 2, void, (void *block, const void *tag))           \
    X(tc_deletearray_nothrow, PLAIN, HEAP, 2, void, (void *block, const void *tag))      \
    X(tc_delete_aligned, PLAIN, HEAP, 2, void, (void *block, size_t align))              \
    X(tc_deletearray_aligned, PLAIN, HEAP, 2, void, (void *block, size_t align))         \
    X(tc_delete_sized_aligned, PLAIN, HEAP, 3, void,                                     \
      (void *block, size_t size, size_t align))                                          \
    X(tc_deletearray_sized_aligned, PLAIN, HEAP, 3, void,                                \
      (void *block, size_t size, size_t align))                                          \
    X(tc_delete_aligned_nothrow, PLAIN, HEAP, 3, void,                                   \
      (void *block, size_t align, const void *tag))                                      \
    X(tc_deletearray_aligned_nothrow, PLAIN, HEAP, 3, void,                              \
      (void *block, size_t align, const void *tag))

#endif
