/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_MUTATE_TEXT_H
#define SEEP_TESTS_MUTATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the mutators of texts have in common: a generator of numbers, two ways to make
 * texts that are nearly right, and the two main programs around them. */

/* The next number of a stream. Source: Steele, Lea, Flood 2014, SplitMix64. */
uint64_t mutate_next(uint64_t *random_state);

struct mutate_words {
    const char *const *words; /* borrowed */
    size_t count;
    size_t most; /* words in one text */
};

/* A byte of any value, then words joined; now and then a byte changed, or the end cut
 * off. Returns: bytes in `input`, which has room for them all. */
size_t mutate_join(const struct mutate_words *words, uint64_t *random_state,
                   uint8_t *input);

/* A grammar by example. */
struct mutate_examples {
    const char *name;         /* of the program, for messages */
    const char *const *seeds; /* borrowed; texts that are right */
    size_t seed_count;
    const char *const *pieces; /* borrowed; what is put in between */
    size_t piece_count;
    uint64_t inputs;            /* to try */
    const char *made;           /* what an input that is right is: "messages" */
    const uint64_t *made_count; /* borrowed; the target's own count of these */
    uint64_t made_least;
};

/* Feeds the target (LLVMFuzzerTestOneInput) a fixed number of examples with some changes.
 * Each input depends on its number alone: a failure prints it, and `PROGRAM NUMBER` makes
 * that one again. Returns: exit status; 1 when too few inputs were right. */
int mutate_examples_main(const struct mutate_examples *examples, int argc, char **argv);

struct mutate_timed {
    const char *name;
    size_t (*make_input)(uint64_t *random_state, uint8_t *input);
    uint8_t *input;         /* borrowed; room for what make_input makes */
    bool (*conclude)(void); /* says what was tried; false: too little */
};

/* Feeds the target for `PROGRAM [SECONDS [SEED]]`, 2 s by default; the seed is printed.
 * Returns: exit status. */
int mutate_timed_main(const struct mutate_timed *timed, int argc, char **argv);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
