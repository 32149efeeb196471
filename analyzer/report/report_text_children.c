/* The children's lines in the text report.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_text_children.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"
#include "report/child_groups.h"

enum { GROUPS_SHOWN_MAX = 12, LINE_MAX_BYTES = 1024, COMMAND_MIN = 20 };

/* Appends; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + used, LINE_MAX_BYTES - used, format, args);
    va_end(args);
}

/* ", 0.1 s", ", 0.1 s to 12 s" */
static void durations(char *text, const struct seep_child_group *group)
{
    char shortest[SEEP_FMT_MAX];
    char longest[SEEP_FMT_MAX];

    (void)seep_fmt_seconds(shortest, sizeof(shortest), group->shortest_s);
    (void)seep_fmt_seconds(longest, sizeof(longest), group->longest_s);
    if (strcmp(shortest, longest) == 0) {
        add(text, ", ran %s", longest);
    } else {
        add(text, ", ran %s to %s", shortest, longest);
    }
}

static void several(char *text, const struct seep_child_group *group)
{
    size_t well = group->count - group->replaced - group->failed;
    const char *comma = "";
    char bytes[SEEP_FMT_MAX];

    add(text, " (");
    if (well > 0) {
        add(text, "%zu exited 0", well);
        comma = ", ";
    }
    if (group->failed > 0) {
        add(text, "%s%zu %s", comma, group->failed,
            group->other_ending[0] != '\0' ? group->other_ending : "ended otherwise");
        comma = ", ";
    }
    if (group->replaced > 0) {
        add(text, "%s%zu replaced by exec", comma, group->replaced);
    }
    durations(text, group);
    if (group->heap_live_bytes > 0) {
        add(text, ", left %s",
            seep_fmt_bytes(bytes, sizeof(bytes), (double)group->heap_live_bytes));
    }
    add(text, ")");
}

static void one(char *text, const struct seep_view_child *child)
{
    char duration[SEEP_FMT_MAX];

    add(text, " (pid %" PRIu32 ", ran %s, %s)", child->pid,
        seep_fmt_seconds(duration, sizeof(duration), child->duration_s),
        child->replaced ? "replaced by exec" : child->ending);
}

/* Words that may wrap, after the command, which is cut to what one line has room for. */
static void group_line(const struct seep_layout *layout, const char *label,
                       int label_columns, const struct seep_child_group *group)
{
    size_t indent = (size_t)label_columns;
    size_t room = layout->columns > indent + COMMAND_MIN ? layout->columns - indent : 0;
    char command[LINE_MAX_BYTES];
    char count[SEEP_FMT_MAX + 8] = "";
    char text[LINE_MAX_BYTES] = "";
    char cut[LINE_MAX_BYTES];
    enum seep_ink ink =
        group->outcome >= SEEP_OUTCOME_SUSPECT ? SEEP_INK_RED : SEEP_INK_PLAIN;

    if (group->count > 1) {
        (void)snprintf(count, sizeof(count), "%zu x ", group->count);
        several(text, group);
    } else {
        one(text, group->first);
    }
    if (group->files > 0) {
        add(text, ": %s%s", group->file, group->files > 1 ? " ..." : "");
    }
    if (group->outcome != 0) {
        add(text, ": %s", seep_outcome_name(group->outcome));
    }
    (void)snprintf(command, sizeof(command), "%s%s", count,
                   group->same_command ? group->first->command : group->program);
    (void)seep_layout_cut_middle(command, room > COMMAND_MIN ? room : COMMAND_MIN, cut,
                                 sizeof(cut));
    (void)snprintf(command, sizeof(command), "%.500s%.500s", cut, text);
    seep_layout_cell(layout, SEEP_INK_DIM, label, label_columns);
    seep_layout_wrap(layout, ink, command, indent, indent);
}

static void own_images(const struct seep_layout *layout,
                       const struct seep_child_group *group, int label_columns)
{
    char text[LINE_MAX_BYTES] = "";

    add(text, "this process was %s", group->program);
    if (group->count > 1) {
        add(text, ", then %zu program%s more", group->count - 1,
            group->count == 2 ? "" : "s");
    }
    add(text, ", before exec put this one in its place");
    seep_layout_cell(layout, SEEP_INK_DIM, "before", label_columns);
    seep_layout_wrap(layout, SEEP_INK_PLAIN, text, (size_t)label_columns,
                     (size_t)label_columns);
}

int seep_report_text_children(const struct seep_layout *layout,
                              const struct seep_findings *findings, int label_columns)
{
    struct seep_child_group *groups = NULL;
    size_t count = 0;
    size_t shown = 0;
    size_t left = 0;
    int status = seep_child_groups_make(findings, &groups, &count);

    for (size_t i = 0; i < count; i++) {
        if (groups[i].own_images) {
            own_images(layout, &groups[i], label_columns);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (groups[i].own_images) {
            continue;
        }
        if (shown < GROUPS_SHOWN_MAX) {
            group_line(layout, shown == 0 ? "children" : "", label_columns, &groups[i]);
            shown++;
        } else {
            left += groups[i].count;
        }
    }
    if (left > 0) {
        char text[64];

        (void)snprintf(text, sizeof(text), "and %zu more (--format json lists all)",
                       left);
        seep_layout_cell(layout, SEEP_INK_DIM, "", label_columns);
        seep_layout_wrap(layout, SEEP_INK_PLAIN, text, (size_t)label_columns,
                         (size_t)label_columns);
    }
    free(groups);
    return status;
}
