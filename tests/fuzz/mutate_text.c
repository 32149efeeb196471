/* Texts that are nearly right, and the programs that try them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mutate_text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXAMPLE_MAX_BYTES = 8192, CHANGES = 4, STRETCH_MAX_BYTES = 64, SECONDS = 2 };

static volatile uint64_t number; /* of the example at hand */
static const char *program;

uint64_t mutate_next(uint64_t *random_state)
{
    uint64_t z = (*random_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t mutate_join(const struct mutate_words *words, uint64_t *random_state,
                   uint8_t *input)
{
    size_t used = 1;

    input[0] = (uint8_t)mutate_next(random_state);
    for (uint64_t left = mutate_next(random_state) % words->most + 1; left > 0; left--) {
        const char *word = words->words[mutate_next(random_state) % words->count];
        size_t length = strlen(word);

        memcpy(input + used, word, length);
        used += length;
    }
    if (mutate_next(random_state) % 4 == 0) {
        size_t at = 1 + mutate_next(random_state) % used;

        input[at] = (uint8_t)mutate_next(random_state);
    }
    return mutate_next(random_state) % 8 == 0 ? 1 + mutate_next(random_state) % used
                                              : used;
}

static size_t below(uint64_t *random_state, size_t limit)
{
    return (size_t)(mutate_next(random_state) % limit);
}

/* Replaces `cut` bytes at a place by `bytes`. Returns: the new length. */
static size_t splice(uint64_t *random_state, char *input, size_t length, size_t cut,
                     const char *bytes, size_t bytes_length)
{
    size_t at = below(random_state, length + 1);

    cut = cut < length - at ? cut : length - at;
    if (length - cut + bytes_length > EXAMPLE_MAX_BYTES) {
        return length;
    }
    memmove(input + at + bytes_length, input + at + cut, length - at - cut);
    memcpy(input + at, bytes, bytes_length);
    return length - cut + bytes_length;
}

static size_t change(const struct mutate_examples *examples, uint64_t *random_state,
                     char *input, size_t length)
{
    char text[STRETCH_MAX_BYTES];
    const char *piece = examples->pieces[below(random_state, examples->piece_count)];

    switch (below(random_state, 4)) {
    case 0: /* another byte */
        text[0] = (char)mutate_next(random_state);
        return splice(random_state, input, length, 1, text, 1);
    case 1:
        return splice(random_state, input, length, below(random_state, 8), "", 0);
    case 2:
        return splice(random_state, input, length, below(random_state, 2), piece,
                      strlen(piece));
    default: { /* the beginning once more */
        size_t taken = below(random_state, sizeof(text));

        taken = taken < length ? taken : length;
        memcpy(text, input, taken);
        return splice(random_state, input, length, 0, text, taken);
    }
    }
}

static void try_example(const struct mutate_examples *examples, uint64_t example_number)
{
    static char input[EXAMPLE_MAX_BYTES];
    uint64_t random_state = example_number;
    const char *seed = examples->seeds[below(&random_state, examples->seed_count)];
    size_t length = strlen(seed);

    number = example_number;
    memcpy(input, seed, length);
    for (size_t left = below(&random_state, CHANGES); left > 0; left--) {
        length = change(examples, &random_state, input, length);
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)input, length);
}

static void say_number(int signal_number)
{
    char text[128];
    /* The process is lost already; a garbled line is better than none.
     * NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c) */
    int length = snprintf(text, sizeof(text), "%s: input %" PRIu64 "\n", program, number);

    (void)!write(STDERR_FILENO, text, (size_t)length);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

int mutate_examples_main(const struct mutate_examples *examples, int argc, char **argv)
{
    program = examples->name;
    (void)signal(SIGABRT, say_number);
    (void)signal(SIGSEGV, say_number);
    if (argc > 1) {
        try_example(examples, strtoull(argv[1], NULL, 10));
        return 0;
    }
    for (uint64_t i = 0; i < examples->inputs; i++) {
        try_example(examples, i);
    }
    printf("%" PRIu64 " inputs, %" PRIu64 " of them %s\n", examples->inputs,
           *examples->made_count, examples->made);
    return *examples->made_count >= examples->made_least ? 0 : 1;
}

int mutate_timed_main(const struct mutate_timed *timed, int argc, char **argv)
{
    long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : SECONDS;
    uint64_t random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    time_t end = time(NULL) + seconds;

    printf("%s: seed %" PRIu64 "\n", timed->name, random_state);
    (void)fflush(stdout);
    while (time(NULL) < end) {
        for (int i = 0; i < 1000; i++) {
            size_t size = timed->make_input(&random_state, timed->input);

            (void)LLVMFuzzerTestOneInput(timed->input, size);
        }
    }
    return timed->conclude() ? 0 : 1;
}
