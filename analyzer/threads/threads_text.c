/* Groups of threads, as text.
 *
 * The line that answers "what are they doing" first, in the words of the C library, then
 * who, then where. Stacks are cut in the middle: the ends are what is read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "threads/threads_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "report/text_layout.h"
#include "report/text_stack.h"

enum {
    INDENT = 3,
    LABEL = 10,
    LINE_MAX_BYTES = 512,
    TOP_DEFAULT = 20,
    PRESENT_SHOWN_MAX = 24,
    CREATION_SHOWN_MAX = 14
};

static const double SECONDS_SHOWN_LEAST = 0.05;

__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + used, LINE_MAX_BYTES - used, format, args);
    va_end(args);
}

static void line(const struct seep_layout *layout, const char *label, const char *text)
{
    seep_buf_printf(layout->out, "%*s", INDENT, "");
    seep_layout_cell(layout, SEEP_INK_DIM, label, LABEL);
    seep_layout_wrap(layout, SEEP_INK_PLAIN, text, INDENT + LABEL, INDENT + LABEL);
}

static const char *threads_word(size_t n)
{
    return n == 1 ? "thread" : "threads";
}

/* "blocked in futex (pthread_cond_wait) for 2 s to 55 s" */
static void add_state(char *text, const struct seep_thread_group *group)
{
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];

    add(text, "%s",
        strcmp(group->state, "uninterruptible") == 0 ? "in uninterruptible sleep"
                                                     : group->state);
    if (group->wait[0] != '\0') {
        add(text, " in %s", group->wait);
    }
    if (group->call[0] != '\0') {
        add(text, " (%s)", group->call);
    }
    if (group->idle_most_s >= SECONDS_SHOWN_LEAST) {
        (void)seep_fmt_seconds(a, sizeof(a), group->idle_least_s);
        (void)seep_fmt_seconds(b, sizeof(b), group->idle_most_s);
        add(text, strcmp(a, b) == 0 ? " for %s" : " for %s to ", a);
        if (strcmp(a, b) != 0) {
            add(text, "%s", b);
        }
    }
}

/* A stack without what the C library does inside of the call that was made (the line
 * above names it) and before the program's code began. Shown whole when that is all. */
static void put_stack(const struct seep_layout *layout,
                      const struct seep_stack_of_group *stack, size_t shown_most)
{
    size_t first = 0;
    size_t end = stack->count;

    while (first < end && stack->frames[first].role == SEEP_ROLE_RUNTIME) {
        first++;
    }
    while (end > first && stack->frames[end - 1].role == SEEP_ROLE_RUNTIME) {
        end--;
    }
    if (first == end) {
        end = stack->count;
    }
    first = first > 0 && first < stack->count ? first - 1 : 0;
    seep_text_stack(layout, &(struct seep_text_stack){.frames = stack->frames + first,
                                                      .count = end - first,
                                                      .end = stack->end,
                                                      .indent = INDENT + 2,
                                                      .shown_most = shown_most});
}

static bool has_stack(const struct seep_stack_of_group *stack)
{
    return stack->count > 0 || stack->end[0] != '\0';
}

static void put_origin(const struct seep_layout *layout,
                       const struct seep_thread_group *group)
{
    char text[LINE_MAX_BYTES] = "";

    if (group->start[0] != '\0' && strcmp(group->start, "??") != 0) {
        add(text, "%s()", group->start);
    }
    if (group->creator[0] != '\0') {
        add(text, "%smade by %s", text[0] != '\0' ? ", " : "", group->creator);
    }
    if (text[0] != '\0') {
        line(layout, "runs", text);
    }
    if (group->subsystem[0] != '\0') {
        line(layout, "subsystem", group->subsystem);
    }
}

