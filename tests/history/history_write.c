/* history_write PROGRAM OUT PID HOST SECONDS BYTES_PER_S WHERE: a recording of a run of
 * 2026 that began PID minutes after the year, and in which one site keeps BYTES_PER_S.
 * WHERE: hub; renamed (the same function, called from another one); cache (another site);
 * SUBSYSTEM is what HISTORY_SUBSYSTEM of the environment says, else "websocket".
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording_forge.h"

enum { FUNCTION_BYTES = 0x100, TEXT_AT = 0x1000, EACH_BYTES = 1024 };
enum { PMA_ALLOC, HUB_REGISTER, HUB_ACCEPT, CACHE_PUT = 5, EVENT_LOOP = 8, MAIN = 9 };

static uint64_t in(int function)
{
    return TEXT_AT + (uint64_t)function * FUNCTION_BYTES + 0x21;
}

static void begin(struct seep_forge *forge, const char *pid, const char *host)
{
    char *argv[] = {(char *)"pma-backend"};
    uint64_t number = strtoull(pid, NULL, 10);
    const struct seep_rec_program program = {
        .pid = (uint32_t)number,
        .ppid = 1,
        .mode = 1,
        .started_realtime_ns = (UINT64_C(1767225600) + number * 60) * SEEP_FORGE_SECOND,
        .started_monotonic_ns = SEEP_FORGE_SECOND,
        .interval_ns = SEEP_FORGE_SECOND,
        .argc = 1,
        .argv = argv,
        .exe = (char *)"/opt/pma/bin/pma-backend",
        .cwd = (char *)"/opt/pma",
        .host = (char *)host,
        .seep_version = (char *)"0.1.0",
        .page_bytes = 4096,
        .cgroup_memory_max_bytes = UINT64_C(1) << 30,
    };

    seep_forge_init(forge);
    seep_forge_program_full(forge, &program);
}

static uint32_t add_site(struct seep_forge *forge, const char *program, const char *where)
{
    const uint64_t hub[] = {in(PMA_ALLOC), in(HUB_REGISTER), in(HUB_ACCEPT),
                            in(EVENT_LOOP), in(MAIN)};
    const uint64_t renamed[] = {in(PMA_ALLOC), in(HUB_REGISTER), in(EVENT_LOOP),
                                in(MAIN)};
    const uint64_t cache[] = {in(PMA_ALLOC), in(CACHE_PUT), in(EVENT_LOOP), in(MAIN)};
    const char *subsystem = getenv("HISTORY_SUBSYSTEM");
    uint32_t module = seep_forge_module(forge, program, NULL, 0, 0x400000, 0x10000);
    uint32_t name =
        seep_forge_subsystem(forge, subsystem != NULL ? subsystem : "websocket");
    uint32_t leaf = strcmp(where, "hub") == 0 ? seep_forge_stack(forge, module, hub, 5)
                    : strcmp(where, "renamed") == 0
                        ? seep_forge_stack(forge, module, renamed, 4)
                        : seep_forge_stack(forge, module, cache, 4);

    return seep_forge_site(forge, leaf, name, SEEP_KIND_HEAP, SEEP_FORGE_SECOND);
}

int main(int argc, char **argv)
{
    struct seep_forge forge;
    struct seep_rec_age age = {0};
    uint64_t seconds = 0;
    uint64_t per_s = 0;
    uint32_t site = 0;

    if (argc != 8) {
        fprintf(stderr, "usage: history_write PROGRAM OUT PID HOST SECONDS BYTES_PER_S "
                        "WHERE\n");
        return 2;
    }
    seconds = strtoull(argv[5], NULL, 10);
    per_s = strtoull(argv[6], NULL, 10);
    begin(&forge, argv[3], argv[4]);
    site = add_site(&forge, argv[1], argv[7]);
    for (uint64_t s = 1; s <= seconds; s++) {
        uint64_t live_bytes = s * per_s;
        uint64_t live = (live_bytes + EACH_BYTES - 1) / EACH_BYTES;

        seep_forge_count(&forge, site, live + 10 * s, 10 * s,
                         live_bytes + 10 * s * EACH_BYTES, 10 * s * EACH_BYTES);
        seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, NULL);
        age.live = live;
        age.live_bytes = live_bytes;
        age.generations |= per_s > 0 && s < 64 ? UINT64_C(1) << s : 0;
    }
    if (per_s > 0) {
        age.site = site;
        age.oldest_birth_ns = SEEP_FORGE_SECOND;
        age.newest_birth_ns = seconds * SEEP_FORGE_SECOND;
        seep_forge_ages(&forge, seconds * SEEP_FORGE_SECOND, SEEP_FORGE_SECOND, &age, 1);
    }
    seep_forge_end(&forge, seconds * SEEP_FORGE_SECOND, SEEP_ENDING_SIGNALLED, 9);
    seep_forge_write(&forge, argv[2]);
    seep_forge_fini(&forge);
    return 0;
}
