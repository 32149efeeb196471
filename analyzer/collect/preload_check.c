/* Said before the run, not after an hour of it: this program will not load our library.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/preload_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { HEADERS_MAX = 256 };

#if defined(__x86_64__)
enum { OUR_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OUR_MACHINE = EM_AARCH64 };
#else
#error "an architecture that Seep does not know"
#endif

static int try_path(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        return -errno;
    }
    return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

int seep_preload_find(const char *program, char *path, size_t path_bytes)
{
    const char *search = getenv("PATH");
    int result = -ENOENT;

    if (strchr(program, '/') != NULL) {
        int n = snprintf(path, path_bytes, "%s", program);

        return n < 0 || (size_t)n >= path_bytes ? -ENAMETOOLONG : try_path(path);
    }
    for (search = search != NULL ? search : "/bin:/usr/bin"; search != NULL;) {
        size_t len = strcspn(search, ":");
        int n = snprintf(path, path_bytes, "%.*s%s%s", (int)len, search,
                         len > 0 ? "/" : "", program);
        int err = n < 0 || (size_t)n >= path_bytes ? -ENAMETOOLONG : try_path(path);

        if (err == 0) {
            return 0;
        }
        result = err == -EACCES ? err : result;
        search = search[len] == ':' ? search + len + 1 : NULL;
    }
    return result;
}

static bool has_interpreter(int fd, const Elf64_Ehdr *header)
{
    Elf64_Phdr segment;

    for (unsigned i = 0; i < header->e_phnum && i < HEADERS_MAX; i++) {
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);

        if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment)) {
            return false;
        }
        if (segment.p_type == PT_INTERP) {
            return true;
        }
    }
    return false;
}

static int check_privileges(int fd, const char *path, struct seep_error *error)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return seep_error_set(error, -errno, "'%s': %s", path, strerrordesc_np(errno));
    }
    if (((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid()) ||
        ((status.st_mode & S_ISGID) != 0 && status.st_gid != getegid())) {
        return seep_error_set(
            error, -ENOEXEC,
            "'%s' cannot be preloaded: it is setuid or setgid; run it as its "
            "owner, or a copy without that bit",
            path);
    }
    if (geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0) {
        return seep_error_set(
            error, -ENOEXEC,
            "'%s' cannot be preloaded: it has file capabilities; run it as "
            "root, or a copy without them",
            path);
    }
    return 0;
}

static int check_elf(int fd, const char *path, struct seep_error *error)
{
    Elf64_Ehdr header = {0};

    if (pread(fd, &header, sizeof(header), 0) < EI_NIDENT ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return 0; /* a script: its interpreter will be preloaded */
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != OUR_MACHINE) {
        return seep_error_set(
            error, -ENOEXEC,
            "'%s' cannot be preloaded: it is built for another architecture "
            "than libseep.so",
            path);
    }
    if (!has_interpreter(fd, &header)) {
        return seep_error_set(error, -ENOEXEC,
                              "'%s' cannot be preloaded: it is statically linked", path);
    }
    return 0;
}

int seep_preload_check(const char *path, struct seep_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = 0;

    if (fd < 0) {
        /* An executable that may not be read: the loader will tell. */
        return errno == EACCES ? 0
                               : seep_error_set(error, -errno, "'%s': %s", path,
                                                strerrordesc_np(errno));
    }
    err = check_elf(fd, path, error);
    if (err == 0) {
        err = check_privileges(fd, path, error);
    }
    close(fd);
    return err;
}
