/* Names for the sites on a screen.
 *
 * A site is shown as the verdicts show it (stack_view, headline), so that the live view
 * and the report of the same run speak of the same function.
 *
 * SPDX-License-Identifier: MIT
 */
#include "top/top_names.h"

#include <stdlib.h>
#include <string.h>

#include "load/symbol.h"
#include "verdict/findings.h"
#include "verdict/stack_view.h"

static bool begin(struct seep_top_names *names, const struct seep_recording *recording)
{
    if (names->symbolizer != NULL && names->modules == recording->module_count) {
        return true;
    }
    seep_top_names_fini(names);
    names->modules = recording->module_count;
    return seep_findings_new(&names->findings) == 0 &&
           seep_symbolizer_new(recording, &names->symbolizer) == 0;
}

static bool reserve(struct seep_top_names *names, size_t need)
{
    struct seep_finding **grown = NULL;

    if (need <= names->count) {
        return true;
    }
    grown = reallocarray(names->by_site, need, sizeof(struct seep_finding *));
    if (grown == NULL) {
        return false;
    }
    memset(grown + names->count, 0,
           (need - names->count) * sizeof(struct seep_finding *));
    names->by_site = grown;
    names->count = need;
    return true;
}

const struct seep_finding *seep_top_names_of(struct seep_top_names *names,
                                             const struct seep_recording *recording,
                                             uint32_t site)
{
    struct seep_finding *finding = NULL;

    if (!begin(names, recording) || !reserve(names, recording->site_count)) {
        return NULL;
    }
    if (names->by_site[site] != NULL) {
        return names->by_site[site];
    }
    finding = calloc(1, sizeof(*finding));
    if (finding == NULL) {
        return NULL;
    }
    finding->site = site;
    finding->kind = (enum seep_kind)recording->sites[site].kind;
    finding->subsystem = recording->subsystems[recording->sites[site].subsystem];
    if (seep_stack_view_fill(names->findings, recording, names->symbolizer, site,
                             finding) < 0) {
        free(finding);
        return NULL;
    }
    names->by_site[site] = finding;
    return finding;
}

void seep_top_names_fini(struct seep_top_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->by_site[i]);
    }
    free(names->by_site);
    seep_findings_free(names->findings);
    if (names->symbolizer != NULL) {
        seep_symbolizer_free(names->symbolizer);
    }
    *names = (struct seep_top_names){0};
}
