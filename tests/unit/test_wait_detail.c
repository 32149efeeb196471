/* What a blocked thread waits for, seen from outside, against threads that block on
 * purpose; and tasks that no table knows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/wait_detail.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/frame.h"
#include "collect/thread_sample.h"
#include "load/recording.h"
#include "segment_forge.h"

enum { FD = 40, STACK_BYTES = 65536 };

static int proc_fd = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t tid;

static void nap(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    nanosleep(&pause, NULL);
}

/* Waits until the thread sleeps in the call named. */
static void wait_for(const char *name, struct seep_wait_detail *detail)
{
    for (int i = 0; i < 5000; i++) {
        seep_wait_detail_read(proc_fd, atomic_load(&tid), detail);
        if (atomic_load(&tid) != 0 && strcmp(detail->name, name) == 0) {
            return;
        }
        nap();
    }
    fail_msg("the thread does not wait in %s but in \"%s\"", name, detail->name);
}

static void *block_in(void *how)
{
    struct pollfd polled = {.fd = FD, .events = POLLIN};
    struct epoll_event event;
    fd_set set;
    char byte = 0;

    (void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    FD_ZERO(&set);
    FD_SET(FD, &set);
    atomic_store(&tid, (uint32_t)syscall(SYS_gettid));
    switch (*(const char *)how) {
    case 'r':
        (void)!read(FD, &byte, 1);
        break;
    case 'p':
        (void)poll(&polled, 1, -1);
        break;
    case 's':
        (void)select(FD + 1, &set, NULL, NULL, NULL);
        break;
    case 'e':
        (void)epoll_wait(FD, &event, 1, -1);
        break;
    case 'a':
        (void)accept(FD, NULL, NULL);
        break;
    default:
        (void)pthread_mutex_lock(&mutex);
        break;
    }
    return NULL;
}

/* Has a thread block as `how` says; leaves what is seen of it in *detail. */
static void see(const char *how, const char *name, struct seep_wait_detail *detail)
{
    pthread_t thread;

    atomic_store(&tid, 0);
    assert_int_equal(pthread_create(&thread, NULL, block_in, (void *)how), 0);
    wait_for(name, detail);
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void put_at(int fd)
{
    assert_true(fd >= 0);
    assert_int_equal(dup2(fd, FD), FD);
}

static void a_read_from_a_pipe_names_the_pipe(void **state)
{
    struct seep_wait_detail detail;
    int ends[2];
    char wanted[64] = "";

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    put_at(ends[0]);
    (void)!readlink("/proc/self/fd/40", wanted, sizeof(wanted) - 1);
    see("r", "read", &detail);
    assert_int_equal(detail.syscall_plus_1, SYS_read + 1);
    assert_int_equal(detail.fd_plus_1, FD + 1);
    assert_string_equal(detail.target, wanted);
    assert_int_equal(strncmp(wanted, "pipe:[", 6), 0);
    assert_int_equal(detail.address, 0);
    close(ends[0]);
    close(ends[1]);
    close(FD);
}

static void poll_and_select_name_their_first_descriptor(void **state)
{
    static const char *const ways[][2] = {{"p", "poll"}, {"s", "pselect6"}};
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    put_at(ends[0]);
    for (int i = 0; i < 2; i++) {
        struct seep_wait_detail detail;

        see(ways[i][0], ways[i][1], &detail);
        assert_int_equal(detail.fd_plus_1, FD + 1);
        assert_int_equal(strncmp(detail.target, "pipe:[", 6), 0);
    }
    close(ends[0]);
    close(ends[1]);
    close(FD);
}

static void epoll_and_accept_name_theirs(void **state)
{
    const struct sockaddr any = {.sa_family = AF_UNIX};
    struct seep_wait_detail detail;
    int fd = epoll_create1(EPOLL_CLOEXEC);

    (void)state;
    put_at(fd);
    see("e", "epoll_wait", &detail);
    assert_int_equal(detail.fd_plus_1, FD + 1);
    assert_string_equal(detail.target, "anon_inode:[eventpoll]");
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &any, sizeof(any.sa_family)), 0);
    assert_int_equal(listen(fd, 1), 0);
    put_at(fd);
    see("a", "accept", &detail);
    assert_int_equal(detail.fd_plus_1, FD + 1);
    assert_int_equal(strncmp(detail.target, "socket:[", 8), 0);
    close(fd);
    close(FD);
}

static void a_mutex_is_named_by_its_address(void **state)
{
    struct seep_wait_detail detail;
    pthread_t thread;
    uint64_t address = 0;
    pthread_mutex_t *at = &mutex;

    (void)state;
    memcpy(&address, &at, sizeof(address));
    atomic_store(&tid, 0);
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_create(&thread, NULL, block_in, (void *)"m"), 0);
    wait_for("futex", &detail);
    assert_true(detail.address == address); /* its first word is the lock */
    assert_int_equal(detail.fd_plus_1, 0);
    assert_string_equal(detail.target, "");
    pthread_mutex_unlock(&mutex);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_mutex_unlock(&mutex);
}

