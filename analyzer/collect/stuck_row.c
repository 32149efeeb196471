/* What a look at one blocked thread found, as its PROBE frame has it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/stuck_row.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "attach/memory_copy.h"
#include "seep/segment_layout.h"

enum { OBJECT_BEFORE_BYTES = 32, OBJECT_BYTES = 128 };

void seep_stuck_row_fini(struct seep_stuck_row *row)
{
    seep_buf_fini(&row->arguments);
    seep_buf_fini(&row->object);
    seep_buf_fini(&row->stack);
}

/* Shared or not: what is shared in truth is in none of the heap's blocks, and counts as
 * known to everybody. The C++ library's futures wait as if they were. */
static bool is_wakeable_kind(const struct seep_stuck_row *row, const uint64_t *arguments)
{
    uint64_t operation = arguments[1] & FUTEX_CMD_MASK;

    return row->syscall_plus_1 == SYS_futex + 1 && arguments[3] == 0 &&
           (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET);
}

/* The memory around the futex: as much of it as there is. */
static void put_object(uint32_t pid, uint64_t address, struct seep_stuck_row *row)
{
    uint8_t bytes[OBJECT_BYTES];
    uint64_t at = address - OBJECT_BEFORE_BYTES;
    int64_t read = 0;

    if (row->syscall_plus_1 == SYS_futex + 1) {
        read = seep_memory_read(pid, at, bytes, sizeof(bytes));
        if (read < 0) { /* the page before is none */
            at = address;
            read = seep_memory_read(pid, at, bytes, sizeof(bytes) - OBJECT_BEFORE_BYTES);
        }
    }
    seep_buf_put_varint(&row->object, read > 0 ? at : 0);
    seep_buf_put_varint(&row->object, read > 0 ? (uint64_t)read : 0);
    if (read > 0) {
        seep_buf_put(&row->object, bytes, (size_t)read);
    }
}

/* The words of a lock that say who holds it: of its own, and of the kinds that a futex
 * may belong to (wait_kind.c). The first has marks besides. */
static bool read_owner(uint32_t pid, const struct seep_stuck_row *row, uint32_t *owner)
{
    size_t bytes = SEEP_STUCK_OWNER_WORDS * sizeof(*owner);
    bool read = row->syscall_plus_1 == SYS_futex + 1 &&
                seep_memory_read(pid, row->address, owner, bytes) == (int64_t)bytes;

    if (read) {
        owner[0] &= FUTEX_TID_MASK;
        owner[1] = 0; /* how often it is held, or a counter */
    }
    return read;
}

bool seep_stuck_row_lost_owner(uint32_t pid, struct seep_stuck_row *row)
{
    uint32_t now[SEEP_STUCK_OWNER_WORDS];

    if (!row->owned ||
        (read_owner(pid, row, now) && memcmp(now, row->owner, sizeof(now)) == 0)) {
        return false;
    }
    row->owned = false;
    row->object.len_bytes = 0;
    seep_buf_put_varint(&row->object, 0);
    seep_buf_put_varint(&row->object, 0);
    return true;
}

static void note_module(const struct seep_module *module, uint32_t id,
                        const struct seep_probe *probe, uint32_t *ids)
{
    for (size_t i = 1; i < probe->module_count; i++) {
        const struct seep_probe_module *found = &probe->modules[i];

        if (module->base == found->base &&
            memcmp(module->build_id, found->build_id, found->build_id_bytes) == 0) {
            ids[i] = id; /* of several the newest: what was there before is gone */
        }
    }
}

uint32_t *seep_stuck_row_modules(const struct seep_segment *segment,
                                 const struct seep_probe *probe)
{
    uint32_t *ids = calloc(probe->module_count + 1, sizeof(*ids));
    struct seep_segment_counts counts = {0};
    struct seep_module module;

    if (ids == NULL || seep_segment_read_counts(segment, &counts) < 0) {
        return ids;
    }
    for (uint32_t id = 1; id < counts.modules; id++) {
        if (seep_segment_read(segment, SEEP_AT_MODULES + (uint64_t)id * sizeof(module),
                              &module, sizeof(module)) == 0) {
            note_module(&module, id, probe, ids);
        }
    }
    return ids;
}

static void put_stack(const struct seep_probe *probe, const uint32_t *ids,
                      const struct seep_probe_thread *thread, struct seep_buf *out)
{
    bool whole = thread->end == SEEP_PROBE_END_COMPLETE;

    seep_buf_put_varint(out, thread->end == SEEP_PROBE_END_NONE ? SEEP_PROBE_STACK_NONE
                             : whole ? SEEP_PROBE_STACK_COMPLETE
                                     : SEEP_PROBE_STACK_CUT);
    seep_buf_put_varint(out, thread->frame_count);
    for (size_t i = 0; i < thread->frame_count; i++) {
        const struct seep_probe_frame *frame = &thread->frames[i];
        uint32_t id = ids[frame->module];

        seep_buf_put_varint(out, id);
        seep_buf_put_varint(out,
                            id != 0 ? frame->offset
                                    : frame->offset + probe->modules[frame->module].base);
        seep_buf_put_varint(out, frame->exact);
    }
}

int seep_stuck_row_fill(uint32_t pid, const struct seep_probe *probe, const uint32_t *ids,
                        const struct seep_probe_thread *thread,
                        struct seep_stuck_row *row)
{
    uint64_t arguments[6];

    seep_thread_copy_arguments(&thread->copy, arguments);
    row->wakeable_kind = is_wakeable_kind(row, arguments);
    row->stop_ns = thread->copy.stop_ns;
    for (size_t i = 0; i < 6; i++) {
        seep_buf_put_varint(&row->arguments, arguments[i]);
    }
    put_object(pid, arguments[0], row);
    row->owned = read_owner(pid, row, row->owner);
    put_stack(probe, ids, thread, &row->stack);
    return row->arguments.failed || row->object.failed || row->stack.failed ? -ENOMEM : 0;
}

void seep_stuck_row_put(const struct seep_stuck_row *row, uint64_t t_ns,
                        struct seep_buf *payload)
{
    const uint64_t facts[] = {t_ns,
                              row->tid,
                              row->slot_plus_1,
                              SEEP_PROBE_UNCHANGED,
                              row->stop_ns,
                              row->unchanged_since_ns,
                              row->syscall_plus_1};

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        seep_buf_put_varint(payload, facts[i]);
    }
    seep_buf_put(payload, row->arguments.data, row->arguments.len_bytes);
    seep_buf_put(payload, row->object.data, row->object.len_bytes);
    seep_buf_put_varint(payload, row->reach);
    seep_buf_put_varint(payload, row->reach == SEEP_REACH_NOBODY ? row->votes : 1);
    seep_buf_put_varint(payload, row->scanned_bytes);
    seep_buf_put(payload, row->stack.data, row->stack.len_bytes);
}
