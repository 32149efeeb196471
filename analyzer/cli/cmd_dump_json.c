/* The model as JSON lines: one object per item, so that a recording larger than memory's
 * patience can be piped through jq or read line by line.
 *
 * A site's stack is given once, with the site; snapshots refer to sites by id and hold
 * those whose counters changed, as the file does.
 *
 * Numbers beyond 63 bits, which no sound recording has, become reals; a generations mask,
 * where bit 63 has a meaning, is a string of hex digits. Text that is not UTF-8 has its
 * stray bytes replaced by U+FFFD: JSON has no other bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cmd_dump_json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "seep/kinds.h"

enum { FRAMES_MAX = 64, HEX_BYTES = 65 };

struct dump {
    const struct seep_recording *recording;
    struct seep_symbolizer *symbolizer; /* NULL: no names */
    FILE *out;
    bool no_memory;
};

static const char *const roots[] = {"unknown",   "complete",    "deep",   "no_rule",
                                    "bad_frame", "unsupported", "unknown"};

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {"none",
#define SEEP_X(name, value, text) [value] = (text),
                                        SEEP_KINDS(SEEP_X)
#undef SEEP_X
    };

    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

static const char *loss_name(uint32_t reason)
{
    static const char *const names[SEEP_LOSS_MAX] = {
#define SEEP_X(name, value, key, text) [value] = (key),
        SEEP_LOSSES(SEEP_X)
#undef SEEP_X
    };

    return names[reason] != NULL ? names[reason] : "unknown";
}

static const char *ending_name(uint32_t kind)
{
    static const char *const names[] = {"none",    "exited", "signalled",
                                        "running", "lost",   "exec"};

    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

static json_t *number(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value)
                              : json_real((double)value);
}

/* Bytes of the UTF-8 character at `at`; 0 when it is none. json_stringn is the judge. */
static size_t character_bytes(const char *at)
{
    for (size_t n = 1; n <= 4 && at[n - 1] != '\0'; n++) {
        json_t *value = json_stringn(at, n);

        if (value != NULL) {
            json_decref(value);
            return n;
        }
    }
    return 0;
}

static json_t *text(const char *bytes)
{
    json_t *value = json_string(bytes);
    char *clean = NULL;
    size_t n = 0;

    if (value != NULL) {
        return value;
    }
    clean = malloc(strlen(bytes) * 3 + 1);
    if (clean == NULL) {
        return NULL;
    }
    while (*bytes != '\0') {
        size_t len = character_bytes(bytes);
        const char *from = len != 0 ? bytes : "\xef\xbf\xbd";
        size_t from_bytes = len != 0 ? len : 3;

        memcpy(clean + n, from, from_bytes);
        n += from_bytes;
        bytes += len != 0 ? len : 1;
    }
    value = json_stringn(clean, n);
    free(clean);
    return value;
}

/* Sets a member, taking the value; NULL means that memory was out when it was made. */
static void put(struct dump *d, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        d->no_memory = true;
    }
}

static void put_number(struct dump *d, json_t *object, const char *key, uint64_t value)
{
    put(d, object, key, number(value));
}

static void put_text(struct dump *d, json_t *object, const char *key, const char *value)
{
    put(d, object, key, text(value));
}

static void append(struct dump *d, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        d->no_memory = true;
    }
}

static json_t *new_line(struct dump *d, const char *type)
{
    json_t *line = json_object();

    put(d, line, "type", json_string(type));
    return line;
}

/* Writes and frees a line. */
static void write_line(struct dump *d, json_t *line)
{
    if (!d->no_memory && !ferror(d->out)) {
        (void)json_dumpf(line, d->out, JSON_COMPACT);
        (void)fputc('\n', d->out);
    }
    json_decref(line);
}

static bool stopped(const struct dump *d)
{
    return d->no_memory || ferror(d->out) != 0;
}

static void dump_program(struct dump *d)
{
    const struct seep_recording *rec = d->recording;
    const struct seep_rec_program *p = &rec->program;
    json_t *line = new_line(d, "program");
    json_t *argv = json_array();

    for (size_t i = 0; i < p->argc; i++) {
        append(d, argv, text(p->argv[i]));
    }
    put_number(d, line, "pid", p->pid);
    put_number(d, line, "ppid", p->ppid);
    put(d, line, "argv", argv);
    put_text(d, line, "exe", p->exe);
    put_text(d, line, "cwd", p->cwd);
    put_text(d, line, "host", p->host);
    put_text(d, line, "seep_version", p->seep_version);
    put_text(d, line, "mode",
             p->mode == 1   ? "full"
             : p->mode == 2 ? "sampled"
                            : "unknown");
    put_number(d, line, "started_realtime_ns", p->started_realtime_ns);
    put_number(d, line, "started_monotonic_ns", p->started_monotonic_ns);
    put_number(d, line, "interval_ns", p->interval_ns);
    put_number(d, line, "page_bytes", p->page_bytes);
    put_number(d, line, "limit_as_bytes", p->limit_as_bytes);
    put_number(d, line, "limit_nofile", p->limit_nofile);
    put_number(d, line, "limit_nproc", p->limit_nproc);
    put_number(d, line, "cgroup_memory_max_bytes", p->cgroup_memory_max_bytes);
    put_number(d, line, "dangling_references", rec->dangling_references);
    put(d, line, "truncated", json_boolean(rec->truncated));
    if (rec->truncated) {
        put_number(d, line, "truncated_at", rec->truncated_at);
    }
    write_line(d, line);
}

