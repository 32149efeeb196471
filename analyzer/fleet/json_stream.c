/* JSON in pieces, as events.
 *
 * Answers of a metrics server to questions about a fleet are a gigabyte and more, and
 * come in pieces of some KiB. A document tree (jansson) takes thirty times the text; so
 * this reads it as it comes, in constant memory, and tells its caller of each token.
 * Other libraries that do so (yajl) are in no package that Seep needs otherwise, and this
 * is a page of code with a fuzz target.
 *
 * I1: a token that lies whole in one piece is not copied, unless it has escapes.
 * I2: what was told is a prefix of a legal text: keys stand in objects, brackets match.
 * I3: an error is final.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/json_stream.h"

#include <errno.h>
#include <string.h>

enum state {
    WANT_VALUE = 0,
    WANT_VALUE_OR_END = 1, /* after [ */
    WANT_KEY_OR_END = 2,   /* after { */
    WANT_KEY = 3,          /* after , in an object */
    WANT_COLON = 4,
    WANT_NEXT = 5, /* after a value: , or the end */
    IN_STRING = 6,
    IN_ESCAPE = 7,
    IN_HEX = 8,
    IN_BARE = 9, /* a number or a word */
    DONE = 10
};

static int fail(struct seep_json_stream *stream, int err, const char *trouble)
{
    stream->failed = err;
    stream->trouble = trouble;
    return err;
}

static int bad(struct seep_json_stream *stream, const char *trouble)
{
    return fail(stream, -EBADMSG, trouble);
}

void seep_json_stream_init(struct seep_json_stream *stream, seep_json_taker *take,
                           void *context)
{
    stream->take = take;
    stream->context = context;
    stream->at_bytes = 0;
    stream->trouble = NULL;
    stream->failed = 0;
    stream->state = WANT_VALUE;
    stream->depth = 0;
    stream->token_bytes = 0;
    stream->high_surrogate = 0;
}

static int tell(struct seep_json_stream *stream, enum seep_json_event event,
                const char *text, size_t len_bytes)
{
    int status = stream->take(stream->context, event, text, len_bytes);

    return status < 0 ? fail(stream, status, NULL) : 0;
}

static void after_value(struct seep_json_stream *stream)
{
    stream->state = stream->depth == 0 ? DONE : WANT_NEXT;
}

static int keep(struct seep_json_stream *stream, const char *bytes, size_t len_bytes)
{
    if (len_bytes > SEEP_JSON_TOKEN_MAX - stream->token_bytes) {
        return bad(stream, "a text longer than 64 KiB");
    }
    memcpy(stream->token + stream->token_bytes, bytes, len_bytes);
    stream->token_bytes += len_bytes;
    return 0;
}

/* Source: Unicode 15, table 3-6. */
static int keep_character(struct seep_json_stream *stream, unsigned code)
{
    char utf8[4];
    size_t n = 0;

    if (code < 0x80) {
        utf8[n++] = (char)code;
    } else {
        if (code < 0x800) {
            utf8[n++] = (char)(0xc0 | code >> 6);
        } else {
            if (code < 0x10000) {
                utf8[n++] = (char)(0xe0 | code >> 12);
            } else {
                utf8[n++] = (char)(0xf0 | code >> 18);
                utf8[n++] = (char)(0x80 | (code >> 12 & 0x3f));
            }
            utf8[n++] = (char)(0x80 | (code >> 6 & 0x3f));
        }
        utf8[n++] = (char)(0x80 | (code & 0x3f));
    }
    return keep(stream, utf8, n);
}

/* Four digits are complete. A surrogate waits for its other half; one that has none is
 * U+FFFD. */
