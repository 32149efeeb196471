/* A process as it is now, as a recording.
 *
 * A model of its own for live processes was rejected: it would need symbols, views of
 * stacks and profiles a second time, and the two would drift apart.
 *
 * The innermost frame of a thread that runs is where it goes on, which may be the first
 * byte of a function; nodes are return addresses and are looked up one byte earlier. So
 * it is stored one byte further. In a system call both lie in the same function.
 *
 * SPDX-License-Identifier: MIT
 */
#include "threads/live_picture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "threads/live_waits.h"

enum { COMMAND_BYTES = 4096, COMMAND_WORDS = 64, FIRST_SLOTS = 256, SMALL_BYTES = 128 };
#define NO_FILE "[no file]"

struct builder {
    struct seep_recording *picture;
    const struct seep_probe *probe;
    uint32_t *slots; /* owned; node by (parent, module, offset); 0: free */
    size_t slot_count;
    size_t node_room, site_room;
};

static size_t slot_of(const struct builder *b, const struct seep_rec_node *key)
{
    uint64_t hash =
        (key->offset ^ (uint64_t)key->module << 44 ^ (uint64_t)key->parent << 20) *
        UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 20) & (b->slot_count - 1);

    while (b->slots[i] != 0) {
        const struct seep_rec_node *node = &b->picture->nodes[b->slots[i]];

        if (node->parent == key->parent && node->module == key->module &&
            node->offset == key->offset) {
            break;
        }
        i = (i + 1) & (b->slot_count - 1);
    }
    return i;
}

/* Room for one node more. Returns: 0; -ENOMEM. */
static int grow_nodes(struct builder *b)
{
    struct seep_recording *p = b->picture;
    size_t more = b->node_room != 0 ? b->node_room * 2 : FIRST_SLOTS;

    if (p->node_count < b->node_room) {
        return 0;
    }
    struct seep_rec_node *nodes = reallocarray(p->nodes, more, sizeof(*nodes));
    uint32_t *slots = calloc(more * 2, sizeof(*slots));

    if (nodes != NULL) {
        p->nodes = nodes;
    }
    if (nodes == NULL || slots == NULL) {
        free(slots);
        return -ENOMEM;
    }
    free(b->slots);
    b->slots = slots;
    b->slot_count = more * 2;
    b->node_room = more;
    for (uint32_t i = SEEP_NODE_FIRST; i < p->node_count; i++) {
        b->slots[slot_of(b, &p->nodes[i])] = i;
    }
    return 0;
}

static int intern_node(struct builder *b, struct seep_rec_node key, uint32_t *out)
{
    if (grow_nodes(b) < 0) {
        return -ENOMEM;
    }
    size_t slot = slot_of(b, &key);

    if (b->slots[slot] == 0) {
        b->slots[slot] = (uint32_t)b->picture->node_count;
        b->picture->nodes[b->picture->node_count++] = key;
    }
    *out = b->slots[slot];
    return 0;
}

static uint32_t root_of(enum seep_probe_end end)
{
    switch (end) {
    case SEEP_PROBE_END_COMPLETE:
        return SEEP_NODE_COMPLETE;
    case SEEP_PROBE_END_CUT:
        return SEEP_NODE_DEEP;
    case SEEP_PROBE_END_NONE:
        return SEEP_NODE_UNKNOWN;
    default:
        return SEEP_NODE_NO_RULE;
    }
}

/* The node of a thread's innermost frame. */
static int add_stack(struct builder *b, const struct seep_probe_thread *thread,
                     bool running, uint32_t *out)
{
    uint32_t node = root_of(thread->end);

    for (size_t i = thread->frame_count; i-- > 0;) {
        const struct seep_probe_frame *frame = &thread->frames[i];
        struct seep_rec_node key = {.parent = node,
                                    .module = frame->module != 0
                                                  ? frame->module
                                                  : (uint32_t)b->probe->module_count,
                                    .offset = frame->offset + (i == 0 && running)};

        if (intern_node(b, key, &node) < 0) {
            return -ENOMEM;
        }
    }
    *out = node;
    return 0;
}

/* The site of a stack: one per node. */
static int intern_site(struct builder *b, uint32_t node, uint32_t *out)
{
    struct seep_recording *p = b->picture;

    for (uint32_t i = 1; i < p->site_count; i++) {
        if (p->sites[i].node == node) {
            *out = i;
            return 0;
        }
    }
    if (p->site_count == b->site_room) {
        size_t more = b->site_room != 0 ? b->site_room * 2 : 64;
        struct seep_rec_site *sites = reallocarray(p->sites, more, sizeof(*sites));

        if (sites == NULL) {
            return -ENOMEM;
        }
        p->sites = sites;
        b->site_room = more;
    }
    p->sites[p->site_count] =
        (struct seep_rec_site){.node = node, .kind = SEEP_KIND_THREAD};
    *out = (uint32_t)p->site_count++;
    return 0;
}

