/* The recordings behind the golden reports.
 *
 * Their numbers are chosen, not random, so that a changed line in a report can be traced
 * by hand.
 *
 * SPDX-License-Identifier: MIT
 */
#include "golden_recordings.h"

#include <stdio.h>
#include <string.h>

#include "recording_forge.h"
#include "recording_forge_marks.h"

enum { RUN_S = 60, TEXT_AT = 0x1000, FUNCTION_BYTES = 0x100, STACK_BYTES = 8 << 20 };

enum function {
    PMA_ALLOC,
    HUB_REGISTER,
    HUB_ACCEPT,
    AUTH_SERVICE_NEW,
    AUTH_HANDLE,
    CACHE_PUT,
    WORKER_SPAWN,
    LOG_OPEN,
    EVENT_LOOP,
    MAIN
};

struct stage {
    struct seep_forge forge;
    uint32_t module, auth, websocket, cache;
    uint32_t hub, service_thread, service_heap, cache_site, log;
    uint32_t hub_fd, log_fd, auth_timer, cache_mapping;
};

/* A return address a little into a function. */
static uint64_t in(enum function function)
{
    return TEXT_AT + (uint64_t)function * FUNCTION_BYTES + 0x21;
}

static uint32_t site(struct stage *stage, enum seep_kind kind, uint32_t subsystem,
                     const enum function *functions, size_t n)
{
    uint64_t offsets[8];

    for (size_t i = 0; i < n; i++) {
        offsets[i] = in(functions[i]);
    }
    return seep_forge_site(&stage->forge,
                           seep_forge_stack(&stage->forge, stage->module, offsets, n),
                           subsystem, kind, SEEP_FORGE_SECOND);
}

static void set_up(struct stage *stage, const char *program)
{
    static const enum function hub[] = {PMA_ALLOC, HUB_REGISTER, HUB_ACCEPT, EVENT_LOOP,
                                        MAIN};
    static const enum function auth[] = {AUTH_SERVICE_NEW, AUTH_HANDLE, EVENT_LOOP, MAIN};
    static const enum function auth_heap[] = {PMA_ALLOC, AUTH_SERVICE_NEW, AUTH_HANDLE,
                                              EVENT_LOOP, MAIN};
    static const enum function cache[] = {PMA_ALLOC, CACHE_PUT, EVENT_LOOP, MAIN};
    static const enum function log[] = {PMA_ALLOC, LOG_OPEN, MAIN};
    static const enum function hub_fd[] = {HUB_ACCEPT, EVENT_LOOP, MAIN};
    static const enum function log_fd[] = {LOG_OPEN, MAIN};
    static const enum function auth_timer[] = {AUTH_HANDLE, EVENT_LOOP, MAIN};
    static const enum function cache_mapping[] = {CACHE_PUT, EVENT_LOOP, MAIN};
    char *argv[] = {(char *)"pma-backend", (char *)"--config", (char *)"pma.yaml"};
    const struct seep_rec_program description = {
        .pid = 4242,
        .ppid = 1,
        .mode = 1,
        .started_realtime_ns = UINT64_C(1767225600) * SEEP_FORGE_SECOND,
        .started_monotonic_ns = SEEP_FORGE_SECOND,
        .interval_ns = SEEP_FORGE_SECOND,
        .argc = 3,
        .argv = argv,
        .exe = (char *)"/opt/pma/bin/pma-backend",
        .cwd = (char *)"/opt/pma",
        .host = (char *)"soak-1",
        .seep_version = (char *)"0.1.0",
        .page_bytes = 4096,
        .limit_nofile = 1024,
        .limit_nproc = 4096,
        .cgroup_memory_max_bytes = UINT64_C(1) << 30,
    };

    seep_forge_init(&stage->forge);
    seep_forge_program_full(&stage->forge, &description);
    stage->module = seep_forge_module(&stage->forge, program, NULL, 0, 0x400000, 0x10000);
    stage->auth = seep_forge_subsystem(&stage->forge, "auth");
    stage->websocket = seep_forge_subsystem(&stage->forge, "websocket");
    stage->cache = seep_forge_subsystem(&stage->forge, "cache");
    stage->hub = site(stage, SEEP_KIND_HEAP, stage->websocket, hub, 5);
    stage->service_thread = site(stage, SEEP_KIND_THREAD, stage->auth, auth, 4);
    stage->service_heap = site(stage, SEEP_KIND_HEAP, stage->auth, auth_heap, 5);
    stage->cache_site = site(stage, SEEP_KIND_HEAP, stage->cache, cache, 4);
    stage->log = site(stage, SEEP_KIND_HEAP, 0, log, 3);
    stage->hub_fd = site(stage, SEEP_KIND_FD, stage->websocket, hub_fd, 3);
    stage->log_fd = site(stage, SEEP_KIND_FD, 0, log_fd, 2);
    stage->auth_timer = site(stage, SEEP_KIND_TIMER, stage->auth, auth_timer, 3);
    stage->cache_mapping = site(stage, SEEP_KIND_MAPPING, stage->cache, cache_mapping, 3);
}

