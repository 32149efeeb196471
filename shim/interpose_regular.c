/* Wrappers of functions with a regular way, generated from the table (functions.h).
 *
 * An acquisition is recorded after the real call, which alone knows the number; a release
 * takes the entry before it, since afterwards the number may be another thread's. close,
 * fclose and pclose are cancellation points: a thread may end inside them, before or
 * after its descriptor is closed, so a cleanup handler looks which. It is the C library's
 * kind made of setjmp: gcc's would need libgcc_s (contract: libc alone).
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>

#include "holding.h"
#include "interpose.h"
#include "real.h"

#define BODY_STACK(...)
#define BODY_PLAIN(...)

#define ACQUIRING(name, arguments, result, parameters, values, failure, record)          \
    result seep_wrap_##name SEEP_WRAP_PARAMETERS(arguments, parameters)                  \
    {                                                                                    \
        __typeof__(seep_real.name) real = SEEP_REAL(name);                               \
        result made = real != NULL ? real values : (seep_real_missing(), failure);       \
                                                                                         \
        record;                                                                          \
        return made;                                                                     \
    }
#define BODY_FD(name, arguments, result, parameters, values)                             \
    ACQUIRING(name, arguments, result, parameters, values, -1,                           \
              seep_holding_fd_acquire(made, sp, fp))
#define BODY_FD_PAIR(name, arguments, result, parameters, values)                        \
    ACQUIRING(name, arguments, result, parameters, values, -1,                           \
              acquire_pair(made, pair, sp, fp))
#define BODY_STREAM(name, arguments, result, parameters, values)                         \
    ACQUIRING(name, arguments, result, parameters, values, NULL,                         \
              seep_holding_fd_acquire(seep_interpose_fileno(made), sp, fp))
#define BODY_STREAM_ADOPT(name, arguments, result, parameters, values)                   \
    ACQUIRING(name, arguments, result, parameters, values, NULL,                         \
              seep_holding_fd_adopt(seep_interpose_fileno(made), sp, fp))
#define BODY_DIRECTORY(name, arguments, result, parameters, values)                      \
    ACQUIRING(name, arguments, result, parameters, values, NULL,                         \
              seep_holding_fd_acquire(number_of_directory(made), sp, fp))
#define BODY_DIRECTORY_ADOPT(name, arguments, result, parameters, values)                \
    ACQUIRING(name, arguments, result, parameters, values, NULL,                         \
              seep_holding_fd_adopt(number_of_directory(made), sp, fp))

#define RELEASING(name, result, parameters, values, number)                              \
    SEEP_EXPORT result name parameters                                                   \
    {                                                                                    \
        __typeof__(seep_real.name) real = SEEP_REAL(name);                               \
        struct seep_holding_taken taken;                                                 \
        result ended = -1;                                                               \
                                                                                         \
        if (real == NULL) {                                                              \
            return seep_real_missing();                                                  \
        }                                                                                \
        taken = seep_holding_fd_take(number);                                            \
        if (taken.site == 0) {                                                           \
            return real values;                                                          \
        }                                                                                \
        pthread_cleanup_push(seep_holding_fd_settle_or_restore, &taken);                 \
        ended = real values;                                                             \
        pthread_cleanup_pop(0);                                                          \
        seep_holding_fd_settle(&taken);                                                  \
        return ended;                                                                    \
    }
#define BODY_FD_CLOSE(name, arguments, result, parameters, values)                       \
    RELEASING(name, result, parameters, values, fd)
#define BODY_STREAM_CLOSE(name, arguments, result, parameters, values)                   \
    RELEASING(name, result, parameters, values, seep_interpose_fileno(stream))
#define BODY_DIRECTORY_CLOSE(name, arguments, result, parameters, values)                \
    RELEASING(name, result, parameters, values, number_of_directory(directory))

static void acquire_pair(int result, const int *pair, uintptr_t sp, uintptr_t fp)
{
    if (result == 0) {
        seep_holding_fd_acquire(pair[0], sp, fp);
        seep_holding_fd_acquire(pair[1], sp, fp);
    }
}

static int number_of_directory(struct __dirstream *directory)
{
    return directory != NULL ? dirfd(directory) : -1;
}

int seep_interpose_fileno(struct _IO_FILE *stream)
{
    extern int fileno(struct _IO_FILE *);
    int saved_errno = errno;
    int fd = stream != NULL ? fileno(stream) : -1; /* of memory: -1, EBADF */

    errno = saved_errno;
    return fd;
}

#define SEEP_X(name, way, kind, arguments, result, parameters, ...)                      \
    BODY_##way(name, arguments, result, parameters, __VA_ARGS__)
SEEP_FUNCTIONS(SEEP_X)
#undef SEEP_X
