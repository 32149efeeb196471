/* What is read from /proc, against processes and threads whose figures are known.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/proc_file.h"
#include "collect/proc_limits.h"
#include "collect/proc_sample.h"
#include "collect/process_end.h"
#include "collect/thread_sample.h"
#include "seep/segment_layout.h"
#include "segment_forge.h"

static void own_figures_are_sane(void **state)
{
    struct seep_proc proc;
    struct seep_process_figures figures;
    struct seep_process_figures more;
    int fd = -1;

    (void)state;
    assert_int_equal(seep_proc_open(&proc, (uint32_t)getpid(), 0), 0);
    assert_int_equal(seep_proc_sample(&proc, &figures), 0);
    assert_true(figures.rss_bytes > 100000);
    assert_true(figures.pss_bytes > 10000);
    assert_true(figures.vsize_bytes > figures.rss_bytes);
    assert_int_equal(figures.threads, 1);
    fd = open("/dev/null", O_RDONLY);
    assert_int_equal(seep_proc_sample(&proc, &more), 0);
    assert_int_equal(more.fds, figures.fds + 1);
    close(fd);
    seep_proc_close(&proc);
}

static void a_process_of_another_start_time_is_not_it(void **state)
{
    struct seep_proc proc;
    struct seep_process_figures figures;
    char stat[1024];
    uint64_t ticks = 0;

    (void)state;
    assert_true(seep_proc_read(AT_FDCWD, "/proc/self/stat", stat, sizeof(stat)) > 0);
    assert_true(seep_proc_stat_field(stat, 22, &ticks));
    assert_int_equal(seep_proc_open(&proc, (uint32_t)getpid(), ticks), 0);
    seep_proc_close(&proc);
    assert_int_equal(seep_proc_open(&proc, (uint32_t)getpid(), ticks + 1), -ESTALE);
    assert_int_equal(proc.dir_fd, -1);
    assert_int_equal(seep_proc_sample(&proc, &figures), -ESRCH);
    assert_int_equal(figures.rss_bytes, 0);
}

static void a_stat_line_is_read_whatever_the_name(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_true(seep_proc_stat_field("5 (a) b) (c) S 77 88 -1", 4, &value));
    assert_int_equal(value, 77);
    assert_true(seep_proc_stat_field("5 (a) b) (c) S 77 88 -1", 5, &value));
    assert_int_equal(value, 88);
    assert_false(seep_proc_stat_field("5 (a) S 1", 9, &value));
    assert_false(seep_proc_stat_field("", 3, &value));
}

static void limits_are_parsed_and_unlimited_is_none(void **state)
{
    static const char text[] =
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max processes             31337                63000                processes \n"
        "Max open files            1024                 4096                 files     \n"
        "Max address space         unlimited            unlimited            bytes     "
        "\n";

    (void)state;
    assert_int_equal(seep_proc_limits_parse(text, "Max processes"), 31337);
    assert_int_equal(seep_proc_limits_parse(text, "Max open files"), 1024);
    assert_int_equal(seep_proc_limits_parse(text, "Max address space"), 0);
    assert_int_equal(seep_proc_limits_parse(text, "Max nothing"), 0);
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void the_lowest_cgroup_limit_up_to_the_root_counts(void **state)
{
    char root[] = "/tmp/seep-cgroup-XXXXXX";
    char path[256];
    char command[300];

    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(command, sizeof(command), "mkdir -p %s/a/b %s/memory/c", root, root);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof(path), "%s/a/memory.max", root);
    put_file(path, "5000\n");
    snprintf(path, sizeof(path), "%s/a/b/memory.max", root);
    put_file(path, "max\n");
    snprintf(path, sizeof(path), "%s/memory/c/memory.limit_in_bytes", root);
    put_file(path, "3000\n");
    snprintf(path, sizeof(path), "%s/memory/memory.limit_in_bytes", root);
    put_file(path, "9223372036854771712\n");
    assert_int_equal(seep_proc_limits_cgroup("0::/a/b\n", root), 5000);
    assert_int_equal(seep_proc_limits_cgroup("0::/\n", root), 0);
    assert_int_equal(seep_proc_limits_cgroup("7:cpu:/a\n4:memory:/c\n0::/a/b\n", root),
                     3000);
    assert_int_equal(seep_proc_limits_cgroup("4:memory:/elsewhere\n", root), 0);
    assert_int_equal(seep_proc_limits_cgroup("nonsense\n:::\n", root), 0);
    /* What is left: of a limit without figures of its use, all. */
    assert_int_equal(seep_proc_limits_cgroup_room("0::/a/b\n", root), 5000);
    snprintf(path, sizeof(path), "%s/a/memory.current", root);
    put_file(path, "4500\n");
    assert_int_equal(seep_proc_limits_cgroup_room("0::/a/b\n", root), 500);
    snprintf(path, sizeof(path), "%s/a/memory.stat", root);
    put_file(path, "anon 9\nactive_file 100\ninactive_file 1200\n");
    assert_int_equal(seep_proc_limits_cgroup_room("0::/a/b\n", root), 1700);
    snprintf(path, sizeof(path), "%s/memory/c/memory.usage_in_bytes", root);
    put_file(path, "3100\n");
    assert_int_equal(seep_proc_limits_cgroup_room("4:memory:/c\n0::/a/b\n", root), 1);
    assert_int_equal(seep_proc_limits_cgroup_room("0::/\n", root), 0);
    snprintf(command, sizeof(command), "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

/* Forks a child that ends by exit(status), or by the signal. Waits until it is a zombie.
 */
static pid_t dead_child(int status, int signal_number, int *pidfd, int *proc_fd)
{
    char path[32];
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        if (signal_number != 0) {
            kill(getpid(), signal_number);
        }
        _exit(status);
    }
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    *proc_fd = open(path, O_PATH | O_DIRECTORY);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    return pid;
}

