/* Feeds the target mutated recordings for some seconds, with a plain compiler.
 *
 * Checksums stop blind mutation at the first frame, so a file is taken apart into frames,
 * those are changed, and the file is sealed again with right checks. One in eight is
 * changed after sealing instead, to try the checks themselves.
 *
 * Each input depends on seed and number alone: a failure prints both, and `--only NUMBER`
 * makes that input again.
 *
 *     fuzz-recording [--seconds N] [--seed S] [--only NUMBER] CORPUS...
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "fuzz_judge.h"
#include "fuzz_recording.h"
#include "recording_forge.h"

enum {
    FRAMES_MAX = 160,
    FILES_MAX = 64,
    FILE_MAX_BYTES = 1 << 20,
    INPUT_SECONDS_MAX = 20, /* an input that takes longer hangs */
    RSS_MAX_KIB = 2 << 20
};

struct piece { /* a frame, decompressed */
    uint16_t type;
    struct seep_forge_bytes payload; /* data owned */
};

struct file {
    struct piece pieces[FRAMES_MAX];
    size_t count;
};

static uint64_t seed;
static volatile uint64_t number; /* of the input at hand */
static uint64_t random_state;

/* Source: Steele, Lea, Flood 2014, SplitMix64. */
static uint64_t next_random(void)
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(size_t limit)
{
    return limit == 0 ? 0 : (size_t)(next_random() % limit);
}

static void say_input(int signal_number)
{
    char line[160];
    /* The process is lost already; a garbled line is better than none.
     * NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c) */
    int n = snprintf(line, sizeof(line),
                     "\nfuzz-recording: signal %d at input %" PRIu64
                     "; again: --seed %" PRIu64 " --only %" PRIu64 "\n",
                     signal_number, number, seed, number);

    if (write(STDERR_FILENO, line, (size_t)n) < 0 || signal_number == SIGALRM) {
        _exit(1);
    }
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static bool read_corpus_file(const char *path, struct seep_forge_bytes *bytes)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data = malloc(FILE_MAX_BYTES);
    size_t n = 0;

    if (in == NULL || data == NULL) {
        fprintf(stderr, "fuzz-recording: cannot read %s: %s\n", path,
                strerrordesc_np(errno));
        if (in != NULL) {
            (void)fclose(in);
        }
        free(data);
        return false;
    }
    n = fread(data, 1, FILE_MAX_BYTES, in);
    seep_forge_put(bytes, data, n);
    free(data);
    (void)fclose(in);
    return true;
}

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

/* Takes whole frames until the file ends or makes no sense. */
static void take_apart(const struct seep_forge_bytes *bytes, struct file *file)
{
    size_t at = SEEP_RECORDING_MAGIC_BYTES;

    file->count = 0;
    while (file->count < FRAMES_MAX && at + 16 <= bytes->len_bytes) {
        const uint8_t *header = bytes->data + at;
        uint32_t stored = u32_at(header + 4);
        uint32_t payload = u32_at(header + 8);
        struct piece *piece = &file->pieces[file->count];

        if (stored > bytes->len_bytes - at - 16 || payload > FILE_MAX_BYTES) {
            return;
        }
        *piece = (struct piece){.type = (uint16_t)(header[0] | header[1] << 8)};
        if ((header[2] & SEEP_FRAME_COMPRESSED) != 0) {
            uint8_t *data = calloc(1, payload + 1);
            size_t n = ZSTD_decompress(data, payload, header + 16, stored);

            seep_forge_put(&piece->payload, data, ZSTD_isError(n) ? 0 : n);
            free(data);
        } else {
            seep_forge_put(&piece->payload, header + 16, stored);
        }
        file->count++;
        at += 16 + (size_t)stored + 8;
    }
}

static void drop(struct file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->pieces[i].payload.data);
    }
    file->count = 0;
}

/* Numbers that break readers. */
static uint64_t awkward(void)
{
    static const uint64_t values[] = {0,
                                      1,
                                      15,
                                      16,
                                      127,
                                      128,
                                      255,
                                      256,
                                      1023,
                                      1024,
                                      UINT32_MAX - UINT64_C(1),
                                      UINT32_MAX,
                                      UINT64_C(1) << 32,
                                      INT64_MAX,
                                      UINT64_MAX};
    size_t pick = below(sizeof(values) / sizeof(values[0]) + 2);

    return pick < sizeof(values) / sizeof(values[0]) ? values[pick] : next_random();
}

/* Puts other bytes in place of [at, at + len). */
static void replace(struct seep_forge_bytes *bytes, size_t at, size_t len,
                    const struct seep_forge_bytes *with)
{
    struct seep_forge_bytes made = {0};

    seep_forge_put(&made, bytes->data, at);
    seep_forge_put(&made, with->data, with->len_bytes);
    seep_forge_put(&made, bytes->data + at + len, bytes->len_bytes - at - len);
    free(bytes->data);
    *bytes = made;
}

static void mutate_bytes(struct seep_forge_bytes *bytes)
{
    struct seep_forge_bytes with = {0};
    size_t at = below(bytes->len_bytes + 1);
    size_t left = bytes->len_bytes - at;

    switch (below(6)) {
    case 0: /* flip a bit */
        if (left > 0) {
            bytes->data[at] ^= (uint8_t)(1 << below(8));
        }
        break;
    case 1: /* another number, of whatever length */
        seep_forge_put_u(&with, awkward());
        replace(bytes, at, left > 0 ? 1 : 0, &with);
        break;
    case 2: /* one more number */
        seep_forge_put_u(&with, awkward());
        replace(bytes, at, 0, &with);
        break;
    case 3: /* some bytes less */
        replace(bytes, at, below(left + 1), &with);
        break;
    case 4: /* a number raised by one */
        if (left > 0) {
            bytes->data[at]++;
        }
        break;
    default: /* a stretch twice */
        seep_forge_put(&with, bytes->data + at, left < 64 ? left : 64);
        replace(bytes, at, 0, &with);
        break;
    }
    free(with.data);
}