/* What the thread waits in: the system call, else the kernel's own word. */
static char *wait_of(const struct seep_task *task)
{
    char number[SMALL_BYTES];

    if (task->wait.name[0] == '\0' && task->wait.syscall_plus_1 != 0) {
        (void)snprintf(number, sizeof(number), "system call %" PRIu64,
                       task->wait.syscall_plus_1 - 1);
        return strdup(number);
    }
    return strdup(task->wait.name);
}

/* What the thread's system call is about. Returns: 0; -ENOMEM. */
static int add_wait(struct builder *b, const struct seep_task *task)
{
    struct seep_rec_waits *waits = &b->picture->waits;
    struct seep_rec_wait *wait = &waits->rows[waits->count++];

    *wait = (struct seep_rec_wait){.tid = task->tid,
                                   .slot_plus_1 = (uint32_t)b->picture->thread_count,
                                   .syscall_plus_1 = (uint32_t)task->wait.syscall_plus_1,
                                   .fd_plus_1 = (uint32_t)task->wait.fd_plus_1,
                                   .address = task->wait.address,
                                   .os_state = task->state,
                                   .name = strdup(""),
                                   .target = strdup(task->wait.target)};
    return wait->name != NULL && wait->target != NULL ? 0 : -ENOMEM;
}

static const struct seep_probe_thread *probed(const struct seep_probe *probe,
                                              uint32_t tid)
{
    for (size_t i = 0; probe != NULL && i < probe->thread_count; i++) {
        if (probe->threads[i].copy.tid == tid) {
            return &probe->threads[i];
        }
    }
    return NULL;
}

static int add_thread(struct builder *b, const struct seep_task *task, uint32_t slot)
{
    struct seep_recording *p = b->picture;
    struct seep_rec_thread *thread = &p->threads[p->thread_count];
    const struct seep_probe_thread *found =
        b->probe != NULL && slot < b->probe->thread_count &&
                b->probe->threads[slot].copy.tid == task->tid
            ? &b->probe->threads[slot]
            : probed(b->probe, task->tid);
    uint32_t node = 0;
    int status = 0;

    *thread = (struct seep_rec_thread){
        .slot = slot,
        .tid = task->tid,
        .state = SEEP_THREAD_USED | SEEP_THREAD_STARTED |
                 (task->state == 'Z' || task->state == 'X' ? SEEP_THREAD_ENDED : 0u),
        .cpu_ns = task->cpu_ns,
        .voluntary_switches = task->voluntary_switches,
        .involuntary_switches = task->involuntary_switches,
        .os_state = task->state,
        .name = strdup(task->name),
        .wait = wait_of(task)};
    p->thread_count++;
    if (task->idle_ns != 0 && task->idle_ns < p->threads_t_ns) {
        thread->unchanged_since_ns = p->threads_t_ns - task->idle_ns;
    }
    if (thread->name == NULL || thread->wait == NULL || add_wait(b, task) < 0) {
        return -ENOMEM;
    }
    if (found != NULL && found->frame_count > 0) {
        status = add_stack(b, found, task->state == 'R', &node);
        status = status == 0 ? intern_site(b, node, &thread->site) : status;
    }
    return status;
}

/* The probe's modules, and one more for code without a file. */
static int add_modules(struct builder *b)
{
    struct seep_recording *p = b->picture;
    size_t n = b->probe != NULL ? b->probe->module_count : 1;

    p->modules = calloc(n + 1, sizeof(*p->modules));
    if (p->modules == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n + 1; i++) {
        const struct seep_probe_module *from =
            b->probe != NULL && i < n ? &b->probe->modules[i] : NULL;

        p->modules[i].path = strdup(from != NULL ? from->path : i == 0 ? "" : NO_FILE);
        if (p->modules[i].path == NULL) {
            return -ENOMEM;
        }
        p->module_count++;
        if (from != NULL) {
            p->modules[i].base = from->base;
            p->modules[i].build_id_len = from->build_id_bytes;
            memcpy(p->modules[i].build_id, from->build_id, from->build_id_bytes);
        }
    }
    return 0;
}

