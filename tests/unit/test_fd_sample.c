/* The shim's table of descriptors against the kernel's: this process, and a segment made
 * by hand that says what was recorded of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/fd_sample.h"
#include "seep/recording.h"
#include "seep/segment_layout.h"
#include "segment_forge.h"

enum { SCRATCH_BYTES = 65536, SITES = 4, FD = 2, FAR = 700, MANY = 900 };

static const uint8_t kinds[SITES] = {[FD] = SEEP_KIND_FD};
static uint8_t scratch[SCRATCH_BYTES];

struct scene {
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_fd_sample sample;
    struct seep_fd_list inherited;
    struct seep_holdings after;
    int proc_fd;
};

static void set_up(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    segment_forge_open(&scene->forge, 4, 1);
    assert_int_equal(seep_segment_open(dup(scene->forge.fd), &scene->segment, NULL), 0);
    scene->proc_fd = open("/proc/self", O_PATH | O_DIRECTORY);
    assert_int_equal(seep_fd_list_read(&scene->inherited, scene->proc_fd), 0);
}

static void tear_down(struct scene *scene)
{
    seep_fd_sample_fini(&scene->sample);
    seep_fd_list_fini(&scene->inherited);
    seep_holdings_fini(&scene->after);
    seep_segment_close(&scene->segment);
    segment_forge_close(&scene->forge);
    close(scene->proc_fd);
}

static void take(struct scene *scene)
{
    const struct seep_holding_bounds bounds = {.kinds = kinds,
                                               .site_count = SITES,
                                               .slots = scene->forge.header->fd_count,
                                               .scratch = scratch,
                                               .scratch_bytes = sizeof(scratch)};

    assert_int_equal(seep_fd_sample_take(&scene->sample, scene->proc_fd, &scene->segment,
                                         &bounds, &scene->inherited, &scene->after),
                     0);
}

static const struct seep_fd_row *row_of(const struct scene *scene, int fd)
{
    for (uint32_t i = 0; i < scene->sample.list.count; i++) {
        if (scene->sample.rows[i].seen->fd == (uint32_t)fd) {
            return &scene->sample.rows[i];
        }
    }
    return NULL;
}

static const char *link_of(const struct scene *scene, int fd)
{
    return seep_fd_list_text(&scene->sample.list, row_of(scene, fd)->seen);
}

static void recorded_inherited_and_foreign_descriptors_are_told_apart(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);

    int recorded = open("/dev/null", O_RDONLY);
    int foreign = open("/dev/zero", O_RDONLY);

    segment_forge_holding(&scene.forge, SEEP_AT_FDS, (uint32_t)recorded, FD, 0, 7);
    take(&scene);
    assert_int_equal(row_of(&scene, recorded)->flags, SEEP_DESCRIPTOR_RECORDED);
    assert_int_equal(row_of(&scene, recorded)->site, FD);
    assert_int_equal(row_of(&scene, recorded)->acquired_ns, 7);
    assert_string_equal(link_of(&scene, recorded), "/dev/null");
    assert_int_equal(row_of(&scene, foreign)->flags, 0);
    assert_int_equal(row_of(&scene, 1)->flags, SEEP_DESCRIPTOR_INHERITED);
    assert_int_equal(scene.sample.recorded, 1);
    assert_true(scene.sample.inherited >= 3);
    /* /proc/self/fd itself is open while it is read, by us; it is gone at the second look
     */
    assert_int_equal(scene.sample.list.count,
                     scene.sample.recorded + scene.sample.inherited + 1);
    close(recorded);
    close(foreign);
    tear_down(&scene);
}

static void an_inherited_number_that_is_open_on_something_else_is_foreign(void **state)
{
    struct scene scene;
    int spare = open("/dev/null", O_RDONLY);

    (void)state;
    set_up(&scene);
    assert_int_equal(dup2(scene.proc_fd, spare), spare);
    take(&scene);
    assert_int_equal(row_of(&scene, spare)->flags, 0);
    close(spare);
    tear_down(&scene);
}