static void the_end_of_a_zombie_is_known(void **state)
{
    struct seep_process_end end = {SEEP_ENDING_NONE, 0};
    int pidfd = -1;
    int proc_fd = -1;
    pid_t pid = dead_child(3, 0, &pidfd, &proc_fd);

    (void)state;
    assert_true(seep_process_end_ask(pidfd, proc_fd, &end));
    assert_int_equal(end.kind, SEEP_ENDING_EXITED);
    assert_int_equal(end.status, 3);
    waitpid(pid, NULL, 0);
    close(pidfd);
    close(proc_fd);
    pid = dead_child(0, SIGKILL, &pidfd, &proc_fd);
    assert_true(seep_process_end_ask(pidfd, proc_fd, &end));
    assert_int_equal(end.kind, SEEP_ENDING_SIGNALLED);
    assert_int_equal(end.status, SIGKILL);
    waitpid(pid, NULL, 0);
    close(pidfd);
    close(proc_fd);
}

static void the_end_of_a_reaped_process_is_known_or_said_to_be_unknown(void **state)
{
    struct seep_process_end end = {SEEP_ENDING_NONE, 0};
    int pidfd = -1;
    int proc_fd = -1;
    pid_t pid = dead_child(9, 0, &pidfd, &proc_fd);

    (void)state;
    waitpid(pid, NULL, 0);
    if (seep_process_end_ask(pidfd, proc_fd, &end)) { /* Linux 6.15 and later */
        assert_int_equal(end.kind, SEEP_ENDING_EXITED);
        assert_int_equal(end.status, 9);
    } else {
        assert_int_equal(end.kind, SEEP_ENDING_NONE);
    }
    close(pidfd);
    close(proc_fd);
    assert_false(seep_process_end_ask(-1, -1, &end));
}

static void a_process_that_runs_has_no_end(void **state)
{
    struct seep_process_end end = {SEEP_ENDING_NONE, 0};
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY);

    (void)state;
    assert_false(seep_process_end_ask(pidfd, proc_fd, &end));
    close(pidfd);
    close(proc_fd);
}

static void an_exec_is_seen(void **state)
{
    struct seep_proc proc;
    int go[2];
    bool seen = false;
    pid_t pid = -1;

    (void)state;
    assert_int_equal(pipe(go), 0);
    pid = fork();
    if (pid == 0) {
        char byte = 0;

        (void)!read(go[0], &byte, 1);
        execl("/bin/sleep", "sleep", "30", (char *)NULL);
        _exit(1);
    }
    assert_int_equal(seep_proc_open(&proc, (uint32_t)pid, 0), 0);
    assert_false(seep_proc_has_execed(&proc));
    assert_int_equal(write(go[1], "g", 1), 1);
    for (int i = 0; i < 5000 && !seen; i++) {
        struct timespec pause = {.tv_nsec = 1000000};

        seen = seep_proc_has_execed(&proc);
        nanosleep(&pause, NULL);
    }
    assert_true(seen);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    seep_proc_close(&proc);
    close(go[0]);
    close(go[1]);
}

static pthread_mutex_t blocked_on = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t blocked_tid;

static void *block(void *argument)
{
    (void)argument;
    atomic_store(&blocked_tid, (uint32_t)syscall(SYS_gettid));
    pthread_mutex_lock(&blocked_on);
    pthread_mutex_unlock(&blocked_on);
    return NULL;
}

