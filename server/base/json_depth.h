/* How deep JSON is nested. jansson reads 2,048 levels and goes through them by recursion
 * when it writes, copies or frees, which is more than the stack of a thread of ours is
 * sure to hold: so what comes from others is looked at before.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_JSON_DEPTH_H
#define PMA_JSON_DEPTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Levels that a document from outside may have. */
#define PMA_JSON_DEPTH_MAX 64

/* Whether arrays and objects of a text are nested at most `levels` deep; the text need
 * not be valid JSON. Thread-safety: pure. Cost: O(bytes). */
bool pma_json_text_is_shallow(const char *text, size_t bytes, size_t levels);

/* The same for a value; a scalar has no level. Thread-safety: pure. Cost: O(its size). */
bool pma_json_is_shallow(const json_t *value, size_t levels);

#endif
