/* alert_recording PROGRAM FILE: a recording that grows on command, so that a test can
 * have minutes of a program's life in a moment. A line on stdin, "ok SECONDS" on stdout:
 *
 *     leak N    N seconds in which hub_register leaks a block of 512 bytes each
 *     flat N    N seconds in which nothing happens
 *     free N    the same, after all that leaked was given back
 *     end       the program exits
 *
 * PROGRAM: the library with functions at fixed offsets (tests/golden/golden_program.S).
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recording_forge.h"

enum { BLOCK_BYTES = 512, CACHE_BLOCKS = 40, LINE_BYTES = 64 };

struct life {
    struct seep_forge forge;
    FILE *out;
    size_t written_bytes;
    uint32_t leak, cache;
    uint64_t second, acquired, released;
};

static void begin(struct life *life, const char *program)
{
    char *argv[] = {(char *)"pma-backend"};
    const struct seep_rec_program description = {
        .pid = 4242,
        .ppid = 1,
        .mode = 1,
        .started_realtime_ns = (uint64_t)time(NULL) * SEEP_FORGE_SECOND,
        .started_monotonic_ns = SEEP_FORGE_SECOND,
        .interval_ns = SEEP_FORGE_SECOND,
        .argc = 1,
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
    uint32_t module = 0;

    seep_forge_init(&life->forge);
    seep_forge_program_full(&life->forge, &description);
    module = seep_forge_module(&life->forge, program, NULL, 0, 0x400000, 0x10000);
    uint32_t websocket = seep_forge_subsystem(&life->forge, "websocket");
    uint32_t store = seep_forge_subsystem(&life->forge, "cache");
    uint32_t hub = seep_forge_stack(
        &life->forge, module, (uint64_t[]){0x1021, 0x1121, 0x1221, 0x1821, 0x1921}, 5);
    uint32_t put = seep_forge_stack(&life->forge, module,
                                    (uint64_t[]){0x1021, 0x1521, 0x1821, 0x1921}, 4);

    life->leak =
        seep_forge_site(&life->forge, hub, websocket, SEEP_KIND_HEAP, SEEP_FORGE_SECOND);
    life->cache =
        seep_forge_site(&life->forge, put, store, SEEP_KIND_HEAP, SEEP_FORGE_SECOND);
    seep_forge_count(&life->forge, life->cache, CACHE_BLOCKS, 0,
                     CACHE_BLOCKS * BLOCK_BYTES, 0);
}

static void append(struct life *life)
{
    const struct seep_forge_bytes *file = &life->forge.file;

    seep_forge_flush(&life->forge);
    if (fwrite(file->data + life->written_bytes, 1, file->len_bytes - life->written_bytes,
               life->out) != file->len_bytes - life->written_bytes ||
        fflush(life->out) != 0) {
        abort();
    }
    life->written_bytes = file->len_bytes;
}

static void pass(struct life *life, unsigned seconds, bool leaks)
{
    for (unsigned i = 0; i < seconds; i++) {
        life->second++;
        life->acquired += leaks;
        seep_forge_count(&life->forge, life->leak, life->acquired, life->released,
                         life->acquired * BLOCK_BYTES, life->released * BLOCK_BYTES);
        seep_forge_snapshot(&life->forge, life->second * SEEP_FORGE_SECOND, NULL);
    }
}

int main(int argc, char **argv)
{
    struct life life = {0};
    char line[LINE_BYTES];

    if (argc != 3 || (life.out = fopen(argv[2], "wb")) == NULL) {
        fprintf(stderr, "usage: alert_recording PROGRAM FILE\n");
        return 2;
    }
    begin(&life, argv[1]);
    append(&life);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        const char *blank = strchr(line, ' ');
        unsigned seconds = blank != NULL ? (unsigned)strtoul(blank + 1, NULL, 10) : 0;

        life.released = line[0] == 'f' && line[1] == 'r' ? life.acquired : life.released;
        pass(&life, seconds, line[0] == 'l');
        if (line[0] == 'e') {
            seep_forge_end(&life.forge, life.second * SEEP_FORGE_SECOND,
                           SEEP_ENDING_EXITED, 0);
        }
        append(&life);
        printf("ok %llu\n", (unsigned long long)life.second);
        (void)fflush(stdout);
    }
    seep_forge_fini(&life.forge);
    return fclose(life.out) != 0;
}
