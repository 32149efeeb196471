/* When a finding becomes an alert: holds, rises, resolves, folds.
 *
 * Each finding is followed with four run lengths: for how many judgements on end it was
 * at least suspect, probable, definite, and urgent. The level that "has held" is read off
 * them, so that one judgement can neither fire nor raise anything, and a level that comes
 * and goes never fires at all. Timers instead of judgements were rejected: a collector
 * that stalls would let alerts fire or resolve on what nobody has looked at.
 *
 * I1: entries of a recording are in the order of their ids, each id once.
 * I2: an entry that does not fire has no tag and no level sent.
 * I3: what fires never falls; sent is at least what fired.
 * I4: `folded` is the number of entries that are folded.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 13, FLAPS_MOST = 6, URGENT_RUN = 0, RUNS = SEEP_VERDICT_DEFINITE + 1 };
static const uint64_t MINUTE_NS = UINT64_C(60000000000);
static const uint64_t REMEMBERED_NS = UINT64_C(3600000000000);

enum state { IDLE = 0, FIRING = 1, FOLDED = 2 };

struct entry {
    char id[ID_BYTES];
    enum state state;
    unsigned run[RUNS];   /* judgements on end: [verdict] at least that; [URGENT_RUN] */
    unsigned absent;      /* judgements on end that it was not wanted */
    unsigned flaps;       /* times that it resolved by absence and was still remembered */
    uint64_t resolved_ns; /* 0: never */
    struct seep_alert_level sent; /* what was told, or folded away */
    struct seep_alert_level seen; /* in this judgement */
    void *tag;                    /* the caller's */
};

struct recording {
    char *name;            /* owned */
    struct entry *entries; /* owned; I1 */
    size_t count, room;
    size_t folded; /* I4 */
    size_t told;   /* of them, in the last event; 0: no such alert fires */
    uint64_t told_ns;
    void *tag; /* of that alert */
};

struct seep_alert_watch {
    struct seep_alert_rules rules;
    struct recording *recordings; /* owned */
    size_t count;
    uint64_t *fired_ns; /* owned; the last per_minute events, a ring */
    size_t fired_at;    /* the oldest of them */
    struct seep_alert_watch_counts counts;
};

int seep_alert_watch_new(const struct seep_alert_rules *rules,
                         struct seep_alert_watch **watch)
{
    struct seep_alert_watch *made = NULL;

    if (rules->at < SEEP_VERDICT_SUSPECT || rules->at > SEEP_VERDICT_DEFINITE ||
        rules->hold == 0 || rules->gone == 0 || rules->hold > 1000 ||
        rules->gone > 1000 || rules->per_minute == 0 ||
        rules->per_minute > SEEP_ALERT_PER_MINUTE_MOST) {
        return -EINVAL;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return -ENOMEM;
    }
    made->rules = *rules;
    made->fired_ns = calloc(rules->per_minute, sizeof(*made->fired_ns));
    if (made->fired_ns == NULL) {
        free(made);
        return -ENOMEM;
    }
    *watch = made;
    return 0;
}

static struct recording *find_recording(struct seep_alert_watch *watch, const char *name)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (strcmp(watch->recordings[i].name, name) == 0) {
            return &watch->recordings[i];
        }
    }
    return NULL;
}

static struct recording *add_recording(struct seep_alert_watch *watch, const char *name)
{
    char *copy = strdup(name);
    struct recording *grown =
        reallocarray(watch->recordings, watch->count + 1, sizeof(*grown));

    if (grown != NULL) {
        watch->recordings = grown;
    }
    if (copy == NULL || grown == NULL) {
        free(copy);
        return NULL;
    }
    grown[watch->count] = (struct recording){.name = copy};
    return &grown[watch->count++];
}

