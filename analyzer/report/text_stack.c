/* A stack, as text.
 *
 * The program's own frames stand out and the rest steps back; what has no names is
 * folded, and of a long one both ends are shown.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/text_stack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 512,
    STACK_TAIL = 4,
    NAMELESS_FOLDED = 5 /* and more in a row */
};

/* Appends to a line of text; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + used, LINE_MAX_BYTES - used, format, args);
    va_end(args);
}

static void frame(const struct seep_layout *layout, unsigned indent,
                  const struct seep_view_frame *from)
{
    bool own = from->role == SEEP_ROLE_PROGRAM;
    char name[LINE_MAX_BYTES] = "";
    char place[LINE_MAX_BYTES] = "";

    if (strcmp(from->function, "??") == 0) {
        add(name, "?? (%s+0x%" PRIx64 ")", from->module, from->offset);
    } else {
        add(name, "%s", from->function);
    }
    if (from->file[0] != '\0') {
        add(place, "%s", from->file);
        if (from->line != 0) {
            add(place, ":%" PRIu32, from->line);
        }
    } else {
        add(place, "%s", from->module);
    }
    if (from->inlined) {
        add(place, " (inlined)");
    }
    seep_buf_printf(layout->out, "%*s", (int)indent, "");
    seep_layout_put(layout, own ? SEEP_INK_BOLD : SEEP_INK_DIM, own ? "> " : "  ");
    seep_layout_put(layout, own ? SEEP_INK_BOLD : SEEP_INK_DIM, name);
    /* The place goes to the same line where it fits, else below, further in. */
    if (indent + 2 + seep_layout_width(name) + 2 + seep_layout_width(place) <=
        layout->columns) {
        seep_buf_printf(layout->out, "  ");
    } else {
        seep_buf_printf(layout->out, "\n%*s", (int)indent + 6, "");
    }
    seep_layout_put(layout, SEEP_INK_DIM, place);
    seep_buf_printf(layout->out, "\n");
}

/* Frames from `at` on without a name, all of one foreign module. */
static size_t nameless(const struct seep_text_stack *stack, size_t at, size_t end)
{
    size_t n = 0;

    while (at + n < end && strcmp(stack->frames[at + n].function, "??") == 0 &&
           stack->frames[at + n].role != SEEP_ROLE_PROGRAM &&
           strcmp(stack->frames[at + n].module, stack->frames[at].module) == 0) {
        n++;
    }
    return n;
}

static void frames(const struct seep_layout *layout, const struct seep_text_stack *stack,
                   size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        size_t n = nameless(stack, i, end);
        char text[LINE_MAX_BYTES] = "";

        frame(layout, stack->indent, &stack->frames[i]);
        if (n >= NAMELESS_FOLDED) {
            add(text, "%*s... %zu more of %s, without names\n", (int)stack->indent + 2,
                "", n - 2, stack->frames[i].module);
            seep_layout_put(layout, SEEP_INK_DIM, text);
            frame(layout, stack->indent, &stack->frames[i + n - 1]);
            i += n - 1;
        }
    }
}

void seep_text_stack(const struct seep_layout *layout,
                     const struct seep_text_stack *stack)
{
    size_t n = stack->count;
    size_t head = n > stack->shown_most && stack->shown_most > STACK_TAIL
                      ? stack->shown_most - STACK_TAIL
                      : n;

    frames(layout, stack, 0, head);
    if (head < n) {
        seep_buf_printf(layout->out,
                        "%*s... %zu frames more (--format json has all) ...\n",
                        (int)stack->indent + 2, "", n - head - STACK_TAIL);
        frames(layout, stack, n - STACK_TAIL, n);
    }
    if (stack->end[0] != '\0') {
        seep_buf_printf(layout->out, "%*s(the stack %s)\n", (int)stack->indent + 2, "",
                        stack->end);
    }
}
