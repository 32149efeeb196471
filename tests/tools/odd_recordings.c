/* Writes recordings that no sound program leaves, but that a reader meets: clocks that
 * jump, other versions, tables without snapshots, two files glued together. Their checks
 * and hashes are right: only what they say is odd.
 *
 *     odd-recordings DIRECTORY
 *
 * tests/golden/odd_recordings_test.py says what each must lead to.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording_forge.h"

enum { SNAPSHOTS = 60, EARLY = 20, LATE = 40 };

static const uint64_t S = SEEP_FORGE_SECOND;
static const uint64_t DAY = 86400 * SEEP_FORGE_SECOND;

/* Times of a run's snapshots, by their number from 1 on. */
typedef uint64_t clock_of(uint64_t snapshot); /* a function, no struct */

static uint64_t steady(uint64_t snapshot)
{
    return snapshot * S;
}

static uint64_t three_days_early(uint64_t snapshot)
{
    return snapshot * S + (snapshot > EARLY ? 3 * DAY : 0);
}

static uint64_t three_days_late(uint64_t snapshot)
{
    return snapshot * S + (snapshot > SNAPSHOTS - 5 ? 3 * DAY : 0);
}

static uint64_t to_the_end_of_time(uint64_t snapshot)
{
    return snapshot > LATE ? UINT64_MAX - SNAPSHOTS + snapshot : snapshot * S;
}

static uint64_t backwards(uint64_t snapshot)
{
    return snapshot == LATE ? EARLY * S : snapshot * S;
}

static uint64_t twice_the_same(uint64_t snapshot)
{
    return snapshot == LATE ? (LATE - 1) * S : snapshot * S;
}

static uint32_t add_site(struct seep_forge *forge)
{
    uint32_t module = seep_forge_module(forge, "/nowhere/prog", NULL, 0, 0, 0x10000);

    return seep_forge_site(
        forge, seep_forge_stack(forge, module, (uint64_t[]){0x1010, 0x1200}, 2), 0,
        SEEP_KIND_HEAP, 0);
}

static void begin(struct seep_forge *forge)
{
    seep_forge_init(forge);
    seep_forge_program(forge, "/nowhere/prog", S);
}

/* A leak of a block a snapshot, without an END. */
static void run(struct seep_forge *forge, clock_of *clock)
{
    uint32_t site = add_site(forge);

    for (uint64_t s = 1; s <= SNAPSHOTS; s++) {
        seep_forge_count(forge, site, s * 10, 0, s * 640, 0);
        seep_forge_snapshot(forge, clock(s), NULL);
    }
}

static void run_with(struct seep_forge *forge, clock_of *clock)
{
    begin(forge);
    run(forge, clock);
    seep_forge_end(forge, clock(SNAPSHOTS), SEEP_ENDING_EXITED, 0);
}

static void sound(struct seep_forge *forge)
{
    run_with(forge, steady);
}

static void jump_early(struct seep_forge *forge)
{
    run_with(forge, three_days_early);
}

static void jump_late(struct seep_forge *forge)
{
    run_with(forge, three_days_late);
}

static void jump_to_the_end(struct seep_forge *forge)
{
    run_with(forge, to_the_end_of_time);
}

static void clock_back(struct seep_forge *forge)
{
    run_with(forge, backwards);
}

static void clock_stands(struct seep_forge *forge)
{
    run_with(forge, twice_the_same);
}

static void end_before_start(struct seep_forge *forge)
{
    begin(forge);
    run(forge, steady);
    seep_forge_end(forge, 0, SEEP_ENDING_EXITED, 0);
}

static void end_after_days(struct seep_forge *forge)
{
    begin(forge);
    run(forge, steady);
    seep_forge_end(forge, 40 * DAY, SEEP_ENDING_EXITED, 0);
}

