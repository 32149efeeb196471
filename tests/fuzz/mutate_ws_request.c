/* Feeds the target changed documents for some seconds, with a plain compiler.
 *
 * Texts are cut, glued and spoilt; what is inserted comes from the corpus itself, so that
 * types and members keep turning up in new places. Each input depends on seed and number
 * alone: a failure prints both, and `--only NUMBER` makes that input again.
 *
 *     fuzz-ws-request [--seconds N] [--seed S] [--only NUMBER] CORPUS
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_ws_request.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SEEDS_MAX = 256, LINE_BYTES = 4096, INPUT_BYTES = 16384, CHANGES_MAX = 6 };

struct text {
    size_t bytes;
    char at[INPUT_BYTES];
};

static char seeds[SEEDS_MAX][LINE_BYTES];
static size_t seeds_count;
static uint64_t seed = 1;
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
                     "\nfuzz-ws-request: signal %d at input %" PRIu64
                     "; again: --seed %" PRIu64 " --only %" PRIu64 "\n",
                     signal_number, number, seed, number);

    if (write(STDERR_FILENO, line, (size_t)n) < 0) {
        _exit(1);
    }
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void insert(struct text *text, size_t at, const char *piece, size_t piece_bytes)
{
    if (text->bytes + piece_bytes <= INPUT_BYTES) {
        memmove(text->at + at + piece_bytes, text->at + at, text->bytes - at);
        memcpy(text->at + at, piece, piece_bytes);
        text->bytes += piece_bytes;
    }
}

static void cut(struct text *text, size_t at, size_t cut_bytes)
{
    memmove(text->at + at, text->at + at + cut_bytes, text->bytes - at - cut_bytes);
    text->bytes -= cut_bytes;
}

static void insert_many(struct text *text, size_t at)
{
    static const char pieces[][8] = {"[", "{\"a\":", "\\", "9", "\"", ":*", "\xf0\x9f"};
    const char *piece = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];
    size_t times = (size_t)1 << below(12);

    for (size_t i = 0; i < times; i++) {
        insert(text, at, piece, strlen(piece));
    }
}

static void change(struct text *text)
{
    static const char *const awkward[] = {"\xff",    "\xed\xa0\x80", "\\u0000",
                                          "\\ud800", "1e999",        "-0",
                                          "null",    "\x7f",         "\n"};
    const char *other = seeds[below(seeds_count)];
    size_t other_at = below(strlen(other));
    size_t at = below(text->bytes + 1);
    const char *piece = awkward[below(sizeof(awkward) / sizeof(awkward[0]))];

    switch (below(7)) {
    case 0:
        if (at < text->bytes) {
            text->at[at] = (char)(text->at[at] ^ 1 << below(8));
        }
        break;
    case 1:
        cut(text, at, below(text->bytes - at + 1));
        break;
    case 2:
        insert(text, at, other + other_at, below(strlen(other) - other_at + 1));
        break;
    case 3:
        insert(text, at, piece, strlen(piece));
        break;
    case 4:
        insert(text, at, "", 1);
        break;
    case 5:
        insert_many(text, at);
        break;
    default:
        cut(text, at, at < text->bytes ? 1 : 0);
        break;
    }
}

/* The input `which`: the same bytes each time. In a block of its own size, so that a read
 * behind its end is one for the sanitizer. */
static void try_input(uint64_t which)
{
    static struct text text;
    uint8_t *exact;

    number = which;
    random_state = seed * UINT64_C(0xd1342543de82ef95) + which;
    text.bytes = 0;
    insert(&text, 0, seeds[which % seeds_count], strlen(seeds[which % seeds_count]));
    /* The corpus itself comes first, as it is. */
    for (size_t changes = which < seeds_count ? 0 : 1 + below(CHANGES_MAX); changes > 0;
         changes--) {
        change(&text);
    }
    exact = malloc(text.bytes + (text.bytes == 0 ? 1 : 0));
    if (exact == NULL) {
        return;
    }
    memcpy(exact, text.at, text.bytes);
    LLVMFuzzerTestOneInput(exact, text.bytes);
    free(exact);
}

static bool read_seeds(const char *path)
{
    FILE *in = fopen(path, "re");

    if (in == NULL) {
        return false;
    }
    while (seeds_count < SEEDS_MAX && fgets(seeds[seeds_count], LINE_BYTES, in) != NULL) {
        seeds[seeds_count][strcspn(seeds[seeds_count], "\n")] = '\0';
        seeds_count += seeds[seeds_count][0] != '\0' ? 1 : 0;
    }
    (void)fclose(in);
    return seeds_count > 0;
}

static int fuzz_for(double seconds)
{
    time_t end = time(NULL) + (time_t)seconds;
    uint64_t tried = 0;

    while (time(NULL) <= end) {
        for (int i = 0; i < 256; i++) {
            try_input(tried++);
        }
    }
    printf("fuzz-ws-request: %" PRIu64 " inputs, %" PRIu64 " answered without an error\n",
           tried, pma_fuzz_accepted);
    return pma_fuzz_accepted > tried / 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    double seconds = getenv("CI") != NULL ? 30 : 2;
    const char *corpus = NULL;
    const char *only = NULL;
    int status = EXIT_SUCCESS;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";

        if (strcmp(argv[i], "--seconds") == 0) {
            seconds = strtod(value, NULL);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            only = value;
        } else {
            corpus = argv[i];
            continue;
        }
        i++;
    }
    if (corpus == NULL || !read_seeds(corpus)) {
        fprintf(stderr, "fuzz-ws-request: no corpus\n");
        return 2;
    }
    (void)signal(SIGABRT, say_input);
    (void)signal(SIGSEGV, say_input);
    if (only != NULL) {
        try_input(strtoull(only, NULL, 10));
    } else {
        status = fuzz_for(seconds);
    }
    pma_fuzz_fini();
    return status;
}
