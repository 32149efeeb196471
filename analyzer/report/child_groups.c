/* A program that starts a thousand shells has one line, not a thousand.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/child_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "nginx: worker process" and "/usr/sbin/nginx -g x" are both nginx. */
static void name_program(const char *command, char *out, size_t out_bytes)
{
    size_t n = strcspn(command, " ");
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        from = command[i] == '/' && i + 1 < n ? i + 1 : from;
    }
    n -= from;
    if (n > 1 && command[from + n - 1] == ':') {
        n--;
    }
    n = n < out_bytes ? n : out_bytes - 1;
    memcpy(out, command + from, n);
    out[n] = '\0';
}

static bool has_findings(const struct seep_view_child *child)
{
    return child->outcome >= SEEP_OUTCOME_SUSPECT;
}

static struct seep_child_group group_of(const struct seep_findings *findings,
                                        const struct seep_view_child *child)
{
    struct seep_child_group group = {
        .first = child,
        .count = 1,
        .replaced = child->replaced,
        .failed = !child->replaced && strcmp(child->ending, "exited 0") != 0,
        .files = child->file[0] != '\0',
        .file = child->file,
        .same_command = true,
        .own_images = child->replaced && child->pid == findings->pid,
        .shortest_s = child->duration_s,
        .longest_s = child->duration_s,
        .heap_live_bytes = child->replaced ? 0 : child->heap_live_bytes,
        .outcome = child->outcome,
    };

    group.other_ending = group.failed > 0 ? child->ending : "";
    name_program(child->command, group.program, sizeof(group.program));
    return group;
}

static bool belongs(const struct seep_child_group *group,
                    const struct seep_child_group *one)
{
    return !has_findings(group->first) && !has_findings(one->first) &&
           group->own_images == one->own_images &&
           (group->own_images || strcmp(group->program, one->program) == 0);
}

static void join(struct seep_child_group *group, const struct seep_child_group *one)
{
    if (group->failed == 0) {
        group->other_ending = one->other_ending;
    } else if (one->failed > 0 && strcmp(group->other_ending, one->other_ending) != 0) {
        group->other_ending = "";
    }
    if (group->files == 0) {
        group->file = one->file;
    }
    group->files += one->files;
    group->count++;
    group->replaced += one->replaced;
    group->failed += one->failed;
    group->same_command =
        group->same_command && strcmp(group->first->command, one->first->command) == 0;
    group->heap_live_bytes += one->heap_live_bytes;
    if (one->shortest_s < group->shortest_s) {
        group->shortest_s = one->shortest_s;
    }
    if (one->longest_s > group->longest_s) {
        group->longest_s = one->longest_s;
    }
    if (one->outcome > group->outcome) {
        group->outcome = one->outcome;
    }
}

static void add(const struct seep_findings *findings, const struct seep_view_child *child,
                struct seep_child_group *groups, size_t *count)
{
    struct seep_child_group one = group_of(findings, child);

    for (size_t i = 0; i < *count; i++) {
        if (belongs(&groups[i], &one)) {
            join(&groups[i], &one);
            return;
        }
    }
    groups[(*count)++] = one;
}

int seep_child_groups_make(const struct seep_findings *findings,
                           struct seep_child_group **groups, size_t *count)
{
    struct seep_child_group *list = NULL;
    size_t n = 0;

    if (findings->child_count > 0) {
        list = calloc(findings->child_count, sizeof(*list));
        if (list == NULL) {
            return -ENOMEM;
        }
    }
    for (int with_findings = 1; with_findings >= 0; with_findings--) {
        for (size_t i = 0; i < findings->child_count; i++) {
            if (has_findings(&findings->children[i]) == (with_findings == 1)) {
                add(findings, &findings->children[i], list, &n);
            }
        }
    }
    *groups = list;
    *count = n;
    return 0;
}
