/* Width, ink and curves of the text report.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/text_layout.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_start(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t seep_layout_width(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += is_start(*text);
    }
    return width;
}

static const char *code_of(enum seep_ink ink)
{
    static const char *const codes[] = {"", "1", "2", "1;31", "1;33", "1;32", "36"};

    return codes[ink];
}

static void put_bytes(const struct seep_layout *layout, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (layout->utf8 || (unsigned char)text[i] < 0x80) {
            seep_buf_put(layout->out, text + i, 1);
        } else if (is_start(text[i])) {
            seep_buf_put(layout->out, "?", 1);
        }
    }
}

static void put_inked(const struct seep_layout *layout, enum seep_ink ink,
                      const char *text, size_t n)
{
    bool inked = layout->color && ink != SEEP_INK_PLAIN && n > 0;

    if (inked) {
        seep_buf_printf(layout->out, "\033[%sm", code_of(ink));
    }
    put_bytes(layout, text, n);
    if (inked) {
        seep_buf_printf(layout->out, "\033[0m");
    }
}

void seep_layout_put(const struct seep_layout *layout, enum seep_ink ink,
                     const char *text)
{
    put_inked(layout, ink, text, strlen(text));
}

/* Bytes of the first `width` characters. */
static size_t bytes_of(const char *text, size_t width)
{
    size_t n = 0;

    while (text[n] != '\0' && (width > 0 || !is_start(text[n]))) {
        width -= is_start(text[n]);
        n++;
    }
    return n;
}

static void blanks(const struct seep_layout *layout, size_t n)
{
    for (; n > 0; n--) {
        seep_buf_put(layout->out, " ", 1);
    }
}

void seep_layout_cell(const struct seep_layout *layout, enum seep_ink ink,
                      const char *text, int width)
{
    size_t room = (size_t)(width < 0 ? -width : width);
    size_t used = seep_layout_width(text);

    if (used > room && room > 3) {
        put_inked(layout, ink, text, bytes_of(text, room - 3));
        seep_layout_put(layout, ink, "...");
        return;
    }
    used = used < room ? used : room; /* room 0: the cell is left out */
    if (width < 0) {
        blanks(layout, room - used);
    }
    put_inked(layout, ink, text, bytes_of(text, used));
    if (width > 0) {
        blanks(layout, room - used);
    }
}

const char *seep_layout_cut_middle(const char *text, size_t width, char *out,
                                   size_t out_bytes)
{
    static const char gap[] = " ... ";
    size_t columns = seep_layout_width(text);
    size_t head = strlen(text);
    size_t tail = head;

    if (columns > width) {
        size_t kept = width - (sizeof(gap) - 1);

        head = bytes_of(text, kept - kept / 2);
        tail = bytes_of(text, columns - kept / 2);
    }
    if (head >= out_bytes) {
        head = out_bytes - 1;
        tail = strlen(text);
        while (head > 0 && !is_start(text[head])) {
            head--;
        }
    }
    (void)snprintf(out, out_bytes, "%.*s%s%s", (int)head, text,
                   text[tail] != '\0' ? gap : "", text + tail);
    return out;
}

void seep_layout_wrap(const struct seep_layout *layout, enum seep_ink ink,
                      const char *text, size_t column, size_t indent)
{
    bool first = true; /* of its line */

    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        size_t width = 0;

        for (size_t i = 0; i < n; i++) {
            width += is_start(text[i]);
        }
        if (!first && column + 1 + width > layout->columns) {
            seep_buf_put(layout->out, "\n", 1);
            blanks(layout, indent);
            column = indent;
            first = true;
        }
        if (!first) {
            blanks(layout, 1);
            column++;
        }
        put_inked(layout, ink, text, n);
        column += width;
        first = false;
        text += n + strspn(text + n, " ");
    }
    seep_buf_put(layout->out, "\n", 1);
}

void seep_layout_sparkline(const struct seep_layout *layout, const double *values,
                           size_t n, size_t width)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    double low = 0;
    double high = 0;
    size_t shown = n < width ? n : width;

    for (size_t i = 0; i < n; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    for (size_t i = 0; i < shown; i++) {
        size_t at = shown < 2 ? 0 : i * (n - 1) / (shown - 1);
        double part = high > low ? (values[at] - low) / (high - low) : 0;
        size_t level = (size_t)fmin(part * 8, 7);

        seep_layout_put(layout, SEEP_INK_CYAN,
                        layout->utf8 ? blocks[level] : ascii[level]);
    }
}
