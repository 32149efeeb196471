/* Which function answers for a resource, so that a sentence can name it.
 *
 * The innermost function of a stack is seldom the answer: programs have wrappers for
 * malloc and for pthread_create. Nothing but their names tells them apart from code that
 * means something, so both lists below hold words that such wrappers are named by
 * everywhere; what they get wrong, the report mends by naming the wrapper as well.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/headline.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { NAME_SHARED_MIN = 3, NAME_MAX_BYTES = 16 };

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t text_len = strlen(text);
    size_t suffix_len = strlen(suffix);

    return text_len >= suffix_len && strcmp(text + text_len - suffix_len, suffix) == 0;
}

/* Wrappers are named for what they do: pma_alloc, xmalloc, g_strdup, operator new. */
static bool allocates(const char *function)
{
    static const char *const suffixes[] = {"alloc",   "alloc0",  "malloc0", "allocarray",
                                           "strdup",  "strndup", "memdup",  "memalign",
                                           "mallocx", "rallocx"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (ends_with(function, suffixes[i])) {
            return true;
        }
    }
    return starts_with(function, "operator new");
}

/* create_thread, uv_thread_create, g_thread_new, pma_worker_start, std::thread::thread */
static bool starts_threads(const char *function)
{
    static const char *const words[] = {
        "create_thread", "thread_create", "createthread", "threadcreate", "thread_start",
        "start_thread",  "thread_new",    "new_thread",   "thread_spawn", "spawn_thread",
        "launch_thread", "worker_start",  "start_worker", "worker_spawn", "spawn_worker",
        "std::thread",   "std::jthread",  "std::async",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(function, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct seep_view_frame *frame)
{
    return strcmp(frame->function, "??") != 0;
}

static const char *name_of(struct seep_findings *findings,
                           const struct seep_view_frame *frame)
{
    if (is_named(frame)) {
        return frame->function;
    }
    return seep_findings_printf(findings, "%s+0x%" PRIx64, frame->module, frame->offset);
}

/* The frame that answers: index, or stack_count when all is the runtime's. */
static size_t answering(const struct seep_finding *finding)
{
    size_t n = finding->stack_count;
    size_t first = n;

    for (size_t i = n; i > 0; i--) {
        const struct seep_view_frame *frame = &finding->stack[i - 1];

        if (frame->role != SEEP_ROLE_RUNTIME && !allocates(frame->function)) {
            first = i - 1;
        }
    }
    for (size_t i = 0; i < n && first == n; i++) {
        first = finding->stack[i].role != SEEP_ROLE_RUNTIME ? i : n;
    }
    return first;
}

/* From the frame that answers outwards, past the wrappers that start threads; stays where
 * nothing of the program lies beyond them. Sets *through to the outermost of them. */
static size_t beyond_wrappers(const struct seep_finding *finding, size_t first,
                              const char **through)
{
    size_t at = first;

    while (at < finding->stack_count && starts_threads(finding->stack[at].function) &&
           finding->stack[at].role != SEEP_ROLE_RUNTIME) {
        at++;
    }
    if (at == first || at == finding->stack_count ||
        finding->stack[at].role == SEEP_ROLE_RUNTIME || !is_named(&finding->stack[at])) {
        return first;
    }
    *through = finding->stack[at - 1].function;
    return at;
}

/* The program's nearest frame from `from` outwards that has a name; NULL when there is
 * none. */
static const struct seep_view_frame *own_caller(const struct seep_finding *finding,
                                                size_t from)
{
    for (size_t i = from; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        if (frame->role == SEEP_ROLE_PROGRAM && is_named(frame)) {
            return frame;
        }
    }
    return NULL;
}

void seep_headline_fill(struct seep_findings *findings, struct seep_finding *finding)
{
    size_t at = answering(finding);

    finding->through = "";
    if (at == finding->stack_count) {
        finding->headline = finding->stack_count > 0
                                ? name_of(findings, &finding->stack[0])
                                : "an unknown function";
        return;
    }
    if (finding->kind == SEEP_KIND_THREAD) {
        at = beyond_wrappers(finding, at, &finding->through);
    }
    const struct seep_view_frame *frame = &finding->stack[at];
    const struct seep_view_frame *own = own_caller(finding, at);

    finding->headline = name_of(findings, frame);
    if (own == NULL || own == frame) {
        return;
    }
    finding->headline =
        frame->role == SEEP_ROLE_PROGRAM
            ? seep_findings_printf(findings, "%s (called by %s)", finding->headline,
                                   own->function)
            : seep_findings_printf(findings, "%s (called in %s by %s)", finding->headline,
                                   frame->module, own->function);
}

const char *seep_headline_threads(struct seep_findings *findings,
                                  const struct seep_finding *finding)
{
    char shared[NAME_MAX_BYTES] = "";
    bool all_same = true;

    for (size_t i = 0; i < finding->thread_count; i++) {
        const char *name = finding->threads[i].name;
        size_t n = 0;

        if (i == 0) {
            n = strnlen(name, sizeof(shared) - 1);
            memcpy(shared, name, n);
            shared[n] = '\0';
            continue;
        }
        all_same = all_same && strcmp(shared, name) == 0;
        while (shared[n] != '\0' && shared[n] == name[n]) {
            n++;
        }
        shared[n] = '\0';
    }
    if (all_same) {
        return seep_findings_text(findings, shared);
    }
    for (size_t n = strlen(shared); n > 0 && isdigit((unsigned char)shared[n - 1]);) {
        shared[--n] = '\0';
    }
    return strlen(shared) >= NAME_SHARED_MIN
               ? seep_findings_printf(findings, "%s*", shared)
               : "";
}
