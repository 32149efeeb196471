/* The model as JSON lines: one object per item, so that a recording larger than memory's
 * patience can be piped through jq or read line by line.
 *
 * A site's stack is given once, with the site; snapshots refer to sites by id and hold
 * those whose counters changed, as the file does. A generations mask is a string of hex
 * digits: its bit 63 has a meaning.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cmd_dump_json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dump_line.h"
#include "cli/dump_threads.h"
#include "seep/kinds.h"

enum { FRAMES_MAX = 64, HEX_BYTES = 65 };

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

static void dump_program(struct seep_dump *d)
{
    const struct seep_recording *rec = d->recording;
    const struct seep_rec_program *p = &rec->program;
    json_t *line = seep_dump_new_line(d, "program");
    json_t *argv = json_array();

    for (size_t i = 0; i < p->argc; i++) {
        seep_dump_append(d, argv, seep_dump_text(p->argv[i]));
    }
    seep_dump_put_number(d, line, "pid", p->pid);
    seep_dump_put_number(d, line, "ppid", p->ppid);
    seep_dump_put(d, line, "argv", argv);
    seep_dump_put_text(d, line, "exe", p->exe);
    seep_dump_put_text(d, line, "cwd", p->cwd);
    seep_dump_put_text(d, line, "host", p->host);
    seep_dump_put_text(d, line, "seep_version", p->seep_version);
    seep_dump_put_text(d, line, "mode",
                       p->mode == 1   ? "full"
                       : p->mode == 2 ? "sampled"
                                      : "unknown");
    seep_dump_put_number(d, line, "started_realtime_ns", p->started_realtime_ns);
    seep_dump_put_number(d, line, "started_monotonic_ns", p->started_monotonic_ns);
    seep_dump_put_number(d, line, "interval_ns", p->interval_ns);
    seep_dump_put_number(d, line, "page_bytes", p->page_bytes);
    seep_dump_put_number(d, line, "limit_as_bytes", p->limit_as_bytes);
    seep_dump_put_number(d, line, "limit_nofile", p->limit_nofile);
    seep_dump_put_number(d, line, "limit_nproc", p->limit_nproc);
    seep_dump_put_number(d, line, "cgroup_memory_max_bytes", p->cgroup_memory_max_bytes);
    seep_dump_put_number(d, line, "dangling_references", rec->dangling_references);
    seep_dump_put(d, line, "truncated", json_boolean(rec->truncated));
    if (rec->truncated) {
        seep_dump_put_number(d, line, "truncated_at", rec->truncated_at);
    }
    seep_dump_write_line(d, line);
}

static const char *hex(char out[static HEX_BYTES], const struct seep_rec_module *module)
{
    out[0] = '\0';
    for (size_t i = 0; i < module->build_id_len; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", module->build_id[i]);
    }
    return out;
}

static void dump_modules(struct seep_dump *d)
{
    for (size_t i = 1; i < d->recording->module_count && !seep_dump_stopped(d); i++) {
        const struct seep_rec_module *module = &d->recording->modules[i];
        json_t *line = seep_dump_new_line(d, "module");
        char build_id[HEX_BYTES];

        seep_dump_put_number(d, line, "id", i);
        seep_dump_put_text(d, line, "path", module->path);
        seep_dump_put_text(d, line, "build_id", hex(build_id, module));
        seep_dump_put_number(d, line, "base", module->base);
        seep_dump_put_number(d, line, "size_bytes", module->size_bytes);
        seep_dump_put_number(d, line, "loaded_ns", module->loaded_ns);
        seep_dump_write_line(d, line);
    }
}

static void dump_subsystems(struct seep_dump *d)
{
    for (size_t i = 1; i < d->recording->subsystem_count && !seep_dump_stopped(d); i++) {
        json_t *line = seep_dump_new_line(d, "subsystem");

        seep_dump_put_number(d, line, "id", i);
        seep_dump_put_text(d, line, "name", d->recording->subsystems[i]);
        seep_dump_write_line(d, line);
    }
}

static void dump_limits(struct seep_dump *d)
{
    for (size_t i = 1; i < d->recording->limit_count && !seep_dump_stopped(d); i++) {
        const struct seep_rec_limit *limit = &d->recording->limits[i];
        json_t *line = seep_dump_new_line(d, "limit");

        seep_dump_put_number(d, line, "id", i);
        seep_dump_put_text(d, line, "subsystem",
                           d->recording->subsystems[limit->subsystem]);
        seep_dump_put_text(d, line, "container", limit->container);
        seep_dump_put_number(d, line, "limit", limit->most);
        seep_dump_write_line(d, line);
    }
}

static void append_frame(struct seep_dump *d, json_t *stack, uint32_t node,
                         const struct seep_symbol_frame *frame)
{
    json_t *object = json_object();

    seep_dump_put_number(d, object, "node", node);
    seep_dump_put_number(d, object, "module", d->recording->nodes[node].module);
    seep_dump_put_number(d, object, "offset", d->recording->nodes[node].offset);
    if (frame != NULL) {
        seep_dump_put_text(d, object, "function", frame->function);
        seep_dump_put_text(d, object, "file", frame->file);
        seep_dump_put_number(d, object, "line", frame->line);
        seep_dump_put_text(d, object, "module_name", frame->module);
        seep_dump_put(d, object, "inlined", json_boolean(frame->inlined));
    }
    seep_dump_append(d, stack, object);
}

/* The site's stack, innermost first. */
static json_t *stack_of(struct seep_dump *d, uint32_t site, uint32_t *root)
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

