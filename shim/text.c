/* The little text work of the shim: reading /proc, building a path or a name.
 *
 * Stdio and the allocating parts of libc are forbidden here (they would come back through
 * the wrappers), so this is done with raw system calls on the caller's buffers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"

size_t seep_text_read_file(const char *path, char *out, size_t size_bytes)
{
    size_t len = 0;
    long fd = seep_arch_syscall4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

    while (fd >= 0 && len + 1 < size_bytes) {
        long n = seep_arch_syscall3(SYS_read, fd, out + len, size_bytes - 1 - len);

        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    if (fd >= 0) {
        (void)seep_arch_syscall3(SYS_close, fd, 0, 0);
    }
    out[len] = '\0';
    return len;
}

size_t seep_text_read_link(const char *path, char *out, size_t size_bytes)
{
    long n = seep_arch_syscall4(SYS_readlinkat, AT_FDCWD, path, out, size_bytes - 1);
    size_t len = n > 0 ? (size_t)n : 0;

    out[len] = '\0';
    return len;
}

/* The field with this number (1-based, > 2) of a stat line; the name in field 2 may hold
 * anything. */
static uint64_t stat_field(const char *line, unsigned number)
{
    const char *at = strrchr(line, ')');
    uint64_t value = 0;

    for (unsigned field = 2; at != NULL && field < number; field++) {
        at = strchr(at + 1, ' ');
    }
    for (at = at != NULL ? at + 1 : ""; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    return value;
}

static uint64_t own_stat_field(unsigned number)
{
    char line[512];

    return seep_text_read_file("/proc/self/stat", line, sizeof(line)) != 0
               ? stat_field(line, number)
               : 0;
}

uint64_t seep_text_stat_start_ticks(void)
{
    return own_stat_field(22);
}

uint64_t seep_text_stat_threads(void)
{
    return own_stat_field(20);
}

static uint64_t stat_field_of(uint32_t pid, unsigned number)
{
    char line[512];
    char path[32] = "";
    struct seep_text text = {path, 0, sizeof(path)};

    seep_text_put(&text, "/proc/");
    seep_text_put_number(&text, pid);
    seep_text_put(&text, "/stat");
    return seep_text_read_file(path, line, sizeof(line)) != 0 ? stat_field(line, number)
                                                              : 0;
}

uint32_t seep_text_parent_of(uint32_t pid)
{
    return (uint32_t)stat_field_of(pid, 4);
}

uint64_t seep_text_start_ticks_of(uint32_t pid)
{
    return stat_field_of(pid, 22);
}

bool seep_text_option(const char *name, char *out, size_t size_bytes)
{
    const char *at = getenv("SEEP_OPTIONS");
    size_t name_len = strlen(name);
    bool found = false;

    out[0] = '\0';
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ",");

        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            size_t value_len = len - name_len - 1;

            found = true;
            out[0] = '\0';
            if (value_len < size_bytes) {
                memcpy(out, at + name_len + 1, value_len);
                out[value_len] = '\0';
            }
        }
        at += len + (at[len] == ',');
    }
    return found;
}

void seep_text_put(struct seep_text *text, const char *piece)
{
    while (*piece != '\0' && text->len + 1 < text->size_bytes) {
        text->at[text->len++] = *piece++;
    }
    text->at[text->len] = '\0';
}

void seep_text_put_number(struct seep_text *text, uint64_t number)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    seep_text_put(text, digits + at);
}
