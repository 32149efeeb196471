/* Which process gets which file, and the bounds of a collector; over segments made by
 * hand.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/roster.h"
#include "load/recording.h"
#include "seep/handover.h"
#include "segment_forge.h"

enum {
    NO_PID = 5000000, /* beyond every pid_max: no such process */
    MAIN_PID = NO_PID,
    OLD_S = 3600
};

static const struct seep_process_end ended = {SEEP_ENDING_EXITED, 0};

struct scene {
    char dir[32];
    int dir_fd;
    struct segment_forge forge;
    struct seep_roster roster;
};

static void set_up(struct scene *scene, const char *file, uint32_t main_pid)
{
    struct seep_collect_options options = seep_options_default();

    memset(scene, 0, sizeof(*scene));
    (void)snprintf(scene->dir, sizeof(scene->dir), "/tmp/seep-roster-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    scene->dir_fd = open(scene->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(scene->dir_fd >= 0);
    segment_forge_open(&scene->forge, 5, 1);
    assert_int_equal(seep_roster_init(&scene->roster, dup(scene->dir_fd), file, &options),
                     0);
    scene->roster.main_pid = main_pid;
}

static void tear_down(struct scene *scene)
{
    char command[64];

    seep_roster_fini(&scene->roster);
    segment_forge_close(&scene->forge);
    close(scene->dir_fd);
    (void)snprintf(command, sizeof(command), "rm -r %s", scene->dir);
    assert_int_equal(system(command), 0);
}

static int try_add(struct scene *scene, uint32_t pid, struct seep_session **session)
{
    struct seep_handover_peer peer = {
        .segment_fd = dup(scene->forge.fd), .pidfd = -1, .pid = pid};
    struct seep_error error = {0};

    assert_true(peer.segment_fd >= 0);
    return seep_roster_add(&scene->roster, &peer, session, &error);
}

static struct seep_session *add(struct scene *scene, uint32_t pid)
{
    struct seep_session *session = NULL;

    assert_int_equal(try_add(scene, pid, &session), 0);
    return session;
}

static bool exists(const struct scene *scene, const char *name)
{
    return faccessat(scene->dir_fd, name, F_OK, 0) == 0;
}

static struct seep_recording *load(const struct scene *scene, const char *name)
{
    char path[320];
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};

    (void)snprintf(path, sizeof(path), "%s/%s", scene->dir, name);
    if (seep_recording_open(path, &recording, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return recording;
}

static void processes_beyond_the_limit_are_refused_and_counted(void **state)
{
    struct scene scene;
    struct seep_session *session = NULL;
    struct seep_recording *recording = NULL;
    struct rlimit files = {0};

    (void)state;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < SEEP_SESSIONS_MAX + 64) {
        skip();
    }
    set_up(&scene, "a.seep", MAIN_PID);
    for (uint32_t i = 0; i < SEEP_SESSIONS_MAX; i++) {
        (void)add(&scene, MAIN_PID + i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(try_add(&scene, MAIN_PID + SEEP_SESSIONS_MAX + i, &session),
                         -ENOSPC);
    }
    assert_non_null(strstr(scene.roster.trouble, "4096 processes are recorded already"));
    seep_roster_end(&scene.roster, scene.roster.main, &ended);
    recording = load(&scene, "a.seep");
    assert_int_equal(recording->lost[SEEP_LOSS_REFUSED], 3);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void children_beyond_the_limit_are_counted(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    (void)add(&scene, MAIN_PID);
    for (uint32_t i = 1; i <= SEEP_CHILD_LINES_MAX + 5; i++) {
        seep_roster_end(&scene.roster, add(&scene, MAIN_PID + i), &ended);
    }
    seep_roster_end(&scene.roster, scene.roster.main, &ended);
    recording = load(&scene, "a.seep");
    assert_int_equal(recording->child_count, SEEP_CHILD_LINES_MAX);
    assert_int_equal(recording->lost[SEEP_LOSS_CHILDREN_FULL], 5);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void a_pid_that_comes_again_is_no_exec(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    (void)add(&scene, MAIN_PID);
    scene.forge.header->start_proc_ticks = 100;
    (void)add(&scene, MAIN_PID + 1);
    scene.forge.header->start_proc_ticks = 100;
    (void)add(&scene, MAIN_PID + 1); /* an exec */
    scene.forge.header->start_proc_ticks = 200;
    (void)add(&scene, MAIN_PID + 1); /* another process */
    assert_int_equal(scene.roster.count, 2);
    seep_roster_end(&scene.roster, scene.roster.main, &ended);
    recording = load(&scene, "a.seep");
    assert_int_equal(recording->child_count, 2);
    assert_int_equal(recording->children[0].ending_kind, SEEP_ENDING_EXEC);
    assert_int_equal(recording->children[1].ending_kind, SEEP_ENDING_LOST);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void the_main_file_is_not_for_who_is_given_the_main_pid_later(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    scene.forge.header->start_proc_ticks = 100;
    seep_roster_end(&scene.roster, add(&scene, MAIN_PID), &ended);
    scene.forge.header->start_proc_ticks = 200;
    seep_roster_end(&scene.roster, add(&scene, MAIN_PID), &ended);
    assert_true(exists(&scene, "a.5000000.seep"));
    recording = load(&scene, "a.seep");
    assert_int_equal(recording->program.pid, MAIN_PID);
    assert_string_equal(scene.roster.file, "a.seep");
    seep_recording_free(recording);
    tear_down(&scene);
}

/* A program that has put itself into the background, and its helpers. */
static void once_the_main_process_is_gone_the_oldest_keeps_the_lines(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;
    struct seep_session *daemon = NULL;

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    scene.forge.header->start_monotonic_ns -= OLD_S * UINT64_C(1000000000);
    (void)add(&scene, MAIN_PID);
    daemon = add(&scene, MAIN_PID + 1);
    scene.forge.header->start_monotonic_ns += OLD_S * UINT64_C(1000000000);
    seep_roster_end(&scene.roster, scene.roster.main, &ended);
    for (uint32_t i = 2; i < 100; i++) {
        seep_roster_end(&scene.roster, add(&scene, MAIN_PID + i), &ended);
    }
    seep_roster_end(&scene.roster, daemon, &ended);
    recording = load(&scene, "a.5000001.seep");
    assert_int_equal(recording->child_count, 98);
    assert_true(recording->children[0].started_ns > OLD_S * UINT64_C(900000000));
    seep_recording_free(recording);
    assert_false(exists(&scene, "a.5000002.seep"));
    tear_down(&scene);
}

static void a_keeper_of_lines_keeps_its_file(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;
    struct seep_session *first = NULL;

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    (void)add(&scene, MAIN_PID);
    first = add(&scene, MAIN_PID + 1);
    scene.forge.header->start_monotonic_ns += 1000;
    (void)add(&scene, MAIN_PID + 2);
    seep_roster_end(&scene.roster, scene.roster.main, &ended);
    scene.forge.header->start_monotonic_ns += 1000;
    seep_roster_end(&scene.roster, add(&scene, MAIN_PID + 3), &ended);
    seep_roster_end(&scene.roster, first, &ended); /* short, but with a line */
    recording = load(&scene, "a.5000001.seep");
    assert_int_equal(recording->child_count, 1);
    assert_int_equal(recording->children[0].pid, MAIN_PID + 3);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void an_exec_without_a_main_recording_leaves_a_line_too(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    seep_roster_end(&scene.roster, add(&scene, MAIN_PID), &ended);
    (void)add(&scene, MAIN_PID + 1);
    seep_roster_end(&scene.roster, add(&scene, MAIN_PID + 1), &ended);
    assert_false(exists(&scene, "a.5000001.1.seep"));
    recording = load(&scene, "a.5000001.seep");
    assert_int_equal(recording->child_count, 1);
    assert_int_equal(recording->children[0].ending_kind, SEEP_ENDING_EXEC);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void a_name_that_nobody_chose_replaces_nothing(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene, "", MAIN_PID);
    close(openat(scene.dir_fd, "forged.5000000.seep", O_CREAT | O_WRONLY, 0600));
    seep_roster_end(&scene.roster, add(&scene, MAIN_PID), &ended);
    assert_string_equal(scene.roster.file, "forged.5000000.1.seep");
    assert_true(exists(&scene, "forged.5000000.1.seep"));
    tear_down(&scene);
}

static void a_login_shell_makes_no_file_that_looks_like_an_option(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene, "", MAIN_PID);
    memcpy(scene.forge.header->cmdline, "-bash", 6);
    scene.forge.header->cmdline_len = 6;
    (void)add(&scene, MAIN_PID);
    assert_string_equal(scene.roster.file, "bash.5000000.seep");
    tear_down(&scene);
}

static void command_is(struct scene *scene, const char *command)
{
    size_t bytes = strlen(command) + 1;

    memcpy(scene->forge.header->cmdline, command, bytes);
    scene->forge.header->cmdline_len = (uint32_t)bytes;
}

static void a_name_that_nobody_chose_is_the_newest_programs(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene, "", MAIN_PID);
    scene.roster.options.min_child_ns = 0;
    command_is(&scene, "/usr/bin/env");
    (void)add(&scene, MAIN_PID);
    command_is(&scene, "./server");
    (void)add(&scene, MAIN_PID);
    assert_string_equal(scene.roster.file, "server.5000000.seep");
    (void)add(&scene, MAIN_PID); /* it starts itself anew */
    seep_roster_end(&scene.roster, scene.roster.main, &ended);
    assert_string_equal(scene.roster.file, "server.5000000.seep");
    assert_true(exists(&scene, "env.5000000.seep"));
    assert_true(exists(&scene, "server.5000000.2.seep"));
    tear_down(&scene);
}

static void a_name_that_somebody_chose_stays(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    scene.roster.options.min_child_ns = 0;
    command_is(&scene, "/usr/bin/env");
    (void)add(&scene, MAIN_PID);
    command_is(&scene, "./server");
    (void)add(&scene, MAIN_PID);
    assert_string_equal(scene.roster.file, "a.seep");
    assert_true(exists(&scene, "a.5000000.1.seep"));
    tear_down(&scene);
}

/* It found the name to be of another process's collector. */
static void who_hangs_up_without_a_word_is_no_loss(void **state)
{
    struct seep_handover_peer peer = {0};
    struct seep_error error = {0};
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(seep_handover_receive(pair[1], &peer, &error), -EAGAIN);
    close(pair[0]);
    assert_int_equal(seep_handover_receive(pair[1], &peer, &error), -ECONNABORTED);
    assert_int_equal(error.code, 0);
    close(pair[1]);
}

static void a_descriptor_of_another_process_is_not_watched(void **state)
{
    struct scene scene;
    struct seep_session session;
    struct seep_session_source source = {.pid = (uint32_t)getpid()};
    const struct seep_collect_options options = seep_options_default();

    (void)state;
    set_up(&scene, "a.seep", MAIN_PID);
    scene.forge.header->start_proc_ticks = 1; /* not when this process started */
    for (int by_number = 0; by_number < 2; by_number++) {
        source.by_number = by_number != 0;
        source.segment_fd = dup(scene.forge.fd);
        source.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
        assert_true(source.pidfd >= 0);
        assert_int_equal(seep_session_open(&session, &source, &options, NULL), 0);
        assert_int_equal(session.pidfd, source.by_number ? -1 : source.pidfd);
        seep_session_close(&session, false);
    }
    tear_down(&scene);
}

/* Not to be watched for want of descriptors is not to be dead. */
static void a_process_that_cannot_be_watched_is_refused(void **state)
{
    struct seep_handover hello = {.magic = SEEP_HANDOVER_MAGIC,
                                  .version = SEEP_SEGMENT_VERSION};
    struct iovec piece = {&hello, sizeof(hello)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct seep_handover_peer peer = {0};
    struct seep_error error = {0};
    struct rlimit limit;
    struct rlimit tight;
    int pair[2];
    int last = -1;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.align), &pair[0], sizeof(int));
    assert_int_equal(sendmsg(pair[0], &message, 0), sizeof(hello));
    last = dup(0); /* the lowest free number: room for the segment's descriptor alone */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = (rlim_t)last + 1;
    close(last);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int err = seep_handover_receive(pair[1], &peer, &error);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(err, -EMFILE);
    assert_non_null(strstr(error.message, "cannot be watched"));
    assert_int_equal(dup(0), last); /* the segment's descriptor was closed */
    close(last);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_beyond_the_limit_are_refused_and_counted),
        cmocka_unit_test(children_beyond_the_limit_are_counted),
        cmocka_unit_test(a_pid_that_comes_again_is_no_exec),
        cmocka_unit_test(the_main_file_is_not_for_who_is_given_the_main_pid_later),
        cmocka_unit_test(once_the_main_process_is_gone_the_oldest_keeps_the_lines),
        cmocka_unit_test(a_keeper_of_lines_keeps_its_file),
        cmocka_unit_test(an_exec_without_a_main_recording_leaves_a_line_too),
        cmocka_unit_test(a_name_that_nobody_chose_replaces_nothing),
        cmocka_unit_test(a_login_shell_makes_no_file_that_looks_like_an_option),
        cmocka_unit_test(a_name_that_nobody_chose_is_the_newest_programs),
        cmocka_unit_test(a_name_that_somebody_chose_stays),
        cmocka_unit_test(who_hangs_up_without_a_word_is_no_loss),
        cmocka_unit_test(a_descriptor_of_another_process_is_not_watched),
        cmocka_unit_test(a_process_that_cannot_be_watched_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
