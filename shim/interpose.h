/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_INTERPOSE_H
#define SEEP_SHIM_INTERPOSE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <threads.h>

#include "guard.h"

/* Makes a wrapper visible to the host; everything else in the library is hidden. */
#define SEEP_EXPORT __attribute__((visibility("default")))

/* Looks the C++ operators up while the process starts. Later it would take the loader's
 * lock and change what dlerror() says. */
void seep_interpose_cxx_start(void);

/* Wrappers that the stubs jump to: the original's arguments, then stack and frame pointer
 * at entry. */
void *seep_wrap_malloc(size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap_calloc(size_t count, size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap_realloc(void *block, size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap_reallocarray(void *block, size_t count, size_t size, uintptr_t sp,
                             uintptr_t fp);
int seep_wrap_posix_memalign(void **out, size_t align, size_t size, uintptr_t sp,
                             uintptr_t fp);
void *seep_wrap_aligned_alloc(size_t align, size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap_memalign(size_t align, size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap_valloc(size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap_pvalloc(size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap__Znwm(size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap__Znam(size_t size, uintptr_t sp, uintptr_t fp);
void *seep_wrap__ZnwmRKSt9nothrow_t(size_t size, const void *tag, uintptr_t sp,
                                    uintptr_t fp);
void *seep_wrap__ZnamRKSt9nothrow_t(size_t size, const void *tag, uintptr_t sp,
                                    uintptr_t fp);
void *seep_wrap__ZnwmSt11align_val_t(size_t size, size_t align, uintptr_t sp,
                                     uintptr_t fp);
void *seep_wrap__ZnamSt11align_val_t(size_t size, size_t align, uintptr_t sp,
                                     uintptr_t fp);
void *seep_wrap__ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
                                                   const void *tag, uintptr_t sp,
                                                   uintptr_t fp);
void *seep_wrap__ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align,
                                                   const void *tag, uintptr_t sp,
                                                   uintptr_t fp);
int seep_wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                             void *(*start)(void *), void *argument, uintptr_t sp,
                             uintptr_t fp);
int seep_wrap_thrd_create(thrd_t *thread, thrd_start_t start, void *argument,
                          uintptr_t sp, uintptr_t fp);

#endif
