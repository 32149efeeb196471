/* A stack, as JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/json_stack.h"

json_t *seep_json_stack(const struct seep_view_frame *frames, size_t count)
{
    static const char *const roles[] = {"", "runtime", "library", "program"};
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct seep_view_frame *from = &frames[i];

        json_array_append_new(
            array, json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:b, s:s}", "function",
                             from->function, "file", from->file, "line", (int)from->line,
                             "module", from->module, "build_id", from->build_id, "offset",
                             json_integer((json_int_t)from->offset), "inlined",
                             (int)from->inlined, "role", roles[from->role]));
    }
    return array;
}