static void program_with(struct seep_forge *forge, uint64_t started_ns,
                         uint64_t interval_ns, uint32_t mode)
{
    char *argv[] = {(char *)"prog"};

    seep_forge_init(forge);
    seep_forge_program_full(
        forge, &(struct seep_rec_program){.pid = UINT32_MAX,
                                          .mode = mode,
                                          .started_realtime_ns = started_ns,
                                          .started_monotonic_ns = UINT64_MAX,
                                          .interval_ns = interval_ns,
                                          .argc = 1,
                                          .argv = argv,
                                          .exe = (char *)"",
                                          .cwd = (char *)"",
                                          .host = (char *)"\xff\xfe\x1b[2J\n",
                                          .seep_version = (char *)"99.0",
                                          .page_bytes = 0,
                                          .limit_as_bytes = 1,
                                          .limit_nofile = UINT64_MAX});
    run(forge, steady);
}

static void started_at_the_end_of_time(struct seep_forge *forge)
{
    program_with(forge, UINT64_MAX, UINT64_MAX, 1);
}

static void interval_of_zero(struct seep_forge *forge)
{
    program_with(forge, 0, 0, 2);
}

static void another_mode(struct seep_forge *forge)
{
    program_with(forge, 0, S, 77);
}

static void nothing_but_program(struct seep_forge *forge)
{
    begin(forge);
}

static void no_program(struct seep_forge *forge)
{
    seep_forge_init(forge);
    run(forge, steady);
}

static void sites_without_snapshots(struct seep_forge *forge)
{
    begin(forge);
    (void)add_site(forge);
    seep_forge_end(forge, S, SEEP_ENDING_EXITED, 0);
}

static void snapshots_without_sites(struct seep_forge *forge)
{
    begin(forge);
    for (uint64_t s = 1; s <= SNAPSHOTS; s++) {
        seep_forge_snapshot(forge, s * S, NULL);
    }
    seep_forge_end(forge, SNAPSHOTS * S, SEEP_ENDING_EXITED, 0);
}

static void one_snapshot(struct seep_forge *forge)
{
    uint32_t site = 0;

    begin(forge);
    site = add_site(forge);
    seep_forge_count(forge, site, 10, 0, 640, 0);
    seep_forge_snapshot(forge, S, NULL);
    seep_forge_end(forge, S, SEEP_ENDING_EXITED, 0);
}

static void two_snapshots_a_nanosecond_apart(struct seep_forge *forge)
{
    uint32_t site = 0;

    begin(forge);
    site = add_site(forge);
    for (uint64_t s = 1; s <= 2; s++) {
        seep_forge_count(forge, site, s * 10, 0, s * 640, 0);
        seep_forge_snapshot(forge, s, NULL);
    }
}

static void counters_that_fall(struct seep_forge *forge)
{
    uint32_t site = 0;

    begin(forge);
    site = add_site(forge);
    for (uint64_t s = 1; s <= SNAPSHOTS; s++) {
        uint64_t low = s % 2 == 0 ? UINT64_MAX : s;

        seep_forge_count(forge, site, low, UINT64_MAX - low, s, low);
        seep_forge_snapshot(forge, s * S, NULL);
    }
}

static void ages_of_no_time(struct seep_forge *forge)
{
    begin(forge);
    run(forge, steady);
    for (uint64_t i = 0; i < 3; i++) {
        seep_forge_ages(
            forge, i == 2 ? UINT64_MAX : 50 * S, i == 0 ? 0 : UINT64_MAX,
            &(struct seep_rec_age){1, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, UINT64_MAX},
            1);
    }
    seep_forge_end(forge, SNAPSHOTS * S, SEEP_ENDING_EXITED, 0);
}

