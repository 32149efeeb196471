/* What a recording says of threads, as JSON lines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/dump_threads.h"

static json_t *thread_states(struct seep_dump *d, uint32_t state)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bits[] = {{SEEP_THREAD_STARTED, "started"},   {SEEP_THREAD_ENDED, "ended"},
                {SEEP_THREAD_DETACHED, "detached"}, {SEEP_THREAD_JOINED, "joined"},
                {SEEP_THREAD_FOREIGN, "foreign"},   {SEEP_THREAD_RETURNED, "returned"},
                {SEEP_THREAD_LEFT, "left"}};
    json_t *states = json_array();

    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if ((state & bits[i].bit) != 0) {
            seep_dump_append(d, states, json_string(bits[i].name));
        }
    }
    return states;
}

static void dump_thread(struct seep_dump *d, const struct seep_rec_thread *t)
{
    json_t *line = seep_dump_new_line(d, "thread");

    seep_dump_put_number(d, line, "t_ns", d->recording->threads_t_ns);
    seep_dump_put_number(d, line, "slot", t->slot);
    seep_dump_put_number(d, line, "generation", t->generation);
    seep_dump_put_number(d, line, "tid", t->tid);
    seep_dump_put_text(d, line, "name", t->name);
    seep_dump_put(d, line, "state", thread_states(d, t->state));
    seep_dump_put_number(d, line, "site", t->site);
    seep_dump_put_number(d, line, "creator_slot", t->creator);
    seep_dump_put_text(d, line, "subsystem", d->recording->subsystems[t->subsystem]);
    seep_dump_put_number(d, line, "start_module", t->start_module);
    seep_dump_put_number(d, line, "start_offset", t->start_offset);
    if (d->symbolizer != NULL) {
        seep_dump_put_text(
            d, line, "start_function",
            seep_symbol_function(d->symbolizer, t->start_module, t->start_offset));
    }
    seep_dump_put_number(d, line, "created_ns", t->created_ns);
    seep_dump_put_number(d, line, "started_ns", t->started_ns);
    seep_dump_put_number(d, line, "ended_ns", t->ended_ns);
    seep_dump_put_number(d, line, "stack_bytes", t->stack_bytes);
    seep_dump_put_number(d, line, "cpu_ns", t->cpu_ns);
    seep_dump_put_number(d, line, "voluntary_switches", t->voluntary_switches);
    seep_dump_put_number(d, line, "involuntary_switches", t->involuntary_switches);
    seep_dump_put_text(d, line, "os_state", (char[]){t->os_state, '\0'});
    seep_dump_put_number(d, line, "unchanged_since_ns", t->unchanged_since_ns);
    seep_dump_put_text(d, line, "wait", t->wait);
    seep_dump_write_line(d, line);
}

static void dump_wait(struct seep_dump *d, const struct seep_rec_wait *wait)
{
    json_t *line = seep_dump_new_line(d, "wait");

    seep_dump_put_number(d, line, "t_ns", d->recording->waits.t_ns);
    seep_dump_put_number(d, line, "tid", wait->tid);
    seep_dump_put_number(d, line, "slot_plus_1", wait->slot_plus_1);
    seep_dump_put_text(d, line, "name", wait->name);
    seep_dump_put_text(d, line, "os_state", (char[]){wait->os_state, '\0'});
    seep_dump_put_number(d, line, "cpu_ns", wait->cpu_ns);
    seep_dump_put_number(d, line, "voluntary_switches", wait->voluntary_switches);
    seep_dump_put_number(d, line, "involuntary_switches", wait->involuntary_switches);
    seep_dump_put_number(d, line, "unchanged_since_ns", wait->unchanged_since_ns);
    seep_dump_put_number(d, line, "syscall_plus_1", wait->syscall_plus_1);
    seep_dump_put_number(d, line, "address", wait->address);
    seep_dump_put_number(d, line, "fd_plus_1", wait->fd_plus_1);
    seep_dump_put_text(d, line, "target", wait->target);
    seep_dump_write_line(d, line);
}

static const char *exit_way_name(uint32_t way)
{
    static const char *const names[] = {"none", "exit", "at_once"};

    return way < sizeof(names) / sizeof(names[0]) ? names[way] : "unknown";
}

static void dump_lifetime(struct seep_dump *d, const struct seep_rec_lifetime *row)
{
    json_t *line = seep_dump_new_line(d, "lifetime");
    json_t *buckets = json_array();
    size_t count = SEEP_LIFETIME_BUCKETS;

    while (count > 0 && row->buckets[count - 1] == 0) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        seep_dump_append(d, buckets, seep_dump_number(row->buckets[i]));
    }
    seep_dump_put_number(d, line, "t_ns", d->recording->lifetimes.t_ns);
    seep_dump_put_text(d, line, "exit", exit_way_name(d->recording->lifetimes.exit_way));
    seep_dump_put_number(d, line, "site", row->site);
    seep_dump_put_number(d, line, "created", row->created);
    seep_dump_put_number(d, line, "started", row->started);
    seep_dump_put_number(d, line, "ended", row->ended);
    seep_dump_put_number(d, line, "joined", row->joined);
    seep_dump_put_number(d, line, "detached", row->detached);
    seep_dump_put_number(d, line, "left", row->left);
    seep_dump_put_number(d, line, "cancelled", row->cancelled);
    seep_dump_put_number(d, line, "cpu_ns", row->cpu_ns);
    seep_dump_put_number(d, line, "stack_mapped_bytes", row->stack_mapped_bytes);
    seep_dump_put_number(d, line, "stack_resident_bytes", row->stack_resident_bytes);
    seep_dump_put(d, line, "buckets", buckets);
    seep_dump_write_line(d, line);
}

static json_t *probe_stack(struct seep_dump *d, const struct seep_rec_probe *probe)
{
    json_t *stack = json_array();

    for (size_t i = 0; i < probe->frame_count; i++) {
        const struct seep_rec_probe_frame *from = &probe->frames[i];
        json_t *frame = json_object();

        seep_dump_put_number(d, frame, "module", from->module);
        seep_dump_put_number(d, frame, "offset", from->offset);
        seep_dump_put(d, frame, "exact", json_boolean(from->exact));
        if (d->symbolizer != NULL) {
            struct seep_symbol_frame source;

            (void)seep_symbol_frames_at(d->symbolizer, from, &source, 1);
            seep_dump_put_text(d, frame, "function", source.function);
        }
        seep_dump_append(d, stack, frame);
    }
    return stack;
}

static void dump_probe(struct seep_dump *d, const struct seep_rec_probe *probe)
{
    static const char *const reaches[] = {"unknown", "somebody", "nobody"};
    json_t *line = seep_dump_new_line(d, "probe");
    json_t *arguments = json_array();
    char hex[2 * SEEP_PROBE_OBJECT_MAX_BYTES + 1] = "";

    for (size_t i = 0; i < sizeof(probe->arguments) / sizeof(probe->arguments[0]); i++) {
        seep_dump_append(d, arguments, seep_dump_number(probe->arguments[i]));
    }
    for (size_t i = 0; i < probe->object_bytes; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", probe->object[i]);
    }
    seep_dump_put_number(d, line, "t_ns", probe->t_ns);
    seep_dump_put_number(d, line, "tid", probe->tid);
    seep_dump_put_number(d, line, "slot_plus_1", probe->slot_plus_1);
    seep_dump_put_number(d, line, "why", probe->why);
    seep_dump_put_number(d, line, "stop_ns", probe->stop_ns);
    seep_dump_put_number(d, line, "unchanged_since_ns", probe->unchanged_since_ns);
    seep_dump_put_number(d, line, "syscall_plus_1", probe->syscall_plus_1);
    seep_dump_put(d, line, "arguments", arguments);
    seep_dump_put_number(d, line, "object_at", probe->object_at);
    seep_dump_put_text(d, line, "object", hex);
    seep_dump_put_text(d, line, "reach",
                       probe->reach <= SEEP_REACH_NOBODY ? reaches[probe->reach]
                                                         : "unknown");
    seep_dump_put_number(d, line, "searches", probe->searches);
    seep_dump_put_number(d, line, "scanned_bytes", probe->scanned_bytes);
    seep_dump_put_number(d, line, "end", probe->end);
    seep_dump_put(d, line, "stack", probe_stack(d, probe));
    seep_dump_write_line(d, line);
}

void seep_dump_threads(struct seep_dump *d)
{
    const struct seep_recording *rec = d->recording;

    for (size_t i = 0; i < rec->thread_count && !seep_dump_stopped(d); i++) {
        dump_thread(d, &rec->threads[i]);
    }
    for (size_t i = 0; i < rec->waits.count && !seep_dump_stopped(d); i++) {
        dump_wait(d, &rec->waits.rows[i]);
    }
    for (size_t i = 0; i < rec->lifetimes.count && !seep_dump_stopped(d); i++) {
        dump_lifetime(d, &rec->lifetimes.rows[i]);
    }
    for (size_t i = 0; i < rec->probe_count && !seep_dump_stopped(d); i++) {
        dump_probe(d, &rec->probes[i]);
    }
}
