/* Threads that are alike, as one.
 *
 * A group is what a person would call one thing: threads in the same state, waiting in
 * the same call, at the same place, made at the same place. Names and descriptors are not
 * part of it: 34 workers of a pool are one line, and what they differ in is said inside.
 * Only where neither place is known does the name tell, without its numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "threads/thread_groups.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/syscall_name.h"
#include "threads/thread_words.h"
#include "verdict/probe_view.h"
#include "verdict/stack_view.h"

enum { NAMES_BYTES = 256, CALL_BYTES = 64, NOTES_MAX = 8, TEXT_BYTES = 1024 };

/* One thread on its way into a group. */
struct entry {
    const struct seep_rec_thread *thread; /* of the table; NULL: only in waits */
    const struct seep_rec_thread *made;   /* the same in `creation`; NULL */
    const struct seep_rec_wait *wait;     /* NULL: nothing more known */
    const struct seep_rec_probe *probe;   /* of a recording: where it is; NULL */
    const char *state, *name, *wait_word;
    uint32_t tid, present, creation; /* sites; 0 none */
    double cpu_s, idle_s;
};

struct gatherer {
    const struct seep_threads_source *present, *creation;
    struct seep_thread_groups *groups;
    struct entry *entries; /* owned */
    size_t count;
};

static bool is_there(const struct seep_rec_thread *thread)
{
    const uint32_t done = SEEP_THREAD_DETACHED | SEEP_THREAD_JOINED | SEEP_THREAD_FOREIGN;

    return (thread->state & SEEP_THREAD_USED) != 0 &&
           ((thread->state & SEEP_THREAD_ENDED) == 0 || (thread->state & done) == 0);
}

static double idle_of(char os_state, uint64_t now_ns, uint64_t since_ns)
{
    return os_state == 'R' || os_state == '\0' || since_ns == 0 || since_ns > now_ns
               ? -1
               : (double)(now_ns - since_ns) / 1e9;
}

/* The thread of the recorded table that runs under a tid. */
static const struct seep_rec_thread *running(const struct seep_threads_source *source,
                                             uint32_t tid)
{
    const struct seep_recording *recording = source->recording;

    for (size_t i = 0; recording != NULL && i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        if (thread->tid == tid && (thread->state & SEEP_THREAD_USED) != 0 &&
            (thread->state & SEEP_THREAD_ENDED) == 0) {
            return thread;
        }
    }
    return NULL;
}

static const struct seep_rec_wait *wait_of(const struct seep_recording *recording,
                                           uint32_t tid)
{
    for (size_t i = 0; i < recording->waits.count; i++) {
        if (recording->waits.rows[i].tid == tid) {
            return &recording->waits.rows[i];
        }
    }
    return NULL;
}

static void add_of_table(struct gatherer *g, const struct seep_recording *recording,
                         const struct seep_rec_thread *thread)
{
    struct entry *entry = &g->entries[g->count++];
    bool live = g->groups->live;

    *entry =
        (struct entry){.thread = thread,
                       .wait = wait_of(recording, thread->tid),
                       .state = seep_thread_state_word(thread->state, thread->os_state),
                       .name = thread->name,
                       .wait_word = thread->wait,
                       .tid = thread->tid,
                       .cpu_s = (double)thread->cpu_ns / 1e9,
                       .idle_s = idle_of(thread->os_state, recording->threads_t_ns,
                                         thread->unchanged_since_ns)};
    if (live) {
        entry->present = thread->site;
        entry->made = running(g->creation, thread->tid);
    } else {
        entry->made = thread;
        entry->probe = seep_probe_of(recording, thread->tid, thread->unchanged_since_ns);
    }
    entry->creation = entry->made != NULL ? entry->made->site : 0;
}

