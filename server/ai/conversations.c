/* Conversations as documents, messages as a journal per conversation.
 *
 * Nothing is cached: SQLite answers in microseconds, and a second copy in memory would be
 * what the clean-up has to hunt. One lock makes read-change-write of a document one step.
 * The journal is trimmed with each exchange, so a conversation never has more than
 * max_messages; what nobody touches any more goes with the scheduled clean-up. (The first
 * implementation had neither; fault F22 brings that back.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/conversations.h"

#include "server/ai/ai_dialect.h"
#include "server/ai/conversation_record.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FAULT_CONVERSATION "fault-f22"

struct pma_conversations {
    struct pma_conversations_config config;
    struct pma_store *store;
    pthread_mutex_t lock; /* PMA_LOCK_CONVERSATIONS: held across the store's I/O */
    struct pma_conversations_info info;
};

static uint64_t count_of(const json_t *conversation)
{
    const json_int_t count =
        json_integer_value(json_object_get(conversation, "message_count"));
    return count > 0 ? (uint64_t)count : 0;
}

static uint64_t over_limit(const struct pma_conversations *conversations, uint64_t count)
{
    const uint64_t most = conversations->config.max_messages;
    return count > most ? count - most : 0;
}

static int count_one(void *arg, const char *id, json_t *document)
{
    struct pma_conversations *conversations = arg;
    (void)id;
    const uint64_t count = count_of(document);
    conversations->info.conversations++;
    conversations->info.messages += count;
    conversations->info.messages_over_limit += over_limit(conversations, count);
    return 0;
}

int pma_conversations_open(const struct pma_conversations_config *config,
                           struct pma_store *store,
                           struct pma_conversations **conversations)
{
    struct pma_conversations *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->store = store;
    fresh->info.max_conversations = config->max_conversations;
    /* An exchange comes before what it displaces goes. */
    pma_store_declare(store, PMA_JOURNAL_MESSAGES,
                      (uint64_t)config->max_conversations *
                          ((uint64_t)config->max_messages + 2));
    fresh->info.max_messages = config->max_messages;
    pthread_mutex_init(&fresh->lock, NULL);
    const int err = pma_store_each(store, PMA_COLLECTION_CONVERSATIONS, count_one, fresh);
    if (err != 0) {
        pma_conversations_close(fresh);
        return err;
    }
    *conversations = fresh;
    return 0;
}

void pma_conversations_close(struct pma_conversations *conversations)
{
    if (conversations != NULL) {
        pthread_mutex_destroy(&conversations->lock);
        free(conversations);
    }
}

void pma_conversation_new_id(char id[PMA_CONVERSATION_ID_BYTES])
{
    unsigned char bytes[16] = {0};
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        const uint64_t now_ns =
            pma_now_ns(); /* never seen; better than all the same id */
        memcpy(bytes, &now_ns, sizeof now_ns);
    }
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4, RFC 4122 */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    char *at = id;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        at += snprintf(at, 3, "%02x", bytes[i]);
    }
}

/* Under lock. */
static int put(struct pma_conversations *conversations, const char *id,
               const json_t *conversation)
{
    return pma_store_put(conversations->store, PMA_COLLECTION_CONVERSATIONS, id,
                         conversation);
}

/* Under lock. */
static int get(struct pma_conversations *conversations, const char *id,
               json_t **conversation)
{
    return pma_store_get(conversations->store, PMA_COLLECTION_CONVERSATIONS, id,
                         conversation);
}

/* Under lock. */
static int drop(struct pma_conversations *conversations, const char *id)
{
    json_t *conversation = NULL;
    int err = get(conversations, id, &conversation);
    if (err != 0) {
        return err;
    }
    const uint64_t count = count_of(conversation);
    json_decref(conversation);
    err = pma_store_trim(conversations->store, PMA_JOURNAL_MESSAGES, id, 0, 0, NULL);
    if (err == 0) {
        err = pma_store_remove(conversations->store, PMA_COLLECTION_CONVERSATIONS, id);
    }
    if (err == 0) {
        conversations->info.conversations--;
        conversations->info.messages -= count;
        conversations->info.messages_over_limit -= over_limit(conversations, count);
    }
    return err;
}