static void mutate_order(struct file *file)
{
    size_t a = below(file->count);
    size_t b = below(file->count);
    struct piece piece = file->pieces[a];

    switch (below(4)) {
    case 0:
        file->pieces[a] = file->pieces[b];
        file->pieces[b] = piece;
        break;
    case 1: /* one frame less */
        free(piece.payload.data);
        memmove(&file->pieces[a], &file->pieces[a + 1],
                (file->count - a - 1) * sizeof(piece));
        file->count--;
        break;
    case 2: /* one twice */
        if (file->count < FRAMES_MAX) {
            struct piece *copy = &file->pieces[file->count++];

            *copy = (struct piece){.type = piece.type};
            seep_forge_put(&copy->payload, piece.payload.data, piece.payload.len_bytes);
        }
        break;
    default:
        file->pieces[a].type = (uint16_t)below(SEEP_FRAME_LAST + 2);
        break;
    }
}

static void seal(const struct file *file, struct seep_forge *forge)
{
    seep_forge_init(forge);
    for (size_t i = 0; i < file->count; i++) {
        const struct seep_forge_bytes *payload = &file->pieces[i].payload;
        size_t room = ZSTD_compressBound(payload->len_bytes);
        uint8_t *stored = below(2) == 0 ? malloc(room) : NULL;

        if (stored != NULL) {
            size_t n = ZSTD_compress(stored, room, payload->data, payload->len_bytes, 1);

            seep_forge_raw(forge,
                           &(struct seep_frame_header){.type = file->pieces[i].type,
                                                       .flags = SEEP_FRAME_COMPRESSED,
                                                       .stored_bytes = (uint32_t)n,
                                                       .payload_bytes =
                                                           (uint32_t)payload->len_bytes},
                           stored);
        } else {
            seep_forge_frame(forge, file->pieces[i].type, payload->data,
                             payload->len_bytes);
        }
        free(stored);
    }
}

/* Makes and tries one input, from a corpus file. */
static void try_one(const struct seep_forge_bytes *corpus)
{
    static struct file file;
    struct seep_forge forge;
    bool blind = below(8) == 0;
    size_t changes = 1 + below(4);

    take_apart(corpus, &file);
    for (size_t i = 0; !blind && i < changes && file.count > 0; i++) {
        if (below(4) == 0) {
            mutate_order(&file);
        } else {
            mutate_bytes(&file.pieces[below(file.count)].payload);
        }
    }
    seal(&file, &forge);
    for (size_t i = 0; blind && i < changes; i++) {
        mutate_bytes(&forge.file);
    }
    (void)alarm(INPUT_SECONDS_MAX);
    (void)LLVMFuzzerTestOneInput(forge.file.data, forge.file.len_bytes);
    (void)alarm(0);
    seep_forge_fini(&forge);
    drop(&file);
}

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t option(int *argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            uint64_t value = strtoull(argv[i + 1], NULL, 10);

            memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof(*argv));
            *argc -= 2;
            return value;
        }
    }
    return otherwise;
}

static int report(double seconds)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    printf("fuzz-recording: %" PRIu64 " inputs in %.1f s, %" PRIu64
           " opened as recordings, %" PRIu64 " findings, most memory %ld MiB\n",
           number, seconds, seep_fuzz_opened, seep_fuzz_findings, usage.ru_maxrss / 1024);
    if (seep_fuzz_findings == 0 || seep_fuzz_opened == 0 || seep_fuzz_opened == number) {
        fprintf(stderr, "fuzz-recording: the inputs try only one side of the reader\n");
        return 1;
    }
    if (usage.ru_maxrss > RSS_MAX_KIB) {
        fprintf(stderr, "fuzz-recording: more than 2 GiB for files of some KiB\n");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct seep_forge_bytes corpus[FILES_MAX];
    const char *ci = getenv("CI");
    uint64_t seconds =
        option(&argc, argv, "--seconds", ci != NULL && strcmp(ci, "true") == 0 ? 60 : 10);
    uint64_t only = option(&argc, argv, "--only", 0);
    size_t files = 0;
    double start = now_s();

    seed = option(&argc, argv, "--seed", (uint64_t)time(NULL));
    files = argc > FILES_MAX ? FILES_MAX : (size_t)argc - 1;
    if (files == 0) {
        fprintf(stderr, "usage: fuzz-recording [--seconds N] [--seed S] CORPUS...\n");
        return 2;
    }
    printf("fuzz-recording: seed %" PRIu64 ", %" PRIu64 " s\n", seed, seconds);
    (void)fflush(stdout);
    (void)signal(SIGSEGV, say_input);
    (void)signal(SIGBUS, say_input);
    (void)signal(SIGABRT, say_input);
    (void)signal(SIGALRM, say_input);
    for (size_t i = 0; i < files; i++) {
        if (!read_corpus_file(argv[i + 1], &corpus[i])) {
            return 2;
        }
        (void)LLVMFuzzerTestOneInput(corpus[i].data, corpus[i].len_bytes);
    }
    for (number = only != 0 ? only : 1;
         only != 0 ? number == only : now_s() - start < (double)seconds; number++) {
        random_state = seed ^ (number * UINT64_C(0xd1342543de82ef95));
        try_one(&corpus[below(files)]);
    }
    for (size_t i = 0; i < files; i++) {
        free(corpus[i].data);
    }
    return only != 0 ? 0 : report(now_s() - start);
}
