/* Descriptors: the shim's table, and beside each row what the kernel says it is.
 *
 * The shim records a descriptor after it was opened and clears its slot before it is
 * closed. So one that is open and not recorded may be a moment old, and one that is
 * recorded and not open may be a moment gone: such are looked at again, slot, then link,
 * then slot, and only what stays is a difference. What stays without a slot was inherited
 * or came past the wrappers (a raw system call, io_uring, a library's internal open);
 * what stays with a slot alone was closed past them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/fd_sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seep/recording.h"

enum { LINK_MAX_BYTES = 4096, PEER_BYTES = 16 };

/* One look: what is asked again for a descriptor in doubt. */
struct look {
    struct seep_fd_sample *sample;
    int proc_dir_fd;
    const struct seep_segment *segment;
    const struct seep_holding_bounds *bounds;
};

void seep_fd_sample_fini(struct seep_fd_sample *sample)
{
    seep_fd_list_fini(&sample->list);
    seep_holdings_fini(&sample->before);
    free(sample->rows);
    free(sample->sockets);
    *sample = (struct seep_fd_sample){0};
}

static bool read_slot(const struct look *look, uint32_t fd, struct seep_held *held)
{
    return seep_holdings_read_slot(look->segment, SEEP_HOLDING_FDS, look->bounds, fd,
                                   held);
}

/* Whether a slot that /proc knew nothing of stays so: recorded, not open, and still the
 * same record. */
static bool is_gone(const struct look *look, const struct seep_held *held)
{
    char link[LINK_MAX_BYTES];
    struct seep_held now;

    return !seep_fd_list_link(look->proc_dir_fd, held->slot, link, sizeof(link)) &&
           read_slot(look, held->slot, &now) && now.acquired_ns == held->acquired_ns;
}

/* Takes out of the table what is gone. */
static void drop_gone(const struct look *look, struct seep_holdings *after)
{
    struct seep_fd_sample *sample = look->sample;
    uint32_t kept = 0;

    sample->gone = 0;
    for (uint32_t i = 0; i < after->count; i++) {
        const struct seep_held *held = &after->entries[i];

        if (seep_fd_list_find(&sample->list, held->slot) == NULL &&
            seep_holdings_find(&sample->before, held->slot) != NULL &&
            is_gone(look, held)) {
            sample->gone++;
        } else {
            after->entries[kept++] = *held;
        }
    }
    after->count = kept;
}

static bool is_inherited(const struct look *look, const struct seep_fd_list *inherited,
                         const struct seep_fd *seen)
{
    const struct seep_fd *then = seep_fd_list_find(inherited, seen->fd);

    return then != NULL && strcmp(seep_fd_list_text(inherited, then),
                                  seep_fd_list_text(&look->sample->list, seen)) == 0;
}

/* Fills one row. Returns: false when the descriptor is closed by now. */
static bool fill_row(const struct look *look, const struct seep_fd_list *inherited,
                     const struct seep_holdings *after, struct seep_fd_row *row)
{
    const struct seep_held *held = seep_holdings_find(after, row->seen->fd);
    struct seep_held again;
    char link[LINK_MAX_BYTES];

    if (held == NULL) {
        if (!seep_fd_list_link(look->proc_dir_fd, row->seen->fd, link, sizeof(link))) {
            return false;
        }
        held = read_slot(look, row->seen->fd, &again) ? &again : NULL;
    }
    if (held != NULL) {
        row->site = held->site;
        row->acquired_ns = held->acquired_ns;
        row->flags = SEEP_DESCRIPTOR_RECORDED;
        look->sample->recorded++;
    } else if (is_inherited(look, inherited, row->seen)) {
        row->flags = SEEP_DESCRIPTOR_INHERITED;
        look->sample->inherited++;
    }
    return true;
}

static int reserve(struct seep_fd_sample *sample)
{
    uint32_t need = sample->list.count;

    if (need > sample->row_capacity) {
        struct seep_fd_row *rows = reallocarray(sample->rows, need, sizeof(*rows));

        if (rows == NULL) {
            return -ENOMEM;
        }
        sample->rows = rows;
        sample->row_capacity = need;
    }
    return 0;
}

/* One row per open descriptor; entries of the list that went away meanwhile go too. */
static void fill_rows(const struct look *look, const struct seep_fd_list *inherited,
                      const struct seep_holdings *after)
{
    struct seep_fd_sample *sample = look->sample;
    struct seep_fd_list *list = &sample->list;
    uint32_t kept = 0;

    sample->recorded = sample->inherited = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        struct seep_fd_row row = {.seen = &list->entries[i]};

        if (fill_row(look, inherited, after, &row)) {
            list->entries[kept] = list->entries[i];
            row.seen = &list->entries[kept];
            sample->rows[kept++] = row;
        }
    }
    list->count = kept;
}

static int by_inode(const void *a, const void *b)
{
    const struct seep_socket_name *x = a;
    const struct seep_socket_name *y = b;

    return (x->inode > y->inode) - (x->inode < y->inode);
}

