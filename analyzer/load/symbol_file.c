/* Which file on this disk is the one that the program ran, and where its debug
 * information lies.
 *
 * A file is used only when its build id is the recorded one: names from another build
 * would be wrong without looking wrong. A module without a recorded build id is taken on
 * trust of its path.
 *
 * libdwfl does the work, with a callback of our own for separate debug files: the
 * standard one asks debuginfod servers, and reading a recording may not touch the
 * network. Each module has a Dwfl of its own, laid out at base 0, so that addresses need
 * no translation, and no module can be in another's way.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/symbol_file.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEBUG_ROOT "/usr/lib/debug"

enum { BUILD_ID_MAX = 32, HEX_MAX = 2 * BUILD_ID_MAX + 1 };

struct build_id {
    const uint8_t *bytes;
    size_t len_bytes;
};

static const char *hex(char out[static HEX_MAX], struct build_id id)
{
    out[0] = '\0';
    for (size_t i = 0; i < id.len_bytes && i < BUILD_ID_MAX; i++) {
        (void)snprintf(out + 2 * i, HEX_MAX - 2 * i, "%02x", id.bytes[i]);
    }
    return out;
}

/* Returns: a descriptor of a regular file; -errno. */
static int open_regular(const char *path)
{
    struct stat status;
    /* O_NONBLOCK: the path comes from a file; it may name a pipe that nobody writes */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        return -ENOEXEC;
    }
    return fd;
}

static int check_build_id(Elf *elf, struct build_id want, const char *path,
                          struct seep_error *error)
{
    const void *have = NULL;
    ssize_t have_bytes = dwelf_elf_gnu_build_id(elf, &have);
    struct build_id id = {have, have_bytes > 0 ? (size_t)have_bytes : 0};
    char have_hex[HEX_MAX];
    char want_hex[HEX_MAX];

    if (want.len_bytes == 0 || (id.len_bytes == want.len_bytes &&
                                memcmp(id.bytes, want.bytes, want.len_bytes) == 0)) {
        return 0;
    }
    return seep_error_set(
        error, -ESTALE, "%s: the file is another build now (build id %s, recorded %s)",
        path, id.len_bytes != 0 ? hex(have_hex, id) : "none", hex(want_hex, want));
}

/* Returns: a descriptor of the ELF file with that build id; a negative errno. */
static int open_verified(const char *path, struct build_id want, struct seep_error *error)
{
    int fd = open_regular(path);
    int code = 0;
    Elf *elf = NULL;

    if (fd < 0 && fd != -ENOEXEC) {
        return seep_error_set(error, fd, "%s: %s", path, strerrordesc_np(-fd));
    }
    elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
    if (elf == NULL || elf_kind(elf) != ELF_K_ELF) {
        code = seep_error_set(error, -ENOEXEC, "%s: not an ELF file", path);
    } else {
        code = check_build_id(elf, want, path, error);
    }
    (void)elf_end(elf);
    if (code < 0 && fd >= 0) {
        (void)close(fd);
    }
    return code < 0 ? code : fd;
}

/* PATH_MAX bytes are enough for the name. Returns: false without a usable id. */
static bool debug_path_of(struct build_id id, char path[static PATH_MAX])
{
    char name[HEX_MAX];

    if (id.len_bytes < 2) {
        return false;
    }
    (void)hex(name, id);
    (void)snprintf(path, PATH_MAX, DEBUG_ROOT "/.build-id/%.2s/%s.debug", name, name + 2);
    return true;
}

/* CRC-32 as in zlib, of a whole file. Source: GDB manual, "Debugging Information in
 * Separate Files". */
static bool has_crc(int fd, uint32_t want)
{
    uint8_t bytes[4096];
    uint32_t crc = UINT32_MAX;
    off_t at = 0;
    ssize_t n = 0;

    while ((n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            crc ^= bytes[i];
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0xedb88320) : 0);
            }
        }
        at += n;
    }
    return n == 0 && ~crc == want;
}

/* Opens a file that .gnu_debuglink names: verified by build id, else by its CRC. */
static int open_linked(const char *path, struct build_id id, uint32_t crc)
{
    int fd = open_verified(path, id, NULL);

    if (fd >= 0 && id.len_bytes == 0 && !has_crc(fd, crc)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Follows .gnu_debuglink. Source: GDB manual, as above, for the three places. */
static int find_linked(const char *file_name, const char *link, uint32_t crc,
                       struct build_id id, char path[static PATH_MAX])
{
    static const struct {
        const char *before, *after;
    } places[] = {{"", "/"}, {"", "/.debug/"}, {DEBUG_ROOT, "/"}};
    const char *slash = strrchr(file_name, '/');
    int fd = -1;

    for (size_t i = 0; fd < 0 && slash != NULL && i < 3; i++) {
        int n = snprintf(path, PATH_MAX, "%s%.*s%s%s", places[i].before,
                         (int)(slash - file_name), file_name, places[i].after, link);

        if (n < PATH_MAX && strcmp(path, file_name) != 0) {
            fd = open_linked(path, id, crc);
        }
    }
    return fd;
}

/* dwz puts what several debug files share into one more; the link holds a path. */
static int find_alternate(const char *file_name, const char *link,
                          char path[static PATH_MAX])
{
    const char *slash = strrchr(file_name, '/');
    int dir_bytes = link[0] != '/' && slash != NULL ? (int)(slash - file_name + 1) : 0;
    int n = snprintf(path, PATH_MAX, "%.*s%s", dir_bytes, file_name, link);

    return n < PATH_MAX ? open_verified(path, (struct build_id){0}, NULL) : -1;
}

/* The callback of libdwfl. *found is malloc'ed for it. Returns: a descriptor; -1. */
/* NOLINTNEXTLINE(readability-function-size): its parameters are given */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name,
                          Dwarf_Addr base, const char *file_name, const char *link,
                          GElf_Word crc, char **found)
{
    const unsigned char *bits = NULL;
    GElf_Addr at = 0;
    int id_bytes = dwfl_module_build_id(module, &bits, &at);
    struct build_id id = {bits, id_bytes > 0 ? (size_t)id_bytes : 0};
    char path[PATH_MAX];
    int fd = -1;

    (void)userdata;
    (void)name;
    (void)base;
    if (file_name == NULL) {
        return -1;
    }
    if (link != NULL && strchr(link, '/') != NULL) {
        fd = find_alternate(file_name, link, path);
    } else {
        if (debug_path_of(id, path) && strcmp(path, file_name) != 0) {
            fd = open_verified(path, id, NULL);
        }
        if (fd < 0 && link != NULL) {
            fd = find_linked(file_name, link, crc, id, path);
        }
    }
    if (fd >= 0) {
        *found = strdup(path);
    }
    return fd >= 0 ? fd : -1;
}

static int no_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                  char **file_name, Elf **elf)
{
    (void)module;
    (void)userdata;
    (void)name;
    (void)base;
    (void)file_name;
    (void)elf;
    return -1; /* each module's file is given to it */
}

