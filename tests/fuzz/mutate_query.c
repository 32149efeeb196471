/* Feeds fuzz_query.c with replies that are nearly right. `fuzz-query [NUMBER]`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_query.h"
#include "mutate_text.h"

static const char *const seeds[] = {
    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":"
    "{"
    "\"__name__\":\"seep_site_live_bytes\",\"id\":\"0a1b\",\"function\":\"f\",\"kind\":"
    "\"heap\",\"instance\":\"a:1\",\"version\":\"2\"},\"values\":[[1000,\"1\"],[1010,"
    "\"100000\"],[1020,\"200000\"],[1030,\"3e5\"],[1040,\"400000\"],[1050,\"500000\"],"
    "[1060,\"600000\"],[1070,\"700000\"],[1080,\"800000\"],[1090,\"9e5\"],[1100,\"1e6\"],"
    "[1110,\"1100000\"],[1120,\"1200000\"],[1130,\"1300000\"],[1140,\"1400000\"],[1150,"
    "\"1500000\"],[1160,\"1600000\"],[1170,\"1700000\"],[1180,\"1800000\"],[1190,"
    "\"1900000\"],[1200,\"2000000\"],[1210,\"2100000\"]]}]}}",
    "{\"status\":\"success\",\"isPartial\":false,\"data\":{\"resultType\":\"matrix\","
    "\"result\":[{\"metric\":{\"function\":\"\\u00e9\\ud83d\\ude00\"},\"values\":[[1000."
    "5,"
    "\"NaN\"],[1010,\"+Inf\"],[1020,\"-1\"]]},{\"metric\":{\"id\":\"b\"},\"histograms\":["
    "["
    "1,{}]]}]},\"stats\":{\"a\":[1,true,null]},\"warnings\":[\"w\"]}",
    "{\"data\":{\"result\":[],\"resultType\":\"matrix\"},\"status\":\"success\"}",
};

static const char *const pieces[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u",
    "\\ud8",
    "null",
    "true",
    "1e999",
    "-0",
    "0x1",
    "\"id\"",
    "\"a\"",
    "[1000,\"1\"]",
    "\"values\":[]",
    "\"metric\":{}",
    "[[[[[[[[",
    "\xff",
};

int main(int argc, char **argv)
{
    const struct mutate_examples examples = {
        .name = "fuzz-query",
        .seeds = seeds,
        .seed_count = sizeof(seeds) / sizeof(seeds[0]),
        .pieces = pieces,
        .piece_count = sizeof(pieces) / sizeof(pieces[0]),
        .inputs = 100000,
        .made = "replies that were taken",
        .made_count = &seep_fuzz_query_taken,
        .made_least = 10000,
    };

    return mutate_examples_main(&examples, argc, argv);
}