static void what_was_closed_past_the_wrappers_is_gone(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);

    int open_fd = open("/dev/null", O_RDONLY);

    segment_forge_holding(&scene.forge, SEEP_AT_FDS, (uint32_t)open_fd, FD, 0, 7);
    segment_forge_holding(&scene.forge, SEEP_AT_FDS, FAR, FD, 0, 7);
    segment_forge_holding(&scene.forge, SEEP_AT_FDS, FAR + 1, FD, 0, 8);
    take(&scene);
    assert_int_equal(scene.sample.gone, 2);
    assert_int_equal(scene.after.count, 1);
    assert_int_equal(scene.after.entries[0].slot, open_fd);
    close(open_fd);
    tear_down(&scene);
}

static void pipes_know_their_other_end_and_sockets_their_protocol(void **state)
{
    struct scene scene;
    int ends[2];
    int pair[2];

    (void)state;
    set_up(&scene);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);

    int again = dup(ends[0]);
    int lonely = socket(AF_INET, SOCK_STREAM, 0);
    int poll_fd = epoll_create1(0);

    take(&scene);
    assert_int_equal(row_of(&scene, ends[0])->other_end, ends[1] + 1);
    assert_int_equal(row_of(&scene, again)->other_end, ends[1] + 1);
    assert_int_equal(row_of(&scene, ends[1])->other_end, ends[0] + 1);
    assert_string_equal(row_of(&scene, pair[0])->socket->protocol, "unix");
    assert_string_equal(row_of(&scene, pair[0])->socket->state, "CONNECTED");
    assert_string_equal(row_of(&scene, lonely)->socket->protocol, "");
    assert_string_equal(link_of(&scene, poll_fd), "anon_inode:[eventpoll]");
    assert_null(row_of(&scene, poll_fd)->socket);
    close(ends[1]);
    take(&scene);
    assert_int_equal(row_of(&scene, ends[0])->other_end, 0);

    const int all[] = {ends[0], again, pair[0], pair[1], lonely, poll_fd};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        close(all[i]);
    }
    tear_down(&scene);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void a_payload_holds_every_descriptor(void **state)
{
    struct scene scene;
    struct seep_buf out = {0};
    int first = -1;
    int last = -1;

    (void)state;
    set_up(&scene);
    for (int i = 0; i < MANY; i++) {
        last = open("/dev/null", O_RDONLY);
        first = first < 0 ? last : first;
        segment_forge_holding(&scene.forge, SEEP_AT_FDS, (uint32_t)last, FD, 0, 7);
    }
    uint64_t began_ns = now_ns();

    take(&scene);
    seep_fd_sample_put(&scene.sample, 5, &out);
    print_message("%d descriptors reconciled: %.2f ms\n", MANY,
                  (double)(now_ns() - began_ns) / 1e6);
    assert_false(out.failed);

    struct seep_cursor in = seep_cursor_over(out.data, out.len_bytes);

    assert_int_equal(seep_cursor_varint(&in), 5);
    assert_int_equal(seep_cursor_varint(&in), scene.sample.list.count);
    assert_int_equal(seep_cursor_varint(&in), MANY);
    assert_int_equal(seep_cursor_varint(&in), scene.sample.inherited);
    assert_int_equal(seep_cursor_varint(&in), 0);
    assert_int_equal(seep_cursor_varint(&in), scene.sample.list.count);
    for (int fd = first; fd <= last; fd++) {
        close(fd);
    }
    seep_buf_fini(&out);
    tear_down(&scene);
}

static void a_process_that_is_gone_is_no_list(void **state)
{
    struct seep_fd_list list = {0};

    (void)state;
    assert_true(seep_fd_list_read(&list, -1) < 0);
    assert_int_equal(list.count, 0);
    seep_fd_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_inherited_and_foreign_descriptors_are_told_apart),
        cmocka_unit_test(an_inherited_number_that_is_open_on_something_else_is_foreign),
        cmocka_unit_test(what_was_closed_past_the_wrappers_is_gone),
        cmocka_unit_test(pipes_know_their_other_end_and_sockets_their_protocol),
        cmocka_unit_test(a_payload_holds_every_descriptor),
        cmocka_unit_test(a_process_that_is_gone_is_no_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