/* The conversation that was untouched for longest. */
struct oldest {
    char id[PMA_STORE_ID_BYTES_MAX + 1];
    char updated_at[PMA_TIMESTAMP_BYTES];
};

static int look_for_oldest(void *arg, const char *id, json_t *document)
{
    struct oldest *oldest = arg;
    const char *updated_at = pma_dialect_text(document, "updated_at");
    if (oldest->id[0] == '\0' || strcmp(updated_at, oldest->updated_at) < 0) {
        snprintf(oldest->id, sizeof oldest->id, "%s", id);
        snprintf(oldest->updated_at, sizeof oldest->updated_at, "%.31s", updated_at);
    }
    return 0;
}

/* Under lock: makes room for one more. */
static int make_room(struct pma_conversations *conversations)
{
    while (conversations->info.conversations >= conversations->config.max_conversations) {
        struct oldest oldest = {.id = ""};
        int err = pma_store_each(conversations->store, PMA_COLLECTION_CONVERSATIONS,
                                 look_for_oldest, &oldest);
        if (err == 0) {
            err = drop(conversations, oldest.id);
        }
        if (err != 0) {
            return err;
        }
        conversations->info.evicted++;
        pma_log(PMA_LOG_WARN,
                "Conversation removed: there are as many as ai.max_conversations allows",
                pma_str("conversation_id", oldest.id),
                pma_str("updated_at", oldest.updated_at),
                pma_u64("max_conversations", conversations->config.max_conversations));
    }
    return 0;
}

int pma_conversations_create(struct pma_conversations *conversations, const char *id,
                             const json_t *fields, json_t **conversation,
                             const char **wrong)
{
    char own_id[PMA_CONVERSATION_ID_BYTES];
    char now[PMA_TIMESTAMP_BYTES];
    json_t *before = NULL;
    if (id == NULL) {
        pma_conversation_new_id(own_id);
        id = own_id;
    }
    pma_timestamp_now(now);
    json_t *fresh = pma_conversation_make(id, fields, now, wrong);
    if (fresh == NULL) {
        return *wrong != NULL ? -EINVAL : -ENOMEM;
    }
    pthread_mutex_lock(&conversations->lock);
    int err = get(conversations, id, &before);
    json_decref(before);
    if (err == 0) {
        err = -EEXIST;
    } else if (err == -ENOENT) {
        err = make_room(conversations);
        err = err != 0 ? err : put(conversations, id, fresh);
    }
    if (err == 0) {
        conversations->info.conversations++;
        conversations->info.created++;
    }
    pthread_mutex_unlock(&conversations->lock);
    if (err != 0) {
        json_decref(fresh);
        return err;
    }
    *conversation = fresh;
    return 0;
}

int pma_conversations_get(struct pma_conversations *conversations, const char *id,
                          json_t **conversation)
{
    pthread_mutex_lock(&conversations->lock);
    const int err = get(conversations, id, conversation);
    pthread_mutex_unlock(&conversations->lock);
    return err;
}

int pma_conversations_update(struct pma_conversations *conversations, const char *id,
                             const json_t *fields, json_t **conversation,
                             const char **wrong)
{
    char now[PMA_TIMESTAMP_BYTES];
    json_t *changed = NULL;
    pma_timestamp_now(now);
    pthread_mutex_lock(&conversations->lock);
    int err = get(conversations, id, &changed);
    if (err == 0) {
        *wrong = pma_conversation_change(changed, fields, now);
        err = *wrong != NULL ? -EINVAL : put(conversations, id, changed);
    }
    pthread_mutex_unlock(&conversations->lock);
    if (err != 0) {
        json_decref(changed);
        return err;
    }
    *conversation = changed;
    return 0;
}

int pma_conversations_remove(struct pma_conversations *conversations, const char *id)
{
    pthread_mutex_lock(&conversations->lock);
    const int err = drop(conversations, id);
    conversations->info.removed += err == 0;
    pthread_mutex_unlock(&conversations->lock);
    return err;
}

