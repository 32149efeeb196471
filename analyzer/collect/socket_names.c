/* Sockets by inode, from the kernel's text tables.
 *
 * Netlink's sock_diag was rejected: it speaks of the collector's own network namespace,
 * and entering another one needs privileges. The tables are read in pieces: a host with
 * 100,000 connections has 15 MB of them. And for each of the two of TCP the kernel walks
 * all buckets of a hash table that is as large as the machine: 2 ms on one of 24 GiB, for
 * no connection at all. So they come last, and no table is read when all have names.
 *
 * Source: proc_pid_net(5); states of include/net/tcp_states.h and
 * include/uapi/linux/net.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/socket_names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 1 << 16,
    TABLE_MAX_BYTES = 64 << 20, /* beyond, sockets stay without a name */
    INET_FIELD_INODE = 9,
    UNIX_FIELD_INODE = 6,
    UNIX_LISTENS = 1 << 16, /* __SO_ACCEPTCON */
    IPV4_DIGITS = 8,
    IPV6_DIGITS = 32
};

bool seep_socket_inode(const char *link, uint64_t *inode)
{
    char end = '\0';

    return sscanf(link, "socket:[%" SCNu64 "%c", inode, &end) == 2 && end == ']';
}

/* Where the Nth word of a line (from 0) begins; NULL when there are fewer. */
static const char *word(const char *line, unsigned number)
{
    for (unsigned i = 0;; i++) {
        while (*line == ' ') {
            line++;
        }
        if (*line == '\0' || *line == '\n') {
            return NULL;
        }
        if (i == number) {
            return line;
        }
        while (*line != ' ' && *line != '\0' && *line != '\n') {
            line++;
        }
    }
}

/* "0100007F:0BB8": the address as the words lie in the kernel's memory, the port as a
 * number. */
static bool address(const char *text, char *out)
{
    static const char mapped[] = "::ffff:";
    const char *colon = strchr(text, ':');
    size_t digits = colon != NULL ? (size_t)(colon - text) : 0;
    char name[INET6_ADDRSTRLEN] = "";
    uint32_t words[4] = {0};
    unsigned port = 0;

    if ((digits != IPV4_DIGITS && digits != IPV6_DIGITS) ||
        sscanf(colon + 1, "%4x", &port) != 1) {
        return false;
    }
    for (size_t i = 0; i < digits / IPV4_DIGITS; i++) {
        if (sscanf(text + i * IPV4_DIGITS, "%8" SCNx32, &words[i]) != 1) {
            return false;
        }
    }
    (void)inet_ntop(digits == IPV4_DIGITS ? AF_INET : AF_INET6, words, name,
                    sizeof(name));
    if (strncmp(name, mapped, sizeof(mapped) - 1) == 0 && strchr(name, '.') != NULL) {
        (void)snprintf(out, SEEP_SOCKET_ADDRESS_BYTES, "%s:%u", name + sizeof(mapped) - 1,
                       port);
    } else {
        (void)snprintf(out, SEEP_SOCKET_ADDRESS_BYTES,
                       digits == IPV4_DIGITS ? "%s:%u" : "[%s]:%u", name, port);
    }
    return true;
}

static const char *inet_state(unsigned state, bool tcp)
{
    static const char *const names[] = {
        "",          "ESTABLISHED", "SYN_SENT",    "SYN_RECV",   "FIN_WAIT1",
        "FIN_WAIT2", "TIME_WAIT",   "CLOSE",       "CLOSE_WAIT", "LAST_ACK",
        "LISTEN",    "CLOSING",     "NEW_SYN_RECV"};

    if (!tcp) {
        return state == 1 ? "CONNECTED" : "UNCONNECTED";
    }
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "";
}

static bool parse_inet(const char *line, bool tcp, struct seep_socket_name *name)
{
    const char *local = word(line, 1);
    const char *peer = word(line, 2);
    const char *state_text = word(line, 3);
    const char *inode = word(line, INET_FIELD_INODE);
    unsigned state = 0;

    if (inode == NULL || sscanf(state_text, "%2x", &state) != 1 ||
        !address(local, name->local) || !address(peer, name->peer)) {
        return false;
    }
    name->inode = strtoull(inode, NULL, 10);
    name->state = inet_state(state, tcp);
    if (strspn(peer, "0:") >= strcspn(peer, " ")) {
        name->peer[0] = '\0'; /* none: it listens, or never connected */
    }
    return true;
}

