/* Foreign text in markup.
 *
 * Function names hold <, |, * and _ by right (templates, operators); a file name may hold
 * anything. Backslashes were rejected as the escape: they work in Markdown alone, not
 * between the HTML tags that a comment needs for folding, while character references work
 * in both and cannot form structure (CommonMark 0.31, section 2.5). What GitHub and
 * GitLab look for in the finished text (@name, #1, !1, :smile:, URLs) is parted by a
 * zero-width space, which no reader sees.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/markup.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define ZERO_WIDTH "&#8203;"

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c >= 0x80;
}

/* Characters that can be part of no structure, wherever in a line of ours they stand. */
static bool is_plain(unsigned char c)
{
    return is_word(c) || strchr(" .,;:()%/-+='\"?{}", c) != NULL;
}

static void put_one(struct seep_buf *out, const char *text, size_t i, bool code)
{
    unsigned char c = (unsigned char)text[i];
    unsigned char next = (unsigned char)text[i + 1];
    bool inside = i > 0 && is_word((unsigned char)text[i - 1]) && is_word(next);

    if (c < 0x20 || c == 0x7f) {
        seep_buf_put(out, " ", 1);
    } else if (c == ':' && next == '/') {
        seep_buf_printf(out, "&#58;%s", code ? "" : ZERO_WIDTH);
    } else if (c == '.' && i >= 3 && strncasecmp(text + i - 3, "www", 3) == 0) {
        seep_buf_printf(out, ZERO_WIDTH ".");
    } else if (is_plain(c) || (c == '_' && inside)) {
        seep_buf_put(out, &text[i], 1);
    } else {
        seep_buf_printf(out, "&#%d;", c);
    }
    if (c == '@' ||
        (!code && strchr("#!~$%&:", c) != NULL && (is_word(next) || next == '"'))) {
        seep_buf_printf(out, ZERO_WIDTH);
    }
}

void seep_markup_put_text(struct seep_buf *out, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        put_one(out, text, i, false);
    }
}

void seep_markup_put_code(struct seep_buf *out, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        put_one(out, text, i, true);
    }
}
