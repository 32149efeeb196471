/* The byte layout of each frame's payload, field by field as seep/recording.h lists them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/payload.h"

#include <string.h>

enum { RECORDING_VERSION = 1 };

static void put_text(struct seep_buf *out, const char *text, size_t max_bytes)
{
    size_t bytes = strnlen(text, max_bytes);

    seep_buf_put_varint(out, bytes);
    seep_buf_put(out, text, bytes);
}

static void put_all(struct seep_buf *out, const uint64_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        seep_buf_put_varint(out, values[i]);
    }
}

#define PUT_ALL(out, ...)                                                                \
    put_all((out), (const uint64_t[]){__VA_ARGS__},                                      \
            sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static uint64_t count_arguments(const struct seep_program_facts *facts)
{
    uint64_t n = 0;

    for (size_t i = 0; i < facts->cmdline_bytes; i++) {
        n += facts->cmdline[i] == '\0';
    }
    return n;
}

void seep_payload_program(struct seep_buf *out, const struct seep_program_facts *facts)
{
    uint64_t argc = count_arguments(facts);
    const char *argument = facts->cmdline;

    PUT_ALL(out, RECORDING_VERSION, facts->pid, facts->ppid, facts->started_realtime_ns,
            facts->started_monotonic_ns, facts->mode, facts->interval_ns, argc);
    for (uint64_t i = 0; i < argc; i++) {
        seep_buf_put_string(out, argument);
        argument += strlen(argument) + 1;
    }
    seep_buf_put_string(out, facts->exe);
    seep_buf_put_string(out, facts->cwd);
    seep_buf_put_string(out, facts->host);
    seep_buf_put_string(out, SEEP_VERSION);
    PUT_ALL(out, facts->page_bytes, facts->limit_as_bytes, facts->limit_nofile,
            facts->limit_nproc, facts->cgroup_memory_max_bytes);
}

void seep_payload_piece(struct seep_buf *out, uint32_t first_id, uint32_t count)
{
    PUT_ALL(out, first_id, count);
}

void seep_payload_module(struct seep_buf *out, const struct seep_module *module)
{
    uint32_t id_bytes = module->build_id_len;

    if (id_bytes > sizeof(module->build_id)) {
        id_bytes = 0;
    }
    put_text(out, module->path, sizeof(module->path));
    seep_buf_put_varint(out, id_bytes);
    seep_buf_put(out, module->build_id, id_bytes);
    PUT_ALL(out, module->base, module->size_bytes, module->loaded_ns);
}

void seep_payload_subsystem(struct seep_buf *out, const struct seep_subsystem *subsystem)
{
    put_text(out, subsystem->name, sizeof(subsystem->name));
}

void seep_payload_limit(struct seep_buf *out, uint32_t subsystem,
                        const struct seep_limit *limit)
{
    PUT_ALL(out, subsystem, limit->most);
    put_text(out, limit->container, sizeof(limit->container));
}

void seep_payload_node(struct seep_buf *out, const struct seep_node *node)
{
    PUT_ALL(out, node->parent, node->module, node->offset);
}

void seep_payload_site(struct seep_buf *out, const struct seep_site *site)
{
    PUT_ALL(out, site->node, site->subsystem, site->kind, site->first_ns);
}

static bool differs(const struct seep_counters *a, const struct seep_counters *b)
{
    return memcmp(a, b, sizeof(*a)) != 0;
}

void seep_payload_snapshot(struct seep_buf *out, uint64_t t_ns,
                           const struct seep_process_figures *process,
                           const struct seep_counters_change *change,
                           const uint64_t *lost)
{
    uint64_t changed = 0;
    uint64_t reasons = 0;
    uint32_t before = 0;

    PUT_ALL(out, t_ns, 0, process->rss_bytes, process->pss_bytes, process->vsize_bytes,
            process->threads, process->fds, process->user_ns, process->system_ns,
            process->minor_faults, process->major_faults);
    for (uint32_t site = 1; site < change->site_count; site++) {
        changed += differs(&change->before[site], &change->now[site]);
    }
    seep_buf_put_varint(out, changed);
    for (uint32_t site = 1; site < change->site_count; site++) {
        const struct seep_counters *now = &change->now[site];

        if (differs(&change->before[site], now)) {
            PUT_ALL(out, site - before, now->acquired, now->released, now->acquired_bytes,
                    now->released_bytes);
            before = site;
        }
    }
    for (uint64_t i = 0; i < SEEP_LOSS_MAX; i++) {
        reasons += lost[i] != 0;
    }
    seep_buf_put_varint(out, reasons);
    for (uint64_t i = 0; i < SEEP_LOSS_MAX; i++) {
        if (lost[i] != 0) {
            PUT_ALL(out, i, lost[i]);
        }
    }
}

void seep_payload_ages(struct seep_buf *out, uint64_t t_ns, uint64_t generation_width_ns,
                       const struct seep_age *ages, uint32_t site_count)
{
    uint64_t alive = 0;
    uint32_t before = 0;

    for (uint32_t site = 1; site < site_count; site++) {
        alive += ages[site].live != 0;
    }
    PUT_ALL(out, t_ns, generation_width_ns, alive);
    for (uint32_t site = 1; site < site_count; site++) {
        const struct seep_age *age = &ages[site];

        if (age->live != 0) {
            PUT_ALL(out, site - before, age->live, age->live_bytes, age->oldest_ns,
                    age->newest_ns, age->generations);
            before = site;
        }
    }
}

/* variance / value, in `parts`, rounded up; never beyond 2^62. */
static uint64_t spread_of(double variance, uint64_t value, double parts)
{
    double spread = value > 0 ? variance / (double)value * parts : 0;

    return spread < 4611686018427387904.0 ? (uint64_t)spread + (spread > 0) : 0;
}