static int take_unit(struct seep_json_stream *stream, unsigned unit)
{
    unsigned high = stream->high_surrogate;

    stream->state = IN_STRING;
    stream->high_surrogate = 0;
    if (high != 0 && unit >= 0xdc00 && unit < 0xe000) {
        return keep_character(stream,
                              0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
    }
    if (high != 0 && keep_character(stream, 0xfffd) < 0) {
        return stream->failed;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        stream->high_surrogate = unit;
        return 0;
    }
    return keep_character(stream, unit >= 0xdc00 && unit < 0xe000 ? 0xfffd : unit);
}

static int take_hex(struct seep_json_stream *stream, char byte)
{
    unsigned digit = byte >= '0' && byte <= '9'   ? (unsigned)(byte - '0')
                     : byte >= 'a' && byte <= 'f' ? (unsigned)(byte - 'a') + 10
                     : byte >= 'A' && byte <= 'F' ? (unsigned)(byte - 'A') + 10
                                                  : 16;

    if (digit == 16) {
        return bad(stream, "\\u without four hexadecimal digits");
    }
    stream->hex = stream->hex << 4 | digit;
    return --stream->hex_left == 0 ? take_unit(stream, stream->hex) : 0;
}

static int lone_surrogate(struct seep_json_stream *stream)
{
    if (stream->high_surrogate == 0) {
        return 0;
    }
    stream->high_surrogate = 0;
    return keep_character(stream, 0xfffd);
}

static int take_escape(struct seep_json_stream *stream, char byte)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *found = byte != '\0' ? strchr(from, byte) : NULL;

    if (byte == 'u') {
        stream->state = IN_HEX;
        stream->hex = 0;
        stream->hex_left = 4;
        return 0;
    }
    if (found == NULL) {
        return bad(stream, "an escape that JSON does not know");
    }
    stream->state = IN_STRING;
    return lone_surrogate(stream) < 0 ? stream->failed
                                      : keep(stream, &to[found - from], 1);
}

static int end_string(struct seep_json_stream *stream, const char *text, size_t len_bytes)
{
    bool key = stream->token_is_key;

    if (key) {
        stream->state = WANT_COLON;
    } else {
        after_value(stream);
    }
    return tell(stream, key ? SEEP_JSON_KEY : SEEP_JSON_STRING, text, len_bytes);
}

/* The plain stretch of a string that begins here; then its end, an escape, or the end of
 * the piece. Returns: bytes taken. */
static size_t take_string(struct seep_json_stream *stream, const char *bytes, size_t n)
{
    size_t plain = 0;

    while (plain < n && bytes[plain] != '"' && bytes[plain] != '\\' &&
           (unsigned char)bytes[plain] >= 0x20) {
        plain++;
    }
    if (plain > 0 && lone_surrogate(stream) < 0) {
        return 0;
    }
    if (plain < n && bytes[plain] == '"' && stream->token_bytes == 0 &&
        stream->high_surrogate == 0) {
        if (plain > SEEP_JSON_TOKEN_MAX) {
            (void)bad(stream, "a text longer than 64 KiB");
            return plain;
        }
        (void)end_string(stream, bytes, plain); /* I1 */
        return plain + 1;
    }
    if (keep(stream, bytes, plain) < 0 || plain == n) {
        return plain;
    }
    if (bytes[plain] == '\\') {
        stream->state = IN_ESCAPE;
    } else if (bytes[plain] == '"') {
        if (lone_surrogate(stream) == 0) {
            (void)end_string(stream, stream->token, stream->token_bytes);
        }
    } else {
        (void)bad(stream, "a control character in a text");
    }
    return plain + 1;
}

/* Source: RFC 8259, section 6. */
static bool is_number(const char *text, size_t n)
{
    size_t i = n > 0 && text[0] == '-';
    size_t digits = 0;

    while (i + digits < n && text[i + digits] >= '0' && text[i + digits] <= '9') {
        digits++;
    }
    if (digits == 0 || (digits > 1 && text[i] == '0')) {
        return false;
    }
    i += digits;
    if (i < n && text[i] == '.') {
        for (digits = 0, i++; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
            digits++;
        }
    }
    if (digits > 0 && i < n && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        i += i < n && (text[i] == '+' || text[i] == '-');
        for (digits = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
            digits++;
        }
    }
    return digits > 0 && i == n;
}

static bool is_word(const char *text, size_t n)
{
    return (n == 4 && (memcmp(text, "true", 4) == 0 || memcmp(text, "null", 4) == 0)) ||
           (n == 5 && memcmp(text, "false", 5) == 0);
}

static int end_bare(struct seep_json_stream *stream, const char *text, size_t n)
{
    bool number = is_number(text, n);

    if (!number && !is_word(text, n)) {
        return bad(stream, "neither a value nor a bracket");
    }
    after_value(stream);
    return tell(stream, number ? SEEP_JSON_NUMBER : SEEP_JSON_WORD, text, n);
}

static bool is_bare(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '-' ||
           byte == '+' || byte == '.' || byte == 'E';
}