/* Words of /proc/PID/cmdline; of a process without one, its name. */
static int read_command(pid_t pid, struct seep_rec_program *program)
{
    char path[SMALL_BYTES];
    char text[COMMAND_BYTES] = "";
    int n = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    n = seep_proc_read(AT_FDCWD, path, text, sizeof(text));
    if (n <= 0) {
        (void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
        n = seep_proc_read(AT_FDCWD, path, text, sizeof(text));
        text[strcspn(text, "\n")] = '\0';
    }
    program->argv = calloc(COMMAND_WORDS, sizeof(*program->argv));
    if (program->argv == NULL) {
        return -ENOMEM;
    }
    for (int at = 0; at < n && program->argc < COMMAND_WORDS;
         at += (int)strlen(text + at) + 1) {
        program->argv[program->argc] = strdup(text + at);
        if (program->argv[program->argc] == NULL) {
            return -ENOMEM;
        }
        program->argc++;
    }
    return 0;
}

static int fill_program(pid_t pid, struct seep_rec_program *program)
{
    char path[SMALL_BYTES];
    char exe[PATH_MAX] = "";
    ssize_t n = 0;

    program->pid = (uint32_t)pid;
    (void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    n = readlink(path, exe, sizeof(exe) - 1);
    exe[n > 0 ? n : 0] = '\0';
    program->exe = strdup(exe);
    program->cwd = strdup("/");
    program->host = strdup("");
    program->seep_version = strdup(SEEP_VERSION);
    return program->exe == NULL || program->cwd == NULL || program->host == NULL ||
                   program->seep_version == NULL
               ? -ENOMEM
               : read_command(pid, program);
}

static int fill(struct builder *b, pid_t pid, const struct seep_task_list *tasks)
{
    struct seep_recording *p = b->picture;
    uint32_t none = 0;
    int status = fill_program(pid, &p->program);

    if (status == 0) {
        status = add_modules(b);
    }
    if (status == 0) {
        status = grow_nodes(b);
    }
    if (status < 0) {
        return status;
    }
    p->node_count = SEEP_NODE_FIRST;
    memset(p->nodes, 0, SEEP_NODE_FIRST * sizeof(*p->nodes));
    status = intern_site(b, 0, &none); /* site 0: none */
    p->subsystems = calloc(1, sizeof(*p->subsystems));
    p->threads = calloc(tasks->count + 1, sizeof(*p->threads));
    p->waits.rows = calloc(tasks->count + 1, sizeof(*p->waits.rows));
    p->snapshots = calloc(1, sizeof(*p->snapshots));
    if (status < 0 || p->subsystems == NULL || p->threads == NULL ||
        p->waits.rows == NULL || p->snapshots == NULL ||
        (p->subsystems[0] = strdup("")) == NULL) {
        return -ENOMEM;
    }
    p->subsystem_count = 1;
    p->snapshot_count = 1;
    /* the instant of the picture, on our clock; nothing began before it */
    p->threads_t_ns = seep_proc_clock_ns(CLOCK_BOOTTIME);
    for (size_t i = 0; i < tasks->count && status == 0; i++) {
        status = add_thread(b, &tasks->tasks[i], (uint32_t)i);
    }
    return status;
}

int seep_live_picture_make(pid_t pid, const struct seep_task_list *tasks,
                           const struct seep_probe *probe,
                           struct seep_recording **picture)
{
    struct builder b = {.picture = calloc(1, sizeof(*b.picture)), .probe = probe};
    int status = b.picture != NULL ? fill(&b, pid, tasks) : -ENOMEM;

    free(b.slots);
    if (status < 0) {
        seep_live_picture_free(b.picture);
        return status;
    }
    *picture = b.picture;
    return 0;
}

void seep_live_picture_free(struct seep_recording *picture)
{
    if (picture == NULL) {
        return;
    }
    for (size_t i = 0; i < picture->thread_count; i++) {
        free(picture->threads[i].name);
        free(picture->threads[i].wait);
    }
    for (size_t i = 0; i < picture->waits.count; i++) {
        free(picture->waits.rows[i].name);
        free(picture->waits.rows[i].target);
    }
    free(picture->waits.rows);
    seep_live_waits_fini(picture);
    for (size_t i = 0; i < picture->module_count; i++) {
        free(picture->modules[i].path);
    }
    for (size_t i = 0; i < picture->program.argc; i++) {
        free(picture->program.argv[i]);
    }
    if (picture->subsystems != NULL) {
        free(picture->subsystems[0]);
    }
    free(picture->program.argv);
    free(picture->program.exe);
    free(picture->program.cwd);
    free(picture->program.host);
    free(picture->program.seep_version);
    free(picture->subsystems);
    free(picture->snapshots);
    free(picture->threads);
    free(picture->modules);
    free(picture->nodes);
    free(picture->sites);
    free(picture);
}
