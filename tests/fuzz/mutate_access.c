/* Feeds fuzz_access.c with texts that are nearly right: words of each grammar, joined,
 * doubled, cut and with bytes changed. `fuzz-access [SECONDS [SEED]]`; 2 s by default.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_access.h"

#include <inttypes.h>
#include <stdio.h>

#include "mutate_text.h"

enum { WORDS_MAX = 8, INPUT_BYTES = 1024 };

static const char *const words[] = {
    "10.0.0.1",
    "127.0.0.1",
    "203.0.113.7",
    "::1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "fd00::7",
    "[::1]:80",
    "10.0.0.2:80",
    "unknown",
    "/8",
    "/0",
    "/128",
    "/33",
    "10.0.0.0",
    ",",
    ", ",
    " ",
    "\t",
    "Bearer ",
    "bearer",
    "Basic",
    "abc.def-_~+/=",
    "==",
    ".",
    "..",
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJub25lIn0",
    "eyJleHAiOjk5OTk5OTk5OTl9",
    "e30",
    "http://localhost",
    ":3000",
    "/api/v1/",
    "auth/",
    "status",
    "token=",
    "pin=",
    "&",
    ";",
    "a=b",
    "api_secret=",
    "%00",
    "\xff",
    "\xc3\xa9",
    "[",
    "]",
};

static size_t make_input(uint64_t *random_state, uint8_t *input)
{
    const struct mutate_words joined = {words, sizeof(words) / sizeof(words[0]),
                                        WORDS_MAX};

    return mutate_join(&joined, random_state, input);
}

static bool conclude(void)
{
    printf("fuzz-access: %" PRIu64 " inputs, %" PRIu64 " taken\n", pma_fuzz_inputs,
           pma_fuzz_taken);
    if (pma_fuzz_taken == 0 || pma_fuzz_taken == pma_fuzz_inputs) {
        fprintf(stderr, "fuzz-access: the inputs try only one side of the parsers\n");
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_BYTES];
    const struct mutate_timed timed = {"fuzz-access", make_input, input, conclude};

    return mutate_timed_main(&timed, argc, argv);
}