/* The first entry whose id is not below `id`. */
static size_t lower_bound(const struct recording *recording, const char *id)
{
    size_t from = 0;
    size_t to = recording->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(recording->entries[middle].id, id) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* The entry of an id, made when there is none. Returns: 0; -ENOMEM; -ENOSPC. */
static int intern(struct recording *recording, const char *id, struct entry **entry)
{
    size_t at = lower_bound(recording, id);

    if (at < recording->count && strcmp(recording->entries[at].id, id) == 0) {
        *entry = &recording->entries[at];
        return 0;
    }
    if (recording->count == SEEP_ALERT_IDS_MOST) {
        return -ENOSPC;
    }
    if (recording->count == recording->room) {
        size_t room = recording->room * 2 + 16;
        struct entry *grown = reallocarray(recording->entries, room, sizeof(*grown));

        if (grown == NULL) {
            return -ENOMEM;
        }
        recording->entries = grown;
        recording->room = room;
    }
    memmove(&recording->entries[at + 1], &recording->entries[at],
            (recording->count - at) * sizeof(struct entry));
    recording->entries[at] = (struct entry){0};
    memcpy(recording->entries[at].id, id, strnlen(id, ID_BYTES - 1));
    recording->count++;
    *entry = &recording->entries[at];
    return 0;
}

static bool is_wanted(const struct seep_alert_watch *watch, struct seep_alert_level level)
{
    return level.verdict >= SEEP_VERDICT_SUSPECT &&
           (level.urgent || level.verdict >= watch->rules.at);
}

static bool is_above(struct seep_alert_level a, struct seep_alert_level b)
{
    return a.verdict > b.verdict || (a.urgent && !b.urgent);
}

static struct seep_alert_level highest(struct seep_alert_level a,
                                       struct seep_alert_level b)
{
    return (struct seep_alert_level){.verdict =
                                         a.verdict > b.verdict ? a.verdict : b.verdict,
                                     .urgent = a.urgent || b.urgent};
}

/* Enters what this judgement saw into the runs. Returns: the level that has held. */
static struct seep_alert_level count_runs(const struct seep_alert_watch *watch,
                                          struct entry *entry)
{
    struct seep_alert_level held = {0};

    for (int verdict = SEEP_VERDICT_SUSPECT; verdict < RUNS; verdict++) {
        unsigned *run = &entry->run[verdict];

        *run =
            (int)entry->seen.verdict >= verdict ? *run + (*run < watch->rules.hold) : 0;
        if (*run >= watch->rules.hold) {
            held.verdict = (enum seep_verdict)verdict;
        }
    }
    unsigned *run = &entry->run[URGENT_RUN];

    *run = entry->seen.urgent ? *run + (*run < watch->rules.hold) : 0;
    held.urgent = *run >= watch->rules.hold;
    return held;
}

/* Takes one of the minute's alerts. Returns: whether there was one left. */
static bool take_budget(struct seep_alert_watch *watch, uint64_t now_ns)
{
    uint64_t *oldest = &watch->fired_ns[watch->fired_at];

    if (*oldest != 0 && now_ns - *oldest < MINUTE_NS) {
        return false;
    }
    *oldest = now_ns != 0 ? now_ns : 1;
    watch->fired_at = (watch->fired_at + 1) % watch->rules.per_minute;
    return true;
}

static void tell(const struct recording *recording, struct entry *entry,
                 enum seep_alert_what what, struct seep_alert_level was,
                 const struct seep_alert_sink *sink)
{
    struct seep_alert_event event = {.what = what,
                                     .recording = recording->name,
                                     .id = entry->id,
                                     .level = entry->sent,
                                     .was = was,
                                     .tag = &entry->tag};

    if (sink->take != NULL) {
        sink->take(sink->arg, &event);
    }
}

static void tell_folded(struct recording *recording, enum seep_alert_what what,
                        const struct seep_alert_sink *sink)
{
    struct seep_alert_event event = {
        .what = what,
        .recording = recording->name,
        .id = "",
        .level = {.verdict = SEEP_VERDICT_SUSPECT},
        .more = (unsigned)recording->folded,
        .tag = &recording->tag,
    };

    if (sink->take != NULL) {
        sink->take(sink->arg, &event);
    }
}

/* An entry stops to fire or to be folded. */
static void resolve(struct seep_alert_watch *watch, struct recording *recording,
                    struct entry *entry, const struct seep_alert_sink *sink)
{
    if (entry->state == FIRING) {
        watch->counts.firing--;
        tell(recording, entry, SEEP_ALERT_RESOLVES, (struct seep_alert_level){0}, sink);
    } else if (entry->state == FOLDED) {
        recording->folded--;
        watch->counts.folded--;
    }
    entry->tag = NULL;
    entry->state = IDLE;
    entry->sent = (struct seep_alert_level){0};
}

static void fire(struct seep_alert_watch *watch, struct recording *recording,
                 struct entry *entry, struct seep_alert_level level,
                 const struct seep_alert_sink *sink)
{
    if (entry->state == FOLDED) {
        recording->folded--;
        watch->counts.folded--;
    }
    entry->state = FIRING;
    entry->sent = level;
    watch->counts.firing++;
    tell(recording, entry, SEEP_ALERT_FIRES, (struct seep_alert_level){0}, sink);
}

static void fold(struct seep_alert_watch *watch, struct recording *recording,
                 struct entry *entry, struct seep_alert_level level)
{
    entry->state = FOLDED;
    entry->sent = level;
    recording->folded++;
    watch->counts.folded++;
}

/* What an entry does that is wanted now. */
static void step_wanted(struct seep_alert_watch *watch, struct recording *recording,
                        struct entry *entry, uint64_t now_ns,
                        const struct seep_alert_sink *sink)
{
    struct seep_alert_level held = count_runs(watch, entry);
    struct seep_alert_level was = entry->sent;

    entry->absent = 0;
    switch (entry->state) {
    case IDLE:
        if (!is_wanted(watch, held)) {
            break;
        }
        if (take_budget(watch, now_ns)) {
            fire(watch, recording, entry, held, sink);
        } else {
            fold(watch, recording, entry, held);
        }
        break;
    case FOLDED:
        if (is_above(held, was) && take_budget(watch, now_ns)) {
            fire(watch, recording, entry, highest(was, held), sink);
        }
        break;
    case FIRING:
        if (is_above(held, was) && take_budget(watch, now_ns)) { /* else: the next time */
            entry->sent = highest(was, held);
            tell(recording, entry, SEEP_ALERT_RISES, was, sink);
        } else {
            watch->counts.deduplicated++;
        }
        break;
    }
}

static void step_unwanted(struct seep_alert_watch *watch, struct recording *recording,
                          struct entry *entry, uint64_t now_ns,
                          const struct seep_alert_sink *sink)
{
    unsigned needed = watch->rules.gone << entry->flaps;

    (void)count_runs(watch, entry);
    if (entry->state == IDLE || ++entry->absent < needed) {
        return;
    }
    resolve(watch, recording, entry, sink);
    entry->absent = 0;
    entry->resolved_ns = now_ns != 0 ? now_ns : 1;
    entry->flaps += entry->flaps < FLAPS_MOST;
}

/* Whether nothing of an entry matters any more. */
static bool is_forgotten(const struct entry *entry, uint64_t now_ns)
{
    return entry->state == IDLE && entry->seen.verdict == SEEP_VERDICT_NONE &&
           (entry->resolved_ns == 0 || now_ns - entry->resolved_ns >= REMEMBERED_NS);
}

/* The alert on those that were folded: fires at once, is told anew once a minute at the
 * most, and resolves with the last of them. */
static void step_folded(struct seep_alert_watch *watch, struct recording *recording,
                        uint64_t now_ns, const struct seep_alert_sink *sink)
{
    if (recording->folded == 0) {
        if (recording->told != 0) {
            watch->counts.firing--;
            tell_folded(recording, SEEP_ALERT_RESOLVES, sink);
            recording->tag = NULL;
            recording->told = 0;
        }
    } else if (recording->told == 0) {
        watch->counts.firing++;
        recording->told = recording->folded;
        recording->told_ns = now_ns;
        tell_folded(recording, SEEP_ALERT_FIRES, sink);
    } else if (recording->told != recording->folded &&
               now_ns - recording->told_ns >= MINUTE_NS) {
        recording->told = recording->folded;
        recording->told_ns = now_ns;
        tell_folded(recording, SEEP_ALERT_RISES, sink);
    }
}

/* Puts the findings of a judgement to their entries. Returns: 0; -ENOMEM. */
static int enter_seen(struct seep_alert_watch *watch, struct recording *recording,
                      const struct seep_alert_seen *seen, size_t n)
{
    int status = 0;

    for (size_t i = 0; i < recording->count; i++) {
        recording->entries[i].seen = (struct seep_alert_level){0};
    }
    for (size_t i = 0; i < n; i++) {
        struct entry *entry = NULL;
        int made = 0;

        if (!is_wanted(watch, seen[i].level)) {
            continue; /* as if it was not found */
        }
        made = intern(recording, seen[i].id, &entry);
        watch->counts.overlooked += made == -ENOSPC;
        status = made == -ENOMEM ? made : status;
        if (made == 0) {
            entry->seen = highest(entry->seen, seen[i].level);
        }
    }
    return status;
}

int seep_alert_watch_judge(struct seep_alert_watch *watch, const char *recording_name,
                           const struct seep_alert_seen *seen, size_t n, uint64_t now_ns,
                           struct seep_alert_sink sink)
{
    struct recording *recording = find_recording(watch, recording_name);
    size_t kept = 0;
    int status = 0;

    if (recording == NULL && (recording = add_recording(watch, recording_name)) == NULL) {
        return -ENOMEM;
    }
    status = enter_seen(watch, recording, seen, n);
    for (size_t i = 0; i < recording->count; i++) {
        struct entry *entry = &recording->entries[i];

        if (entry->seen.verdict != SEEP_VERDICT_NONE) {
            step_wanted(watch, recording, entry, now_ns, &sink);
        } else {
            step_unwanted(watch, recording, entry, now_ns, &sink);
        }
    }
    for (size_t i = 0; i < recording->count; i++) {
        if (!is_forgotten(&recording->entries[i], now_ns)) {
            recording->entries[kept++] = recording->entries[i];
        }
    }
    recording->count = kept;
    step_folded(watch, recording, now_ns, &sink);
    assert(seep_alert_watch_is_valid(watch));
    return status;
}

static void end_recording(struct seep_alert_watch *watch, struct recording *recording,
                          const struct seep_alert_sink *sink)
{
    for (size_t i = 0; i < recording->count; i++) {
        resolve(watch, recording, &recording->entries[i], sink);
    }
    step_folded(watch, recording, 0, sink);
    free(recording->entries);
    free(recording->name);
}

void seep_alert_watch_gone(struct seep_alert_watch *watch, const char *recording_name,
                           struct seep_alert_sink sink)
{
    struct recording *recording = find_recording(watch, recording_name);

    if (recording != NULL) {
        end_recording(watch, recording, &sink);
        *recording = watch->recordings[--watch->count];
    }
    assert(seep_alert_watch_is_valid(watch));
}

void seep_alert_watch_free(struct seep_alert_watch *watch, struct seep_alert_sink forget)
{
    if (watch == NULL) {
        return;
    }
    for (size_t i = 0; i < watch->count; i++) {
        end_recording(watch, &watch->recordings[i], &forget);
    }
    free(watch->recordings);
    free(watch->fired_ns);
    free(watch);
}

void seep_alert_watch_each(struct seep_alert_watch *watch, const char *recording_name,
                           struct seep_alert_sink sink)
{
    struct recording *recording = find_recording(watch, recording_name);

    for (size_t i = 0; recording != NULL && i < recording->count; i++) {
        if (recording->entries[i].state == FIRING) {
            tell(recording, &recording->entries[i], SEEP_ALERT_FIRES,
                 (struct seep_alert_level){0}, &sink);
        }
    }
    if (recording != NULL && recording->told != 0) {
        tell_folded(recording, SEEP_ALERT_FIRES, &sink);
    }
}

struct seep_alert_watch_counts
seep_alert_watch_counts(const struct seep_alert_watch *watch)
{
    return watch->counts;
}

static bool entry_is_valid(const struct entry *entry)
{
    return entry->state == FIRING
               ? entry->sent.verdict >= SEEP_VERDICT_SUSPECT
               : entry->tag == NULL &&
                     (entry->state == FOLDED || entry->sent.verdict == SEEP_VERDICT_NONE);
}

bool seep_alert_watch_is_valid(const struct seep_alert_watch *watch)
{
    size_t firing = 0;
    size_t folded = 0;

    for (size_t r = 0; r < watch->count; r++) {
        const struct recording *recording = &watch->recordings[r];
        size_t own = 0;

        for (size_t i = 0; i < recording->count; i++) {
            const struct entry *entry = &recording->entries[i];

            if ((i > 0 && strcmp(entry[-1].id, entry->id) >= 0) ||
                !entry_is_valid(entry)) {
                return false; /* I1, I2, I3 */
            }
            firing += entry->state == FIRING;
            own += entry->state == FOLDED;
        }
        if (own != recording->folded) {
            return false; /* I4 */
        }
        folded += own;
        firing += recording->told != 0;
    }
    return firing == watch->counts.firing && folded == watch->counts.folded;
}
