/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_JSON_STREAM_H
#define SEEP_ANALYZER_FLEET_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum seep_json_event {
    SEEP_JSON_OBJECT = 1,
    SEEP_JSON_OBJECT_END = 2,
    SEEP_JSON_ARRAY = 3,
    SEEP_JSON_ARRAY_END = 4,
    SEEP_JSON_KEY = 5,
    SEEP_JSON_STRING = 6,
    SEEP_JSON_NUMBER = 7,
    SEEP_JSON_WORD = 8 /* true, false, null */
};

/* text: of KEY, STRING (escapes resolved; any bytes, also 0), NUMBER and WORD; borrowed
 * during the call, not NUL-terminated. "" of all others.
 * Returns: 0; a negative errno, which ends the reading. */
typedef int seep_json_taker(void *context, enum seep_json_event event, const char *text,
                            size_t len_bytes);

enum {
    SEEP_JSON_DEPTH_MAX = 64,
    SEEP_JSON_TOKEN_MAX = 1 << 16 /* bytes of a string or number */
};

/* Reads one JSON value (RFC 8259) that comes in pieces of any size. Memory: this struct,
 * whatever the text. */
struct seep_json_stream {
    seep_json_taker *take; /* borrowed, as its context */
    void *context;
    uint64_t at_bytes;   /* read so far; after an error: where it is */
    const char *trouble; /* what is wrong there, in words; NULL: the taker refused */
    int failed;          /* 0, or the errno that ended it */
    int state;           /* json_stream.c's own, as all below */
    int depth;
    bool is_object[SEEP_JSON_DEPTH_MAX];
    bool token_is_key;
    unsigned hex_left, hex, high_surrogate;
    size_t token_bytes;
    char token[SEEP_JSON_TOKEN_MAX];
};

void seep_json_stream_init(struct seep_json_stream *stream, seep_json_taker *take,
                           void *context);

/* Reads the next piece.
 *
 * bytes:   borrowed.
 * Returns: 0; -EBADMSG no JSON, or past its limits; what `take` returned. All later
 *          calls return the same. Thread-safety: owner thread. Cost: O(bytes).
 */
int seep_json_stream_feed(struct seep_json_stream *stream, const char *bytes,
                          size_t len_bytes);

/* After the last piece. Returns: 0 when the value was complete; else as above. */
int seep_json_stream_end(struct seep_json_stream *stream);

#endif
