/* A recording with everything in it, for tests of whatever reads recordings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "recording_sample.h"
#include "recording_forge_marks.h"

#include <stdio.h>
#include <stdlib.h>

#define S SEEP_FORGE_SECOND

static const struct seep_rec_child child = {.pid = 5000,
                                            .ending_kind = SEEP_ENDING_EXITED,
                                            .ending_status = 3,
                                            .command = (char *)"ls -l",
                                            .file = (char *)"",
                                            .started_ns = 1,
                                            .duration_ns = 2,
                                            .heap_acquired = 3,
                                            .heap_released = 4,
                                            .heap_live_bytes = 5,
                                            .threads_acquired = 6,
                                            .threads_released = 7};

static struct seep_rec_descriptor descriptor_rows[] = {
    {.fd = 0, .flags = SEEP_DESCRIPTOR_INHERITED, .link = (char *)"/dev/null"},
    {.fd = 7,
     .site = 1,
     .acquired_ns = 8,
     .flags = SEEP_DESCRIPTOR_RECORDED,
     .link = (char *)"socket:[99]",
     .protocol = (char *)"tcp",
     .local = (char *)"127.0.0.1:80",
     .peer = (char *)"127.0.0.1:4000",
     .state = (char *)"CLOSE_WAIT"}};
static const struct seep_rec_descriptors descriptors = {.t_ns = 2 * S,
                                                        .open = 3,
                                                        .recorded = 1,
                                                        .inherited = 1,
                                                        .gone = 4,
                                                        .rows = descriptor_rows,
                                                        .count = 2};

static struct seep_rec_wait wait_rows[] = {{.tid = 4243,
                                            .slot_plus_1 = 4,
                                            .os_state = 'S',
                                            .cpu_ns = 9,
                                            .voluntary_switches = 10,
                                            .involuntary_switches = 11,
                                            .unchanged_since_ns = 12,
                                            .syscall_plus_1 = 203,
                                            .address = 0x7f0000001000},
                                           {.tid = 4250,
                                            .name = (char *)"raw",
                                            .os_state = 'S',
                                            .syscall_plus_1 = 1,
                                            .fd_plus_1 = 8,
                                            .target = (char *)"pipe:[12]"}};
static const struct seep_rec_waits waits = {.t_ns = 2 * S, .rows = wait_rows, .count = 2};

static struct seep_rec_lifetime lifetime_rows[] = {{.site = 2,
                                                    .created = 7,
                                                    .started = 6,
                                                    .ended = 5,
                                                    .joined = 3,
                                                    .detached = 1,
                                                    .left = 2,
                                                    .cancelled = 1,
                                                    .cpu_ns = 400,
                                                    .stack_mapped_bytes = 24 << 20,
                                                    .stack_resident_bytes = 12288,
                                                    .buckets = {[3] = 4, [20] = 1}}};
static const struct seep_rec_lifetimes lifetimes = {
    .t_ns = 2 * S, .exit_way = SEEP_EXIT_WAY_EXIT, .rows = lifetime_rows, .count = 1};

static uint8_t probed_object[] = {2, 0, 0, 0, 7, 0, 0, 0, 0x93, 0x10};
static struct seep_rec_probe_frame probe_frames[] = {
    {.module = 1, .offset = 0x30, .exact = true}, {.module = 1, .offset = 0x40}};
static const struct seep_rec_probe probe = {
    .t_ns = 2 * S,
    .tid = 4243,
    .slot_plus_1 = 4,
    .why = SEEP_PROBE_UNCHANGED,
    .stop_ns = 21000,
    .unchanged_since_ns = 12,
    .syscall_plus_1 = 203,
    .arguments = {0x7f0000001000, 128, 2, 0, 5, 6},
    .object_at = 0x7f0000000ff0,
    .object = probed_object,
    .object_bytes = sizeof(probed_object),
    .reach = SEEP_REACH_NOBODY,
    .searches = 3,
    .scanned_bytes = 1 << 20,
    .end = SEEP_PROBE_STACK_COMPLETE,
    .frames = probe_frames,
    .frame_count = 2};

void seep_sample_forge(struct seep_forge *forge, bool compress)
{
    static const uint8_t build_id[] = {0xab, 0xcd, 0xef};
    const struct seep_rec_age ages[] = {{1, 2, 64, 1 * S, 2 * S, 3},
                                        {2, 1, 8, 2 * S, 2 * S, UINT64_C(1) << 63}};
    const struct seep_rec_thread thread = {.slot = 3,
                                           .generation = 1,
                                           .tid = 4243,
                                           .state = SEEP_THREAD_USED,
                                           .site = 2,
                                           .creator = 0,
                                           .subsystem = 1,
                                           .start_module = 1,
                                           .start_offset = 0x1180,
                                           .created_ns = 5,
                                           .started_ns = 6,
                                           .ended_ns = 7,
                                           .stack_bytes = 8 << 20,
                                           .cpu_ns = 9,
                                           .voluntary_switches = 10,
                                           .involuntary_switches = 11,
                                           .unchanged_since_ns = 12,
                                           .os_state = 'S',
                                           .name = (char *)"worker",
                                           .wait = (char *)"futex"};

    seep_forge_init(forge);
    forge->compress = compress;
    seep_forge_program(forge, "/bin/leaky", S);

    uint32_t module =
        seep_forge_module(forge, "/bin/leaky", build_id, 3, 0x400000, 0x10000);
    (void)seep_forge_subsystem(forge, "websocket");
    uint32_t leaf = seep_forge_stack(forge, module, (uint64_t[]){0x10, 0x20, 0x30}, 3);
    (void)seep_forge_site(forge, leaf, 1, SEEP_KIND_HEAP, 42);
    seep_forge_count(forge, 1, 10, 4, 320, 128);
    seep_forge_snapshot(forge, 1 * S, NULL);
    seep_forge_mark_count(forge, "http request", 1000000);
    (void)seep_forge_site(forge, leaf - 1, 0, SEEP_KIND_THREAD, 43);
    seep_forge_count(forge, 2, 1, 0, 8, 0);
    seep_forge_lost(forge, SEEP_LOSS_NESTED, 5);
    seep_forge_snapshot(forge, 2 * S,
                        &(struct seep_rec_snapshot){0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    seep_forge_ages(forge, 2 * S, S, ages, 2);
    seep_forge_threads(forge, 2 * S, &thread, 1);
    seep_forge_waits(forge, &waits);
    seep_forge_lifetimes(forge, &lifetimes);
    seep_forge_probe(forge, &probe);
    seep_forge_descriptors(forge, &descriptors);
    seep_forge_child(forge, &child);
    seep_forge_mark(forge, 2 * S, "warm");
    seep_forge_note(forge, 2 * S, "an option was refused");
    seep_forge_count(forge, 1, 12, 4, 384, 128);
    seep_forge_snapshot(forge, 3 * S, NULL);
    seep_forge_end_full(forge, 3 * S + 1, SEEP_ENDING_SIGNALLED, 9, 4096, 2);
}

struct seep_recording *seep_sample_open(struct seep_forge *forge)
{
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};

    seep_forge_flush(forge);
    if (seep_recording_open_bytes("forged", forge->file.data, forge->file.len_bytes,
                                  &recording, &error) < 0 ||
        !seep_recording_is_valid(recording)) {
        fprintf(stderr, "recording_sample: %s\n", error.message);
        abort();
    }
    return recording;
}

size_t seep_sample_frame_starts(const struct seep_forge *forge,
                                size_t starts[static SEEP_SAMPLE_FRAMES_MAX])
{
    const uint8_t *file = forge->file.data;
    size_t at = SEEP_RECORDING_MAGIC_BYTES;
    size_t count = 0;

    while (at < forge->file.len_bytes) {
        starts[count++] = at;
        at += 16 + (size_t)(file[at + 4] | file[at + 5] << 8) + 8;
    }
    if (at != forge->file.len_bytes) {
        fprintf(stderr, "recording_sample: frames do not end at the file's end\n");
        abort();
    }
    starts[count] = at;
    return count;
}
