/* Groups of threads, as JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "threads/threads_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/json_stack.h"

static json_t *known(double value)
{
    return value >= 0 ? json_real(value) : json_null();
}

static json_t *rows(const struct seep_thread_group *group)
{
    json_t *array = json_array();

    for (size_t i = 0; i < group->count; i++) {
        const struct seep_thread_row *row = &group->rows[i];

        json_array_append_new(array,
                              json_pack("{s:i, s:s, s:f, s:o, s:s}", "tid", (int)row->tid,
                                        "name", row->name, "cpu_s", row->cpu_s, "idle_s",
                                        known(row->idle_s), "waits_for", row->target));
    }
    return array;
}

static json_t *one_group(const struct seep_thread_group *group)
{
    json_t *object =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:f}", "count", (int)group->count,
                  "state", group->state, "wait", group->wait, "call", group->call,
                  "waits_for", group->target, "idle_least_s", known(group->idle_least_s),
                  "idle_most_s", known(group->idle_most_s), "cpu_s", group->cpu_s);
    json_t *creation =
        json_pack("{s:s, s:s, s:s, s:o, s:s}", "start", group->start, "creator",
                  group->creator, "subsystem", group->subsystem, "stack",
                  seep_json_stack(group->creation.frames, group->creation.count),
                  "stack_end", group->creation.end);

    json_object_set_new(object, "names", json_string(group->names));
    json_object_set_new(object, "stack",
                        seep_json_stack(group->present.frames, group->present.count));
    json_object_set_new(object, "stack_end", json_string(group->present.end));
    json_object_set_new(object, "creation", creation);
    json_object_set_new(object, "threads", rows(group));
    return object;
}

json_t *seep_threads_json_object(const struct seep_thread_groups *groups, size_t top)
{
    size_t n = top != 0 && top < groups->group_count ? top : groups->group_count;
    json_t *list = json_array();
    json_t *notes = json_array();
    json_t *stuck = json_array();
    json_t *stops = NULL;

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, one_group(&groups->groups[i]));
    }
    for (size_t i = 0; i < groups->note_count; i++) {
        json_array_append_new(notes, json_string(groups->notes[i]));
    }
    for (size_t i = 0; i < groups->stuck_count; i++) {
        json_array_append_new(stuck, json_string(groups->stuck[i]));
    }
    stops = groups->stopped == 0
                ? json_null()
                : json_pack("{s:i, s:f, s:f}", "threads", (int)groups->stopped,
                            "total_ms", groups->stop_total_s * 1e3, "longest_ms",
                            groups->stop_longest_s * 1e3);
    return json_pack("{s:i, s:{s:i, s:s}, s:s, s:o, s:i, s:o, s:o, s:o, s:o}",
                     "seep_threads", 1, "program", "pid", (int)groups->pid, "command",
                     groups->command, "source", groups->live ? "process" : "recording",
                     "at_s", groups->live ? json_null() : json_real(groups->at_s),
                     "threads", (int)groups->thread_count, "groups", list, "stops", stops,
                     "notes", notes, "stuck", stuck);
}

int seep_threads_json(const struct seep_thread_groups *groups, size_t top,
                      struct seep_buf *out)
{
    json_t *whole = seep_threads_json_object(groups, top);
    char *text =
        whole != NULL ? json_dumps(whole, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;

    json_decref(whole);
    if (text == NULL) {
        return -ENOMEM;
    }
    seep_buf_put(out, text, strlen(text));
    seep_buf_put(out, "\n", 1);
    free(text);
    return out->failed ? -ENOMEM : 0;
}
