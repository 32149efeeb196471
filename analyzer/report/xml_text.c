/* Foreign text in XML.
 *
 * A character reference does not help a control character: XML 1.0 forbids the character
 * itself (section 2.2), and a parser that meets one drops the whole file. So it is
 * replaced. Tab and line break are written as references, because a parser turns them
 * into blanks in attributes (section 3.3.3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/xml_text.h"

#include <stdbool.h>
#include <string.h>

/* Length of the character at `text` when XML may hold it, else 0. Source: RFC 3629,
 * section 4; XML 1.0, production 2. */
static size_t length_of(const unsigned char *text)
{
    size_t n = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

    if (text[0] > 0xf4 || (text[0] >= 0x80 && text[0] < 0xc2)) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong =
        (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] > 0x9f;
    bool beyond = text[0] == 0xf4 && text[1] > 0x8f;
    bool none = text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe;

    return overlong || surrogate || beyond || none ? 0 : n;
}

void seep_xml_put_text(struct seep_buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        size_t n = length_of(at);
        bool blank = *at == '\t' || *at == '\n';

        if (n == 0 || (*at < 0x20 && !blank)) {
            seep_buf_put(out, "?", 1);
            n = 1;
        } else if (blank || (n == 1 && strchr("<>&\"'", *at) != NULL)) {
            seep_buf_printf(out, "&#%d;", *at);
        } else {
            seep_buf_put(out, at, n);
        }
        at += n;
    }
}