static size_t take_bare(struct seep_json_stream *stream, const char *bytes, size_t n)
{
    size_t length = 0;

    while (length < n && is_bare(bytes[length])) {
        length++;
    }
    if (length < n && stream->token_bytes == 0) {
        (void)end_bare(stream, bytes, length); /* I1 */
        return length;
    }
    if (keep(stream, bytes, length) == 0 && length < n) {
        (void)end_bare(stream, stream->token, stream->token_bytes);
    }
    return length;
}

static void begin_string(struct seep_json_stream *stream, bool key)
{
    stream->token_is_key = key;
    stream->token_bytes = 0;
    stream->state = IN_STRING;
}

static int push(struct seep_json_stream *stream, bool object)
{
    if (stream->depth == SEEP_JSON_DEPTH_MAX) {
        return bad(stream, "more than 64 brackets deep");
    }
    stream->is_object[stream->depth++] = object;
    stream->state = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    return tell(stream, object ? SEEP_JSON_OBJECT : SEEP_JSON_ARRAY, "", 0);
}

static int pop(struct seep_json_stream *stream, bool object)
{
    if (stream->depth == 0 || stream->is_object[stream->depth - 1] != object) {
        return bad(stream, "a bracket that does not match");
    }
    stream->depth--;
    after_value(stream);
    return tell(stream, object ? SEEP_JSON_OBJECT_END : SEEP_JSON_ARRAY_END, "", 0);
}

/* Takes the byte that begins a value. Returns: bytes taken; 0 where it belongs to what
 * begins. */
static size_t begin_value(struct seep_json_stream *stream, char byte)
{
    if (byte == '"') {
        begin_string(stream, false);
    } else if (byte == '{' || byte == '[') {
        (void)push(stream, byte == '{');
    } else if (is_bare(byte)) {
        stream->token_bytes = 0;
        stream->state = IN_BARE;
        return 0;
    } else if (byte == '<' && stream->at_bytes == 0) {
        (void)bad(stream, "a page of HTML or XML, not JSON");
    } else {
        (void)bad(stream, "no JSON value");
    }
    return 1;
}

/* Between tokens. Returns: as begin_value. */
static size_t take_structure(struct seep_json_stream *stream, char byte)
{
    int state = stream->state;

    if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
        return 1;
    }
    if (byte == ']' && (state == WANT_VALUE_OR_END || state == WANT_NEXT)) {
        (void)pop(stream, false);
    } else if (byte == '}' && (state == WANT_KEY_OR_END || state == WANT_NEXT)) {
        (void)pop(stream, true);
    } else if (state == WANT_VALUE || state == WANT_VALUE_OR_END) {
        return begin_value(stream, byte);
    } else if ((state == WANT_KEY || state == WANT_KEY_OR_END) && byte == '"') {
        begin_string(stream, true);
    } else if (state == WANT_COLON && byte == ':') {
        stream->state = WANT_VALUE;
    } else if (state == WANT_NEXT && byte == ',') {
        stream->state = stream->is_object[stream->depth - 1] ? WANT_KEY : WANT_VALUE;
    } else {
        (void)bad(stream,
                  state == DONE ? "more after the end" : "not what JSON allows there");
    }
    return 1;
}

int seep_json_stream_feed(struct seep_json_stream *stream, const char *bytes,
                          size_t len_bytes)
{
    size_t at = 0;

    while (at < len_bytes && stream->failed == 0) {
        size_t taken = 1;

        switch (stream->state) {
        case IN_STRING:
            taken = take_string(stream, bytes + at, len_bytes - at);
            break;
        case IN_ESCAPE:
            (void)take_escape(stream, bytes[at]);
            break;
        case IN_HEX:
            (void)take_hex(stream, bytes[at]);
            break;
        case IN_BARE:
            taken = take_bare(stream, bytes + at, len_bytes - at);
            break;
        default:
            taken = take_structure(stream, bytes[at]);
            break;
        }
        if (stream->failed == 0) {
            at += taken;
            stream->at_bytes += taken;
        }
    }
    return stream->failed;
}

int seep_json_stream_end(struct seep_json_stream *stream)
{
    if (stream->failed == 0 && stream->state == IN_BARE && stream->depth == 0) {
        (void)end_bare(stream, stream->token, stream->token_bytes);
    }
    if (stream->failed == 0 && stream->state != DONE) {
        return bad(stream, stream->at_bytes == 0 ? "nothing" : "the end, too early");
    }
    return stream->failed;
}
