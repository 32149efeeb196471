/* What a hundred descriptors have in common, in a few words.
 *
 * Each descriptor may be called by several names, from the most telling one (the very
 * file, the very peer) to the most general (its protocol and state). The name that fits
 * most of them wins, a general one only when it fits clearly more; what it fits is taken
 * out, and the rest is named again. Clustering by similar text was rejected: nobody can
 * say why two paths are alike.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/target_groups.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { NAMES_PER_ROW = 4, NAME_MAX_BYTES = 512, PROTOCOL_BYTES = 8, HOST_BYTES = 128 };

/* What a name is worth by how general it is, in percent: the general one must fit that
 * much more. */
static const unsigned worth[NAMES_PER_ROW] = {100, 85, 75, 60};

struct name {
    size_t at; /* in the text */
    uint32_t row;
    uint32_t level;
};

struct naming {
    const struct seep_rec_descriptor *const *rows;
    struct name *names; /* ascending by text */
    size_t count;
    struct seep_buf text;
    bool *taken; /* by row */
};

static const char *text_of(const struct naming *naming, const struct name *name)
{
    return (const char *)naming->text.data + name->at;
}

__attribute__((format(printf, 4, 5))) static void
add_name(struct naming *naming, uint32_t row, uint32_t level, const char *format, ...)
{
    char text[NAME_MAX_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    naming->names[naming->count++] =
        (struct name){.at = naming->text.len_bytes, .row = row, .level = level};
    seep_buf_put(&naming->text, text, strlen(text) + 1);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "[::1]:80" -> "[::1]" */
static const char *host_of(const char *address, char out[static HOST_BYTES])
{
    const char *colon = strrchr(address, ':');

    (void)snprintf(out, HOST_BYTES, "%.*s",
                   colon != NULL ? (int)(colon - address) : (int)strlen(address),
                   address);
    return out;
}

static void name_inet(struct naming *naming, uint32_t i)
{
    const struct seep_rec_descriptor *row = naming->rows[i];
    const char *protocol = strcmp(row->protocol, "tcp") == 0 ? "TCP" : "UDP";
    char host[HOST_BYTES];

    if (strcmp(row->state, "LISTEN") == 0) {
        add_name(naming, i, 0, "%s listening on %s", protocol, row->local);
    } else if (row->peer[0] == '\0') {
        add_name(naming, i, 0, "%s on %s, not connected", protocol, row->local);
    } else {
        add_name(naming, i, 0, "%s to %s in %s", protocol, row->peer, row->state);
        add_name(naming, i, 1, "%s on %s from %s in %s", protocol, row->local,
                 host_of(row->peer, host), row->state);
        add_name(naming, i, 2, "%s on %s in %s", protocol, row->local, row->state);
    }
    add_name(naming, i, 3, "%s in %s", protocol, row->state);
}

static void name_socket(struct naming *naming, uint32_t i)
{
    const struct seep_rec_descriptor *row = naming->rows[i];

    if (strcmp(row->protocol, "tcp") == 0 || strcmp(row->protocol, "udp") == 0) {
        name_inet(naming, i);
    } else if (strcmp(row->protocol, "unix") == 0) {
        if (row->local[0] != '\0') {
            add_name(naming, i, 0, "unix sockets at %s", row->local);
        }
        add_name(naming, i, 1, "unix sockets, %s",
                 strcmp(row->state, "CONNECTED") == 0 ? "connected"
                 : strcmp(row->state, "LISTEN") == 0  ? "listening"
                                                      : "not connected");
    } else {
        add_name(naming, i, 0, "sockets without an address");
    }
}

static void name_file(struct naming *naming, uint32_t i)
{
    static const char deleted[] = " (deleted)";
    const char *link = naming->rows[i]->link;
    const char *slash = strrchr(link, '/');
    size_t length = strlen(link);
    bool is_deleted = length >= sizeof(deleted) - 1 &&
                      strcmp(link + length - (sizeof(deleted) - 1), deleted) == 0;

    if (starts_with(link, "/memfd:")) {
        add_name(naming, i, 0, "memory files \"%.*s\"",
                 (int)(length - 7 - (is_deleted ? sizeof(deleted) - 1 : 0)), link + 7);
        return;
    }
    add_name(naming, i, 0, "%s", link);
    add_name(naming, i, 1, "%sfiles in %.*s", is_deleted ? "deleted " : "",
             slash == link ? 1 : (int)(slash - link), link);
}

/* "anon_inode:[eventpoll]", "anon_inode:inotify" */
static void name_anonymous(struct naming *naming, uint32_t i)
{
    static const struct {
        const char *word, *name;
    } known[] = {{"eventpoll", "epoll instances"},
                 {"eventfd", "eventfds"},
                 {"timerfd", "timerfds"},
                 {"signalfd", "signalfds"},
                 {"inotify", "inotify instances"},
                 {"io_uring", "io_uring instances"},
                 {"pidfd", "pidfds"},
                 {"perf_event", "perf events"}};
    const char *link = naming->rows[i]->link;

    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        if (strstr(link, known[k].word) != NULL) {
            add_name(naming, i, 0, "%s", known[k].name);
            return;
        }
    }
    add_name(naming, i, 0, "%s", link);
}

static void name_row(struct naming *naming, uint32_t i)
{
    const struct seep_rec_descriptor *row = naming->rows[i];

    if (starts_with(row->link, "socket:")) {
        name_socket(naming, i);
    } else if (starts_with(row->link, "pipe:")) {
        add_name(naming, i, 0,
                 row->peer[0] != '\0'
                     ? "pipes with both ends in this process"
                     : "pipes to other processes, or without another end");
    } else if (row->link[0] == '/') {
        name_file(naming, i);
    } else if (starts_with(row->link, "anon_inode:")) {
        name_anonymous(naming, i);
    } else {
        add_name(naming, i, 0, "%.*s", (int)strcspn(row->link, "["), row->link);
    }
}

static int by_text(const void *a, const void *b, void *naming)
{
    const struct name *x = a;
    const struct name *y = b;
    int order = strcmp(text_of(naming, x), text_of(naming, y));

    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

/* The run of names that is worth most among rows not taken. Returns: its first, and how
 * many rows in *count; names->count when nothing is left. */
static size_t best_run(const struct naming *naming, size_t *count)
{
    size_t best = naming->count;
    uint64_t best_worth = 0;

    *count = 0;
    for (size_t first = 0, end = 0; first < naming->count; first = end) {
        size_t n = 0;

        for (end = first;
             end < naming->count && strcmp(text_of(naming, &naming->names[first]),
                                           text_of(naming, &naming->names[end])) == 0;
             end++) {
            n += !naming->taken[naming->names[end].row];
        }
        uint64_t value = (uint64_t)n * worth[naming->names[first].level];

        if (value > best_worth) {
            best = first;
            best_worth = value;
            *count = n;
        }
    }
    return best;
}

static const char *example(struct seep_findings *findings,
                           const struct seep_rec_descriptor *row)
{
    if (row->protocol[0] == '\0') {
        return row->peer[0] != '\0'
                   ? seep_findings_printf(findings, "fd %u: %s, other end %s", row->fd,
                                          row->link, row->peer)
                   : seep_findings_printf(findings, "fd %u: %s", row->fd, row->link);
    }
    return seep_findings_printf(findings, "fd %u: %s %s%s%s %s", row->fd, row->protocol,
                                row->local[0] != '\0' ? row->local : "(unnamed)",
                                row->peer[0] != '\0' ? " -> " : "", row->peer,
                                row->state);
}

/* Takes the rows of one run out, into a group. */
static void take_run(struct seep_findings *findings, struct naming *naming, size_t first,
                     struct seep_view_group *group)
{
    const char *text = text_of(naming, &naming->names[first]);

    group->what = seep_findings_text(findings, text);
    for (size_t i = first;
         i < naming->count && strcmp(text, text_of(naming, &naming->names[i])) == 0;
         i++) {
        uint32_t row = naming->names[i].row;

        if (naming->taken[row]) {
            continue;
        }
        naming->taken[row] = true;
        group->count++;
        if (group->example_count < SEEP_GROUP_EXAMPLES) {
            group->examples[group->example_count++] =
                example(findings, naming->rows[row]);
        }
    }
}

/* "sockets" when all are, and so on. */
static const char *noun_of(const struct seep_rec_descriptor *const *rows, size_t n)
{
    static const char *const nouns[][2] = {{"socket:", "sockets"},
                                           {"pipe:", "pipe ends"},
                                           {"/memfd:", "memory files"},
                                           {"/", "files"},
                                           {"anon_inode:[eventpoll]", "epoll instances"},
                                           {"anon_inode:[timerfd]", "timerfds"},
                                           {"anon_inode:[eventfd]", "eventfds"}};

    for (size_t k = 0; k < sizeof(nouns) / sizeof(nouns[0]); k++) {
        size_t fitting = 0;

        for (size_t i = 0; i < n; i++) {
            fitting += starts_with(rows[i]->link, nouns[k][0]);
        }
        if (n > 0 && fitting == n) {
            return nouns[k][1];
        }
    }
    return "descriptors";
}

int seep_target_groups_fill(struct seep_findings *findings,
                            const struct seep_rec_descriptor *const *rows, size_t n,
                            struct seep_view_targets *out)
{
    struct naming naming = {.rows = rows};
    struct seep_view_targets made = {.total = n, .noun = noun_of(rows, n)};
    int status = 0;

    naming.names = calloc(n * NAMES_PER_ROW + 1, sizeof(*naming.names));
    naming.taken = calloc(n + 1, sizeof(*naming.taken));
    if (naming.names == NULL || naming.taken == NULL) {
        status = -ENOMEM;
    }
    for (uint32_t i = 0; status == 0 && i < n; i++) {
        name_row(&naming, i);
        status = naming.text.failed ? -ENOMEM : 0;
    }
    if (status == 0) {
        qsort_r(naming.names, naming.count, sizeof(*naming.names), by_text, &naming);
        while (made.group_count < SEEP_GROUPS_MAX) {
            size_t count = 0;
            size_t first = best_run(&naming, &count);

            if (count == 0) {
                break;
            }
            take_run(findings, &naming, first, &made.groups[made.group_count++]);
        }
        *out = made;
    }
    seep_buf_fini(&naming.text);
    free(naming.names);
    free(naming.taken);
    return status;
}

/* All rows of one site; of site 0 those that are neither recorded nor inherited. */
static int group_rows(struct seep_findings *findings,
                      const struct seep_recording *recording, uint32_t site,
                      struct seep_view_targets *out)
{
    const struct seep_rec_descriptors *table = &recording->descriptors;
    const struct seep_rec_descriptor **rows = calloc(table->count + 1, sizeof(*rows));
    size_t n = 0;

    if (rows == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct seep_rec_descriptor *row = &table->rows[i];

        if (site != 0 ? row->site == site : row->flags == 0) {
            rows[n++] = row;
        }
    }
    int status = seep_target_groups_fill(findings, rows, n, out);

    free(rows);
    return status;
}

int seep_target_groups_past(struct seep_findings *findings,
                            const struct seep_recording *recording,
                            struct seep_view_targets *out)
{
    return group_rows(findings, recording, 0, out);
}

int seep_target_groups_of_site(struct seep_findings *findings,
                               const struct seep_recording *recording, uint32_t site,
                               struct seep_view_targets *out)
{
    return group_rows(findings, recording, site, out);
}
