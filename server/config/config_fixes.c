/* Puts the settings of fixes that are off in force.
 *
 * They win over the file and the environment, whose limits are there because of the
 * fixes; --set wins over them, so that one of the old limits can be tried alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_fixes.h"

#include "server/fault/fixes.h"

#include <stdio.h>
#include <string.h>

struct lifting {
    struct pma_config *config;
    struct pma_config_problems *problems;
    const char *fix;
};

static void lift_limit(void *arg, const char *word, size_t word_bytes)
{
    const struct lifting *lifting = arg;
    char setting[128];
    snprintf(setting, sizeof setting, "%.*s", (int)word_bytes, word);
    char *value = setting;
    const char *key = strsep(&value, "=");
    pma_config_set(lifting->config, key, value != NULL ? value : "", lifting->fix,
                   lifting->problems);
}

static void commit_fault(void *arg, const char *word, size_t word_bytes)
{
    const struct lifting *lifting = arg;
    char key[64];
    snprintf(key, sizeof key, "faults.%.*s.enabled", (int)word_bytes, word);
    pma_config_set(lifting->config, key, "true", lifting->fix, lifting->problems);
}

void pma_config_lift_fixes(struct pma_config *config,
                           struct pma_config_problems *problems)
{
    size_t count = 0;
    const struct pma_fix *fixes = pma_fixes(&count);
    for (size_t i = 0; i < count; i++) {
        if ((config->fixes_off >> fixes[i].bit & 1) != 0) {
            struct lifting lifting = {config, problems, fixes[i].name};
            pma_fix_each_word(fixes[i].limits, lift_limit, &lifting);
            pma_fix_each_word(fixes[i].faults, commit_fault, &lifting);
        }
    }
}