/* `live` resources of `each` bytes are live after `acquired` were acquired. */
static void count(struct stage *stage, uint32_t which, uint64_t acquired, uint64_t live,
                  uint64_t each)
{
    seep_forge_count(&stage->forge, which, acquired, acquired - live, acquired * each,
                     (acquired - live) * each);
}

static void snapshot_with_fds(struct stage *stage, uint64_t second, uint64_t threads,
                              uint64_t fds)
{
    const struct seep_rec_snapshot process = {.rss_bytes = (64 << 20) + second * 9216,
                                              .pss_bytes = 60 << 20,
                                              .vsize_bytes = UINT64_C(512) << 20,
                                              .threads = threads,
                                              .fds = fds};

    count(stage, stage->log, 3, 3, 4096);
    seep_forge_snapshot(&stage->forge, second * SEEP_FORGE_SECOND, &process);
}

static void snapshot(struct stage *stage, uint64_t second, uint64_t threads)
{
    snapshot_with_fds(stage, second, threads, 12);
}

/* One site's survivors: one of every `every_s` seconds, all through the run. */
static void ages(struct stage *stage, uint32_t which, uint64_t each, uint64_t every_s)
{
    uint64_t live = RUN_S / every_s;
    struct seep_rec_age entry = {.site = which,
                                 .live = live,
                                 .live_bytes = live * each,
                                 .oldest_birth_ns = every_s * SEEP_FORGE_SECOND,
                                 .newest_birth_ns = RUN_S * SEEP_FORGE_SECOND};

    for (uint64_t second = every_s; second <= RUN_S; second += every_s) {
        entry.generations |= UINT64_C(1) << second;
    }
    seep_forge_ages(&stage->forge, RUN_S * SEEP_FORGE_SECOND, SEEP_FORGE_SECOND, &entry,
                    1);
}

static void finish(struct stage *stage, const char *path, enum seep_ending ending,
                   uint32_t status)
{
    seep_forge_end_full(&stage->forge, RUN_S * SEEP_FORGE_SECOND, ending, status, 4 << 20,
                        64);
    seep_forge_write(&stage->forge, path);
    seep_forge_fini(&stage->forge);
}

/* F05: a client's record stays behind, once a second; killed while it runs. */
static void heap_leak(const char *program, const char *path)
{
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&stage, stage.hub, 5 * s, s, 9216);
        snapshot(&stage, s, 4);
    }
    ages(&stage, stage.hub, 9216, 1);
    finish(&stage, path, SEEP_ENDING_SIGNALLED, 9);
}

static void thread_table(struct stage *stage, uint32_t which, size_t n, uint64_t every_s,
                         uint32_t state)
{
    struct seep_rec_thread threads[64];

    memset(threads, 0, sizeof(threads));
    for (size_t i = 0; i < n; i++) {
        uint64_t born = (i + 1) * every_s * SEEP_FORGE_SECOND;
        bool ended = (state & SEEP_THREAD_ENDED) != 0;

        threads[i] = (struct seep_rec_thread){
            .slot = (uint32_t)i + 1,
            .generation = 1,
            .tid = 5000 + (uint32_t)i,
            .state = state,
            .site = which,
            .subsystem = stage->auth,
            .name = (char *)"auth-clean",
            .wait = (char *)(ended ? "" : "futex"),
            .start_module = stage->module,
            .start_offset = in(WORKER_SPAWN)-0x21,
            .created_ns = born,
            .started_ns = born,
            .ended_ns = ended ? born + SEEP_FORGE_SECOND : 0,
            .stack_bytes = STACK_BYTES,
            .os_state = ended ? 0 : 'S',
            .unchanged_since_ns = ended ? 0 : born + SEEP_FORGE_SECOND / 2,
        };
    }
    seep_forge_threads(&stage->forge, RUN_S * SEEP_FORGE_SECOND, threads, n);
}

/* F01: a service with a thread that never stops, every five seconds; its memory stays
 * with it. */
