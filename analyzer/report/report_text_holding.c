/* Descriptors in the text report.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_text_holding.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fmt.h"

enum { LINE_MAX_BYTES = 1024, LABEL = 10 };

static void line(const struct seep_layout *layout, const char *label, size_t columns,
                 enum seep_ink ink, const char *text)
{
    seep_layout_cell(layout, SEEP_INK_DIM, label, (int)columns);
    seep_layout_wrap(layout, ink, text, columns, columns);
}

/* "3 sockets without an address (fd 9: socket:[77]), 1 /var/log/x" */
static void past(const struct seep_layout *layout,
                 const struct seep_view_descriptors *view, size_t label)
{
    char text[LINE_MAX_BYTES];
    int used = snprintf(text, sizeof(text), "%" PRIu64 " opened past the wrappers",
                        view->unrecorded);

    for (size_t i = 0; i < view->past.group_count && used < (int)sizeof(text); i++) {
        const struct seep_view_group *group = &view->past.groups[i];

        used +=
            snprintf(text + used, sizeof(text) - (size_t)used, "%s%zu %s (%s)",
                     i == 0 ? ": " : ", ", group->count, group->what, group->examples[0]);
    }
    line(layout, "", label, SEEP_INK_YELLOW, text);
}

void seep_report_text_descriptors(const struct seep_layout *layout,
                                  const struct seep_findings *findings, size_t label)
{
    const struct seep_view_descriptors *view = &findings->descriptors;
    char text[LINE_MAX_BYTES];
    char at[SEEP_FMT_MAX];

    if (!view->known) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "%" PRIu64 " at %s: %" PRIu64 " recorded, %" PRIu64 " inherited",
                   view->open, seep_fmt_seconds(at, sizeof(at), view->at_s),
                   view->recorded, view->inherited);
    line(layout, "open files", label, SEEP_INK_PLAIN, text);
    if (view->unrecorded > 0) {
        past(layout, view, label);
    }
    if (view->gone > 0) {
        (void)snprintf(text, sizeof(text),
                       "%" PRIu64 " more were closed past the wrappers", view->gone);
        line(layout, "", label, SEEP_INK_YELLOW, text);
    }
}

void seep_report_text_targets(const struct seep_layout *layout,
                              const struct seep_view_targets *targets, size_t indent)
{
    for (size_t i = 0; i < targets->group_count; i++) {
        const struct seep_view_group *group = &targets->groups[i];
        char text[LINE_MAX_BYTES];
        char n[SEEP_FMT_MAX];

        seep_buf_printf(layout->out, "%*s", (int)indent, "");
        (void)snprintf(text, sizeof(text), "%s %s",
                       seep_fmt_count(n, sizeof(n), group->count), group->what);
        line(layout, i == 0 ? "open on" : "", LABEL, SEEP_INK_PLAIN, text);
        for (size_t k = 0; k < group->example_count; k++) {
            seep_buf_printf(layout->out, "%*s", (int)indent + LABEL + 2, "");
            seep_layout_wrap(layout, SEEP_INK_DIM, group->examples[k], indent + LABEL + 2,
                             indent + LABEL + 4);
        }
    }
}