/* Tasks that the shim did not see start. */
static void add_of_waits(struct gatherer *g, const struct seep_recording *recording,
                         const struct seep_rec_wait *wait)
{
    const char *call =
        wait->syscall_plus_1 != 0 ? seep_syscall_name(wait->syscall_plus_1 - 1) : NULL;

    g->entries[g->count++] =
        (struct entry){.wait = wait,
                       .state = seep_thread_state_word(SEEP_THREAD_USED, wait->os_state),
                       .name = wait->name,
                       .wait_word = call != NULL ? call : "",
                       .tid = wait->tid,
                       .cpu_s = (double)wait->cpu_ns / 1e9,
                       .idle_s = idle_of(wait->os_state, recording->waits.t_ns,
                                         wait->unchanged_since_ns)};
}

static int collect(struct gatherer *g)
{
    const struct seep_recording *recording =
        g->groups->live ? g->present->recording : g->creation->recording;

    g->entries =
        calloc(recording->thread_count + recording->waits.count + 1, sizeof(*g->entries));
    if (g->entries == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        if (is_there(&recording->threads[i])) {
            add_of_table(g, recording, &recording->threads[i]);
        }
    }
    for (size_t i = 0; i < recording->waits.count && !g->groups->live; i++) {
        if (recording->waits.rows[i].slot_plus_1 == 0) {
            add_of_waits(g, recording, &recording->waits.rows[i]);
        }
    }
    return 0;
}

/* Orders places that were looked at while recording. */
static int probe_order(const struct seep_rec_probe *a, const struct seep_rec_probe *b)
{
    size_t a_count = a != NULL ? a->frame_count : 0;
    size_t b_count = b != NULL ? b->frame_count : 0;

    if (a_count != b_count) {
        return a_count < b_count ? -1 : 1;
    }
    for (size_t i = 0; i < a_count; i++) {
        const struct seep_rec_probe_frame *x = &a->frames[i];
        const struct seep_rec_probe_frame *y = &b->frames[i];

        if (x->module != y->module) {
            return x->module < y->module ? -1 : 1;
        }
        if (x->offset != y->offset) {
            return x->offset < y->offset ? -1 : 1;
        }
    }
    return 0;
}

static int same_group(const struct entry *a, const struct entry *b)
{
    int order = strcmp(a->state, b->state);

    order = order != 0 ? order : strcmp(a->wait_word, b->wait_word);
    if (order == 0) {
        order = (a->present > b->present) - (a->present < b->present);
    }
    if (order == 0) {
        order = (a->creation > b->creation) - (a->creation < b->creation);
    }
    order = order != 0 ? order : probe_order(a->probe, b->probe);
    if (order == 0 && a->present == 0 && a->creation == 0) { /* nothing else is known */
        order = seep_thread_name_order(a->name, b->name);
    }
    return order;
}

static int by_group(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int order = same_group(a, b);

    return order != 0 ? order : (a->tid > b->tid) - (a->tid < b->tid);
}

static struct seep_stack_of_group stack_of(const struct gatherer *g,
                                           const struct seep_threads_source *source,
                                           uint32_t site)
{
    struct seep_finding finding = {.kind = SEEP_KIND_THREAD, .stack_end = ""};

    if (site == 0 || source->recording == NULL || site >= source->recording->site_count) {
        return (struct seep_stack_of_group){.end = ""};
    }
    (void)seep_stack_view_fill(g->groups->findings, source->recording, source->symbolizer,
                               site, &finding);
    return (struct seep_stack_of_group){
        .frames = finding.stack, .count = finding.stack_count, .end = finding.stack_end};
}

/* Where threads are: of a recording, as far as one of them was looked at. */
static struct seep_stack_of_group present_of(const struct gatherer *g,
                                             const struct entry *entry)
{
    struct seep_stack_of_group stack = {.end = ""};
    struct seep_view_frame *frames = NULL;

    if (entry->probe == NULL) {
        return stack_of(g, g->present, entry->present);
    }
    if (seep_probe_view_stack(g->groups->findings, g->creation->symbolizer, entry->probe,
                              &frames, &stack.count) == 0) {
        stack.frames = frames;
        stack.end = entry->probe->end == SEEP_PROBE_STACK_CUT
                        ? "ends in code without unwind rules, or is too deep"
                        : "";
    }
    return stack;
}

