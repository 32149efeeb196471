/* The findings' memory and words.
 *
 * One chunk list owns everything, so that renderers and tests hold plain pointers and one
 * call frees all. Text from the recording (names, commands, paths) may hold any bytes: it
 * is cleaned once, here, and every renderer may print it as it is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1024 };

struct chunk {
    struct chunk *next;
    max_align_t data[];
};

int seep_findings_new(struct seep_findings **out)
{
    struct seep_findings *findings = calloc(1, sizeof(*findings));

    if (findings == NULL) {
        return -ENOMEM;
    }
    findings->exe = findings->host = findings->inconclusive = "";
    findings->advice = "";
    findings->ending_kind = findings->ending = findings->mode = "";
    *out = findings;
    return 0;
}

void seep_findings_free(struct seep_findings *findings)
{
    struct chunk *chunk = findings != NULL ? findings->memory : NULL;

    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    free(findings);
}

void *seep_findings_alloc(struct seep_findings *findings, size_t n, size_t item_bytes)
{
    size_t bytes = 0;

    if (n == 0 || __builtin_mul_overflow(n, item_bytes, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct chunk), &bytes)) {
        return NULL;
    }
    struct chunk *chunk = calloc(1, bytes);

    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = findings->memory;
    findings->memory = chunk;
    return chunk->data;
}

/* Length of the valid UTF-8 sequence at `text`; 0 when there is none. Source: RFC 3629,
 * section 4. */
static size_t utf8_length(const unsigned char *text)
{
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xc2 ? 0
               : text[0] < 0xe0 ? 2
               : text[0] < 0xf0 ? 3
                                : 4;

    if (n == 0 || text[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong =
        (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] > 0x9f;
    bool beyond = text[0] == 0xf4 && text[1] > 0x8f;
    bool control = n == 2 && text[0] == 0xc2 && text[1] < 0xa0;

    return overlong || surrogate || beyond || control ? 0 : n;
}

const char *seep_findings_text(struct seep_findings *findings, const char *text)
{
    const unsigned char *from = (const unsigned char *)(text != NULL ? text : "");
    char *copy = NULL;
    size_t at = 0;

    if (*from != '\0') {
        copy = seep_findings_alloc(findings, strlen((const char *)from) + 1, 1);
    }
    if (copy == NULL) {
        return "";
    }
    while (*from != '\0') {
        size_t n = utf8_length(from);

        if (n == 0 || *from < 0x20 || *from == 0x7f) {
            copy[at++] = *from == '\t' || *from == '\n' ? ' ' : '?';
            from++;
            continue;
        }
        memcpy(copy + at, from, n);
        at += n;
        from += n;
    }
    return copy;
}

const char *seep_findings_printf(struct seep_findings *findings, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return seep_findings_text(findings, text);
}

const char *seep_kind_name(enum seep_kind kind)
{
    static const char *const names[SEEP_KIND_END] = {
#define SEEP_X(name, value, text) [(value)] = (text),
        SEEP_KINDS(SEEP_X)
#undef SEEP_X
    };

    return kind > SEEP_KIND_NONE && kind < SEEP_KIND_END ? names[kind] : "none";
}

const char *seep_verdict_name(enum seep_verdict verdict)
{
    static const char *const names[] = {"none", "bounded", "suspect", "probable",
                                        "definite"};

    return names[verdict];
}

const char *seep_cause_name(enum seep_cause cause)
{
    static const char *const names[] = {"none",         "growth", "unjoined",
                                        "left_at_exit", "stuck",  "unreachable",
                                        "lock_cycle"};

    return names[cause];
}

const char *seep_pattern_name(enum seep_pattern pattern)
{
    static const char *const names[] = {
        "", "steady", "per_operation", "steps", "saw_tooth", "container", "slow_release"};

    return names[pattern];
}

const char *seep_outcome_name(enum seep_outcome outcome)
{
    static const char *const names[] = {"unknown", "clean", "inconclusive", "suspect",
                                        "leak"};

    return names[outcome];
}

enum seep_verdict seep_verdict_from_name(const char *name)
{
    for (enum seep_verdict v = SEEP_VERDICT_BOUNDED; v <= SEEP_VERDICT_DEFINITE; v++) {
        if (strcmp(name, seep_verdict_name(v)) == 0) {
            return v;
        }
    }
    return SEEP_VERDICT_NONE;
}

enum seep_kind seep_kind_from_name(const char *name)
{
    for (unsigned kind = SEEP_KIND_NONE + 1; kind < SEEP_KIND_END; kind++) {
        if (strcmp(name, seep_kind_name((enum seep_kind)kind)) == 0) {
            return (enum seep_kind)kind;
        }
    }
    return SEEP_KIND_NONE;
}

enum seep_verdict seep_findings_worst(const struct seep_findings *findings)
{
    enum seep_verdict worst = SEEP_VERDICT_NONE;

    for (size_t i = 0; i < findings->finding_count; i++) {
        worst =
            findings->findings[i].verdict > worst ? findings->findings[i].verdict : worst;
    }
    return worst;
}