static void put_group(const struct seep_layout *layout,
                      const struct seep_thread_group *group)
{
    char text[LINE_MAX_BYTES] = "";
    char number[SEEP_FMT_MAX];

    add(text, "%s %s: ", seep_fmt_count(number, sizeof(number), group->count),
        threads_word(group->count));
    seep_layout_put(layout, SEEP_INK_BOLD, text);
    size_t column = seep_layout_width(text);

    text[0] = '\0';
    add_state(text, group);
    seep_layout_wrap(
        layout, strcmp(group->state, "running") == 0 ? SEEP_INK_GREEN : SEEP_INK_YELLOW,
        text, column, INDENT);
    text[0] = '\0';
    if (group->names[0] != '\0') {
        add(text, "%s%s", group->names, group->count == 1 ? ", " : "; ");
    }
    add(text, "%s %u", group->count == 1 ? "tid" : "tids from", group->rows[0].tid);
    if (group->cpu_s >= SECONDS_SHOWN_LEAST) {
        add(text, "; CPU %s", seep_fmt_seconds(number, sizeof(number), group->cpu_s));
    }
    line(layout, "who", text);
    if (group->target[0] != '\0' &&
        strcmp(group->target, "anon_inode:[eventpoll]") != 0) {
        line(layout, "waits for", group->target);
    }
    put_origin(layout, group);
    if (has_stack(&group->present)) {
        line(layout, "stack", "innermost first; > marks the program's own code");
        put_stack(layout, &group->present, PRESENT_SHOWN_MAX);
    }
    if (has_stack(&group->creation)) {
        line(layout, "made at", "where the thread was created");
        put_stack(layout, &group->creation, CREATION_SHOWN_MAX);
    }
    seep_buf_printf(layout->out, "\n");
}

static void put_head(const struct seep_layout *layout,
                     const struct seep_thread_groups *groups)
{
    char command[LINE_MAX_BYTES];
    char text[LINE_MAX_BYTES] = "";
    char at[SEEP_FMT_MAX];

    (void)seep_layout_cut_middle(groups->command, layout->columns - 8, command,
                                 sizeof(command));
    seep_layout_put(layout, SEEP_INK_BOLD, command);
    add(text, "\npid %u: %zu %s in %zu %s", groups->pid, groups->thread_count,
        threads_word(groups->thread_count), groups->group_count,
        groups->group_count == 1 ? "group" : "groups");
    if (!groups->live) {
        add(text, ", %s into the run", seep_fmt_seconds(at, sizeof(at), groups->at_s));
    }
    add(text, "\n\n");
    seep_layout_put(layout, SEEP_INK_PLAIN, text);
    for (size_t i = 0; i < groups->stuck_count; i++) {
        seep_layout_put(layout, SEEP_INK_RED, "stuck: ");
        seep_layout_wrap(layout, SEEP_INK_PLAIN, groups->stuck[i], 7, 7);
    }
    if (groups->stuck_count > 0) {
        seep_buf_printf(layout->out, "\n");
    }
}

static void put_foot(const struct seep_layout *layout,
                     const struct seep_thread_groups *groups, size_t hidden)
{
    char text[LINE_MAX_BYTES] = "";

    if (hidden > 0) {
        add(text, "%zu %s more: --top N shows them, --format json has all", hidden,
            hidden == 1 ? "group" : "groups");
        seep_layout_wrap(layout, SEEP_INK_DIM, text, 0, INDENT);
    }
    for (size_t i = 0; i < groups->note_count; i++) {
        seep_layout_put(layout, SEEP_INK_YELLOW, "note: ");
        seep_layout_wrap(layout, SEEP_INK_PLAIN, groups->notes[i], 6, 6);
    }
    if (groups->stopped > 0) {
        text[0] = '\0';
        add(text, "stopped %zu %s%s: %.2f ms in all, %.2f ms the longest",
            groups->stopped, threads_word(groups->stopped),
            groups->stopped > 1 ? " one after the other" : "", groups->stop_total_s * 1e3,
            groups->stop_longest_s * 1e3);
        seep_layout_wrap(layout, SEEP_INK_DIM, text, 0, INDENT);
    }
}

int seep_threads_text(const struct seep_thread_groups *groups,
                      const struct seep_render_options *options, struct seep_buf *out)
{
    struct seep_layout layout = {.out = out,
                                 .columns = options->columns > SEEP_LAYOUT_COLUMNS_MIN
                                                ? options->columns
                                                : SEEP_LAYOUT_COLUMNS_MIN,
                                 .color = options->color,
                                 .utf8 = options->utf8};
    size_t top = options->top != 0 ? options->top : TOP_DEFAULT;
    size_t shown = groups->group_count < top ? groups->group_count : top;

    put_head(&layout, groups);
    for (size_t i = 0; i < shown; i++) {
        put_group(&layout, &groups->groups[i]);
    }
    put_foot(&layout, groups, groups->group_count - shown);
    return out->failed ? -ENOMEM : 0;
}
