/* A count from the kernel, not from a table of ours: a child that is forgotten by the
 * table is just what is looked for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/child_count.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>

/* How many words the file has. */
static uint32_t count_words(FILE *file)
{
    uint32_t words = 0;
    bool within = false;
    for (int c = getc(file); c != EOF; c = getc(file)) {
        words += !within && !isspace(c);
        within = !isspace(c);
    }
    return words;
}

uint32_t pma_child_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) {
        return 0;
    }
    uint32_t children = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone. */
    for (const struct dirent *task = readdir(tasks); task != NULL;
         task = readdir(tasks)) {
        char path[300];
        snprintf(path, sizeof path, "/proc/self/task/%s/children", task->d_name);
        FILE *file = task->d_name[0] != '.' ? fopen(path, "re") : NULL;
        if (file != NULL) {
            children += count_words(file);
            fclose(file);
        }
    }
    closedir(tasks);
    return children;
}