static void dump_sites(struct seep_dump *d)
{
    const struct seep_recording *rec = d->recording;

    for (size_t i = 1; i < rec->site_count && !seep_dump_stopped(d); i++) {
        const struct seep_rec_site *site = &rec->sites[i];
        json_t *line = seep_dump_new_line(d, "site");
        uint32_t root = 0;

        seep_dump_put_number(d, line, "id", i);
        seep_dump_put_text(d, line, "kind", kind_name(site->kind));
        seep_dump_put_text(d, line, "subsystem", rec->subsystems[site->subsystem]);
        if (site->limit != 0) {
            seep_dump_put_number(d, line, "limit", site->limit);
        }
        seep_dump_put_number(d, line, "first_ns", site->first_ns);
        seep_dump_put(d, line, "stack", stack_of(d, (uint32_t)i, &root));
        seep_dump_put_text(d, line, "stack_end", roots[root]);
        seep_dump_write_line(d, line);
    }
}

/* Where each site stands on the way through the snapshots. */
struct changes {
    struct seep_points_cursor *at; /* owned; by site: its next change */
    uint32_t *snapshot;            /* owned; by site: of that change, or NO_MORE */
};

enum { NO_MORE = UINT32_MAX };

static void go_on(struct changes *changes, size_t site)
{
    changes->snapshot[site] = seep_points_next(&changes->at[site])
                                  ? changes->at[site].now.snapshot
                                  : (uint32_t)NO_MORE;
}

/* Returns: 0; -ENOMEM. */
static int start_changes(const struct seep_recording *rec, struct changes *changes)
{
    changes->at = calloc(rec->site_count, sizeof(*changes->at));
    changes->snapshot = calloc(rec->site_count, sizeof(*changes->snapshot));
    if (changes->at == NULL || changes->snapshot == NULL) {
        free(changes->at);
        free(changes->snapshot);
        return -ENOMEM;
    }
    for (size_t i = 0; i < rec->site_count; i++) {
        changes->at[i] = seep_points_start(&rec->sites[i].points);
        go_on(changes, i);
    }
    return 0;
}

static void append_change(struct seep_dump *d, json_t *sites, size_t site,
                          const struct seep_counters *c)
{
    json_t *row = json_array();

    seep_dump_append(d, row, seep_dump_number(site));
    seep_dump_append(d, row, seep_dump_number(c->acquired));
    seep_dump_append(d, row, seep_dump_number(c->released));
    seep_dump_append(d, row, seep_dump_number(c->acquired_bytes));
    seep_dump_append(d, row, seep_dump_number(c->released_bytes));
    seep_dump_append(d, sites, row);
}

