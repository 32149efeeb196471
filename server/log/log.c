/* JSON lines without allocation.
 *
 * A log that allocates would show up in the very figures it reports, and one that blocks
 * on a full pipe would turn a stalled log reader into a stalled server. So a line is
 * built in a buffer on the stack and written with one write(2), after poll(2) has said
 * that the descriptor takes it: POLLOUT on a pipe promises PIPE_BUF (4,096) bytes, which
 * is also the limit of a line (I1), so a write after POLLOUT neither blocks nor tears
 * (I2; needs the lock, so that no second thread takes the room in between). Rejected: a
 * ring and a writer thread. It delays the last lines of a crash, the ones wanted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/log/log.h"

#include "server/base/clock.h"
#include "server/log/log_recent.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES ((size_t)4096)
/* Kept free for ,"truncated":true,"log_dropped":18446744073709551615}\n */
#define TAIL_BYTES ((size_t)64)

_Static_assert(LINE_BYTES <= PIPE_BUF, "I1: a line must fit an atomic write to a pipe");

/* The line under construction. Invariant: used <= LINE_BYTES - TAIL_BYTES until finished.
 */
struct line {
    char text[LINE_BYTES];
    size_t used;
    bool truncated;
};

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_LOG */
static _Atomic int log_level =
    PMA_LOG_INFO; /* written by setters, read by every thread */
static _Atomic int log_fd = STDOUT_FILENO;
static _Atomic uint64_t log_dropped; /* total; written under log_lock */
static uint64_t log_unreported;      /* under log_lock: dropped since the last line */

static const char *const level_names[] = {
    [PMA_LOG_NONE] = "none", [PMA_LOG_DEBUG] = "debug", [PMA_LOG_INFO] = "info",
    [PMA_LOG_WARN] = "warn", [PMA_LOG_ERROR] = "error",
};

static bool append(struct line *line, const char *bytes, size_t count)
{
    if (count > LINE_BYTES - TAIL_BYTES - line->used) {
        line->truncated = true;
        return false;
    }
    memcpy(line->text + line->used, bytes, count);
    line->used += count;
    return true;
}

static bool append_text(struct line *line, const char *text)
{
    return append(line, text, strlen(text));
}

/* Length of the well-formed UTF-8 character at `at`, 0 when it is not one. */
static size_t utf8_length(const unsigned char *at)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t smallest;
    } forms[] = {{0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    if (at[0] < 0x80) {
        return 1;
    }
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        if ((at[0] & forms[form].mask) != forms[form].lead) {
            continue;
        }
        uint32_t point = at[0] & (unsigned char)~forms[form].mask;
        for (size_t i = 1; i < form + 2; i++) {
            if ((at[i] & 0xC0) != 0x80) {
                return 0;
            }
            point = point << 6 | (at[i] & 0x3F);
        }
        const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        return point < forms[form].smallest || point > 0x10FFFF || surrogate ? 0
                                                                             : form + 2;
    }
    return 0;
}

/* Appends a JSON string; what does not fit is cut at a character, the quotes stay paired.
 */
static void append_string(struct line *line, const char *text)
{
    if (!append(line, "\"", 1)) {
        return;
    }
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        char escaped[8];
        size_t length = utf8_length(at);
        const char *piece = (const char *)at;
        size_t piece_bytes = length;
        if (length == 0) {
            piece = "\xEF\xBF\xBD"; /* U+FFFD: a log must stay valid UTF-8 */
            piece_bytes = 3;
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            piece_bytes = (size_t)snprintf(escaped, sizeof escaped, "\\%c", *at);
            piece = escaped;
        } else if (*at < 0x20 || *at == 0x7F) {
            piece_bytes = (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", *at);
            piece = escaped;
        }
        /* One byte stays free for the closing quote. */
        if (line->used + piece_bytes + 1 > LINE_BYTES - TAIL_BYTES) {
            line->truncated = true;
            break;
        }
        append(line, piece, piece_bytes);
        at += length;
    }
    append(line, "\"", 1);
}

