/* Feeds the target mutated messages, see mutate_text.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_backplane.h"
#include "mutate_text.h"

enum { INPUTS = 200000, DECODED_AT_LEAST = 1000 };

static const char *const seeds[] = {
    "{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":17,\"body\":{}}",
    "{\"v\":1,\"from\":\"ffffffffffffffff\",\"seq\":9223372036854775807,\"body\":"
    "{\"type\":\"told\",\"topics\":[\"entity:light\",\"room:1\"],"
    "\"data\":{\"n\":-1.5e3,\"s\":\"\\u00e9\\n\",\"deep\":[[[[{}]]]],\"b\":[true,null]}}"
    "}",
    "{\"body\":{\"a\":0},\"seq\":1,\"from\":\"00000000000000aa\",\"v\":1,\"more\":[]}",
};
static const char *const pieces[] = {"{",  "}",    "[",       "]",       "\"", ":",
                                     ",",  "null", "1e999",   "\\u0000", "0",  "-",
                                     "\\", "\xff", "\"seq\"", "\"v\":1"};

int main(int argc, char *argv[])
{
    const struct mutate_examples examples = {
        .name = "fuzz_backplane",
        .seeds = seeds,
        .seed_count = sizeof(seeds) / sizeof(seeds[0]),
        .pieces = pieces,
        .piece_count = sizeof(pieces) / sizeof(pieces[0]),
        .inputs = INPUTS,
        .made = "messages",
        .made_count = &pma_fuzz_decoded,
        .made_least = DECODED_AT_LEAST,
    };

    return mutate_examples_main(&examples, argc, argv);
}
