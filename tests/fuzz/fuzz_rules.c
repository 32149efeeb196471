/* Rule files are written by people and copied from anywhere: every input is taken or
 * refused with a line number, and what was taken can be applied.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_rules.h"

#include <stdlib.h>
#include <string.h>

#include "verdict/subsystem_rules.h"
#include "verdict/suppress.h"

uint64_t seep_fuzz_taken, seep_fuzz_inputs;

static void must(bool kept)
{
    if (!kept) {
        abort();
    }
}

static void apply(const struct seep_suppressions *rules)
{
    struct seep_view_frame frame = {.function = "hub_register(int, char*)",
                                    .file = "server/hub/hub.c",
                                    .module = "pma-backend",
                                    .module_path = "/opt/pma-backend"};
    struct seep_finding finding = {.id = "0123456789ab",
                                   .kind = SEEP_KIND_HEAP,
                                   .verdict = SEEP_VERDICT_SUSPECT,
                                   .stack = &frame,
                                   .stack_count = 1};
    struct seep_findings *findings = NULL;

    must(seep_findings_new(&findings) == 0);
    findings->findings = &finding;
    findings->finding_count = 1;
    must(seep_suppressions_apply(rules, findings) == 0);
    must(findings->finding_count + findings->suppressed.findings == 1);
    must(findings->suppressed.rules_used == findings->suppressed.findings);
    seep_findings_free(findings);
}

static void suppressions(const char *bytes, size_t size)
{
    struct seep_suppressions *rules = NULL;
    struct seep_error error = {0};
    int status = seep_suppressions_parse("f", bytes, size, &rules, &error);

    must((status == 0) == (rules != NULL));
    if (status < 0) {
        must(strncmp(error.message, "f:", 2) == 0 && error.message[2] >= '1');
        return;
    }
    seep_fuzz_taken++;
    apply(rules);
    seep_suppressions_free(rules);
}

static void subsystem_rules(const char *bytes, size_t size)
{
    struct seep_subsystem_rules *rules = NULL;
    struct seep_error error = {0};
    int status = seep_subsystem_rules_parse("f", bytes, size, &rules, &error);

    must((status == 0) == (rules != NULL));
    if (status < 0) {
        must(strncmp(error.message, "f:", 2) == 0 && error.message[2] >= '1');
        return;
    }
    seep_fuzz_taken++;
    seep_subsystem_rules_free(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seep_fuzz_inputs++;
    if (size > 0) {
        (data[0] % 2 == 0 ? suppressions : subsystem_rules)((const char *)data + 1,
                                                            size - 1);
    }
    return 0;
}