/* Start routine, creator and subsystem, as recorded. */
static void fill_origin(const struct gatherer *g, const struct entry *first,
                        struct seep_thread_group *group)
{
    const struct seep_recording *recording = g->creation->recording;
    struct seep_findings *findings = g->groups->findings;
    const struct seep_rec_thread *made = first->made;

    group->start = group->creator = group->subsystem = "";
    if (made == NULL) {
        return;
    }
    if (made->start_module != 0) {
        group->start = seep_findings_text(
            findings, seep_symbol_function(g->creation->symbolizer, made->start_module,
                                           made->start_offset));
    }
    if (made->subsystem < recording->subsystem_count) {
        group->subsystem =
            seep_findings_text(findings, recording->subsystems[made->subsystem]);
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        if (recording->threads[i].slot == made->creator &&
            &recording->threads[i] != made) {
            group->creator = seep_findings_text(findings, recording->threads[i].name);
        }
    }
}

static void fill_rows(const struct gatherer *g, const struct entry *entries,
                      struct seep_thread_group *group)
{
    struct seep_findings *findings = g->groups->findings;

    group->idle_least_s = group->idle_most_s = -1;
    for (size_t i = 0; i < group->count; i++) {
        const struct entry *from = &entries[i];
        struct seep_thread_row *row = &group->rows[i];

        *row = (struct seep_thread_row){
            .tid = from->tid,
            .name = seep_findings_text(findings, from->name),
            .cpu_s = from->cpu_s,
            .idle_s = from->idle_s,
            .target = from->wait != NULL
                          ? seep_findings_text(findings, from->wait->target)
                          : ""};
        group->cpu_s += from->cpu_s;
        if (from->idle_s >= 0) {
            if (group->idle_least_s < 0 || from->idle_s < group->idle_least_s) {
                group->idle_least_s = from->idle_s;
            }
            if (from->idle_s > group->idle_most_s) {
                group->idle_most_s = from->idle_s;
            }
        }
        if (i == 0) {
            group->target = row->target;
        } else if (strcmp(group->target, row->target) != 0) {
            group->target = "";
        }
    }
}

static int fill_names(const struct gatherer *g, struct seep_thread_group *group)
{
    const char **names = calloc(group->count + 1, sizeof(*names));
    char words[NAMES_BYTES];
    int status = -ENOMEM;

    if (names != NULL) {
        for (size_t i = 0; i < group->count; i++) {
            names[i] = group->rows[i].name;
        }
        status = seep_thread_names_words(names, group->count, words, sizeof(words));
    }
    group->names = status == 0 ? seep_findings_text(g->groups->findings, words) : "";
    free(names);
    return status;
}

static int fill_group(const struct gatherer *g, const struct entry *entries, size_t count,
                      struct seep_thread_group *group)
{
    struct seep_findings *findings = g->groups->findings;
    char call[CALL_BYTES];

    group->count = count;
    group->rows = seep_findings_alloc(findings, count, sizeof(*group->rows));
    if (group->rows == NULL) {
        return -ENOMEM;
    }
    group->state = entries->state;
    group->wait = seep_findings_text(findings, entries->wait_word);
    group->present = present_of(g, entries);
    group->creation = stack_of(g, g->creation, entries->creation);
    if (entries->thread == NULL) {
        group->creation.end = "was not seen: a raw clone, or before Seep started";
    }
    group->site = entries->present != 0 ? entries->present : entries->creation;
    seep_thread_call_word(group->present.frames, group->present.count, call,
                          sizeof(call));
    if (strcmp(group->wait, "restart_syscall") == 0 && call[0] != '\0') {
        group->wait =
            seep_findings_text(findings, call); /* of which the kernel says no more */
    }
    group->call = strcmp(call, group->wait) != 0 && strcmp(group->state, "blocked") == 0
                      ? seep_findings_text(findings, call)
                      : "";
    fill_origin(g, entries, group);
    fill_rows(g, entries, group);
    return fill_names(g, group);
}

