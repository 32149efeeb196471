/* Depth by counting brackets, and by recursion that ends at the limit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/json_depth.h"

bool pma_json_text_is_shallow(const char *text, size_t bytes, size_t levels)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < bytes; i++) {
        const char at = text[i];
        if (in_string) {
            i += at == '\\'; /* whatever is escaped does not end the string */
            in_string = at != '"';
        } else if (at == '"') {
            in_string = true;
        } else if (at == '[' || at == '{') {
            if (++depth > levels) {
                return false;
            }
        } else if ((at == ']' || at == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

bool pma_json_is_shallow(const json_t *value, size_t levels)
{
    const char *key = NULL;
    json_t *member = NULL;
    size_t at = 0;
    if (!json_is_object(value) && !json_is_array(value)) {
        return true;
    }
    if (levels == 0) {
        return false;
    }
    json_array_foreach(value, at, member)
    {
        if (!pma_json_is_shallow(member, levels - 1)) {
            return false;
        }
    }
    json_object_foreach((json_t *)value, key, member)
    {
        if (!pma_json_is_shallow(member, levels - 1)) {
            return false;
        }
    }
    return true;
}
