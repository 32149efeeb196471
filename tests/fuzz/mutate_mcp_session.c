/* Feeds fuzz_mcp_session.c with what a tool server might say: the lines of a good one,
 * cut, doubled, reordered and with bytes changed. `fuzz-mcp-session [SECONDS [SEED]]`; 2
 * s by default.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_mcp_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINES_MAX   12
#define INPUT_BYTES 8192
#define HEAD        "{\"jsonrpc\":\"2.0\","

static const char *const good[] = {
    HEAD "\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":"
         "{\"tools\":{}},\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}}\n",
    HEAD "\"id\":2,\"result\":{\"tools\":[{\"name\":\"echo\",\"inputSchema\":"
         "{\"type\":\"object\"}},{\"name\":\"b\"}]}}\n",
};

static const char *const lines[] = {
    HEAD
    "\"id\":1,\"result\":{\"protocolVersion\":\"2024-11-05\",\"capabilities\":{}}}\n",
    HEAD "\"id\":1,\"result\":{\"protocolVersion\":\"1999-01-01\"}}\n",
    HEAD "\"id\":2,\"result\":{\"tools\":[{\"name\":\"c\"}],\"nextCursor\":\"x\"}}\n",
    HEAD "\"id\":3,\"result\":{\"tools\":[],\"nextCursor\":\"y\"}}\n",
    HEAD "\"id\":2,\"error\":{\"code\":-32601,\"message\":\"no\"}}\n",
    HEAD "\"id\":3,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}}\n",
    HEAD "\"id\":4,\"result\":{\"isError\":true,\"content\":[{\"text\":\"\\u00e9\"}]}}\n",
    HEAD "\"id\":5,\"error\":{\"code\":-32602,\"message\":\"bad\"}}\n",
    HEAD "\"id\":6,\"result\":null}\n",
    HEAD "\"id\":\"3\",\"method\":\"ping\"}\r\n",
    HEAD "\"id\":7,\"method\":\"sampling/createMessage\",\"params\":{}}\n",
    HEAD "\"method\":\"notifications/tools/list_changed\"}\n",
    HEAD "\"method\":\"notifications/message\",\"params\":{\"level\":\"info\"}}\n",
    "Listening ...\n",
    "\n",
    "\r\n",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
    "\n",
    "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
    "\"}\n",
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

static size_t append(uint8_t input[INPUT_BYTES], size_t used, const char *text)
{
    const size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        input[used + i] = (uint8_t)text[i];
    }
    return used + length;
}

/* One line may be longer than allowed: a text of up to 1,000 letters. */
static size_t append_long(uint8_t input[INPUT_BYTES], size_t used)
{
    const size_t length = next() % 1000;
    memset(input + used, 'x', length);
    input[used + length] = '\n';
    return used + length + 1;
}

static size_t make_input(uint8_t input[INPUT_BYTES])
{
    size_t used = 1;
    input[0] = (uint8_t)next();
    for (size_t i = 0; next() % 8 != 0 && i < 2; i++) {
        used = append(input, used, good[i]);
    }
    for (uint64_t count = next() % LINES_MAX; count > 0; count--) {
        used =
            next() % 16 == 0
                ? (used < INPUT_BYTES / 2 ? append_long(input, used) : used)
                : append(input, used, lines[next() % (sizeof lines / sizeof lines[0])]);
    }
    for (uint64_t count = next() % 4; count > 0; count--) {
        if (next() % 3 == 0) {
            input[1 + next() % used] = (uint8_t)next();
        }
    }
    return next() % 8 == 0 ? 1 + next() % used : used;
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_BYTES];
    const long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 2;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    const time_t end = time(NULL) + seconds;
    state = seed;
    printf("fuzz-mcp-session: seed %" PRIu64 "\n", seed);
    (void)fflush(stdout);
    while (time(NULL) < end) {
        for (int i = 0; i < 1000; i++) {
            LLVMFuzzerTestOneInput(input, make_input(input));
        }
    }
    printf("fuzz-mcp-session: %" PRIu64 " inputs, %" PRIu64 " messages, %" PRIu64
           " malformed, %" PRIu64 " ready, %" PRIu64 " answered\n",
           pma_fuzz_inputs, pma_fuzz_understood, pma_fuzz_malformed, pma_fuzz_ready,
           pma_fuzz_answered);
    if (pma_fuzz_understood == 0 || pma_fuzz_malformed == 0 || pma_fuzz_ready == 0 ||
        pma_fuzz_answered == 0) {
        fprintf(stderr, "fuzz-mcp-session: the inputs do not reach the whole protocol\n");
        return 1;
    }
    return 0;
}
