/* Findings of one name, told apart.
 *
 * A helper that is called from two handlers leaks at two sites, and the two sentences
 * would differ by their numbers alone. Which caller each comes through is in the stack;
 * of it the first function outwards that none of the others has at the same distance is
 * said. The whole path was rejected: it is what the stack below is for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/namesake.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The frame that answers, by its name: index, or 0 where none has it. */
static size_t answering(const struct seep_finding *finding)
{
    for (size_t i = 0; i < finding->stack_count; i++) {
        const char *function = finding->stack[i].function;
        size_t n = strlen(function);

        if (strncmp(finding->headline, function, n) == 0 &&
            (finding->headline[n] == '\0' || finding->headline[n] == ' ')) {
            return i;
        }
    }
    return 0;
}

static bool is_namesake(const struct seep_finding *a, const struct seep_finding *b)
{
    if (a->kind != b->kind || b->verdict <= SEEP_VERDICT_BOUNDED ||
        strcmp(a->headline, b->headline) != 0 ||
        strcmp(a->subsystem, b->subsystem) != 0) {
        return false;
    }
    return a->stack_count > 0 && b->stack_count > 0 &&
           a->stack[answering(a)].line == b->stack[answering(b)].line;
}

/* How far out the two differ; SIZE_MAX when nowhere. */
static size_t first_difference(const struct seep_finding *a, const struct seep_finding *b)
{
    size_t i = answering(a);
    size_t j = answering(b);

    for (size_t k = 1; i + k < a->stack_count && j + k < b->stack_count; k++) {
        if (strcmp(a->stack[i + k].function, b->stack[j + k].function) != 0) {
            return k;
        }
    }
    return SIZE_MAX;
}

/* The caller that tells draft `at` from its namesakes; NULL when it has none, or nothing
 * with a name does. */
static const char *caller_of(const struct seep_analysis *analysis, size_t at)
{
    const struct seep_finding *finding = &analysis->drafts[at].finding;
    size_t out = 0;

    for (size_t i = 0; i < analysis->count; i++) {
        const struct seep_finding *other = &analysis->drafts[i].finding;

        if (i == at || !is_namesake(finding, other)) {
            continue;
        }
        size_t differs = first_difference(finding, other);

        out = differs != SIZE_MAX && differs > out ? differs : out;
    }
    for (size_t i = answering(finding) + out; out > 0 && i < finding->stack_count; i++) {
        if (finding->stack[i].role == SEEP_ROLE_PROGRAM &&
            strcmp(finding->stack[i].function, "??") != 0) {
            return finding->stack[i].function;
        }
    }
    return NULL;
}

void seep_namesakes_tell(struct seep_analysis *analysis)
{
    for (size_t i = 0; i < analysis->count; i++) {
        struct seep_finding *finding = &analysis->drafts[i].finding;
        const char *caller =
            finding->verdict > SEEP_VERDICT_BOUNDED ? caller_of(analysis, i) : NULL;

        if (caller != NULL) {
            finding->summary = seep_findings_printf(
                analysis->findings, "%s Reached through %s.", finding->summary, caller);
        }
    }
}
