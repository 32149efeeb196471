/* The embedded store: what has to survive a restart. One SQLite database, in write-ahead
 * mode, holds documents (the newest state of a thing) and journals (what happened to it).
 *
 * It is bounded: a database that reached its limit answers -ENOSPC, and a document that
 * is too large -EMSGSIZE; nothing is dropped in silence.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_STORE_H
#define PMA_STORE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct pma_local_cache;
struct pma_store;

/* Kept in the file: never renumbered. */
enum pma_collection {
    PMA_COLLECTION_NONE = 0,
    PMA_COLLECTION_ENTITIES = 1,
    PMA_COLLECTION_ROOMS = 2,
    PMA_COLLECTION_CONVERSATIONS = 3,
    PMA_COLLECTION_SETTINGS = 4,
    PMA_COLLECTION_END = 5, /* not a collection; moves when one is added */
};

enum pma_journal {
    PMA_JOURNAL_NONE = 0,
    PMA_JOURNAL_MESSAGES = 1,   /* key: conversation */
    PMA_JOURNAL_EXECUTIONS = 2, /* key: tool */
    PMA_JOURNAL_STATES = 3,     /* key: entity */
    PMA_JOURNAL_END = 4,        /* not a journal; moves when one is added */
};

/* Longest id of a document and key of a journal. */
#define PMA_STORE_ID_BYTES_MAX 255

struct pma_store_config {
    const char *path; /* of the database, made when it is missing; ":memory:": none, and
                         nothing survives. Borrowed during open */
    uint64_t busy_timeout_ns;    /* wait for another program that writes to the file */
    uint64_t max_bytes;          /* of the database without its log; 0: no limit */
    uint64_t max_document_bytes; /* of one document or entry as JSON text; 0: no limit */
    struct pma_local_cache *cache; /* of documents that were read; borrowed until close;
                                      NULL: none */
};

/* Opens the database, makes its tables when it is new, and proves that it can be written.
 *
 * store: out, given back with pma_store_close; untouched on error.
 * Returns: 0; -EINVAL: no path; -ENOENT: its folder is missing; -EISDIR; -EACCES or
 * -EROFS: it or its folder cannot be written; -EBADMSG: the file is damaged or not a
 * database; -EPROTONOSUPPORT: another program's database, or a later version's; -EBUSY:
 * another program holds it; -ENOSPC; -ENOMEM; -EIO. pma_store_explain says what to do.
 * Thread-safety: any thread. Allocates. Cost: a file of up to 64 MiB is read whole and
 * checked. */
int pma_store_open(const struct pma_store_config *config, struct pma_store **store);

/* Writes why pma_store_open failed, and what to do, as one clause. Thread-safety: pure.
 */
void pma_store_explain(int err, const char *path, char *text, size_t text_bytes);

/* Moves the log into the database and closes it. NULL is allowed. Thread-safety: owner
 * thread, when no other uses the store any more. */
void pma_store_close(struct pma_store *store);

/* In all that follows:
 *   an id or key has 1..PMA_STORE_ID_BYTES_MAX bytes of UTF-8 without control characters,
 *   else -EINVAL (as for an unknown collection or journal);
 *   -ENOSPC: the limit, or the disk, is reached; -EBUSY: another program held the file
 *   too long; -EBADMSG: damaged data; -EIO; -ENOMEM. Nothing is changed on error.
 *   Thread-safety: any thread, takes PMA_LOCK_STORE. Allocates. A write waits for the
 *   disk when the log is moved into the database, every 1,000 pages or so. */

/* Inserts or replaces a document (any JSON value, borrowed).
 * Returns: 0; -EMSGSIZE: larger than max_document_bytes; see above. */
int pma_store_put(struct pma_store *store, enum pma_collection collection, const char *id,
                  const json_t *document);

/* Reads a document, from the cache when it is there: what another program changed in the
 * file is seen when the cache's time is over. document: out, owned by the caller.
 * Returns: 0; -ENOENT; see above. */
int pma_store_get(struct pma_store *store, enum pma_collection collection, const char *id,
                  json_t **document);

/* Removes a document. Returns: 0; -ENOENT; see above. */
int pma_store_remove(struct pma_store *store, enum pma_collection collection,
                     const char *id);

/* Calls visit for each document, by ascending id, without the lock, so that visit may
 * use the store. A document that is put or removed meanwhile is seen or not; all others
 * are seen once. id and document: borrowed during the call. What is damaged is logged
 * and passed over. Returns: 0; what visit returned, when that was not 0: the walk ends
 * there; see above. Cost: O(documents), 64 of them in memory at one time. */
int pma_store_each(struct pma_store *store, enum pma_collection collection,
                   int (*visit)(void *arg, const char *id, json_t *document), void *arg);

/* Adds an entry (any JSON value, borrowed) to the end of a key's journal.
 * Returns: as pma_store_put. */
int pma_store_append(struct pma_store *store, enum pma_journal journal, const char *key,
                     const json_t *entry);

/* The same, for what is not kept to the journal's limit (fault F22). */
int pma_store_append_unbounded(struct pma_store *store, enum pma_journal journal,
                               const char *key, const json_t *entry);

#define PMA_STORE_PAGE_BYTES 4096 /* of the database */

/* Tells Seep how many entries a journal has at most, all keys together, where its owner
 * sees to that: the pages that a database in memory takes for them are no leak then.
 * entries: 0 for no limit. Thread-safety: owner thread, before anybody appends. */
void pma_store_declare(struct pma_store *store, enum pma_journal journal,
                       uint64_t entries);

/* Reads the newest `limit` entries of a key. entries: out, an array, oldest first, owned
 * by the caller; empty for a key without entries. Returns: 0; see above. Cost: O(limit).
 */
int pma_store_newest(struct pma_store *store, enum pma_journal journal, const char *key,
                     size_t limit, json_t **entries);

/* Removes entries: all but the newest `keep` of a key (0: all; SIZE_MAX: none for their
 * number), and those older than an instant.
 *
 * key: NULL stands for each key of the journal. older_than_unix_ms: 0: none for their
 * age. removed: out, may be NULL. Returns: 0; see above. Cost: O(entries of the journal)
 * for each key, O(removed) for one. */
int pma_store_trim(struct pma_store *store, enum pma_journal journal, const char *key,
                   size_t keep, int64_t older_than_unix_ms, uint64_t *removed);

/* {path, documents, entries, size_bytes, max_bytes, reads, writes, errors, last_error?};
 * owned by the caller, NULL without memory. Cost: O(documents + entries). */
json_t *pma_store_stats_json(struct pma_store *store);

/* Fault F16: reads a document that nobody has read before, when the fault is on.
 * arg: struct pma_store. Thread-safety: any thread. */
void pma_store_simulate_read(void *arg);

#endif
