/* The formats that exist.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/renderer.h"

#include <string.h>

const char *const SEEP_RENDERER_NAMES =
    "text, json, markdown, html, folded, pprof, sarif, junit";

const struct seep_renderer *seep_renderer_find(const char *name)
{
    static const struct seep_renderer *const all[] = {
        &SEEP_RENDERER_TEXT,  &SEEP_RENDERER_JSON,   &SEEP_RENDERER_MARKDOWN,
        &SEEP_RENDERER_HTML,  &SEEP_RENDERER_FOLDED, &SEEP_RENDERER_PPROF,
        &SEEP_RENDERER_SARIF, &SEEP_RENDERER_JUNIT};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}