/* Most threads first; of equals those that run, then the order of the threads. */
static int largest_first(const void *left, const void *right)
{
    const struct seep_thread_group *a = left;
    const struct seep_thread_group *b = right;
    int a_runs = strcmp(a->state, "running") == 0;
    int b_runs = strcmp(b->state, "running") == 0;

    if (a->count != b->count) {
        return a->count < b->count ? 1 : -1;
    }
    if (a_runs != b_runs) {
        return b_runs - a_runs;
    }
    return (a->rows[0].tid > b->rows[0].tid) - (a->rows[0].tid < b->rows[0].tid);
}

static int make_groups(struct gatherer *g)
{
    struct seep_thread_groups *groups = g->groups;
    int status = 0;

    qsort(g->entries, g->count, sizeof(*g->entries), by_group);
    groups->thread_count = g->count;
    groups->groups =
        seep_findings_alloc(groups->findings, g->count + 1, sizeof(*groups->groups));
    if (groups->groups == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < g->count && status == 0;) {
        size_t end = i + 1;

        while (end < g->count && same_group(&g->entries[i], &g->entries[end]) == 0) {
            end++;
        }
        status =
            fill_group(g, &g->entries[i], end - i, &groups->groups[groups->group_count]);
        groups->group_count++;
        i = end;
    }
    if (status == 0) {
        qsort(groups->groups, groups->group_count, sizeof(*groups->groups),
              largest_first);
    }
    return status;
}

static void fill_head(struct gatherer *g)
{
    struct seep_thread_groups *groups = g->groups;
    const struct seep_recording *recording =
        groups->live ? g->present->recording : g->creation->recording;
    char command[TEXT_BYTES] = "";
    size_t used = 0;

    for (size_t i = 0; i < recording->program.argc && used + 1 < sizeof(command); i++) {
        used += (size_t)snprintf(command + used, sizeof(command) - used, "%s%s",
                                 i > 0 ? " " : "", recording->program.argv[i]);
        used = used < sizeof(command) ? used : sizeof(command) - 1;
    }
    groups->pid = recording->program.pid;
    groups->command = seep_findings_text(groups->findings, command);
    groups->at_s = groups->live ? 0 : (double)recording->threads_t_ns / 1e9;
    groups->notes =
        seep_findings_alloc(groups->findings, NOTES_MAX, sizeof(*groups->notes));
}

int seep_thread_groups_gather(const struct seep_threads_source *present,
                              const struct seep_threads_source *creation,
                              struct seep_thread_groups **out)
{
    struct gatherer g = {.present = present, .creation = creation};
    int status = -ENOMEM;

    g.groups = calloc(1, sizeof(*g.groups));
    if (g.groups == NULL) {
        return -ENOMEM;
    }
    g.groups->live = present->recording != NULL;
    status = seep_findings_new(&g.groups->findings);
    if (status == 0) {
        fill_head(&g);
        status = g.groups->notes != NULL ? collect(&g) : -ENOMEM;
    }
    if (status == 0) {
        status = make_groups(&g);
    }
    free(g.entries);
    if (status < 0) {
        seep_thread_groups_free(g.groups);
        return status;
    }
    *out = g.groups;
    return 0;
}

void seep_thread_groups_free(struct seep_thread_groups *groups)
{
    if (groups != NULL) {
        seep_findings_free(groups->findings);
        free(groups);
    }
}

void seep_thread_groups_stuck(struct seep_thread_groups *groups,
                              const struct seep_findings *findings)
{
    groups->stuck = seep_findings_alloc(groups->findings, findings->finding_count,
                                        sizeof(*groups->stuck));
    for (size_t i = 0; groups->stuck != NULL && i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        if (finding->cause == SEEP_CAUSE_STUCK ||
            finding->cause == SEEP_CAUSE_UNREACHABLE ||
            finding->cause == SEEP_CAUSE_LOCK_CYCLE) {
            groups->stuck[groups->stuck_count++] =
                seep_findings_text(groups->findings, finding->summary);
        }
    }
}

void seep_thread_groups_note(struct seep_thread_groups *groups, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (groups->note_count < NOTES_MAX) {
        groups->notes[groups->note_count++] = seep_findings_text(groups->findings, text);
    }
}
