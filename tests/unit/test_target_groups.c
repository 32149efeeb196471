/* What descriptors have in common: the names that groups get.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verdict/target_groups.h"

enum { ROWS_MAX = 400 };

struct scene {
    struct seep_findings *findings;
    struct seep_rec_descriptor rows[ROWS_MAX];
    const struct seep_rec_descriptor *list[ROWS_MAX];
    char texts[ROWS_MAX][64];
    size_t count;
    struct seep_view_targets targets;
};

static struct scene scene;

static void set_up(void)
{
    memset(&scene, 0, sizeof(scene));
    assert_int_equal(seep_findings_new(&scene.findings), 0);
}

static struct seep_rec_descriptor *add(const char *link)
{
    struct seep_rec_descriptor *row = &scene.rows[scene.count];

    row->fd = (uint32_t)scene.count;
    row->link = (char *)link;
    row->protocol = row->local = row->peer = row->state = (char *)"";
    scene.list[scene.count++] = row;
    return row;
}

static void add_tcp(const char *local, const char *peer, const char *state)
{
    struct seep_rec_descriptor *row = add("socket:[1]");

    row->protocol = (char *)"tcp";
    row->local = (char *)local;
    row->peer = (char *)peer;
    row->state = (char *)state;
}

/* A text of this row's own: "before" number "after". */
static char *own(const char *before, size_t number, const char *after)
{
    snprintf(scene.texts[scene.count], sizeof(scene.texts[0]), "%s%zu%s", before, number,
             after);
    return scene.texts[scene.count];
}

static const struct seep_view_targets *groups(void)
{
    assert_int_equal(
        seep_target_groups_fill(scene.findings, scene.list, scene.count, &scene.targets),
        0);
    return &scene.targets;
}

static void clients_of_one_server_are_named_by_it(void **state)
{
    (void)state;
    set_up();
    for (size_t i = 0; i < 118; i++) {
        add_tcp(own("10.0.0.1:", 40000 + i, ""), "127.0.0.1:3000", "CLOSE_WAIT");
    }
    add_tcp("10.0.0.1:1", "127.0.0.1:3000", "ESTABLISHED");
    add_tcp("0.0.0.0:80", "", "LISTEN");
    assert_int_equal(groups()->groups[0].count, 118);
    assert_string_equal(scene.targets.groups[0].what,
                        "TCP to 127.0.0.1:3000 in CLOSE_WAIT");
    assert_int_equal(scene.targets.groups[0].example_count, 3);
    assert_string_equal(scene.targets.groups[0].examples[0],
                        "fd 0: tcp 10.0.0.1:40000 -> 127.0.0.1:3000 CLOSE_WAIT");
    assert_string_equal(scene.targets.noun, "sockets");
    assert_int_equal(scene.targets.total, 120);
    assert_int_equal(scene.targets.group_count, 3);
    seep_findings_free(scene.findings);
}

static void accepted_connections_are_named_by_the_port_they_came_to(void **state)
{
    (void)state;
    set_up();
    for (size_t i = 0; i < 30; i++) {
        add_tcp("10.0.0.1:80", own("10.0.0.7:", 40000 + i, ""), "ESTABLISHED");
    }
    assert_string_equal(groups()->groups[0].what,
                        "TCP on 10.0.0.1:80 from 10.0.0.7 in ESTABLISHED");
    for (size_t i = 0; i < 60; i++) {
        add_tcp("10.0.0.1:80", own("10.0.1.", i, ":5"), "ESTABLISHED");
    }
    assert_string_equal(groups()->groups[0].what, "TCP on 10.0.0.1:80 in ESTABLISHED");
    assert_int_equal(scene.targets.groups[0].count, 90);
    seep_findings_free(scene.findings);
}

static void files_are_named_by_path_or_by_directory(void **state)
{
    (void)state;
    set_up();
    for (size_t i = 0; i < 20; i++) {
        add(own("/tmp/cache/", i, ""));
    }
    for (size_t i = 0; i < 5; i++) {
        add("/var/log/x.log");
    }
    add(own("/tmp/gone", 1, " (deleted)"));
    assert_string_equal(groups()->groups[0].what, "files in /tmp/cache");
    assert_int_equal(scene.targets.groups[0].count, 20);
    assert_string_equal(scene.targets.groups[1].what, "/var/log/x.log");
    assert_string_equal(scene.targets.groups[2].what, "/tmp/gone1 (deleted)");
    assert_string_equal(scene.targets.noun, "files");
    seep_findings_free(scene.findings);
}

static void all_other_kinds_have_a_name(void **state)
{
    static const struct {
        const char *link, *peer, *what, *noun;
    } cases[] = {
        {"anon_inode:[eventpoll]", "", "epoll instances", "epoll instances"},
        {"anon_inode:inotify", "", "inotify instances", "descriptors"},
        {"anon_inode:[new]", "", "anon_inode:[new]", "descriptors"},
        {"/memfd:shm (deleted)", "", "memory files \"shm\"", "memory files"},
        {"pipe:[7]", "fd 4", "pipes with both ends in this process", "pipe ends"},
        {"pipe:[7]", "", "pipes to other processes, or without another end", "pipe ends"},
        {"socket:[7]", "", "sockets without an address", "sockets"},
        {"/", "", "/", "files"},
        {"mnt:[4026531840]", "", "mnt:", "descriptors"},
        {"", "", "", "descriptors"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_up();
        add(cases[i].link)->peer = (char *)cases[i].peer;
        assert_string_equal(groups()->groups[0].what, cases[i].what);
        assert_string_equal(scene.targets.noun, cases[i].noun);
        seep_findings_free(scene.findings);
    }
}

static void nothing_is_no_group(void **state)
{
    (void)state;
    set_up();
    assert_int_equal(groups()->group_count, 0);
    assert_string_equal(scene.targets.noun, "descriptors");
    seep_findings_free(scene.findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_of_one_server_are_named_by_it),
        cmocka_unit_test(accepted_connections_are_named_by_the_port_they_came_to),
        cmocka_unit_test(files_are_named_by_path_or_by_directory),
        cmocka_unit_test(all_other_kinds_have_a_name),
        cmocka_unit_test(nothing_is_no_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
