/* Feeds fuzz_rules.c with files that are nearly right: words of the grammars, joined,
 * cut, and with bytes changed. `fuzz-rules [SECONDS [SEED]]`; 2 s by default.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_rules.h"

#include <inttypes.h>
#include <stdio.h>

#include "mutate_text.h"

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

static size_t make_input(uint64_t *random_state, uint8_t *input)
{
    const struct mutate_words joined = {words, sizeof(words) / sizeof(words[0]),
                                        WORDS_MAX};

    return mutate_join(&joined, random_state, input);
}

static bool conclude(void)
{
    printf("fuzz-rules: %" PRIu64 " inputs, %" PRIu64 " taken\n", seep_fuzz_inputs,
           seep_fuzz_taken);
    if (seep_fuzz_taken == 0 || seep_fuzz_taken == seep_fuzz_inputs) {
        fprintf(stderr, "fuzz-rules: the inputs try only one side of the parsers\n");
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_BYTES];
    const struct mutate_timed timed = {"fuzz-rules", make_input, input, conclude};

    return mutate_timed_main(&timed, argc, argv);
}
