/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PRELOAD_ENV_H
#define SEEP_ANALYZER_COLLECT_PRELOAD_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "collect/options.h"

/* Finds libseep.so beside this binary: ../lib, the installation's library folder, its own
 * folder.
 *
 * path:    out.
 * Returns: 0; -ENOENT (the message lists where it was looked for); -EINVAL its path holds
 * a space or a colon, which LD_PRELOAD cannot express.
 */
int seep_preload_library(char *path, size_t path_bytes, struct seep_error *error);

/* A copy of `env` in which the program finds our library and the collector: LD_PRELOAD
 * begins with `library`, SEEP_SOCKET is `socket_name`, SEEP_OPTIONS has "no-children"
 * unless options->children, and ends with the mode and the checking when
 * options say one.
 *
 * Returns: owned (seep_preload_env_free); NULL when memory is out.
 */
char **seep_preload_env(char *const *env, const char *library, const char *socket_name,
                        const struct seep_collect_options *options);
void seep_preload_env_free(char **env);

#endif