static bool parse_unix(const char *line, struct seep_socket_name *name)
{
    const char *flags = word(line, 3);
    const char *state = word(line, 5);
    const char *inode = word(line, UNIX_FIELD_INODE);
    const char *path = word(line, UNIX_FIELD_INODE + 1);
    bool listens = false;

    if (inode == NULL || !isdigit((unsigned char)inode[0]) ||
        !isxdigit((unsigned char)flags[0])) {
        return false;
    }
    listens = (strtoul(flags, NULL, 16) & UNIX_LISTENS) != 0;
    name->inode = strtoull(inode, NULL, 10);
    name->state = listens                         ? "LISTEN"
                  : strtoul(state, NULL, 16) == 3 ? "CONNECTED"
                                                  : "UNCONNECTED";
    name->peer[0] = name->local[0] = '\0';
    if (path != NULL) {
        (void)snprintf(name->local, sizeof(name->local), "%.*s", (int)strcspn(path, "\n"),
                       path);
    }
    return true;
}

bool seep_socket_names_parse(const char *line, const char *protocol,
                             struct seep_socket_name *name)
{
    struct seep_socket_name read = {.protocol = protocol};
    bool good = protocol[0] == 'u' && protocol[1] == 'n'
                    ? parse_unix(line, &read)
                    : parse_inet(line, protocol[0] == 't', &read);

    if (good) {
        *name = read;
    }
    return good;
}

static int by_inode(const void *a, const void *b)
{
    const struct seep_socket_name *x = a;
    const struct seep_socket_name *y = b;

    return (x->inode > y->inode) - (x->inode < y->inode);
}

/* The inode is looked at first: most lines are other processes'. Returns: sockets that
 * have got a name, 0 or 1. */
static size_t take_line(const char *line, const char *protocol,
                        struct seep_socket_name *names, size_t count)
{
    bool unix_table = protocol[0] == 'u' && protocol[1] == 'n';
    const char *inode = word(line, unix_table ? UNIX_FIELD_INODE : INET_FIELD_INODE);
    struct seep_socket_name key = {.inode =
                                       inode != NULL ? strtoull(inode, NULL, 10) : 0};
    struct seep_socket_name *found =
        key.inode != 0 ? bsearch(&key, names, count, sizeof(*names), by_inode) : NULL;

    if (found == NULL || found->protocol[0] != '\0') {
        return 0;
    }
    return seep_socket_names_parse(line, protocol, found) ? 1 : 0;
}

/* Whole lines of a piece. left: in/out; sockets without a name. Returns: bytes that they
 * took. */
static size_t take_lines(char *piece, size_t bytes, const char *protocol,
                         struct seep_socket_name *names, size_t count, size_t *left)
{
    char *line = piece;
    char *end = NULL;

    piece[bytes] = '\0';
    while ((end = memchr(line, '\n', bytes - (size_t)(line - piece))) != NULL) {
        *end = '\0';
        *left -= take_line(line, protocol, names, count);
        line = end + 1;
    }
    return (size_t)(line - piece);
}

/* Returns: sockets that still have no name, of `left`. */
static size_t read_table(int fd, const char *protocol, struct seep_socket_name *names,
                         size_t count, size_t left)
{
    char *piece = malloc(PIECE_BYTES + 1);
    size_t kept = 0;
    size_t total = 0;

    while (piece != NULL && left > 0 && total < TABLE_MAX_BYTES) {
        ssize_t n = read(fd, piece + kept, PIECE_BYTES - kept);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        size_t have = kept + (size_t)n;
        size_t used = take_lines(piece, have, protocol, names, count, &left);

        total += (size_t)n;
        kept = used == 0 && have == PIECE_BYTES ? 0 : have - used;
        memmove(piece, piece + used, kept);
    }
    free(piece);
    return left;
}

void seep_socket_names_fill(int proc_dir_fd, struct seep_socket_name *names, size_t count)
{
    static const struct {
        const char *path, *protocol;
    } tables[] = {{"net/unix", "unix"},
                  {"net/udp", "udp"},
                  {"net/udp6", "udp"},
                  {"net/tcp", "tcp"},
                  {"net/tcp6", "tcp"}};
    size_t left = count;

    for (size_t i = 0; left > 0 && i < sizeof(tables) / sizeof(tables[0]); i++) {
        int fd = openat(proc_dir_fd, tables[i].path, O_RDONLY | O_CLOEXEC);

        if (fd >= 0) {
            left = read_table(fd, tables[i].protocol, names, count, left);
            close(fd);
        }
    }
}
