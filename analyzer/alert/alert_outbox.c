/* What a receiver has still to be told.
 *
 * A set instead of a queue of messages: of an alert that fired, rose and passed while the
 * receiver was away only the last matters, so that an hour's absence costs no more than
 * the number of alerts. Backoff is the receiver's, not the note's: when it does not
 * answer one, it will not answer the others.
 *
 * I1: slots are in the order in which their alerts came; each key once.
 * I2: a slot is pending, or fires and will be repeated; others are dropped.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BACKOFF_SHIFT_MOST = 6 };
static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const uint64_t BACKOFF_MOST_NS = UINT64_C(60000000000);

struct slot {
    struct seep_alert_note *note; /* a reference */
    uint64_t queued_ns;           /* since when it is pending */
    uint64_t repeat_ns;           /* when it is told anew; of one that is not pending */
    bool pending;
};

struct seep_outbox {
    struct seep_outbox_rules rules;
    struct slot *slots; /* owned; I1 */
    size_t count;
    unsigned failures;    /* on end */
    uint64_t next_try_ns; /* not before; 0: at once */
    uint64_t random;
    struct seep_outbox_counts counts;
};

int seep_outbox_new(const struct seep_outbox_rules *rules, struct seep_outbox **outbox)
{
    struct seep_outbox *made = NULL;

    if (rules->most == 0 || rules->most > SEEP_OUTBOX_MOST || rules->keep_ns == 0) {
        return -EINVAL;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return -ENOMEM;
    }
    made->rules = *rules;
    made->random = rules->seed;
    made->slots = calloc(rules->most, sizeof(*made->slots));
    if (made->slots == NULL) {
        free(made);
        return -ENOMEM;
    }
    *outbox = made;
    return 0;
}

void seep_outbox_free(struct seep_outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    for (size_t i = 0; i < outbox->count; i++) {
        seep_alert_note_put(outbox->slots[i].note);
    }
    free(outbox->slots);
    free(outbox);
}

static struct slot *find(struct seep_outbox *outbox, const struct seep_alert_note *note)
{
    for (size_t i = 0; i < outbox->count; i++) {
        if (strcmp(outbox->slots[i].note->text[SEEP_NOTE_KEY],
                   note->text[SEEP_NOTE_KEY]) == 0) {
            return &outbox->slots[i];
        }
    }
    return NULL;
}

static void drop(struct seep_outbox *outbox, struct slot *slot)
{
    size_t at = (size_t)(slot - outbox->slots);

    seep_alert_note_put(slot->note);
    memmove(slot, slot + 1, (outbox->count - at - 1) * sizeof(*slot));
    outbox->count--;
}

int seep_outbox_put(struct seep_outbox *outbox, struct seep_alert_note *note,
                    uint64_t now_ns)
{
    struct slot *slot = find(outbox, note);

    if (slot != NULL) {
        outbox->counts.replaced += slot->pending;
        seep_alert_note_put(slot->note);
    } else if (outbox->count < outbox->rules.most) {
        slot = &outbox->slots[outbox->count++];
        *slot = (struct slot){0};
    } else {
        outbox->counts.full++;
        return -ENOSPC;
    }
    slot->note = seep_alert_note_get(note);
    slot->pending = true;
    slot->queued_ns = now_ns;
    return 0;
}

void seep_outbox_refresh(struct seep_outbox *outbox, struct seep_alert_note *note)
{
    struct slot *slot = find(outbox, note);

    if (slot != NULL && !slot->pending && !slot->note->resolved) {
        seep_alert_note_put(slot->note);
        slot->note = seep_alert_note_get(note);
    }
}

static bool repeats(const struct seep_outbox *outbox, const struct slot *slot)
{
    return outbox->rules.repeat_ns != 0 && !slot->note->resolved;
}

/* Gives up what is too old. What fires and is repeated never is: it is news. */
static void expire(struct seep_outbox *outbox, uint64_t now_ns)
{
    for (size_t i = outbox->count; i-- > 0;) {
        struct slot *slot = &outbox->slots[i];

        if (slot->pending && !repeats(outbox, slot) &&
            now_ns - slot->queued_ns >= outbox->rules.keep_ns) {
            outbox->counts.expired++;
            drop(outbox, slot);
        }
    }
}

size_t seep_outbox_due(struct seep_outbox *outbox, uint64_t now_ns, bool at_once,
                       struct seep_alert_note **notes, size_t most)
{
    size_t n = 0;

    expire(outbox, now_ns);
    if (!at_once && now_ns < outbox->next_try_ns) {
        return 0;
    }
    for (size_t i = 0; i < outbox->count && n < most; i++) {
        struct slot *slot = &outbox->slots[i];

        if (slot->pending || (!at_once && now_ns >= slot->repeat_ns)) {
            notes[n++] = seep_alert_note_get(slot->note);
        }
    }
    return n;
}

/* SplitMix64: enough for jitter. Source: Steele, Lea, Flood 2014. */
static uint64_t chance(struct seep_outbox *outbox)
{
    uint64_t z = (outbox->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void back_off(struct seep_outbox *outbox, uint64_t now_ns)
{
    unsigned shift =
        outbox->failures < BACKOFF_SHIFT_MOST ? outbox->failures : BACKOFF_SHIFT_MOST;
    uint64_t wait_ns = SECOND_NS << shift;

    wait_ns = wait_ns < BACKOFF_MOST_NS ? wait_ns : BACKOFF_MOST_NS;
    outbox->failures++;
    outbox->next_try_ns = now_ns + wait_ns - chance(outbox) % (wait_ns / 4);
}

/* One note was taken or refused. */
static void settle(struct seep_outbox *outbox, const struct seep_alert_note *note,
                   uint64_t now_ns)
{
    struct slot *slot = find(outbox, note);

    if (slot == NULL || slot->note != note) {
        return; /* a newer one came while this one was on its way */
    }
    slot->pending = false;
    slot->repeat_ns = now_ns + outbox->rules.repeat_ns;
    if (!repeats(outbox, slot)) {
        drop(outbox, slot);
    }
}

void seep_outbox_done(struct seep_outbox *outbox, struct seep_alert_note *const *notes,
                      size_t n, enum seep_outbox_outcome outcome, uint64_t now_ns)
{
    if (outcome == SEEP_OUTBOX_AWAY) {
        outbox->counts.failed++;
        back_off(outbox, now_ns);
        return;
    }
    outbox->failures = 0;
    outbox->next_try_ns = 0;
    outbox->counts.failed += outcome == SEEP_OUTBOX_REFUSED;
    for (size_t i = 0; i < n; i++) {
        outbox->counts.sent += outcome == SEEP_OUTBOX_TAKEN;
        outbox->counts.refused += outcome == SEEP_OUTBOX_REFUSED;
        settle(outbox, notes[i], now_ns);
    }
}

uint64_t seep_outbox_wake_ns(const struct seep_outbox *outbox)
{
    uint64_t wake = UINT64_MAX;

    for (size_t i = 0; i < outbox->count; i++) {
        const struct slot *slot = &outbox->slots[i];
        uint64_t at = slot->pending ? outbox->next_try_ns : slot->repeat_ns;

        at = at < outbox->next_try_ns ? outbox->next_try_ns : at;
        wake = at < wake ? at : wake;
    }
    return wake;
}

struct seep_outbox_counts seep_outbox_counts(const struct seep_outbox *outbox)
{
    struct seep_outbox_counts counts = outbox->counts;

    for (size_t i = 0; i < outbox->count; i++) {
        counts.pending += outbox->slots[i].pending;
    }
    return counts;
}