/* The sites that changed at a snapshot, ascending. */
static json_t *changes_at(struct seep_dump *d, struct changes *changes, size_t snapshot)
{
    json_t *sites = json_array();

    for (size_t i = 0; i < d->recording->site_count; i++) {
        if (changes->snapshot[i] == snapshot) {
            append_change(d, sites, i, &changes->at[i].now.counters);
            go_on(changes, i);
        }
    }
    return sites;
}

static void dump_snapshots(struct seep_dump *d)
{
    const struct seep_recording *rec = d->recording;
    struct changes changes = {0};

    if (start_changes(rec, &changes) < 0) {
        d->no_memory = true;
        return;
    }
    for (size_t i = 0; i < rec->snapshot_count && !seep_dump_stopped(d); i++) {
        const struct seep_rec_snapshot *s = &rec->snapshots[i];
        json_t *line = seep_dump_new_line(d, "snapshot");

        seep_dump_put_number(d, line, "t_ns", s->t_ns);
        seep_dump_put_number(d, line, "merged", s->merged);
        seep_dump_put_number(d, line, "rss_bytes", s->rss_bytes);
        seep_dump_put_number(d, line, "pss_bytes", s->pss_bytes);
        seep_dump_put_number(d, line, "vsize_bytes", s->vsize_bytes);
        seep_dump_put_number(d, line, "threads", s->threads);
        seep_dump_put_number(d, line, "fds", s->fds);
        seep_dump_put_number(d, line, "user_ns", s->user_ns);
        seep_dump_put_number(d, line, "system_ns", s->system_ns);
        seep_dump_put_number(d, line, "minor_faults", s->minor_faults);
        seep_dump_put_number(d, line, "major_faults", s->major_faults);
        seep_dump_put(d, line, "sites", changes_at(d, &changes, i));
        seep_dump_write_line(d, line);
    }
    free(changes.at);
    free(changes.snapshot);
}

static void append_age(struct seep_dump *d, json_t *sites, const struct seep_rec_age *age)
{
    json_t *object = json_object();
    char mask[20];

    (void)snprintf(mask, sizeof(mask), "0x%" PRIx64, age->generations);
    seep_dump_put_number(d, object, "site", age->site);
    seep_dump_put_number(d, object, "live", age->live);
    seep_dump_put_number(d, object, "live_bytes", age->live_bytes);
    seep_dump_put_number(d, object, "oldest_birth_ns", age->oldest_birth_ns);
    seep_dump_put_number(d, object, "newest_birth_ns", age->newest_birth_ns);
    seep_dump_put_text(d, object, "generations", mask);
    seep_dump_append(d, sites, object);
}

static void dump_ages(struct seep_dump *d)
{
    for (size_t i = 0; i < d->recording->ages_count && !seep_dump_stopped(d); i++) {
        const struct seep_rec_ages *scan = &d->recording->ages[i];
        struct seep_age_cursor at = seep_age_scan_start(scan);
        json_t *line = seep_dump_new_line(d, "ages");
        json_t *sites = json_array();

        seep_dump_put_number(d, line, "t_ns", scan->t_ns);
        seep_dump_put_number(d, line, "generation_width_ns", scan->generation_width_ns);
        while (seep_age_scan_next(&at)) {
            append_age(d, sites, &at.now);
        }
        seep_dump_put(d, line, "sites", sites);
        seep_dump_write_line(d, line);
    }
}

static void dump_descriptor(struct seep_dump *d, const struct seep_rec_descriptor *row)
{
    json_t *line = seep_dump_new_line(d, "descriptor");

    seep_dump_put_number(d, line, "fd", row->fd);
    seep_dump_put_number(d, line, "site", row->site);
    seep_dump_put_number(d, line, "acquired_ns", row->acquired_ns);
    seep_dump_put(d, line, "recorded",
                  json_boolean((row->flags & SEEP_DESCRIPTOR_RECORDED) != 0));
    seep_dump_put(d, line, "inherited",
                  json_boolean((row->flags & SEEP_DESCRIPTOR_INHERITED) != 0));
    seep_dump_put_text(d, line, "link", row->link);
    seep_dump_put_text(d, line, "protocol", row->protocol);
    seep_dump_put_text(d, line, "local", row->local);
    seep_dump_put_text(d, line, "peer", row->peer);
    seep_dump_put_text(d, line, "state", row->state);
    seep_dump_write_line(d, line);
}

