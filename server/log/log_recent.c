/* A ring of bytes and a ring of where lines are in it.
 *
 * The log allocates nothing, so that it does not show up in the figures that it reports;
 * nor does this, once it has its size. A line lies whole in the ring: one that would go
 * over the end begins at the start again.
 *
 * I1: the lines kept are consecutive in both rings and never overlap.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/log/log_recent.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct kept_line {
    size_t at, bytes;
    enum pma_level level;
};

static struct {
    pthread_mutex_t lock; /* PMA_LOCK_LOG_RECENT: what follows */
    char *bytes;
    size_t capacity_bytes;
    size_t next; /* where the next line goes */
    struct kept_line *lines;
    uint32_t lines_max, first, count;
} recent = {.lock = PTHREAD_MUTEX_INITIALIZER};

int pma_log_recent_size(uint32_t lines)
{
    const size_t capacity_bytes = (size_t)lines * PMA_LOG_RECENT_BYTES;
    char *bytes = lines > 0 ? malloc(capacity_bytes) : NULL;
    struct kept_line *table = lines > 0 ? calloc(lines, sizeof *table) : NULL;
    if (lines > 0 && (bytes == NULL || table == NULL)) {
        free(bytes);
        free(table);
        return -ENOMEM;
    }
    pthread_mutex_lock(&recent.lock);
    char *bytes_before = recent.bytes;
    struct kept_line *table_before = recent.lines;
    recent.bytes = bytes;
    recent.capacity_bytes = capacity_bytes;
    recent.lines = table;
    recent.lines_max = lines;
    recent.next = 0;
    recent.first = recent.count = 0;
    pthread_mutex_unlock(&recent.lock);
    free(bytes_before);
    free(table_before);
    return 0;
}

static void drop_oldest(void)
{
    recent.first = (recent.first + 1) % recent.lines_max;
    recent.count--;
}

/* Whether the oldest line has bytes in [at, at + bytes). */
static bool is_in_the_way(size_t at, size_t bytes)
{
    const struct kept_line *oldest = &recent.lines[recent.first];
    return recent.count > 0 && oldest->at < at + bytes && at < oldest->at + oldest->bytes;
}

void pma_log_recent_keep(enum pma_level level, const char *line, size_t line_bytes)
{
    pthread_mutex_lock(&recent.lock);
    if (recent.lines_max > 0 && line_bytes > 0 && line_bytes <= recent.capacity_bytes) {
        if (line_bytes > recent.capacity_bytes - recent.next) {
            /* The rest of the ring is left out, with the lines that are still there. */
            while (is_in_the_way(recent.next, recent.capacity_bytes - recent.next)) {
                drop_oldest();
            }
            recent.next = 0;
        }
        while (recent.count == recent.lines_max ||
               is_in_the_way(recent.next, line_bytes)) {
            drop_oldest();
        }
        memcpy(recent.bytes + recent.next, line, line_bytes);
        recent.lines[(recent.first + recent.count) % recent.lines_max] =
            (struct kept_line){.at = recent.next, .bytes = line_bytes, .level = level};
        recent.count++;
        recent.next += line_bytes;
    }
    pthread_mutex_unlock(&recent.lock);
}

/* Under the lock: the line that is `index` from the oldest. */
static const struct kept_line *line_at(uint32_t index)
{
    return &recent.lines[(recent.first + index) % recent.lines_max];
}

uint32_t pma_log_recent_each(enum pma_level least, uint32_t most,
                             void (*visit)(void *arg, const char *line,
                                           size_t line_bytes),
                             void *arg)
{
    pthread_mutex_lock(&recent.lock);
    uint32_t from = recent.count;
    uint32_t found = 0;
    while (from > 0 && found < most) {
        from--;
        found += line_at(from)->level >= least;
    }
    for (uint32_t i = from; i < recent.count; i++) {
        const struct kept_line *line = line_at(i);
        if (line->level >= least) {
            visit(arg, recent.bytes + line->at, line->bytes - 1);
        }
    }
    pthread_mutex_unlock(&recent.lock);
    return found;
}

uint32_t pma_log_recent_count(void)
{
    pthread_mutex_lock(&recent.lock);
    const uint32_t count = recent.count;
    pthread_mutex_unlock(&recent.lock);
    return count;
}
