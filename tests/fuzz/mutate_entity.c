/* Feeds the target a fixed number of mutated entities, with a plain compiler. Each input
 * depends on its number alone: a failure prints it, and the program makes it again when
 * it is given as the argument.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_entity.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUTS           100000
#define BYTES_MAX        8192
#define CHANGES          4
#define DECODED_AT_LEAST 1000

static const char *const seeds[] = {
    "{\"id\":\"light.a\",\"type\":\"light\",\"friendly_name\":\"A\",\"state\":\"on\","
    "\"attributes\":{\"brightness\":9,\"rgb_color\":[1,2,3]},\"capabilities\":"
    "[\"dimmable\"],\"action\":\"set_brightness\",\"parameters\":{\"brightness\":3}}",
    "{\"id\":\"s\",\"type\":\"sensor\",\"friendly_name\":\"S\",\"state\":\"-1.5e3\","
    "\"last_updated\":\"2026-01-31T12:00:00.5+02:00\",\"room_id\":\"r\",\"metadata\":"
    "{\"source\":\"ring\",\"is_virtual\":false,\"deep\":[[[[{}]]]]},\"next\":\"7\","
    "\"changes\":{\"unit\":null,\"x\":[1]}}",
    "{\"id\":\"c\",\"type\":\"cover\",\"friendly_name\":\"\\u00e9\",\"available\":true,"
    "\"area_id\":null,\"action\":\"set_position\",\"parameters\":{\"position\":0}}",
    "2024-02-29T23:59:60.123456789-00:30",
};
static const char *const pieces[] = {
    "{",  "}",      "[",    "]",    "\"",         ":",      ",",        "null",
    "0",  "-",      "1e99", "\xff", "\"state\"",  "\"id\"", "\\u0000",  "true",
    "[[", "\"on\"", "Z",    "T",    "2026-01-31", "{}",     "\"lock\"", "\"climate\""};

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
    return (size_t)(next_random() % limit);
}

static void on_abort(int signal_number)
{
    char text[64];
    const int length =
        snprintf(text, sizeof text, "fuzz_entity: input %" PRIu64 "\n", number);
    (void)!write(STDERR_FILENO, text, (size_t)length);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* Replaces `cut` bytes at a place by `bytes`. Returns: the new length. */
static size_t splice(char *input, size_t length, size_t cut, const char *bytes,
                     size_t bytes_length)
{
    const size_t at = below(length + 1);
    cut = cut < length - at ? cut : length - at;
    if (length - cut + bytes_length > BYTES_MAX) {
        return length;
    }
    memmove(input + at + bytes_length, input + at + cut, length - at - cut);
    memcpy(input + at, bytes, bytes_length);
    return length - cut + bytes_length;
}

static size_t change(char *input, size_t length)
{
    char byte = (char)next_random();
    const char *piece = pieces[below(sizeof pieces / sizeof pieces[0])];
    char copy[64];
    switch (below(4)) {
    case 0:
        return splice(input, length, 1, &byte, 1);
    case 1:
        return splice(input, length, below(8), "", 0);
    case 2:
        return splice(input, length, below(2), piece, strlen(piece));
    default: {
        const size_t count = below(sizeof copy) < length ? below(length) : 0;
        const size_t taken = count < sizeof copy ? count : sizeof copy;
        memcpy(copy, input, taken);
        return splice(input, length, 0, copy, taken);
    }
    }
}

static void try_input(uint64_t input_number)
{
    static char input[BYTES_MAX];
    number = input_number;
    random_state = input_number;
    const char *seed = seeds[below(sizeof seeds / sizeof seeds[0])];
    size_t length = strlen(seed);
    memcpy(input, seed, length);
    for (size_t changes = below(CHANGES); changes > 0; changes--) {
        length = change(input, length);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)input, length);
}

int main(int argc, char *argv[])
{
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (argc > 1) {
        try_input(strtoull(argv[1], NULL, 10));
        return 0;
    }
    for (uint64_t i = 0; i < INPUTS; i++) {
        try_input(i);
    }
    printf("%d inputs, %" PRIu64 " of them entities\n", INPUTS, pma_fuzz_decoded);
    return pma_fuzz_decoded >= DECODED_AT_LEAST ? 0 : 1;
}
