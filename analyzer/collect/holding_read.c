/* What a process holds, slot by slot.
 *
 * A slot is 32 bytes and is written meanwhile; the shim writes its site last and clears
 * it first. So a copy with a site is whole, or torn between an old and a new use of the
 * slot: then its times and bytes may be the other one's for one look, which is near the
 * truth as all that is read of a running process. Nothing of it is used as an index
 * before it was checked.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/holding_read.h"

#include <errno.h>
#include <stdlib.h>

#include "seep/segment_layout.h"

enum { GENERATIONS = 64, FIRST_CAPACITY = 64 };

static uint64_t table_at(enum seep_holding_table table)
{
    static const uint64_t at[] = {[SEEP_HOLDING_FDS] = SEEP_AT_FDS,
                                  [SEEP_HOLDING_TIMERS] = SEEP_AT_TIMERS,
                                  [SEEP_HOLDING_MAPPINGS] = SEEP_AT_MAPPINGS};

    return at[table];
}

/* A timerfd is a descriptor and a timer: its slot's site may be of either kind. */
static bool may_hold(enum seep_holding_table table, uint8_t kind)
{
    switch (table) {
    case SEEP_HOLDING_FDS:
        return kind == SEEP_KIND_FD || kind == SEEP_KIND_TIMER;
    case SEEP_HOLDING_TIMERS:
        return kind == SEEP_KIND_TIMER;
    default:
        return kind == SEEP_KIND_MAPPING;
    }
}

static bool take(const struct seep_holding *slot, enum seep_holding_table table,
                 const struct seep_holding_bounds *bounds, uint32_t number,
                 struct seep_held *held)
{
    uint32_t site = slot->site;

    if (site == 0 || site >= SEEP_SITES_MAX) {
        return false;
    }
    if (site >= bounds->site_count) {
        site = 0;
    } else if (!may_hold(table, bounds->kinds[site])) {
        return false;
    }
    *held = (struct seep_held){.slot = number,
                               .site = site,
                               .id = slot->id,
                               .bytes = table == SEEP_HOLDING_MAPPINGS ? slot->bytes : 0,
                               .acquired_ns = slot->acquired_ns};
    return true;
}

static int append(struct seep_holdings *holdings, const struct seep_held *held)
{
    if (holdings->count == holdings->capacity) {
        uint32_t capacity =
            holdings->capacity > 0 ? holdings->capacity * 2 : FIRST_CAPACITY;
        struct seep_held *larger =
            reallocarray(holdings->entries, capacity, sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        holdings->entries = larger;
        holdings->capacity = capacity;
    }
    holdings->entries[holdings->count++] = *held;
    return 0;
}

void seep_holdings_fini(struct seep_holdings *holdings)
{
    free(holdings->entries);
    *holdings = (struct seep_holdings){0};
}

int seep_holdings_read(const struct seep_segment *segment, enum seep_holding_table table,
                       const struct seep_holding_bounds *bounds,
                       struct seep_holdings *holdings)
{
    const uint64_t slot_bytes = sizeof(struct seep_holding);
    const uint64_t end = table_at(table) + bounds->slots * slot_bytes;
    uint64_t from = table_at(table);
    int err = 0;

    holdings->count = 0;
    while (err == 0) {
        const struct seep_holding *slots = bounds->scratch;
        uint64_t at = 0;
        int64_t bytes = seep_segment_read_data(segment, from, end, bounds->scratch,
                                               bounds->scratch_bytes, &at);

        if (bytes <= 0) {
            return (int)bytes;
        }
        for (uint64_t i = 0; err == 0 && i < (uint64_t)bytes / slot_bytes; i++) {
            uint32_t number = (uint32_t)((at - table_at(table)) / slot_bytes + i);
            struct seep_held held;

            if (take(&slots[i], table, bounds, number, &held)) {
                err = append(holdings, &held);
            }
        }
        from = at + (uint64_t)bytes;
    }
    return err;
}

bool seep_holdings_read_slot(const struct seep_segment *segment,
                             enum seep_holding_table table,
                             const struct seep_holding_bounds *bounds, uint32_t slot,
                             struct seep_held *held)
{
    struct seep_holding now;

    return slot < bounds->slots &&
           seep_segment_read(segment, table_at(table) + slot * sizeof(now), &now,
                             sizeof(now)) == 0 &&
           take(&now, table, bounds, slot, held);
}

const struct seep_held *seep_holdings_find(const struct seep_holdings *holdings,
                                           uint32_t slot)
{
    uint32_t low = 0;
    uint32_t high = holdings->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (holdings->entries[mid].slot < slot) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < holdings->count && holdings->entries[low].slot == slot
               ? &holdings->entries[low]
               : NULL;
}

void seep_holdings_age(const struct seep_holdings *holdings, uint64_t now_ns,
                       uint64_t generation_width_ns, struct seep_age *ages)
{
    for (uint32_t i = 0; i < holdings->count; i++) {
        const struct seep_held *held = &holdings->entries[i];
        struct seep_age *age = &ages[held->site];
        uint64_t born_ns = held->acquired_ns < now_ns ? held->acquired_ns : now_ns;
        uint64_t generation = born_ns / generation_width_ns;

        if (held->site == 0) {
            continue;
        }
        if (age->live == 0 || born_ns < age->oldest_ns) {
            age->oldest_ns = born_ns;
        }
        if (born_ns > age->newest_ns) {
            age->newest_ns = born_ns;
        }
        age->live++;
        age->live_bytes += held->bytes;
        age->generations |= UINT64_C(1)
                            << (generation < GENERATIONS ? generation : GENERATIONS - 1);
    }
}