static void append_value(struct line *line, const struct pma_field *field)
{
    char number[40];
    switch (field->kind) {
    case PMA_FIELD_UNSIGNED:
        snprintf(number, sizeof number, "%" PRIu64, field->unsigned_value);
        break;
    case PMA_FIELD_SIGNED:
        snprintf(number, sizeof number, "%" PRId64, field->signed_value);
        break;
    case PMA_FIELD_REAL:
        snprintf(number, sizeof number, isfinite(field->real) ? "%.6g" : "null",
                 field->real);
        break;
    case PMA_FIELD_BOOL:
        snprintf(number, sizeof number, "%s", field->truth ? "true" : "false");
        break;
    case PMA_FIELD_STRING:
        if (field->text != NULL) {
            append_string(line, field->text);
            return;
        }
        snprintf(number, sizeof number, "null");
        break;
    case PMA_FIELD_NONE:
    default:
        snprintf(number, sizeof number, "null");
        break;
    }
    append_text(line, number);
}

/* Appends ,"key":value or nothing: half a field would not be JSON. */
static void append_field(struct line *line, const struct pma_field *field)
{
    const size_t before = line->used;
    append(line, ",", 1);
    append_string(line, field->key);
    append(line, ":", 1);
    const size_t value_at = line->used;
    append_value(line, field);
    const bool is_text = field->kind == PMA_FIELD_STRING && field->text != NULL;
    const size_t least = is_text ? 2 : 1;
    const bool key_whole = value_at >= before + strlen(field->key) + 4;
    if (!key_whole || line->used < value_at + least || line->text[value_at - 1] != ':') {
        line->used = before;
        line->truncated = true;
    }
}

static void finish(struct line *line, uint64_t unreported)
{
    const size_t left = LINE_BYTES - line->used;
    int written = 0;
    if (unreported > 0) {
        written =
            snprintf(line->text + line->used, left, "%s,\"log_dropped\":%" PRIu64 "}\n",
                     line->truncated ? ",\"truncated\":true" : "", unreported);
    } else {
        written = snprintf(line->text + line->used, left, "%s}\n",
                           line->truncated ? ",\"truncated\":true" : "");
    }
    line->used += (size_t)written;
}

static bool write_now(int fd, const char *text, size_t count)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        return false;
    }
    return write(fd, text, count) == (ssize_t)count;
}

void pma_log_write(enum pma_level level, const char *msg, const struct pma_field *fields,
                   size_t fields_count)
{
    const int threshold = atomic_load_explicit(&log_level, memory_order_relaxed);
    if (threshold == PMA_LOG_NONE || (int)level < threshold || level > PMA_LOG_ERROR) {
        return;
    }
    const int saved_errno = errno;
    struct line line;
    line.used = 0;
    line.truncated = false;
    char now[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(now);
    append_text(&line, "{\"time\":\"");
    append_text(&line, now);
    append_text(&line, "\",\"level\":\"");
    append_text(&line, level_names[level]);
    append_text(&line, "\",\"msg\":");
    append_string(&line, msg);
    for (size_t i = 1; i < fields_count; i++) {
        append_field(&line, &fields[i]);
    }

    pthread_mutex_lock(&log_lock);
    finish(&line, log_unreported);
    if (write_now(atomic_load_explicit(&log_fd, memory_order_relaxed), line.text,
                  line.used)) {
        log_unreported = 0;
    } else {
        log_unreported++;
        atomic_fetch_add_explicit(&log_dropped, 1, memory_order_relaxed);
    }
    pma_log_recent_keep(level, line.text, line.used);
    pthread_mutex_unlock(&log_lock);
    errno = saved_errno;
}

void pma_log_set_level(enum pma_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

void pma_log_set_fd(int fd)
{
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

int pma_level_parse(const char *text, enum pma_level *level)
{
    for (int candidate = PMA_LOG_DEBUG; candidate <= PMA_LOG_ERROR; candidate++) {
        if (strcmp(text, level_names[candidate]) == 0) {
            *level = (enum pma_level)candidate;
            return 0;
        }
    }
    return -EINVAL;
}

uint64_t pma_log_dropped(void)
{
    return atomic_load_explicit(&log_dropped, memory_order_relaxed);
}