static void dump_descriptors(struct seep_dump *d)
{
    const struct seep_rec_descriptors *table = &d->recording->descriptors;
    json_t *line = NULL;

    if (table->t_ns == 0) {
        return;
    }
    line = seep_dump_new_line(d, "descriptors");
    seep_dump_put_number(d, line, "t_ns", table->t_ns);
    seep_dump_put_number(d, line, "open", table->open);
    seep_dump_put_number(d, line, "recorded", table->recorded);
    seep_dump_put_number(d, line, "inherited", table->inherited);
    seep_dump_put_number(d, line, "gone", table->gone);
    seep_dump_put_number(d, line, "listed", table->count);
    seep_dump_write_line(d, line);
    for (size_t i = 0; i < table->count && !seep_dump_stopped(d); i++) {
        dump_descriptor(d, &table->rows[i]);
    }
}

static void dump_samples(struct seep_dump *d)
{
    const struct seep_recording *rec = d->recording;
    json_t *line = NULL;
    json_t *sites = NULL;

    if (rec->sample_bytes == 0) {
        return;
    }
    line = seep_dump_new_line(d, "samples");
    sites = json_array();
    seep_dump_put_number(d, line, "sample_bytes", rec->sample_bytes);
    for (size_t i = 0; i < rec->site_count; i++) {
        const struct seep_rec_site *site = &rec->sites[i];

        if (site->samples != 0) {
            json_t *row = json_object();

            seep_dump_put_number(d, row, "site", i);
            seep_dump_put_number(d, row, "samples", site->samples);
            seep_dump_put(d, row, "live_spread",
                          json_real((double)site->live_spread / SEEP_SPREAD_PARTS));
            seep_dump_put_number(d, row, "bytes_spread", site->bytes_spread);
            seep_dump_append(d, sites, row);
        }
    }
    seep_dump_put(d, line, "sites", sites);
    seep_dump_write_line(d, line);
}

static void dump_peak(struct seep_dump *d)
{
    const struct seep_rec_peak *peak = &d->recording->peak;
    json_t *line = NULL;
    json_t *sites = NULL;

    if (peak->t_ns == 0) {
        return;
    }
    line = seep_dump_new_line(d, "peak");
    sites = json_array();
    seep_dump_put_number(d, line, "t_ns", peak->t_ns);
    seep_dump_put_number(d, line, "live", peak->live);
    seep_dump_put_number(d, line, "live_bytes", peak->live_bytes);
    for (size_t i = 0; i < peak->count; i++) {
        json_t *row = json_object();

        seep_dump_put_number(d, row, "site", peak->holders[i].site);
        seep_dump_put_number(d, row, "live", peak->holders[i].live);
        seep_dump_put_number(d, row, "live_bytes", peak->holders[i].live_bytes);
        seep_dump_append(d, sites, row);
    }
    seep_dump_put(d, line, "sites", sites);
    seep_dump_write_line(d, line);
}

static void dump_child(struct seep_dump *d, const struct seep_rec_child *child)
{
    json_t *line = seep_dump_new_line(d, "child");

    seep_dump_put_number(d, line, "pid", child->pid);
    seep_dump_put_text(d, line, "command", child->command);
    seep_dump_put_text(d, line, "file", child->file);
    seep_dump_put_number(d, line, "started_ns", child->started_ns);
    seep_dump_put_number(d, line, "duration_ns", child->duration_ns);
    seep_dump_put_text(d, line, "ending", ending_name(child->ending_kind));
    seep_dump_put_number(d, line, "status", child->ending_status);
    seep_dump_put_number(d, line, "heap_acquired", child->heap_acquired);
    seep_dump_put_number(d, line, "heap_released", child->heap_released);
    seep_dump_put_number(d, line, "heap_live_bytes", child->heap_live_bytes);
    seep_dump_put_number(d, line, "threads_acquired", child->threads_acquired);
    seep_dump_put_number(d, line, "threads_released", child->threads_released);
    seep_dump_write_line(d, line);
}

