/* Feeds fuzz_access.c with texts that are nearly right: words of each grammar, joined,
 * doubled, cut and with bytes changed. `fuzz-access [SECONDS [SEED]]`; 2 s by default.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_access.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX   8
#define INPUT_BYTES 1024

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
    printf("fuzz-access: seed %" PRIu64 "\n", seed);
    (void)fflush(stdout);
    while (time(NULL) < end) {
        for (int i = 0; i < 1000; i++) {
            LLVMFuzzerTestOneInput(input, make_input(input));
        }
    }
    printf("fuzz-access: %" PRIu64 " inputs, %" PRIu64 " taken\n", pma_fuzz_inputs,
           pma_fuzz_taken);
    if (pma_fuzz_taken == 0 || pma_fuzz_taken == pma_fuzz_inputs) {
        fprintf(stderr, "fuzz-access: the inputs try only one side of the parsers\n");
        return 1;
    }
    return 0;
}
