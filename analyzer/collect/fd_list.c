/* The descriptors of a process, as the kernel shows them.
 *
 * Numbers are read first and links after: a descriptor that is closed between the two
 * falls out. The kernel gives numbers in rising order, but nothing promises it, so they
 * are sorted where they are not.
 *
 * Source: proc_pid_fd(5).
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/fd_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINK_MAX_BYTES = 4096,
    PATH_BYTES = 24,
    FIRST_CAPACITY = 64,
    LISTED_MAX = 1 << 20
};

void seep_fd_list_fini(struct seep_fd_list *list)
{
    free(list->entries);
    seep_buf_fini(&list->text);
    *list = (struct seep_fd_list){0};
}

const char *seep_fd_list_text(const struct seep_fd_list *list, const struct seep_fd *fd)
{
    return (const char *)list->text.data + fd->link_at;
}

int seep_fd_list_add(struct seep_fd_list *list, uint32_t fd, const char *link)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity > 0 ? list->capacity * 2 : FIRST_CAPACITY;
        struct seep_fd *larger = reallocarray(list->entries, capacity, sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        list->entries = larger;
        list->capacity = capacity;
    }
    list->entries[list->count++] =
        (struct seep_fd){.fd = fd, .link_at = (uint32_t)list->text.len_bytes};
    seep_buf_put(&list->text, link, strlen(link) + 1);
    return list->text.failed ? -ENOMEM : 0;
}

static int by_number(const void *a, const void *b)
{
    const struct seep_fd *x = a;
    const struct seep_fd *y = b;

    return (x->fd > y->fd) - (x->fd < y->fd);
}

/* "123" -> 123. Returns: false for anything else. */
static bool number_of(const char *name, uint32_t *number)
{
    uint32_t value = 0;

    if (name[0] == '\0') {
        return false;
    }
    for (; *name != '\0'; name++) {
        if (*name < '0' || *name > '9' || value > (UINT32_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (uint32_t)(*name - '0');
    }
    *number = value;
    return true;
}

bool seep_fd_list_link(int proc_dir_fd, uint32_t fd, char *out, size_t out_bytes)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "fd/%u", fd);

    ssize_t n = readlinkat(proc_dir_fd, path, out, out_bytes - 1);

    out[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

static bool is_written_to(int proc_dir_fd, uint32_t fd)
{
    char path[PATH_BYTES];
    struct stat status;

    (void)snprintf(path, sizeof(path), "fd/%u", fd);
    return fstatat(proc_dir_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (status.st_mode & S_IWUSR) != 0;
}

static int read_numbers(struct seep_fd_list *list, DIR *dir)
{
    bool sorted = true;
    int err = 0;

    for (struct dirent *entry = NULL;
         err == 0 && list->count < LISTED_MAX && (entry = readdir(dir)) != NULL;) {
        uint32_t fd = 0;

        if (number_of(entry->d_name, &fd)) {
            sorted =
                sorted && (list->count == 0 || list->entries[list->count - 1].fd < fd);
            err = seep_fd_list_add(list, fd, "");
        }
    }
    if (!sorted) {
        qsort(list->entries, list->count, sizeof(*list->entries), by_number);
    }
    seep_buf_reset(&list->text);
    return err;
}

/* Fills in the links; drops what is closed by now. */
static int read_links(struct seep_fd_list *list, int proc_dir_fd)
{
    uint32_t numbers = list->count;
    int err = 0;

    list->count = 0;
    for (uint32_t i = 0; err == 0 && i < numbers; i++) {
        char link[LINK_MAX_BYTES];
        uint32_t fd = list->entries[i].fd; /* i >= count: not yet overwritten */

        if (seep_fd_list_link(proc_dir_fd, fd, link, sizeof(link))) {
            err = seep_fd_list_add(list, fd, link);
            list->entries[list->count - 1].writes =
                strncmp(link, "pipe:", 5) == 0 && is_written_to(proc_dir_fd, fd);
        }
    }
    return err;
}

int seep_fd_list_read(struct seep_fd_list *list, int proc_dir_fd)
{
    int fd = openat(proc_dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    int err = errno == ENOENT ? -ESRCH : -errno;

    list->count = 0;
    seep_buf_reset(&list->text);
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    err = read_numbers(list, dir);
    closedir(dir);
    return err == 0 ? read_links(list, proc_dir_fd) : err;
}

const struct seep_fd *seep_fd_list_find(const struct seep_fd_list *list, uint32_t fd)
{
    const struct seep_fd key = {.fd = fd};

    return list->count > 0 ? bsearch(&key, list->entries, list->count,
                                     sizeof(*list->entries), by_number)
                           : NULL;
}