static void dump_texts(struct seep_dump *d, const char *type,
                       const struct seep_rec_text *texts, size_t count)
{
    for (size_t i = 0; i < count && !seep_dump_stopped(d); i++) {
        json_t *line = seep_dump_new_line(d, type);

        seep_dump_put_number(d, line, "t_ns", texts[i].t_ns);
        seep_dump_put_text(d, line, "text", texts[i].text);
        seep_dump_write_line(d, line);
    }
}

static void dump_labels(struct seep_dump *d)
{
    const struct seep_recording *rec = d->recording;

    for (size_t i = 0; i < rec->label_count && !seep_dump_stopped(d); i++) {
        struct seep_points_cursor at = seep_points_start(&rec->labels[i].points);
        json_t *line = seep_dump_new_line(d, "mark_count");
        json_t *rows = json_array();

        seep_dump_put_text(d, line, "text", rec->labels[i].text);
        seep_dump_put_number(d, line, "count", rec->labels[i].count);
        while (seep_points_next(&at)) {
            json_t *row = json_array();

            seep_dump_append(d, row,
                             seep_dump_number(rec->snapshots[at.now.snapshot].t_ns));
            seep_dump_append(d, row, seep_dump_number(at.now.counters.acquired));
            seep_dump_append(d, rows, row);
        }
        seep_dump_put(d, line, "snapshots", rows);
        seep_dump_write_line(d, line);
    }
}

static void dump_losses(struct seep_dump *d)
{
    for (uint32_t i = 0; i < SEEP_LOSS_MAX && !seep_dump_stopped(d); i++) {
        if (d->recording->lost[i] != 0) {
            json_t *line = seep_dump_new_line(d, "loss");

            seep_dump_put_text(d, line, "reason", loss_name(i));
            seep_dump_put_number(d, line, "count", d->recording->lost[i]);
            seep_dump_write_line(d, line);
        }
    }
}

static void dump_missing(struct seep_dump *d)
{
    const char *const *reasons = NULL;
    size_t count =
        d->symbolizer != NULL ? seep_symbolizer_missing(d->symbolizer, &reasons) : 0;

    for (size_t i = 0; i < count && !seep_dump_stopped(d); i++) {
        json_t *line = seep_dump_new_line(d, "no_symbols");

        seep_dump_put_text(d, line, "text", reasons[i]);
        seep_dump_write_line(d, line);
    }
}

static void dump_end(struct seep_dump *d)
{
    const struct seep_recording *rec = d->recording;
    json_t *line = NULL;

    if (!rec->ended) {
        return;
    }
    line = seep_dump_new_line(d, "end");
    seep_dump_put_number(d, line, "t_ns", rec->ended_ns);
    seep_dump_put_text(d, line, "ending", ending_name(rec->ending_kind));
    seep_dump_put_number(d, line, "status", rec->ending_status);
    seep_dump_put_number(d, line, "peak_live_heap_bytes", rec->peak_live_heap_bytes);
    seep_dump_put_number(d, line, "peak_threads", rec->peak_threads);
    seep_dump_put_number(d, line, "snapshots_taken", rec->snapshots_taken);
    seep_dump_write_line(d, line);
}

int seep_dump_json(const struct seep_recording *recording,
                   struct seep_symbolizer *symbolizer, FILE *out)
{
    struct seep_dump d = {.recording = recording, .symbolizer = symbolizer, .out = out};

    dump_program(&d);
    dump_modules(&d);
    dump_subsystems(&d);
    dump_limits(&d);
    dump_sites(&d);
    dump_snapshots(&d);
    dump_ages(&d);
    seep_dump_threads(&d);
    dump_descriptors(&d);
    dump_samples(&d);
    dump_peak(&d);
    for (size_t i = 0; i < recording->child_count && !seep_dump_stopped(&d); i++) {
        dump_child(&d, &recording->children[i]);
    }
    dump_texts(&d, "mark", recording->marks, recording->mark_count);
    dump_labels(&d);
    dump_texts(&d, "note", recording->notes, recording->note_count);
    dump_losses(&d);
    dump_missing(&d);
    dump_end(&d);
    return d.no_memory ? -ENOMEM : ferror(out) != 0 ? -EIO : 0;
}
