/* A recording judged: what report, diff and the end of run have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/judge.h"

#include <string.h>

int seep_judge_rules_open(const char *suppress, const char *subsystems,
                          struct seep_judge_rules *rules, struct seep_error *error)
{
    int status = 0;

    *rules = (struct seep_judge_rules){0};
    if (suppress != NULL) {
        status = seep_suppressions_open(suppress, &rules->suppressions, error);
    }
    if (status == 0 && subsystems != NULL) {
        status = seep_subsystem_rules_open(subsystems, &rules->subsystems, error);
    }
    if (status < 0) {
        seep_judge_rules_close(rules);
    }
    return status;
}

void seep_judge_rules_close(struct seep_judge_rules *rules)
{
    seep_suppressions_free(rules->suppressions);
    seep_subsystem_rules_free(rules->subsystems);
    *rules = (struct seep_judge_rules){0};
}

void seep_judged_fini(struct seep_judged *judged)
{
    seep_findings_free(judged->findings);
    seep_symbolizer_free(judged->symbolizer);
    seep_recording_free(judged->recording);
    *judged = (struct seep_judged){0};
}

int seep_judge(const char *path, const struct seep_verdict_options *options,
               const struct seep_judge_rules *rules, struct seep_judged *judged,
               struct seep_error *error)
{
    struct seep_verdict_options own = *options;
    int status =
        seep_recording_open_telling(path, options->progress, &judged->recording, error);

    if (status < 0) {
        return status;
    }
    own.suppressions = rules->suppressions;
    status = seep_symbolizer_new(judged->recording, &judged->symbolizer);
    if (status == 0) {
        status = seep_subsystem_rules_apply(rules->subsystems, judged->recording,
                                            judged->symbolizer);
    }
    if (status < 0) {
        (void)seep_error_set(error, status, "%s: cannot read symbols: %s", path,
                             strerrordesc_np(-status));
    } else {
        status = seep_verdict_make(judged->recording, judged->symbolizer, &own,
                                   &judged->findings, error);
    }
    if (status < 0) {
        seep_judged_fini(judged);
    }
    return status;
}
