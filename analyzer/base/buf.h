/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_BUF_H
#define SEEP_ANALYZER_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read as words");
struct seep_cursor {
    const uint8_t *at;  /* borrowed */
    const uint8_t *end; /* borrowed; one past the last byte */
    bool failed;
};

struct seep_cursor seep_cursor_over(const void *bytes, size_t len_bytes);
size_t seep_cursor_left_bytes(const struct seep_cursor *cursor);
/* The same for any number; seep_cursor_varint is the quick way for those of up to eight
 * bytes that do not stand at the very end. */
uint64_t seep_cursor_varint_long(struct seep_cursor *cursor);
static inline uint64_t seep_cursor_varint(struct seep_cursor *cursor)
{
    uint64_t word = 0;

    if (!cursor->failed && (size_t)(cursor->end - cursor->at) >= sizeof(word)) {
        if (*cursor->at < 0x80) {
            return *cursor->at++;
        }
        memcpy(&word, cursor->at, sizeof(word));

        uint64_t ends = ~word & UINT64_C(0x8080808080808080); /* top bits not set */

        if (ends != 0) { /* seven bits of each byte, drawn together pair by pair */
            cursor->at += __builtin_ctzll(ends) / 8 + 1;
            word &= (ends ^ (ends - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
            word = (word & UINT64_C(0x007f007f007f007f)) |
                   (word & UINT64_C(0x7f007f007f007f00)) >> 1;
            word = (word & UINT64_C(0x00003fff00003fff)) |
                   (word & UINT64_C(0x3fff00003fff0000)) >> 2;
            return (word & UINT64_C(0x0fffffff)) | (word >> 32 << 28);
        }
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