static void odd_texts_of_the_kernel_are_read(void **state)
{
    struct seep_wait_detail detail;

    (void)state;
    seep_wait_detail_parse("running\n", &detail);
    assert_int_equal(detail.syscall_plus_1, 0);
    seep_wait_detail_parse("-1 0x7ffc1 0x7f0\n", &detail);
    assert_int_equal(detail.syscall_plus_1, 0);
    seep_wait_detail_parse("", &detail);
    assert_int_equal(detail.syscall_plus_1, 0);
    seep_wait_detail_parse("0 0xffffffff", &detail); /* read from -1; cut */
    assert_int_equal(detail.syscall_plus_1, SYS_read + 1);
    assert_int_equal(detail.fd_plus_1, 0);
    seep_wait_detail_parse("99999999999999999999 0x1\n", &detail);
    assert_int_equal(detail.syscall_plus_1, 0);
    assert_string_equal(detail.name, "");
}

static int sleep_raw(void *fd)
{
    char byte = 0;

    (void)prctl(PR_SET_NAME, "raw-one");
    while (read(*(const int *)fd, &byte, 1) > 0) {
    }
    return 0;
}

/* The row of a task in a WAITS payload; the decoder is the reader's own. */
static const struct seep_rec_wait *row_of(const struct seep_rec_waits *waits,
                                          uint32_t wanted)
{
    for (size_t i = 0; i < waits->count; i++) {
        if (waits->rows[i].tid == wanted) {
            return &waits->rows[i];
        }
    }
    return NULL;
}

static struct seep_recording *read_waits(const struct seep_threads *threads)
{
    struct seep_recording *recording = NULL;
    struct seep_frame_coder coder;
    struct seep_buf payload = {0};
    struct seep_buf file = {0};

    assert_int_equal(seep_frame_coder_init(&coder), 0);
    seep_buf_put(&file, SEEP_RECORDING_MAGIC, SEEP_RECORDING_MAGIC_BYTES);
    seep_buf_put_varint(&payload, 5);
    seep_threads_put_waits(threads, &payload);
    assert_int_equal(seep_frame_append(&coder, &file, SEEP_FRAME_WAITS, payload.data,
                                       payload.len_bytes),
                     0);
    assert_int_equal(
        seep_recording_open_bytes("waits", file.data, file.len_bytes, &recording, NULL),
        0);
    seep_buf_fini(&payload);
    seep_buf_fini(&file);
    seep_frame_coder_fini(&coder);
    return recording;
}

/* In a child, whose threads are those of this test alone. */
static void look_from_outside(pid_t child, uint32_t raw)
{
    char path[32];
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_threads threads = {0};
    struct seep_task_looker looker = {.in_full = true};
    const struct seep_rec_wait *row = NULL;
    struct seep_recording *recording = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%d", child);
    looker.proc_dir_fd = open(path, O_PATH | O_DIRECTORY);
    segment_forge_open(&forge, 5, 1);
    (void)segment_forge_thread(&forge, (uint32_t)child, 0, 4096);
    assert_int_equal(seep_segment_open(dup(forge.fd), &segment, NULL), 0);
    assert_int_equal(seep_threads_read(&threads, &segment, 2), 0);
    for (looker.t_ns = 1; looker.t_ns < 5000; looker.t_ns++) {
        seep_threads_sample(&threads, &looker, 2);
        recording = read_waits(&threads);
        row = row_of(&recording->waits, raw);
        if (looker.t_ns > 1 && row != NULL && strcmp(row->name, "raw-one") == 0 &&
            row->syscall_plus_1 == SYS_read + 1 && recording->waits.count == 2) {
            break;
        }
        assert_true(looker.t_ns > 1 || row == NULL); /* seen once is not enough */
        seep_recording_free(recording);
        recording = NULL;
        nap();
    }
    assert_non_null(recording);
    assert_int_equal(row->slot_plus_1, 0);
    assert_int_equal(row->os_state, 'S');
    assert_int_equal(threads.alive, 1);
    row = row_of(&recording->waits, (uint32_t)child);
    assert_int_equal(row->slot_plus_1, 2);
    assert_string_equal(row->name, "");
    seep_recording_free(recording);
    seep_threads_fini(&threads);
    seep_segment_close(&segment);
    segment_forge_close(&forge);
    close(looker.proc_dir_fd);
}

static void a_task_that_the_table_does_not_know_is_found(void **state)
{
    int ends[2];
    uint32_t raw = 0;
    pid_t child = 0;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        static int idle[2];
        void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int made = pipe(idle);

        made =
            clone(sleep_raw, (char *)stack + STACK_BYTES,
                  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, idle);

        (void)!write(ends[1], &made, sizeof(made));
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ends[0], &raw, sizeof(raw)), sizeof(raw));
    look_from_outside(child, raw);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

static int open_proc(void **state)
{
    (void)state;
    proc_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return proc_fd >= 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_from_a_pipe_names_the_pipe),
        cmocka_unit_test(poll_and_select_name_their_first_descriptor),
        cmocka_unit_test(epoll_and_accept_name_theirs),
        cmocka_unit_test(a_mutex_is_named_by_its_address),
        cmocka_unit_test(odd_texts_of_the_kernel_are_read),
        cmocka_unit_test(a_task_that_the_table_does_not_know_is_found),
    };

    return cmocka_run_group_tests(tests, open_proc, NULL);
}
