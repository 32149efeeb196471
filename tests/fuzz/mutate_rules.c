/* Feeds fuzz_rules.c with files that are nearly right: words of the grammars, joined,
 * cut, and with bytes changed. `fuzz-rules [SECONDS [SEED]]`; 2 s by default.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORDS_MAX = 12, INPUT_BYTES = 1024 };

static const char *const words[] = {
    "leak:",
    "heap:",
    "thread:",
    "finding:",
    "0123456789ab",
    "hub_*",
    "^hub",
    "*",
    "$",
    "^",
    " expires:",
    "2026-01-01",
    "2025-02-29",
    "9999-12-31",
    " reason:",
    "why not",
    "\n",
    "\n",
    "# comment\n",
    " ",
    "\t",
    "\r\n",
    "websocket ",
    "function:",
    "source:",
    "server/hub/*",
    "module:",
    "pma-*",
    "thread:",
    "worker-?",
    ":",
    "a*a*a*a*a*b",
    "\xff",
    "hub_register",
    "mapping:x",
};

static uint64_t state;

static uint64_t next(void)
{
    /* splitmix64 */
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t make_input(uint8_t input[INPUT_BYTES])
{
    size_t used = 1;

    input[0] = (uint8_t)next();
    for (uint64_t count = next() % WORDS_MAX + 1; count > 0; count--) {
        const char *word = words[next() % (sizeof words / sizeof words[0])];
        const size_t length = strlen(word);

        memcpy(input + used, word, length);
        used += length;
    }
    if (next() % 4 == 0) {
        input[1 + next() % used] = (uint8_t)next();
    }
    return next() % 8 == 0 ? 1 + next() % used : used;
}

int main(int argc, char **argv)
{
    uint8_t input[INPUT_BYTES];
    const long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 2;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    const time_t end = time(NULL) + seconds;

    state = seed;
    printf("fuzz-rules: seed %" PRIu64 "\n", seed);
    (void)fflush(stdout);
    while (time(NULL) < end) {
        for (int i = 0; i < 1000; i++) {
            LLVMFuzzerTestOneInput(input, make_input(input));
        }
    }
    printf("fuzz-rules: %" PRIu64 " inputs, %" PRIu64 " taken\n", seep_fuzz_inputs,
           seep_fuzz_taken);
    if (seep_fuzz_taken == 0 || seep_fuzz_taken == seep_fuzz_inputs) {
        fprintf(stderr, "fuzz-rules: the inputs try only one side of the parsers\n");
        return 1;
    }
    return 0;
}
