/* Sockets by inode: lines as the kernel writes them, and real sockets of this process.
 *
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/socket_names.h"

static void lines_of_the_kernel_are_read(void **state)
{
    static const struct {
        const char *line, *protocol, *local, *peer, *state;
        uint64_t inode;
    } cases[] = {
        {"   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  "
         "1000 "
         "       0 12345 1 0000000000000000 100 0 0 10 0",
         "tcp", "127.0.0.1:3000", "", "LISTEN", 12345},
        {"   1: 0100007F:0BB8 0100007F:9C40 08 00000000:00000000 00:00000000 00000000    "
         " 0 "
         "       0 777 1 0000000000000000 20 4 0 10 -1",
         "tcp", "127.0.0.1:3000", "127.0.0.1:40000", "CLOSE_WAIT", 777},
        {"   2: 00000000000000000000000001000000:0050 "
         "00000000000000000000000001000000:C350 01 00000000:00000000 00:00000000 "
         "00000000 0 "
         "0 9 1 0000000000000000 20 4 0 10 -1",
         "tcp", "[::1]:80", "[::1]:50000", "ESTABLISHED", 9},
        {"   3: 0000000000000000FFFF00000100007F:0050 "
         "0000000000000000FFFF00000100007F:C350 06 00000000:00000000 00:00000000 "
         "00000000 0 "
         "0 8 1 0000000000000000 20 4 0 10 -1",
         "tcp", "127.0.0.1:80", "127.0.0.1:50000", "TIME_WAIT", 8},
        {" 1234: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 "
         "0 "
         "55 2 0000000000000000 0",
         "udp", "0.0.0.0:68", "", "UNCONNECTED", 55},
        {"0000000000000000: 00000002 00000000 00010000 0001 01 4242 /run/a b.sock",
         "unix", "/run/a b.sock", "", "LISTEN", 4242},
        {"0000000000000000: 00000003 00000000 00000000 0001 03 4243", "unix", "", "",
         "CONNECTED", 4243},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seep_socket_name name = {0};

        assert_true(seep_socket_names_parse(cases[i].line, cases[i].protocol, &name));
        assert_int_equal(name.inode, cases[i].inode);
        assert_string_equal(name.protocol, cases[i].protocol);
        assert_string_equal(name.local, cases[i].local);
        assert_string_equal(name.peer, cases[i].peer);
        assert_string_equal(name.state, cases[i].state);
    }
}

static void headings_and_broken_lines_are_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "\n",
        "   ",
        "x",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
        "uid "
        " timeout inode",
        "   0: 0100007F:0BB8 00000000:0000 0A",
        "   0: 0100007F 00000000:0000 0A 0:0 0:0 0 0 0 1",
        "   0: ZZ00007F:0BB8 00000000:0000 0A 0:0 0:0 0 0 0 1"};
    struct seep_socket_name name = {.inode = 5};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_false(seep_socket_names_parse(lines[i], "tcp", &name));
    }
    assert_int_equal(name.inode, 5);
    assert_false(seep_socket_names_parse(
        "Num       RefCount Protocol Flags    Type St Inode Path", "unix", &name));
}

static void inodes_are_read_from_links(void **state)
{
    uint64_t inode = 0;

    (void)state;
    assert_true(seep_socket_inode("socket:[4711]", &inode));
    assert_int_equal(inode, 4711);
    assert_false(seep_socket_inode("socket:[4711", &inode));
    assert_false(seep_socket_inode("socket:[]", &inode));
    assert_false(seep_socket_inode("pipe:[4711]", &inode));
    assert_false(seep_socket_inode("/tmp/socket:[1]", &inode));
}

static uint64_t inode_of(int fd)
{
    char path[32];
    char link[64] = "";
    uint64_t inode = 0;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    assert_true(readlink(path, link, sizeof(link) - 1) > 0);
    assert_true(seep_socket_inode(link, &inode));
    return inode;
}

static void a_peer_that_has_gone_shows_as_close_wait(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    int proc = open("/proc/self", O_PATH | O_DIRECTORY);
    char here[64];
    char byte = 0;

    (void)state;
    assert_int_equal(bind(listener, (void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (void *)&address, &bytes), 0);
    assert_int_equal(connect(client, (void *)&address, sizeof(address)), 0);

    int accepted = accept(listener, NULL, NULL);
    struct seep_socket_name names[2] = {{.inode = inode_of(accepted), .protocol = ""},
                                        {.inode = UINT64_MAX, .protocol = ""}};

    close(client);
    assert_int_equal(read(accepted, &byte, 1), 0); /* its end has arrived */
    seep_socket_names_fill(proc, names, 2);
    snprintf(here, sizeof(here), "127.0.0.1:%d", ntohs(address.sin_port));
    assert_string_equal(names[0].protocol, "tcp");
    assert_string_equal(names[0].local, here);
    assert_string_equal(names[0].state, "CLOSE_WAIT");
    assert_string_equal(names[1].protocol, "");
    close(accepted);
    close(listener);
    close(proc);
}

/* The kernel walks a large hash table for each of TCP's. Here, reading one never ends. */
static void tables_of_tcp_are_left_alone_when_all_have_names(void **state)
{
    char folder[] = "/tmp/seep-names-XXXXXX";
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_non_null(mkdtemp(folder));
    int proc = open(folder, O_PATH | O_DIRECTORY);

    assert_int_equal(mkdirat(proc, "net", 0700), 0);
    assert_int_equal(symlinkat("/proc/self/net/unix", proc, "net/unix"), 0);
    assert_int_equal(mkfifoat(proc, "net/tcp", 0600), 0);
    uint64_t one = inode_of(pair[0]);
    uint64_t other = inode_of(pair[1]);
    struct seep_socket_name names[2] = {
        {.inode = one < other ? one : other, .protocol = ""},
        {.inode = one < other ? other : one, .protocol = ""}};

    (void)alarm(20);
    seep_socket_names_fill(proc, names, 2);
    (void)alarm(0);
    assert_string_equal(names[0].protocol, "unix");
    assert_string_equal(names[1].protocol, "unix");
    assert_int_equal(unlinkat(proc, "net/tcp", 0), 0);
    assert_int_equal(unlinkat(proc, "net/unix", 0), 0);
    assert_int_equal(unlinkat(proc, "net", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(folder), 0);
    close(proc);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_kernel_are_read),
        cmocka_unit_test(headings_and_broken_lines_are_refused),
        cmocka_unit_test(inodes_are_read_from_links),
        cmocka_unit_test(a_peer_that_has_gone_shows_as_close_wait),
        cmocka_unit_test(tables_of_tcp_are_left_alone_when_all_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