/* Takes fd, also on error. */
static int lay_out(int fd, const char *path, struct seep_symbol_file *file,
                   struct seep_error *error)
{
    static const Dwfl_Callbacks callbacks = {.find_elf = no_elf,
                                             .find_debuginfo = find_debuginfo};
    struct seep_symbol_file made = {.dwfl = dwfl_begin(&callbacks)};
    GElf_Addr elf_bias = 0;

    if (made.dwfl == NULL) {
        (void)close(fd);
        return seep_error_set(error, -ENOMEM, "%s: out of memory", path);
    }
    dwfl_report_begin(made.dwfl);
    made.module = dwfl_report_elf(made.dwfl, path, path, fd, 0, true);
    if (made.module == NULL) {
        (void)close(fd);
    } else {
        (void)dwfl_report_end(made.dwfl, NULL, NULL);
        made.elf = dwfl_module_getelf(made.module, &elf_bias);
    }
    if (made.elf == NULL) {
        (void)seep_error_set(error, -ENOEXEC, "%s: %s", path, dwfl_errmsg(-1));
        dwfl_end(made.dwfl);
        return -ENOEXEC;
    }
    made.dwarf = dwfl_module_getdwarf(made.module, &made.bias);
    made.image = (const uint8_t *)elf_rawfile(made.elf, &made.image_bytes);
    *file = made;
    return 0;
}

/* Returns: a descriptor, and in *path the name that was opened; a negative errno. */
static int find_file(const struct seep_rec_module *module, const char *cwd,
                     char path[static PATH_MAX], struct seep_error *error)
{
    struct build_id id = {module->build_id, module->build_id_len};
    size_t len = strlen(module->path);
    size_t suffix = strlen(SEEP_SYMBOL_DELETED_SUFFIX);
    bool relative = module->path[0] != '/';
    int n = snprintf(path, PATH_MAX, "%s%s%s", relative ? cwd : "", relative ? "/" : "",
                     module->path);
    int fd = n < PATH_MAX ? open_verified(path, id, error)
                          : seep_error_set(error, -ENAMETOOLONG, "%s: path too long",
                                           module->path);

    if (fd < 0 && id.len_bytes != 0 && len > suffix && n < PATH_MAX &&
        strcmp(module->path + len - suffix, SEEP_SYMBOL_DELETED_SUFFIX) == 0) {
        path[strlen(path) - suffix] = '\0';
        fd = open_verified(path, id, error);
    }
    if (fd < 0 && debug_path_of(id, path)) {
        int debug_fd = open_verified(path, id, NULL);

        fd = debug_fd >= 0 ? debug_fd : fd;
    }
    return fd;
}

int seep_symbol_file_open(const struct seep_rec_module *module, const char *cwd,
                          struct seep_symbol_file *file, struct seep_error *error)
{
    char path[PATH_MAX];
    int fd = 0;

    if (module->path[0] == '\0' || module->path[0] == '[') {
        return seep_error_set(error, -ENODATA, "%s: code without a file",
                              module->path[0] != '\0' ? module->path : "(no path)");
    }
    (void)elf_version(EV_CURRENT);
    fd = find_file(module, cwd, path, error);
    return fd < 0 ? fd : lay_out(fd, path, file, error);
}

void seep_symbol_file_close(struct seep_symbol_file *file)
{
    if (file->dwfl != NULL) {
        dwfl_end(file->dwfl);
    }
    *file = (struct seep_symbol_file){0};
}

const uint8_t *seep_symbol_file_bytes(const struct seep_symbol_file *file,
                                      uint64_t address, size_t len_bytes)
{
    size_t count = 0;

    if (file->image == NULL || elf_getphdrnum(file->elf, &count) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;

        if (gelf_getphdr(file->elf, (int)i, &header) == NULL ||
            header.p_type != PT_LOAD || address < header.p_vaddr ||
            address - header.p_vaddr >= header.p_filesz ||
            header.p_filesz - (address - header.p_vaddr) < len_bytes) {
            continue;
        }
        uint64_t at = header.p_offset + (address - header.p_vaddr);

        return at <= file->image_bytes && file->image_bytes - at >= len_bytes
                   ? file->image + at
                   : NULL;
    }
    return NULL;
}
