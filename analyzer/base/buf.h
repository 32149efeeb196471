/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_BUF_H
#define SEEP_ANALYZER_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing array of bytes. All-zero is a valid empty buffer.
 *
 * Writers never fail one by one: when memory is out, `failed` is set, later writes do
 * nothing, and the one check at the end sees it.
 */
struct seep_buf {
    uint8_t *data;    /* owned; NULL when capacity is 0 */
    size_t len_bytes; /* <= capacity_bytes */
    size_t capacity_bytes;
    bool failed; /* a write was dropped for lack of memory */
};

void seep_buf_fini(struct seep_buf *buf);
/* Empties the buffer, keeps its memory, clears `failed`. */
void seep_buf_reset(struct seep_buf *buf);
/* Makes room for `extra_bytes` more. Returns: 0; -ENOMEM (and `failed` set). */
int seep_buf_reserve(struct seep_buf *buf, size_t extra_bytes);
void seep_buf_put(struct seep_buf *buf, const void *bytes, size_t len_bytes);
/* Unsigned LEB128, 1 to 10 bytes. Source: DWARF 5, section 7.6. */
void seep_buf_put_varint(struct seep_buf *buf, uint64_t value);
/* Varint length, then the bytes. `text` may be NULL, which is written as "". */
void seep_buf_put_string(struct seep_buf *buf, const char *text);
/* printf; cut at 4,095 bytes per call. */
void seep_buf_printf(struct seep_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A cursor over bytes that nobody vouches for. All-zero is an empty, good cursor.
 *
 * Readers never fail one by one: past the end, or at a malformed value, `failed` is set,
 * the cursor stays, and every later read gives 0 / "".
 */
struct seep_cursor {
    const uint8_t *at;  /* borrowed */
    const uint8_t *end; /* borrowed; one past the last byte */
    bool failed;
};

struct seep_cursor seep_cursor_over(const void *bytes, size_t len_bytes);
size_t seep_cursor_left_bytes(const struct seep_cursor *cursor);
/* The same for any number; seep_cursor_varint is the quick way for the smallest. */
uint64_t seep_cursor_varint_long(struct seep_cursor *cursor);
static inline uint64_t seep_cursor_varint(struct seep_cursor *cursor)
{
    if (!cursor->failed && cursor->at < cursor->end && *cursor->at < 0x80) {
        return *cursor->at++;
    }
    return seep_cursor_varint_long(cursor);
}
/* Borrows `len_bytes` bytes; NULL (and `failed`) when fewer are left. */
const uint8_t *seep_cursor_bytes(struct seep_cursor *cursor, size_t len_bytes);
/* Borrows a string written by seep_buf_put_string; not NUL-terminated; "" with 0 on
 * failure. */
const char *seep_cursor_string(struct seep_cursor *cursor, size_t *len_bytes);
/* Same, as an owned NUL-terminated copy (free it); NULL on failure or lack of memory. */
char *seep_cursor_string_dup(struct seep_cursor *cursor);

#endif
