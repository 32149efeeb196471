/* The environment of a recorded program.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/preload_env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seep/sampling.h"

enum {
    OWN_VARIABLES = 3,
    PATH_BYTES = 4096,
    MODE_BYTES = 48,
    CHECK_BYTES = 24,
    GRACE_BYTES = 48
};

int seep_preload_library(char *path, size_t path_bytes, struct seep_error *error)
{
    static const char *const places[] = {
        "../lib/libseep.so", "../" SEEP_INSTALL_LIBDIR "/libseep.so", "libseep.so",
        "../../" SEEP_INSTALL_LIBDIR "/libseep.so" /* of libexec/seep/seep-net */};
    char self[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = NULL;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL) {
        return seep_error_set(error, -ENOENT,
                              "/proc/self/exe cannot be read; is /proc mounted?");
    }
    *slash = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char candidate[2 * PATH_BYTES];
        char *resolved = NULL;

        (void)snprintf(candidate, sizeof(candidate), "%s/%s", self, places[i]);
        resolved = realpath(candidate, NULL);
        if (resolved == NULL) {
            continue;
        }
        (void)snprintf(path, path_bytes, "%s", resolved);
        free(resolved);
        if (strpbrk(path, " :") != NULL) {
            return seep_error_set(
                error, -EINVAL,
                "'%s' cannot be preloaded: LD_PRELOAD knows no paths with a "
                "space or a colon; move Seep elsewhere",
                path);
        }
        return 0;
    }
    return seep_error_set(error, -ENOENT, "libseep.so is neither in %s/../lib nor in %s",
                          self, self);
}

static bool is_variable(const char *entry, const char *name)
{
    size_t len = strlen(name);

    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* NAME=value, or NAME=value<separator>former when a former value exists. */
static char *variable(const char *name, const char *value, char separator,
                      const char *former)
{
    char *entry = NULL;
    int n = former != NULL && former[0] != '\0'
                ? asprintf(&entry, "%s=%s%c%s", name, value, separator, former)
                : asprintf(&entry, "%s=%s", name, value);

    return n < 0 ? NULL : entry;
}

/* The former options, with ours around them: of a mode the last word counts. */
static char *options_variable(const char *former,
                              const struct seep_collect_options *options)
{
    char mode[MODE_BYTES] = "";
    char check[CHECK_BYTES] = "";
    char grace[GRACE_BYTES] = "";
    char *entry = NULL;
    const char *first = options->children ? "" : "no-children";
    const char *last = ""; /* a process that another seep records is not this one's */

    if (options->mode == SEEP_MODE_SAMPLED) {
        (void)snprintf(mode, sizeof(mode), "mode=sampled=%llu",
                       (unsigned long long)options->sample_bytes);
    } else if (options->mode == SEEP_MODE_FULL) {
        (void)snprintf(mode, sizeof(mode), "mode=full");
    }
    former = former != NULL ? former : "";
    if (strstr(former, "main-pid=") != NULL) {
        last = ",main-pid=0";
    }
    if (options->check_every != 0) {
        (void)snprintf(check, sizeof(check), "%scheck=%u",
                       *first != '\0' || *former != '\0' || *mode != '\0' ? "," : "",
                       options->check_every);
    }
    if (options->exit_grace_ms != 0) {
        (void)snprintf(
            grace, sizeof(grace), "%sat-exit-threads=none=%u.%03u",
            *first != '\0' || *former != '\0' || *mode != '\0' || *check != '\0' ? ","
                                                                                 : "",
            options->exit_grace_ms / 1000, options->exit_grace_ms % 1000);
    }
    return asprintf(&entry, "SEEP_OPTIONS=%s%s%s%s%s%s%s%s", first,
                    *first != '\0' && *former != '\0' ? "," : "", former,
                    *mode != '\0' && (*first != '\0' || *former != '\0') ? "," : "", mode,
                    check, grace, last) < 0
               ? NULL
               : entry;
}

static const char *value_of(char *const *env, const char *name)
{
    for (; *env != NULL; env++) {
        if (is_variable(*env, name)) {
            return *env + strlen(name) + 1;
        }
    }
    return NULL;
}

void seep_preload_env_free(char **env)
{
    for (char **entry = env; entry != NULL && *entry != NULL; entry++) {
        free(*entry);
    }
    free(env);
}

char **seep_preload_env(char *const *env, const char *library, const char *socket_name,
                        const struct seep_collect_options *options)
{
    size_t n = 0;
    size_t count = 0;

    while (env[count] != NULL) {
        count++;
    }
    char **copy = calloc(count + OWN_VARIABLES + 1, sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }
    copy[n++] = variable("LD_PRELOAD", library, ':', value_of(env, "LD_PRELOAD"));
    copy[n++] = variable("SEEP_SOCKET", socket_name, '\0', NULL);
    copy[n++] = options_variable(value_of(env, "SEEP_OPTIONS"), options);
    for (size_t i = 0; i < count; i++) {
        if (!is_variable(env[i], "LD_PRELOAD") && !is_variable(env[i], "SEEP_SOCKET") &&
            !is_variable(env[i], "SEEP_OPTIONS")) {
            copy[n++] = strdup(env[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (copy[i] == NULL) {
            for (size_t k = 0; k < n; k++) {
                free(copy[k]);
            }
            free(copy);
            return NULL;
        }
    }
    return copy;
}