static void thread_leak(const char *program, const char *path)
{
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&stage, stage.service_thread, s / 5, s / 5, STACK_BYTES);
        count(&stage, stage.service_heap, s / 5, s / 5, 1400);
        snapshot(&stage, s, 4 + s / 5);
    }
    ages(&stage, stage.service_heap, 1400, 5);
    thread_table(&stage, stage.service_thread, RUN_S / 5, 5,
                 SEEP_THREAD_USED | SEEP_THREAD_STARTED);
    finish(&stage, path, SEEP_ENDING_SIGNALLED, 15);
}

/* Threads that end and are forgotten; the program exits. */
static void unjoined(const char *program, const char *path)
{
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&stage, stage.service_thread, s < 4 ? s : 4, s < 4 ? s : 4, STACK_BYTES);
        snapshot(&stage, s, 1);
    }
    thread_table(&stage, stage.service_thread, 4, 1,
                 SEEP_THREAD_USED | SEEP_THREAD_STARTED | SEEP_THREAD_ENDED);
    seep_forge_waits(&stage.forge,
                     &(struct seep_rec_waits){
                         .t_ns = RUN_S * SEEP_FORGE_SECOND,
                         .rows = &(struct seep_rec_wait){.tid = 4300,
                                                         .name = (char *)"raw-one",
                                                         .os_state = 'S',
                                                         .syscall_plus_1 = 1,
                                                         .fd_plus_1 = 8,
                                                         .target = (char *)"pipe:[12]"},
                         .count = 1});
    seep_forge_lifetimes(
        &stage.forge,
        &(struct seep_rec_lifetimes){
            .t_ns = RUN_S * SEEP_FORGE_SECOND,
            .exit_way = SEEP_EXIT_WAY_EXIT,
            .rows = &(struct seep_rec_lifetime){.site = stage.service_thread,
                                                .created = 4,
                                                .started = 4,
                                                .ended = 4,
                                                .left = 1,
                                                .cpu_ns = 4000000,
                                                .stack_mapped_bytes = 4 * STACK_BYTES,
                                                .stack_resident_bytes = 4 * 8192,
                                                .buckets = {[9] = 2, [10] = 1, [20] = 1}},
            .count = 1});
    finish(&stage, path, SEEP_ENDING_EXITED, 0);
}

/* A cache that fills to its cap at 60 % of the run, and traffic that comes and goes. */
static void healthy(const char *program, const char *path)
{
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        uint64_t filled = s < 36 ? s : 36;

        count(&stage, stage.cache_site, filled * 20, filled * 20, 512);
        count(&stage, stage.hub, 50 * s, 50 + s * 7 % 11, 9216);
        snapshot(&stage, s, 4);
    }
    finish(&stage, path, SEEP_ENDING_RUNNING, 0);
}

/* Two connections a second whose client has gone, and never closed; a log beside them,
 * and what no wrapper saw. */
static void fd_leak(const char *program, const char *path)
{
    enum { CONNECTIONS = 118, ROWS = CONNECTIONS + 7 };
    static char peers[CONNECTIONS][32];
    static struct seep_rec_descriptor rows[ROWS];
    struct seep_rec_descriptors table = {.t_ns = 59 * SEEP_FORGE_SECOND,
                                         .open = ROWS,
                                         .recorded = CONNECTIONS + 3,
                                         .inherited = 3,
                                         .gone = 1,
                                         .rows = rows,
                                         .count = ROWS};
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&stage, stage.hub_fd, 2 * s + 40, 2 * s, 0);
        count(&stage, stage.log_fd, 1, 1, 0);
        snapshot_with_fds(&stage, s, 4, 5 + 2 * s);
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = (struct seep_rec_descriptor){
            .fd = i, .flags = SEEP_DESCRIPTOR_INHERITED, .link = (char *)"/dev/null"};
    }
    rows[3] = (struct seep_rec_descriptor){.fd = 3,
                                           .site = stage.log_fd,
                                           .acquired_ns = SEEP_FORGE_SECOND,
                                           .flags = SEEP_DESCRIPTOR_RECORDED,
                                           .link = (char *)"/var/log/pma.log"};
    rows[4] =
        (struct seep_rec_descriptor){.fd = 4, .link = (char *)"anon_inode:[io_uring]"};
    for (uint32_t i = 0; i < CONNECTIONS + 2; i++) {
        bool open = i >= CONNECTIONS; /* the newest two still have their client */
        struct seep_rec_descriptor *row = &rows[i + 5];

        *row = (struct seep_rec_descriptor){
            .fd = i + 5,
            .site = stage.hub_fd,
            .acquired_ns = (i / 2 + 1) * SEEP_FORGE_SECOND,
            .flags = SEEP_DESCRIPTOR_RECORDED,
            .link = (char *)"socket:[4711]",
            .protocol = (char *)"tcp",
            .local = (char *)"127.0.0.1:3000",
            .peer = (char *)"127.0.0.1:40000",
            .state = (char *)(open ? "ESTABLISHED" : "CLOSE_WAIT")};
        if (!open) {
            (void)snprintf(peers[i], sizeof(peers[i]), "10.0.0.7:%u", 40000 + i);
            row->peer = peers[i];
        }
    }
    seep_forge_descriptors(&stage.forge, &table);
    ages(&stage, stage.hub_fd, 0, 1);
    finish(&stage, path, SEEP_ENDING_SIGNALLED, 9);
}

