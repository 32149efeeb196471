/* Foreign text in HTML.
 *
 * The five characters that can form structure become references, control characters
 * blanks; all else stays, so that a name copied from the page is the name itself. The
 * Markdown comment's escapes (report/markup.h) were rejected: they part names by
 * zero-width spaces against platforms that look for mentions, which a page does not have.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/html_text.h"

#include <string.h>

static const char *reference(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (unsigned char)c < 0x20 || c == 0x7f ? " " : NULL;
    }
}

void seep_html_text_put(struct seep_buf *out, const char *text)
{
    const char *begin = text;

    for (; *text != '\0'; text++) {
        const char *instead = reference(*text);

        if (instead != NULL) {
            seep_buf_put(out, begin, (size_t)(text - begin));
            seep_buf_put(out, instead, strlen(instead));
            begin = text + 1;
        }
    }
    seep_buf_put(out, begin, (size_t)(text - begin));
}

static unsigned nibble(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void seep_html_text_put_hash(struct seep_buf *out, const char *sha256_hex)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /* Three hex digits are two letters; 64 digits leave one over, and a "=" to fill. */
    seep_buf_printf(out, "'sha256-");
    for (size_t i = 0; i + 3 <= 63; i += 3) {
        unsigned bits = nibble(sha256_hex[i]) << 8 | nibble(sha256_hex[i + 1]) << 4 |
                        nibble(sha256_hex[i + 2]);

        seep_buf_put(out, &letters[bits >> 6], 1);
        seep_buf_put(out, &letters[bits & 63], 1);
    }
    seep_buf_put(out, &letters[nibble(sha256_hex[63]) << 2], 1);
    seep_buf_printf(out, "='");
}