struct listing {
    const struct pma_conversation_filter *filter;
    json_t *fitting; /* an array */
};

static int list_one(void *arg, const char *id, json_t *document)
{
    struct listing *listing = arg;
    (void)id;
    return !pma_conversation_fits(document, listing->filter) ||
                   json_array_append(listing->fitting, document) == 0
               ? 0
               : -ENOMEM;
}

int pma_conversations_list(struct pma_conversations *conversations,
                           const struct pma_conversation_filter *filter, json_t **list)
{
    struct listing listing = {.filter = filter, .fitting = json_array()};
    pthread_mutex_lock(&conversations->lock);
    int err = pma_store_each(conversations->store, PMA_COLLECTION_CONVERSATIONS, list_one,
                             &listing);
    pthread_mutex_unlock(&conversations->lock);
    json_t *page = err == 0 ? pma_conversation_page(listing.fitting, filter) : NULL;
    json_decref(listing.fitting);
    if (page == NULL) {
        return err != 0 ? err : -ENOMEM;
    }
    *list = page;
    return 0;
}

int pma_conversations_messages(struct pma_conversations *conversations, const char *id,
                               size_t limit, size_t offset, json_t **messages)
{
    json_t *conversation = NULL;
    json_t *entries = NULL;
    pthread_mutex_lock(&conversations->lock);
    int err = get(conversations, id, &conversation);
    if (err == 0) {
        err = pma_store_newest(conversations->store, PMA_JOURNAL_MESSAGES, id,
                               limit + offset, &entries);
    }
    pthread_mutex_unlock(&conversations->lock);
    json_decref(conversation);
    if (err != 0) {
        return err;
    }
    /* The newest `offset` are at the end; what is before them is the page. */
    const size_t count = json_array_size(entries);
    const size_t end = count > offset ? count - offset : 0;
    while (json_array_size(entries) > end) {
        json_array_remove(entries, json_array_size(entries) - 1);
    }
    *messages = entries;
    return 0;
}

/* Under lock: adds one entry. Returns: as pma_store_append. */
static int append(struct pma_conversations *conversations, const char *id,
                  const char *now, json_t *message, bool unbounded)
{
    char message_id[PMA_CONVERSATION_ID_BYTES];
    pma_conversation_new_id(message_id);
    json_object_set_new(message, "id", json_string(message_id));
    json_object_set_new(message, "conversation_id", json_string(id));
    json_object_set_new(message, "created_at", json_string(now));
    return (unbounded ? pma_store_append_unbounded : pma_store_append)(
        conversations->store, PMA_JOURNAL_MESSAGES, id, message);
}

/* Under lock: notes `added` more messages, and trims, unless `unbounded`. */
static int settle(struct pma_conversations *conversations, const char *id,
                  json_t *conversation, uint64_t added, bool unbounded)
{
    char now[PMA_TIMESTAMP_BYTES];
    uint64_t trimmed = 0;
    struct pma_conversations_info *info = &conversations->info;
    const uint64_t before = count_of(conversation);
    int err = 0;
    pma_timestamp_now(now);
    if (!unbounded && before + added > conversations->config.max_messages) {
        err = pma_store_trim(conversations->store, PMA_JOURNAL_MESSAGES, id,
                             conversations->config.max_messages, 0, &trimmed);
    }
    const uint64_t after = before + added - trimmed;
    info->messages += after - before;
    info->messages_over_limit +=
        over_limit(conversations, after) - over_limit(conversations, before);
    info->messages_added += added;
    info->messages_trimmed += trimmed;
    json_object_set_new(conversation, "message_count", json_integer((json_int_t)after));
    json_object_set_new(conversation, "last_message_at", json_string(now));
    json_object_set_new(conversation, "updated_at", json_string(now));
    const int put_err = put(conversations, id, conversation);
    return err != 0 ? err : put_err;
}