static int add_socket(struct seep_fd_sample *sample, uint64_t inode)
{
    if (sample->socket_count == sample->socket_capacity) {
        uint32_t capacity =
            sample->socket_capacity > 0 ? sample->socket_capacity * 2 : 16;
        struct seep_socket_name *larger =
            reallocarray(sample->sockets, capacity, sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        sample->sockets = larger;
        sample->socket_capacity = capacity;
    }
    sample->sockets[sample->socket_count++] =
        (struct seep_socket_name){.inode = inode, .protocol = "", .state = ""};
    return 0;
}

/* Names the sockets among the rows. */
static int name_sockets(const struct look *look)
{
    struct seep_fd_sample *sample = look->sample;
    uint64_t inode = 0;
    int err = 0;

    sample->socket_count = 0;
    for (uint32_t i = 0; err == 0 && i < sample->list.count; i++) {
        if (seep_socket_inode(seep_fd_list_text(&sample->list, sample->rows[i].seen),
                              &inode)) {
            err = add_socket(sample, inode);
        }
    }
    if (err < 0 || sample->socket_count == 0) {
        return err;
    }
    qsort(sample->sockets, sample->socket_count, sizeof(*sample->sockets), by_inode);
    seep_socket_names_fill(look->proc_dir_fd, sample->sockets, sample->socket_count);
    for (uint32_t i = 0; i < sample->list.count; i++) {
        struct seep_socket_name key = {0};

        if (seep_socket_inode(seep_fd_list_text(&sample->list, sample->rows[i].seen),
                              &key.inode)) {
            sample->rows[i].socket = bsearch(&key, sample->sockets, sample->socket_count,
                                             sizeof(key), by_inode);
        }
    }
    return 0;
}

struct pipe_end {
    const char *link;
    uint32_t row;
    bool writes;
};

static int by_pipe(const void *a, const void *b)
{
    const struct pipe_end *x = a;
    const struct pipe_end *y = b;
    int order = strcmp(x->link, y->link);

    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

/* The ends [first, end) of one pipe: each is told the lowest end of the other direction.
 */
static void join_ends(struct seep_fd_sample *sample, const struct pipe_end *ends,
                      uint32_t first, uint32_t end)
{
    uint32_t lowest[2] = {0, 0}; /* 1 + descriptor: that reads, that writes */

    for (uint32_t i = end; i-- > first;) {
        lowest[ends[i].writes] = 1 + sample->rows[ends[i].row].seen->fd;
    }
    for (uint32_t i = first; i < end; i++) {
        sample->rows[ends[i].row].other_end = lowest[!ends[i].writes];
    }
}

static int join_pipes(struct seep_fd_sample *sample)
{
    uint32_t n = 0;
    struct pipe_end *ends = reallocarray(NULL, sample->list.count + 1, sizeof(*ends));

    if (ends == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < sample->list.count; i++) {
        const struct seep_fd *seen = sample->rows[i].seen;
        const char *link = seep_fd_list_text(&sample->list, seen);

        if (strncmp(link, "pipe:", 5) == 0) {
            ends[n++] = (struct pipe_end){link, i, seen->writes};
        }
    }
    qsort(ends, n, sizeof(*ends), by_pipe);
    for (uint32_t first = 0, i = 1; i <= n; i++) {
        if (i == n || strcmp(ends[i].link, ends[first].link) != 0) {
            join_ends(sample, ends, first, i);
            first = i;
        }
    }
    free(ends);
    return 0;
}

int seep_fd_sample_take(struct seep_fd_sample *sample, int proc_dir_fd,
                        const struct seep_segment *segment,
                        const struct seep_holding_bounds *bounds,
                        const struct seep_fd_list *inherited, struct seep_holdings *after)
{
    const struct look look = {sample, proc_dir_fd, segment, bounds};
    int err = seep_holdings_read(segment, SEEP_HOLDING_FDS, bounds, &sample->before);

    if (err == 0) {
        err = seep_fd_list_read(&sample->list, proc_dir_fd);
    }
    if (err == 0) {
        err = seep_holdings_read(segment, SEEP_HOLDING_FDS, bounds, after);
    }
    if (err == 0) {
        err = reserve(sample);
    }
    if (err < 0) {
        return err;
    }
    drop_gone(&look, after);
    fill_rows(&look, inherited, after);
    err = name_sockets(&look);
    return err == 0 ? join_pipes(sample) : err;
}

static void put_row(const struct seep_fd_sample *sample, const struct seep_fd_row *row,
                    uint32_t before, struct seep_buf *out)
{
    const struct seep_socket_name *socket = row->socket;
    char other_end[PEER_BYTES] = "";

    seep_buf_put_varint(out, row->seen->fd + UINT64_C(1) - before);
    seep_buf_put_varint(out, row->site);
    seep_buf_put_varint(out, row->acquired_ns);
    seep_buf_put_varint(out, row->flags);
    seep_buf_put_string(out, seep_fd_list_text(&sample->list, row->seen));
    if (row->other_end != 0) {
        (void)snprintf(other_end, sizeof(other_end), "fd %u", row->other_end - 1);
    }
    seep_buf_put_string(out, socket != NULL ? socket->protocol : "");
    seep_buf_put_string(out, socket != NULL ? socket->local : "");
    seep_buf_put_string(out, socket != NULL ? socket->peer : other_end);
    seep_buf_put_string(out, socket != NULL ? socket->state : "");
}

void seep_fd_sample_put(const struct seep_fd_sample *sample, uint64_t t_ns,
                        struct seep_buf *out)
{
    uint32_t open = sample->list.count;
    uint32_t step = (open + SEEP_DESCRIPTORS_MAX - 1) / SEEP_DESCRIPTORS_MAX;
    uint32_t before = 0;

    step = step > 0 ? step : 1;
    seep_buf_put_varint(out, t_ns);
    seep_buf_put_varint(out, open);
    seep_buf_put_varint(out, sample->recorded);
    seep_buf_put_varint(out, sample->inherited);
    seep_buf_put_varint(out, sample->gone);
    seep_buf_put_varint(out, (open + step - 1) / step);
    for (uint32_t i = 0; i < open; i += step) {
        put_row(sample, &sample->rows[i], before, out);
        before = sample->rows[i].seen->fd + 1;
    }
}