static void threads_out_of_time(struct seep_forge *forge)
{
    struct seep_rec_thread threads[3] = {0};

    begin(forge);
    run(forge, steady);
    for (uint32_t i = 0; i < 3; i++) {
        threads[i] = (struct seep_rec_thread){.slot = UINT32_MAX,
                                              .state = i == 0 ? UINT32_MAX : 5,
                                              .site = 1,
                                              .creator = UINT32_MAX,
                                              .created_ns = UINT64_MAX,
                                              .started_ns = 1,
                                              .ended_ns = i,
                                              .stack_bytes = UINT64_MAX,
                                              .unchanged_since_ns = UINT64_MAX,
                                              .name = (char *)"\x01\xff<&\"",
                                              .os_state = 127,
                                              .wait = (char *)"%s%n"};
    }
    seep_forge_threads(forge, 10 * S, threads, 3);
    seep_forge_end(forge, SNAPSHOTS * S, SEEP_ENDING_SIGNALLED, UINT32_MAX);
}

static void two_programs(struct seep_forge *forge)
{
    begin(forge);
    run(forge, steady);
    seep_forge_program(forge, "/nowhere/other", 2 * S);
    seep_forge_end(forge, SNAPSHOTS * S, SEEP_ENDING_EXITED, 0);
    seep_forge_end(forge, 1, 99, 0);
}

static void newer_minor(struct seep_forge *forge)
{
    begin(forge);
    seep_forge_frame(forge, SEEP_FRAME_LAST + 1, "whatever", 8);
    run(forge, steady);
    seep_forge_raw(forge,
                   &(struct seep_frame_header){.type = 60000,
                                               .flags = 0xffff,
                                               .stored_bytes = 3,
                                               .payload_bytes = UINT32_MAX},
                   "new");
    seep_forge_end(forge, SNAPSHOTS * S, SEEP_ENDING_EXITED, 0);
}

/* PROGRAM alone, of another version. */
static void other_version(struct seep_forge *forge)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_init(forge);
    seep_forge_put_u(&payload, 2);
    seep_forge_put(&payload, "something that version 1 cannot know", 36);
    seep_forge_frame(forge, SEEP_FRAME_PROGRAM, payload.data, payload.len_bytes);
    free(payload.data);
}

static void foreign_major(struct seep_forge *forge)
{
    run_with(forge, steady);
    forge->file.data[SEEP_RECORDING_MAGIC_BYTES - 1] = '2';
}

static void glued(struct seep_forge *forge)
{
    struct seep_forge second;

    run_with(forge, steady);
    run_with(&second, steady);
    seep_forge_put(&forge->file, second.file.data, second.file.len_bytes);
    seep_forge_fini(&second);
}

static void header_alone(struct seep_forge *forge)
{
    seep_forge_init(forge);
}

static const struct {
    const char *name;
    void (*make)(struct seep_forge *forge);
} odd[] = {
    {"sound", sound},
    {"jump-early", jump_early},
    {"jump-late", jump_late},
    {"jump-to-the-end", jump_to_the_end},
    {"clock-back", clock_back},
    {"clock-stands", clock_stands},
    {"end-before-start", end_before_start},
    {"end-after-days", end_after_days},
    {"started-at-the-end-of-time", started_at_the_end_of_time},
    {"interval-of-zero", interval_of_zero},
    {"another-mode", another_mode},
    {"nothing-but-program", nothing_but_program},
    {"no-program", no_program},
    {"sites-without-snapshots", sites_without_snapshots},
    {"snapshots-without-sites", snapshots_without_sites},
    {"one-snapshot", one_snapshot},
    {"two-snapshots", two_snapshots_a_nanosecond_apart},
    {"counters-that-fall", counters_that_fall},
    {"ages-of-no-time", ages_of_no_time},
    {"threads-out-of-time", threads_out_of_time},
    {"two-programs", two_programs},
    {"newer-minor", newer_minor},
    {"other-version", other_version},
    {"foreign-major", foreign_major},
    {"glued", glued},
    {"header-alone", header_alone},
};

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: odd-recordings DIRECTORY\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct seep_forge forge;
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/%s.seep", argv[1], odd[i].name);
        odd[i].make(&forge);
        seep_forge_write(&forge, path);
        seep_forge_fini(&forge);
    }
    return 0;
}
