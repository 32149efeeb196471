/* Bytes out and bytes in, with one error check at the end instead of one per field.
 *
 * Design: a sticky `failed` flag, as in a stream. A code per call was rejected: encoders
 * of a hundred fields would be mostly error handling, and the one forgotten check would
 * be the bug.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY_BYTES = 256, PRINTF_MAX_BYTES = 4096, VARINT_MAX_BYTES = 10 };

void seep_buf_fini(struct seep_buf *buf)
{
    free(buf->data);
    *buf = (struct seep_buf){0};
}

void seep_buf_reset(struct seep_buf *buf)
{
    buf->len_bytes = 0;
    buf->failed = false;
}

int seep_buf_reserve(struct seep_buf *buf, size_t extra_bytes)
{
    size_t need = 0;
    size_t capacity =
        buf->capacity_bytes != 0 ? buf->capacity_bytes : FIRST_CAPACITY_BYTES;

    if (__builtin_add_overflow(buf->len_bytes, extra_bytes, &need)) {
        buf->failed = true;
        return -ENOMEM;
    }
    if (need <= buf->capacity_bytes) {
        return 0;
    }
    while (capacity < need) {
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity)) {
            capacity = need;
        }
    }
    uint8_t *data = realloc(buf->data, capacity);

    if (data == NULL) {
        buf->failed = true;
        return -ENOMEM;
    }
    buf->data = data;
    buf->capacity_bytes = capacity;
    return 0;
}

void seep_buf_put(struct seep_buf *buf, const void *bytes, size_t len_bytes)
{
    if (len_bytes == 0 || buf->failed || seep_buf_reserve(buf, len_bytes) < 0) {
        return;
    }
    memcpy(buf->data + buf->len_bytes, bytes, len_bytes);
    buf->len_bytes += len_bytes;
}

void seep_buf_put_varint(struct seep_buf *buf, uint64_t value)
{
    uint8_t *at = NULL;

    if (buf->capacity_bytes - buf->len_bytes < VARINT_MAX_BYTES &&
        seep_buf_reserve(buf, VARINT_MAX_BYTES) < 0) {
        return;
    }
    if (buf->failed) {
        return;
    }
    at = buf->data + buf->len_bytes;
    for (; value > 0x7f; value >>= 7) {
        *at++ = (uint8_t)(value | 0x80);
    }
    *at++ = (uint8_t)value;
    buf->len_bytes = (size_t)(at - buf->data);
}

void seep_buf_put_string(struct seep_buf *buf, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    seep_buf_put_varint(buf, len);
    seep_buf_put(buf, text, len);
}

void seep_buf_printf(struct seep_buf *buf, const char *format, ...)
{
    char text[PRINTF_MAX_BYTES];
    va_list args;
    int n = 0;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0) {
        seep_buf_put(buf, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
    }
}

struct seep_cursor seep_cursor_over(const void *bytes, size_t len_bytes)
{
    const uint8_t *at = bytes;

    return (struct seep_cursor){.at = at, .end = at + len_bytes};
}

size_t seep_cursor_left_bytes(const struct seep_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

uint64_t seep_cursor_varint_long(struct seep_cursor *cursor)
{
    const uint8_t *at = cursor->at;
    uint64_t value = 0;

    for (unsigned shift = 0; !cursor->failed && at < cursor->end && shift < 64;
         shift += 7) {
        uint8_t byte = *at++;

        if (shift == 63 && byte > 1) {
            break; /* more than 64 bits */
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            cursor->at = at;
            return value;
        }
    }
    cursor->failed = true;
    return 0;
}

const uint8_t *seep_cursor_bytes(struct seep_cursor *cursor, size_t len_bytes)
{
    const uint8_t *at = cursor->at;

    if (cursor->failed || len_bytes > seep_cursor_left_bytes(cursor)) {
        cursor->failed = true;
        return NULL;
    }
    cursor->at += len_bytes;
    return at;
}

const char *seep_cursor_string(struct seep_cursor *cursor, size_t *len_bytes)
{
    uint64_t len = seep_cursor_varint(cursor);
    const uint8_t *bytes = NULL;

    if (len <= SIZE_MAX) {
        bytes = seep_cursor_bytes(cursor, (size_t)len);
    }
    *len_bytes = bytes != NULL ? (size_t)len : 0;
    return bytes != NULL ? (const char *)bytes : "";
}

char *seep_cursor_string_dup(struct seep_cursor *cursor)
{
    size_t len = 0;
    const char *text = seep_cursor_string(cursor, &len);

    return cursor->failed ? NULL : strndup(text, len);
}