static const char *hex(char out[static HEX_BYTES], const struct seep_rec_module *module)
{
    out[0] = '\0';
    for (size_t i = 0; i < module->build_id_len; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", module->build_id[i]);
    }
    return out;
}

static void dump_modules(struct dump *d)
{
    for (size_t i = 1; i < d->recording->module_count && !stopped(d); i++) {
        const struct seep_rec_module *module = &d->recording->modules[i];
        json_t *line = new_line(d, "module");
        char build_id[HEX_BYTES];

        put_number(d, line, "id", i);
        put_text(d, line, "path", module->path);
        put_text(d, line, "build_id", hex(build_id, module));
        put_number(d, line, "base", module->base);
        put_number(d, line, "size_bytes", module->size_bytes);
        put_number(d, line, "loaded_ns", module->loaded_ns);
        write_line(d, line);
    }
}

static void dump_subsystems(struct dump *d)
{
    for (size_t i = 1; i < d->recording->subsystem_count && !stopped(d); i++) {
        json_t *line = new_line(d, "subsystem");

        put_number(d, line, "id", i);
        put_text(d, line, "name", d->recording->subsystems[i]);
        write_line(d, line);
    }
}

static void append_frame(struct dump *d, json_t *stack, uint32_t node,
                         const struct seep_symbol_frame *frame)
{
    json_t *object = json_object();

    put_number(d, object, "node", node);
    put_number(d, object, "module", d->recording->nodes[node].module);
    put_number(d, object, "offset", d->recording->nodes[node].offset);
    if (frame != NULL) {
        put_text(d, object, "function", frame->function);
        put_text(d, object, "file", frame->file);
        put_number(d, object, "line", frame->line);
        put_text(d, object, "module_name", frame->module);
        put(d, object, "inlined", json_boolean(frame->inlined));
    }
    append(d, stack, object);
}

/* The site's stack, innermost first. */
static json_t *stack_of(struct dump *d, uint32_t site, uint32_t *root)
{
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    struct seep_symbol_frame frames[FRAMES_MAX];
    json_t *stack = json_array();
    size_t depth =
        seep_recording_stack(d->recording, site, nodes, SEEP_STACK_MAX_FRAMES, root);

    for (size_t i = 0; i < depth; i++) {
        size_t count = d->symbolizer != NULL ? seep_symbol_frames(d->symbolizer, nodes[i],
                                                                  frames, FRAMES_MAX)
                                             : 0;

        for (size_t k = 0; k < count; k++) {
            append_frame(d, stack, nodes[i], &frames[k]);
        }
        if (count == 0) {
            append_frame(d, stack, nodes[i], NULL);
        }
    }
    return stack;
}

static void dump_sites(struct dump *d)
{
    const struct seep_recording *rec = d->recording;

    for (size_t i = 1; i < rec->site_count && !stopped(d); i++) {
        const struct seep_rec_site *site = &rec->sites[i];
        json_t *line = new_line(d, "site");
        uint32_t root = 0;

        put_number(d, line, "id", i);
        put_text(d, line, "kind", kind_name(site->kind));
        put_text(d, line, "subsystem", rec->subsystems[site->subsystem]);
        put_number(d, line, "first_ns", site->first_ns);
        put(d, line, "stack", stack_of(d, (uint32_t)i, &root));
        put_text(d, line, "stack_end", roots[root]);
        write_line(d, line);
    }
}

struct change {
    uint32_t site;
    uint32_t point;
};

/* Points by snapshot: changes[first[s]] up to changes[first[s + 1]] are those of s. */
struct changes {
    size_t *first;         /* owned; snapshot_count + 2 */
    struct change *change; /* owned */
};

