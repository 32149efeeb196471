/* Feeds fuzz_ai_answer.c with documents that are nearly right: a value is put in the
 * place of another, bytes are changed, ends are cut off. `fuzz-ai-answer [SECONDS
 * [SEED]]`; 2 s by default.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_ai_answer.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INPUT_BYTES 4096

static const char *const documents[] = {
    "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"a\",\"tool_calls\":[{"
    "\"id\":"
    "\"1\",\"function\":{\"name\":\"get\",\"arguments\":\"{}\"}}]},\"finish_reason\":"
    "\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2},\"data\":[{"
    "\"id\":"
    "\"x\"}]}",
    "{\"model\":\"m\",\"message\":{\"content\":\"a\",\"tool_calls\":[{\"function\":{"
    "\"name\":\"get\",\"arguments\":{\"a\":1}}}]},\"done_reason\":\"stop\",\"eval_"
    "count\":"
    "3,\"models\":[{\"name\":\"models/x\"}]}",
    "{\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
    "\"tool_use\",\"id\":\"1\",\"name\":\"get\",\"input\":{\"a\":[1]}}],\"stop_reason\":"
    "\"end_turn\",\"usage\":{\"input_tokens\":1}}",
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"functionCall\":{"
    "\"name\":\"get\",\"args\":{}}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
    "\"promptTokenCount\":5},\"modelVersion\":\"m\"}",
    "[{\"when\":\"lamp\",\"tool\":\"get\",\"arguments\":{\"a\":1},\"rounds\":1,\"say\":"
    "\"{message} {result}\"},{\"fail\":\"network\"},{\"say\":\"x\",\"delay_ms\":1}]",
    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"model\":\"m\",\"max_"
    "tokens\":"
    "5,\"temperature\":0.5,\"top_p\":1,\"stop\":[\"x\"],\"system_prompt\":\"s\","
    "\"context\":{\"a\":1},\"provider\":\"p\",\"stream\":false}",
};

static const char *const values[] = {
    "null",
    "true",
    "7",
    "-1",
    "1e300",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[{}]",
    "{\"a\":{}}",
    "\"{\\\"a\\\":1}\"",
    "\"\\ud83d\\ude00\"",
    "9223372036854775807",
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

/* The length of the value at `at`: a text with its quotes, a number or word, or whatever
 * stands between a bracket and its fellow. */
static size_t value_length(const char *at)
{
    size_t length = 0;
    int depth = 0;
    bool in_text = false;
    do {
        const char here = at[length];
        if (here == '\0') {
            return length;
        }
        if (here == '"' && (length == 0 || at[length - 1] != '\\')) {
            in_text = !in_text;
        } else if (!in_text && (here == '{' || here == '[')) {
            depth++;
        } else if (!in_text && (here == '}' || here == ']')) {
            depth--;
        }
        length++;
    } while (depth > 0 || in_text || strchr(",]}", at[length]) == NULL);
    return length;
}

/* Puts another value behind one of the colons. */
static void replace_value(char *text)
{
    char rest[INPUT_BYTES];
    size_t colons = 0;
    for (const char *at = text; *at != '\0'; at++) {
        colons += *at == ':';
    }
    if (colons == 0 || strlen(text) > INPUT_BYTES / 2) {
        return;
    }
    size_t which = next() % colons;
    char *at = text;
    while (*at != ':' || which-- > 0) {
        at++;
    }
    at++;
    snprintf(rest, sizeof rest, "%s", at + value_length(at));
    snprintf(at, (size_t)(text + INPUT_BYTES - at), "%s%s",
             values[next() % (sizeof values / sizeof values[0])], rest);
}

static size_t make_input(char text[INPUT_BYTES])
{
    snprintf(text, INPUT_BYTES, "%s",
             documents[next() % (sizeof documents / sizeof documents[0])]);
    for (uint64_t count = next() % 4; count > 0; count--) {
        replace_value(text);
    }
    size_t used = strlen(text);
    if (next() % 8 == 0) {
        text[next() % used] = (char)next();
    }
    return next() % 16 == 0 ? next() % used : used;
}

int main(int argc, char **argv)
{
    static char text[INPUT_BYTES];
    const long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 2;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    const time_t end = time(NULL) + seconds;
    state = seed;
    printf("fuzz-ai-answer: seed %" PRIu64 "\n", seed);
    (void)fflush(stdout);
    while (time(NULL) < end) {
        for (int i = 0; i < 1000; i++) {
            const size_t size = make_input(text);
            LLVMFuzzerTestOneInput((const uint8_t *)text, size);
        }
    }
    printf("fuzz-ai-answer: %" PRIu64 " inputs, %" PRIu64 " answers, %" PRIu64
           " with calls, %" PRIu64 " refused, %" PRIu64 " scripts, %" PRIu64 " bodies\n",
           pma_fuzz_inputs, pma_fuzz_read, pma_fuzz_with_calls, pma_fuzz_refused,
           pma_fuzz_scripts, pma_fuzz_bodies);
    if (pma_fuzz_read == 0 || pma_fuzz_with_calls == 0 || pma_fuzz_refused == 0 ||
        pma_fuzz_scripts == 0 || pma_fuzz_bodies == 0) {
        fprintf(stderr, "fuzz-ai-answer: the inputs do not reach everything\n");
        return 1;
    }
    return 0;
}