/* A timer for each request, deleted for most of them. */
static void timer_leak(const char *program, const char *path)
{
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&stage, stage.auth_timer, 3 * s, s, 0);
        snapshot(&stage, s, 4);
    }
    ages(&stage, stage.auth_timer, 0, 1);
    finish(&stage, path, SEEP_ENDING_SIGNALLED, 15);
}

/* A file mapped every five seconds and never unmapped. */
static void mapping_leak(const char *program, const char *path)
{
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&stage, stage.cache_mapping, s / 5, s / 5, 1 << 20);
        snapshot(&stage, s, 4);
    }
    ages(&stage, stage.cache_mapping, 1 << 20, 5);
    finish(&stage, path, SEEP_ENDING_RUNNING, 0);
}

/* One of four requests leaves its record behind. Every second ten seconds are busy, with
 * 20 requests a second instead of 4; the program marks each. */
static void per_request(const char *program, const char *path)
{
    struct stage stage;
    uint64_t requests = 0;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        uint64_t now = s / 10 % 2 == 0 ? 20 : 4;

        for (uint64_t i = 0; i < now && requests + i < SEEP_MARK_TIMES_OF_A_LABEL; i++) {
            seep_forge_mark(&stage.forge, s * SEEP_FORGE_SECOND - now + i,
                            "http request");
        }
        requests += now;
        seep_forge_mark_count(&stage.forge, "http request", requests);
        count(&stage, stage.hub, 2 * requests, requests / 4, 9216);
        snapshot(&stage, s, 4);
    }
    ages(&stage, stage.hub, 9216, 1);
    finish(&stage, path, SEEP_ENDING_RUNNING, 0);
}

/* A connection's four records, which the function that accepts it and one that it calls
 * acquire; two of three seconds bring one, and all of them stay. */
static void one_caller(const char *program, const char *path)
{
    static const enum function accept[] = {HUB_ACCEPT, EVENT_LOOP, MAIN};
    struct stage stage;
    uint32_t sites[4];
    uint64_t kept = 0;

    set_up(&stage, program);
    uint32_t loop = seep_forge_stack(
        &stage.forge, stage.module,
        (const uint64_t[]){in(accept[1]), in(accept[2]), in(accept[2]) + 8}, 3);

    for (size_t i = 0; i < 4; i++) {
        uint32_t node = seep_forge_node(&stage.forge, loop, stage.module,
                                        in(accept[0]) + 8 * (i < 3 ? i : 2));

        node = i < 2 ? node
                     : seep_forge_node(&stage.forge, node, stage.module,
                                       in(HUB_REGISTER) + 8 * i);
        sites[i] = seep_forge_site(&stage.forge, node, stage.websocket, SEEP_KIND_HEAP,
                                   SEEP_FORGE_SECOND);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        kept += s * 5 % 3 != 0;
        for (size_t i = 0; i < 4; i++) {
            count(&stage, sites[i], kept, kept, UINT64_C(64) << i);
        }
        snapshot(&stage, s, 4);
    }
    finish(&stage, path, SEEP_ENDING_EXITED, 0);
}

/* A place called from `caller`, and what it acquires. */
static uint32_t below(struct stage *stage, uint32_t *caller, enum function function,
                      enum seep_kind kind)
{
    uint32_t node = seep_forge_node(&stage->forge, *caller, stage->module, in(function));

    *caller = node;
    return kind == SEEP_KIND_NONE ? 0
                                  : seep_forge_site(&stage->forge, node, stage->auth,
                                                    kind, SEEP_FORGE_SECOND);
}

