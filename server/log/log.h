/* The server's log: one JSON object per line on standard output.
 *
 *     pma_log(PMA_LOG_WARN, "Client dropped", pma_str("client_id", id),
 *             pma_u64("queued", queued));
 *
 * gives {"time":"...","level":"warn","msg":"Client
 * dropped","client_id":"..","queued":256}.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LOG_H
#define PMA_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pma_level {
    PMA_LOG_NONE = 0, /* as a threshold: nothing is written */
    PMA_LOG_DEBUG = 1,
    PMA_LOG_INFO = 2,
    PMA_LOG_WARN = 3,
    PMA_LOG_ERROR = 4,
};

enum pma_field_kind {
    PMA_FIELD_NONE = 0,
    PMA_FIELD_STRING = 1,
    PMA_FIELD_UNSIGNED = 2,
    PMA_FIELD_SIGNED = 3,
    PMA_FIELD_REAL = 4,
    PMA_FIELD_BOOL = 5,
};

/* One key and value of a line. Key and text are borrowed during the call. */
struct pma_field {
    const char *key;
    enum pma_field_kind kind;
    union {
        const char *text; /* NULL is written as null */
        uint64_t unsigned_value;
        int64_t signed_value;
        double real; /* what is not finite is written as null */
        bool truth;
    };
};

static inline struct pma_field pma_str(const char *key, const char *text)
{
    return (struct pma_field){.key = key, .kind = PMA_FIELD_STRING, .text = text};
}

static inline struct pma_field pma_u64(const char *key, uint64_t value)
{
    return (struct pma_field){
        .key = key, .kind = PMA_FIELD_UNSIGNED, .unsigned_value = value};
}

static inline struct pma_field pma_i64(const char *key, int64_t value)
{
    return (struct pma_field){
        .key = key, .kind = PMA_FIELD_SIGNED, .signed_value = value};
}

static inline struct pma_field pma_f64(const char *key, double value)
{
    return (struct pma_field){.key = key, .kind = PMA_FIELD_REAL, .real = value};
}

static inline struct pma_field pma_bool(const char *key, bool value)
{
    return (struct pma_field){.key = key, .kind = PMA_FIELD_BOOL, .truth = value};
}

/* Writes one line when `level` reaches the threshold; fields follow the message.
 * A line has at most 4,096 bytes: strings are cut, fields that do not fit are left out
 * and "truncated":true says so. Never blocks: a line that standard output cannot take at
 * once is dropped, and the next line that gets through carries the count as
 * "log_dropped". Thread-safety: any thread, takes PMA_LOCK_LOG. errno is kept. Allocates:
 * nothing. */
#define pma_log(level, msg, ...)                                                         \
    pma_log_write((level), (msg),                                                        \
                  (const struct pma_field[]){{.key = NULL}, ##__VA_ARGS__},              \
                  sizeof((const struct pma_field[]){{.key = NULL}, ##__VA_ARGS__}) /     \
                      sizeof(struct pma_field))

/* What pma_log calls: fields[0] only keeps the array from being empty;
 * it is skipped. */
void pma_log_write(enum pma_level level, const char *msg, const struct pma_field *fields,
                   size_t fields_count);

/* Lines below `level` are not written. The default is PMA_LOG_INFO.
 * Thread-safety: any thread. */
void pma_log_set_level(enum pma_level level);

/* Where lines go; the default is file descriptor 1. Borrowed. Thread-safety: any thread.
 */
void pma_log_set_fd(int fd);

/* "debug", "info", "warn" or "error" -> level. Returns: 0; -EINVAL, *level untouched.
 * Thread-safety: pure. */
int pma_level_parse(const char *text, enum pma_level *level);

/* Lines lost so far because standard output was full. Thread-safety: any thread. */
uint64_t pma_log_dropped(void);

#endif