static void look(struct seep_threads *threads, int proc_fd, uint64_t t_ns)
{
    const struct seep_task_looker looker = {.proc_dir_fd = proc_fd, .t_ns = t_ns};

    seep_threads_sample(threads, &looker, UINT64_MAX);
}

/* Takes samples until the thread waits. Returns: the time of the last one. */
static uint64_t sample_until_blocked(struct seep_threads *threads, uint32_t slot,
                                     int proc_fd)
{
    for (uint64_t t = 1; t < 5000; t++) {
        struct timespec pause = {.tv_nsec = 1000000};

        look(threads, proc_fd, t);
        if (threads->tasks[slot].figures.os_state == 'S' &&
            threads->tasks[slot].figures.unchanged_since_ns + 3 < t) {
            return t;
        }
        nanosleep(&pause, NULL);
    }
    fail_msg("the thread did not block");
    return 0;
}

/* A thread that was joined may take a moment more to leave /proc. */
static void wait_until_gone(int proc_fd, uint32_t tid)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "task/%u", tid);
    for (int i = 0; i < 5000 && faccessat(proc_fd, path, F_OK, 0) == 0; i++) {
        struct timespec pause = {.tv_nsec = 1000000};

        nanosleep(&pause, NULL);
    }
}

static void a_blocked_thread_is_unchanged_and_its_wait_is_named(void **state)
{
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_threads threads = {0};
    struct seep_buf payload = {0};
    pthread_t thread;
    int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY);
    uint64_t since = 0;
    uint32_t slot = 0;

    (void)state;
    pthread_mutex_lock(&blocked_on);
    assert_int_equal(pthread_create(&thread, NULL, block, NULL), 0);
    while (atomic_load(&blocked_tid) == 0) {
        sched_yield();
    }
    segment_forge_open(&forge, 5, 1);
    slot = segment_forge_thread(&forge, blocked_tid, 0, 4096);
    assert_int_equal(seep_segment_open(dup(forge.fd), &segment, NULL), 0);
    assert_int_equal(seep_threads_read(&threads, &segment, 2), 0);
    assert_int_equal(threads.stack_bytes[slot], 4096);

    uint64_t t = sample_until_blocked(&threads, slot, proc_fd);

    since = threads.tasks[slot].figures.unchanged_since_ns;
    look(&threads, proc_fd, t + 1000);
    assert_int_equal(threads.tasks[slot].figures.unchanged_since_ns, since);
    assert_string_equal(threads.tasks[slot].figures.wait, "futex");
    seep_threads_put(&threads, t, &payload);
    assert_false(payload.failed);

    pthread_mutex_unlock(&blocked_on);
    pthread_join(thread, NULL);
    wait_until_gone(proc_fd, atomic_load(&blocked_tid));
    look(&threads, proc_fd, t + 2000); /* gone: what was known of it stays */
    assert_int_equal(threads.tasks[slot].figures.unchanged_since_ns, since);
    assert_int_equal(threads.tasks[slot].figures.os_state, 'S'); /* once proves little */
    look(&threads, proc_fd, t + 2001);
    assert_int_equal(threads.tasks[slot].figures.os_state, 'X');
    assert_int_equal(threads.tasks[slot].figures.unchanged_since_ns, since);
    forge.header->thread_count = 2;
    ((struct seep_thread *)(void *)(forge.map + SEEP_AT_THREADS))[slot].generation = 2;
    assert_int_equal(seep_threads_read(&threads, &segment, 2), 0);
    look(&threads, -1, t + 3000);
    assert_int_equal(threads.tasks[slot].figures.unchanged_since_ns,
                     0); /* another thread in the slot */
    seep_buf_fini(&payload);
    seep_threads_fini(&threads);
    seep_segment_close(&segment);
    segment_forge_close(&forge);
    close(proc_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_figures_are_sane),
        cmocka_unit_test(a_process_of_another_start_time_is_not_it),
        cmocka_unit_test(a_stat_line_is_read_whatever_the_name),
        cmocka_unit_test(limits_are_parsed_and_unlimited_is_none),
        cmocka_unit_test(the_lowest_cgroup_limit_up_to_the_root_counts),
        cmocka_unit_test(the_end_of_a_zombie_is_known),
        cmocka_unit_test(the_end_of_a_reaped_process_is_known_or_said_to_be_unknown),
        cmocka_unit_test(a_process_that_runs_has_no_end),
        cmocka_unit_test(an_exec_is_seen),
        cmocka_unit_test(a_blocked_thread_is_unchanged_and_its_wait_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
