/* Feeds the target mutated entities, see mutate_text.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_entity.h"
#include "mutate_text.h"

enum { INPUTS = 100000, DECODED_AT_LEAST = 1000 };

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

int main(int argc, char *argv[])
{
    const struct mutate_examples examples = {
        .name = "fuzz_entity",
        .seeds = seeds,
        .seed_count = sizeof(seeds) / sizeof(seeds[0]),
        .pieces = pieces,
        .piece_count = sizeof(pieces) / sizeof(pieces[0]),
        .inputs = INPUTS,
        .made = "entities",
        .made_count = &pma_fuzz_decoded,
        .made_least = DECODED_AT_LEAST,
    };

    return mutate_examples_main(&examples, argc, argv);
}