static int order_by_snapshot(const struct seep_recording *rec, struct changes *changes)
{
    size_t points = 0;

    changes->first = calloc(rec->snapshot_count + 2, sizeof(*changes->first));
    for (size_t i = 0; changes->first != NULL && i < rec->site_count; i++) {
        points += rec->sites[i].point_count;
        for (size_t k = 0; k < rec->sites[i].point_count; k++) {
            changes->first[rec->sites[i].points[k].snapshot + 2]++;
        }
    }
    changes->change = malloc((points + 1) * sizeof(*changes->change));
    if (changes->first == NULL || changes->change == NULL) {
        free(changes->first);
        free(changes->change);
        return -ENOMEM;
    }
    for (size_t i = 2; i < rec->snapshot_count + 2; i++) {
        changes->first[i] += changes->first[i - 1];
    }
    /* first[s + 1] is where s starts, and moves on to where it ends */
    for (uint32_t i = 0; i < rec->site_count; i++) {
        for (uint32_t k = 0; k < rec->sites[i].point_count; k++) {
            size_t at = changes->first[rec->sites[i].points[k].snapshot + 1]++;

            changes->change[at] = (struct change){i, k};
        }
    }
    return 0;
}

static void append_change(struct dump *d, json_t *sites, const struct change *change)
{
    const struct seep_counters *c =
        &d->recording->sites[change->site].points[change->point].counters;
    json_t *row = json_array();

    append(d, row, number(change->site));
    append(d, row, number(c->acquired));
    append(d, row, number(c->released));
    append(d, row, number(c->acquired_bytes));
    append(d, row, number(c->released_bytes));
    append(d, sites, row);
}

static void dump_snapshots(struct dump *d)
{
    const struct seep_recording *rec = d->recording;
    struct changes changes = {0};

    if (order_by_snapshot(rec, &changes) < 0) {
        d->no_memory = true;
        return;
    }
    for (size_t i = 0; i < rec->snapshot_count && !stopped(d); i++) {
        const struct seep_rec_snapshot *s = &rec->snapshots[i];
        json_t *line = new_line(d, "snapshot");
        json_t *sites = json_array();

        put_number(d, line, "t_ns", s->t_ns);
        put_number(d, line, "merged", s->merged);
        put_number(d, line, "rss_bytes", s->rss_bytes);
        put_number(d, line, "pss_bytes", s->pss_bytes);
        put_number(d, line, "vsize_bytes", s->vsize_bytes);
        put_number(d, line, "threads", s->threads);
        put_number(d, line, "fds", s->fds);
        put_number(d, line, "user_ns", s->user_ns);
        put_number(d, line, "system_ns", s->system_ns);
        put_number(d, line, "minor_faults", s->minor_faults);
        put_number(d, line, "major_faults", s->major_faults);
        for (size_t k = changes.first[i]; k < changes.first[i + 1]; k++) {
            append_change(d, sites, &changes.change[k]);
        }
        put(d, line, "sites", sites);
        write_line(d, line);
    }
    free(changes.first);
    free(changes.change);
}

static void append_age(struct dump *d, json_t *sites, const struct seep_rec_age *age)
{
    json_t *object = json_object();
    char mask[20];

    (void)snprintf(mask, sizeof(mask), "0x%" PRIx64, age->generations);
    put_number(d, object, "site", age->site);
    put_number(d, object, "live", age->live);
    put_number(d, object, "live_bytes", age->live_bytes);
    put_number(d, object, "oldest_birth_ns", age->oldest_birth_ns);
    put_number(d, object, "newest_birth_ns", age->newest_birth_ns);
    put_text(d, object, "generations", mask);
    append(d, sites, object);
}

static void dump_ages(struct dump *d)
{
    for (size_t i = 0; i < d->recording->ages_count && !stopped(d); i++) {
        const struct seep_rec_ages *scan = &d->recording->ages[i];
        json_t *line = new_line(d, "ages");
        json_t *sites = json_array();

        put_number(d, line, "t_ns", scan->t_ns);
        put_number(d, line, "generation_width_ns", scan->generation_width_ns);
        for (size_t k = 0; k < scan->count; k++) {
            append_age(d, sites, &scan->entries[k]);
        }
        put(d, line, "sites", sites);
        write_line(d, line);
    }
}

static json_t *thread_states(struct dump *d, uint32_t state)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bits[] = {{SEEP_THREAD_STARTED, "started"},
                {SEEP_THREAD_ENDED, "ended"},
                {SEEP_THREAD_DETACHED, "detached"},
                {SEEP_THREAD_JOINED, "joined"},
                {SEEP_THREAD_FOREIGN, "foreign"}};
    json_t *states = json_array();

    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if ((state & bits[i].bit) != 0) {
            append(d, states, json_string(bits[i].name));
        }
    }
    return states;
}