void seep_payload_samples(struct seep_buf *out, uint64_t t_ns, uint64_t sample_bytes,
                          const struct seep_age *ages, uint32_t site_count)
{
    uint64_t sampled = 0;
    uint32_t before = 0;

    for (uint32_t site = 1; site < site_count; site++) {
        sampled += ages[site].samples != 0;
    }
    PUT_ALL(out, t_ns, sample_bytes, sampled);
    for (uint32_t site = 1; site < site_count; site++) {
        const struct seep_age *age = &ages[site];

        if (age->samples != 0) {
            PUT_ALL(out, site - before, age->samples,
                    spread_of(age->live_variance, age->live, SEEP_SPREAD_PARTS),
                    spread_of(age->bytes_variance, age->live_bytes, 1));
            before = site;
        }
    }
}

void seep_payload_thread(struct seep_buf *out, uint32_t slot,
                         const struct seep_thread *thread,
                         const struct seep_thread_figures *figures)
{
    PUT_ALL(out, slot, thread->generation, thread->tid, thread->state, thread->site,
            thread->creator, thread->subsystem);
    put_text(out, thread->name, sizeof(thread->name));
    PUT_ALL(out, thread->start_module, thread->start_offset, thread->created_ns,
            thread->started_ns, thread->ended_ns, thread->stack_bytes, figures->cpu_ns,
            figures->voluntary_switches, figures->involuntary_switches,
            (uint64_t)(figures->os_state & 0x7f), figures->unchanged_since_ns);
    put_text(out, figures->wait, sizeof(figures->wait));
}

void seep_payload_child(struct seep_buf *out, const struct seep_child_facts *facts)
{
    seep_buf_put_varint(out, facts->pid);
    seep_buf_put_string(out, facts->command);
    PUT_ALL(out, facts->started_ns, facts->duration_ns, facts->ending_kind,
            facts->ending_status);
    seep_buf_put_string(out, facts->file);
    PUT_ALL(out, facts->heap_acquired, facts->heap_released, facts->heap_live_bytes,
            facts->threads_acquired, facts->threads_released);
}

void seep_payload_text(struct seep_buf *out, uint64_t t_ns, const char *text,
                       size_t max_bytes)
{
    seep_buf_put_varint(out, t_ns);
    put_text(out, text, max_bytes);
}

void seep_payload_end(struct seep_buf *out, const struct seep_end_facts *facts)
{
    PUT_ALL(out, facts->t_ns, facts->ending_kind, facts->ending_status,
            facts->peak_live_heap_bytes, facts->peak_threads, facts->snapshots_taken);
}