/* A request that is forgotten with its thread, a socket and two records, whichever of two
 * ways it came; beside a table of the hub that grows at moments of its own. */
static void one_cause(const char *program, const char *path)
{
    struct stage stage;
    uint64_t handled = 0;
    uint64_t spawned = 0;
    uint64_t kept = 0;

    set_up(&stage, program);
    uint32_t loop = seep_forge_stack(&stage.forge, stage.module,
                                     (const uint64_t[]){in(EVENT_LOOP), in(MAIN)}, 2);
    uint32_t handle = loop;
    uint32_t spawn = loop;
    uint32_t hub = loop;
    uint32_t socket = below(&stage, &handle, AUTH_HANDLE, SEEP_KIND_FD);
    uint32_t thread = below(&stage, &handle, AUTH_SERVICE_NEW, SEEP_KIND_THREAD);
    uint32_t records = below(&stage, &handle, PMA_ALLOC, SEEP_KIND_HEAP);

    (void)below(&stage, &spawn, WORKER_SPAWN, SEEP_KIND_NONE);
    uint32_t other = below(&stage, &spawn, AUTH_SERVICE_NEW, SEEP_KIND_THREAD);
    uint32_t table = below(&stage, &hub, HUB_REGISTER, SEEP_KIND_HEAP);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        handled += s * 5 % 3 != 0;
        spawned += s * 3 % 4 != 0;
        kept += s * 7 % 5 < 2;
        count(&stage, thread, handled, handled, STACK_BYTES);
        count(&stage, records, 2 * handled, 2 * handled, 1024);
        count(&stage, socket, handled, handled, 0);
        count(&stage, other, spawned, spawned, STACK_BYTES);
        count(&stage, table, kept, kept, 512);
        snapshot_with_fds(&stage, s, handled + spawned + 4, handled + 12);
    }
    finish(&stage, path, SEEP_ENDING_RUNNING, 0);
}

/* A source that reconnects every eight seconds, and forgets the twenty records that it
 * had. */
static void reconnect(const char *program, const char *path)
{
    struct stage stage;

    set_up(&stage, program);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        if (s % 8 == 4) {
            seep_forge_mark(&stage.forge, s * SEEP_FORGE_SECOND - 1, "reconnect");
        }
        count(&stage, stage.hub, (s + 4) / 8 * 20, (s + 4) / 8 * 20, 512);
        snapshot(&stage, s, 4);
    }
    ages(&stage, stage.hub, 512, 8);
    finish(&stage, path, SEEP_ENDING_RUNNING, 0);
}

/* Too short to say anything; events lost; a child; cut in the middle of a frame. */
static void short_run(const char *program, const char *path)
{
    struct stage stage;
    const struct seep_rec_child child = {.pid = 4243,
                                         .command = (char *)"sh -c \"ls\033[2J\"",
                                         .file = (char *)"",
                                         .duration_ns = SEEP_FORGE_SECOND / 4,
                                         .ending_kind = SEEP_ENDING_EXITED,
                                         .ending_status = 1,
                                         .heap_acquired = 40,
                                         .heap_released = 39,
                                         .heap_live_bytes = 100};

    (void)program; /* its path has a length, and the cut is at a byte offset */
    set_up(&stage, "/opt/pma/bin/pma-backend");
    seep_forge_lost(&stage.forge, SEEP_LOSS_NESTED, 3);
    seep_forge_note(&stage.forge, SEEP_FORGE_SECOND,
                    "interval=x: not a number, 1 s is used");
    for (uint64_t s = 1; s <= 6; s++) {
        count(&stage, stage.hub, s, s, 9216);
        snapshot(&stage, s, 4);
    }
    seep_forge_child(&stage.forge, &child);
    seep_forge_flush(&stage.forge);
    seep_forge_put(&stage.forge.file, "\001", 1);
    seep_forge_write(&stage.forge, path);
    seep_forge_fini(&stage.forge);
}

const struct seep_golden SEEP_GOLDENS[] = {
    {"heap_leak", heap_leak},     {"thread_leak", thread_leak},
    {"unjoined", unjoined},       {"healthy", healthy},
    {"short_run", short_run},     {"fd_leak", fd_leak},
    {"timer_leak", timer_leak},   {"mapping_leak", mapping_leak},
    {"per_request", per_request}, {"reconnect", reconnect},
    {"one_caller", one_caller},   {"one_cause", one_cause},
};
const size_t SEEP_GOLDEN_COUNT = sizeof(SEEP_GOLDENS) / sizeof(SEEP_GOLDENS[0]);