static void dump_thread(struct dump *d, const struct seep_rec_thread *t)
{
    json_t *line = new_line(d, "thread");

    put_number(d, line, "t_ns", d->recording->threads_t_ns);
    put_number(d, line, "slot", t->slot);
    put_number(d, line, "generation", t->generation);
    put_number(d, line, "tid", t->tid);
    put_text(d, line, "name", t->name);
    put(d, line, "state", thread_states(d, t->state));
    put_number(d, line, "site", t->site);
    put_number(d, line, "creator_slot", t->creator);
    put_text(d, line, "subsystem", d->recording->subsystems[t->subsystem]);
    put_number(d, line, "start_module", t->start_module);
    put_number(d, line, "start_offset", t->start_offset);
    if (d->symbolizer != NULL) {
        put_text(d, line, "start_function",
                 seep_symbol_function(d->symbolizer, t->start_module, t->start_offset));
    }
    put_number(d, line, "created_ns", t->created_ns);
    put_number(d, line, "started_ns", t->started_ns);
    put_number(d, line, "ended_ns", t->ended_ns);
    put_number(d, line, "stack_bytes", t->stack_bytes);
    put_number(d, line, "cpu_ns", t->cpu_ns);
    put_number(d, line, "voluntary_switches", t->voluntary_switches);
    put_number(d, line, "involuntary_switches", t->involuntary_switches);
    put_text(d, line, "os_state", (char[]){t->os_state, '\0'});
    put_number(d, line, "unchanged_since_ns", t->unchanged_since_ns);
    put_text(d, line, "wait", t->wait);
    write_line(d, line);
}

static void dump_child(struct dump *d, const struct seep_rec_child *child)
{
    json_t *line = new_line(d, "child");

    put_number(d, line, "pid", child->pid);
    put_text(d, line, "command", child->command);
    put_text(d, line, "file", child->file);
    put_number(d, line, "started_ns", child->started_ns);
    put_number(d, line, "duration_ns", child->duration_ns);
    put_text(d, line, "ending", ending_name(child->ending_kind));
    put_number(d, line, "status", child->ending_status);
    put_number(d, line, "heap_acquired", child->heap_acquired);
    put_number(d, line, "heap_released", child->heap_released);
    put_number(d, line, "heap_live_bytes", child->heap_live_bytes);
    put_number(d, line, "threads_acquired", child->threads_acquired);
    put_number(d, line, "threads_released", child->threads_released);
    write_line(d, line);
}

static void dump_texts(struct dump *d, const char *type,
                       const struct seep_rec_text *texts, size_t count)
{
    for (size_t i = 0; i < count && !stopped(d); i++) {
        json_t *line = new_line(d, type);

        put_number(d, line, "t_ns", texts[i].t_ns);
        put_text(d, line, "text", texts[i].text);
        write_line(d, line);
    }
}

static void dump_losses(struct dump *d)
{
    for (uint32_t i = 0; i < SEEP_LOSS_MAX && !stopped(d); i++) {
        if (d->recording->lost[i] != 0) {
            json_t *line = new_line(d, "loss");

            put_text(d, line, "reason", loss_name(i));
            put_number(d, line, "count", d->recording->lost[i]);
            write_line(d, line);
        }
    }
}

static void dump_missing(struct dump *d)
{
    const char *const *reasons = NULL;
    size_t count =
        d->symbolizer != NULL ? seep_symbolizer_missing(d->symbolizer, &reasons) : 0;

    for (size_t i = 0; i < count && !stopped(d); i++) {
        json_t *line = new_line(d, "no_symbols");

        put_text(d, line, "text", reasons[i]);
        write_line(d, line);
    }
}

static void dump_end(struct dump *d)
{
    const struct seep_recording *rec = d->recording;
    json_t *line = NULL;

    if (!rec->ended) {
        return;
    }
    line = new_line(d, "end");
    put_number(d, line, "t_ns", rec->ended_ns);
    put_text(d, line, "ending", ending_name(rec->ending_kind));
    put_number(d, line, "status", rec->ending_status);
    put_number(d, line, "peak_live_heap_bytes", rec->peak_live_heap_bytes);
    put_number(d, line, "peak_threads", rec->peak_threads);
    put_number(d, line, "snapshots_taken", rec->snapshots_taken);
    write_line(d, line);
}

int seep_dump_json(const struct seep_recording *recording,
                   struct seep_symbolizer *symbolizer, FILE *out)
{
    struct dump d = {.recording = recording, .symbolizer = symbolizer, .out = out};

    dump_program(&d);
    dump_modules(&d);
    dump_subsystems(&d);
    dump_sites(&d);
    dump_snapshots(&d);
    dump_ages(&d);
    for (size_t i = 0; i < recording->thread_count && !stopped(&d); i++) {
        dump_thread(&d, &recording->threads[i]);
    }
    for (size_t i = 0; i < recording->child_count && !stopped(&d); i++) {
        dump_child(&d, &recording->children[i]);
    }
    dump_texts(&d, "mark", recording->marks, recording->mark_count);
    dump_texts(&d, "note", recording->notes, recording->note_count);
    dump_losses(&d);
    dump_missing(&d);
    dump_end(&d);
    return d.no_memory ? -ENOMEM : ferror(out) != 0 ? -EIO : 0;
}