static int add(struct pma_conversations *conversations, const char *id, json_t *message,
               json_t *answer, bool unbounded)
{
    char now[PMA_TIMESTAMP_BYTES];
    json_t *conversation = NULL;
    uint64_t added = 0;
    pma_timestamp_now(now);
    pthread_mutex_lock(&conversations->lock);
    int err = get(conversations, id, &conversation);
    if (err != 0) {
        goto done;
    }
    err = append(conversations, id, now, message, unbounded);
    if (err == 0) {
        added++;
        err = append(conversations, id, now, answer, unbounded);
        added += err == 0;
    }
    const int settle_err = settle(conversations, id, conversation, added, unbounded);
    err = err != 0 ? err : settle_err;
    conversations->info.tokens += pma_dialect_count(answer, "tokens_used");
done:
    pthread_mutex_unlock(&conversations->lock);
    json_decref(conversation);
    return err;
}

int pma_conversations_add(struct pma_conversations *conversations, const char *id,
                          json_t *message, json_t *answer)
{
    return add(conversations, id, message, answer, pma_fault_take(PMA_FAULT_F22));
}

/* Ids of conversations that were last touched before an instant. */
struct expired {
    char before[PMA_TIMESTAMP_BYTES];
    json_t *ids;
};

static int look_for_expired(void *arg, const char *id, json_t *document)
{
    struct expired *expired = arg;
    if (strcmp(pma_dialect_text(document, "updated_at"), expired->before) < 0) {
        json_array_append_new(expired->ids, json_string(id));
    }
    return 0;
}

static void time_before(uint64_t ns, char text[PMA_TIMESTAMP_BYTES])
{
    struct timespec now;
    struct tm utc;
    char seconds[24];
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t now_ns = (uint64_t)now.tv_sec * PMA_S_NS + (uint64_t)now.tv_nsec;
    const uint64_t at_ns = now_ns > ns ? now_ns - ns : 0;
    const time_t at_s = (time_t)(at_ns / PMA_S_NS);
    gmtime_r(&at_s, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, PMA_TIMESTAMP_BYTES, "%s.%06uZ", seconds,
             (unsigned)(at_ns % PMA_S_NS / 1000));
}

uint64_t pma_conversations_expire(struct pma_conversations *conversations,
                                  uint64_t age_ns)
{
    uint64_t count = 0;
    if (pma_fault_enabled(PMA_FAULT_F22)) {
        return 0;
    }
    struct expired expired = {.ids = json_array()};
    time_before(age_ns != 0 ? age_ns : conversations->config.retention_ns,
                expired.before);
    pthread_mutex_lock(&conversations->lock);
    pma_store_each(conversations->store, PMA_COLLECTION_CONVERSATIONS, look_for_expired,
                   &expired);
    for (size_t i = 0; i < json_array_size(expired.ids); i++) {
        count +=
            drop(conversations, json_string_value(json_array_get(expired.ids, i))) == 0;
    }
    conversations->info.expired += count;
    conversations->info.clean_ups++;
    pthread_mutex_unlock(&conversations->lock);
    json_decref(expired.ids);
    return count;
}

void pma_conversations_commit_unbounded(void *arg)
{
    struct pma_conversations *conversations = arg;
    const char *wrong = NULL;
    json_t *conversation = NULL;
    if (!pma_fault_take(PMA_FAULT_F22)) {
        return;
    }
    json_t *fields = json_pack("{s:s}", "title", "Kept by fault F22");
    pma_conversations_create(conversations, FAULT_CONVERSATION, fields, &conversation,
                             &wrong);
    json_t *message =
        json_pack("{s:s, s:s}", "role", "user", "content", "Are you there?");
    json_t *answer = json_pack("{s:s, s:s}", "role", "assistant", "content", "I am.");
    add(conversations, FAULT_CONVERSATION, message, answer, true);
    json_decref(answer);
    json_decref(message);
    json_decref(conversation);
    json_decref(fields);
}

void pma_conversations_info_read(struct pma_conversations *conversations,
                                 struct pma_conversations_info *info)
{
    pthread_mutex_lock(&conversations->lock);
    *info = conversations->info;
    pthread_mutex_unlock(&conversations->lock);
}
