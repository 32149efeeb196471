/* One look from outside: its stack in functions and lines, its wait in words.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/probe_view.h"

#include <errno.h>
#include <string.h>

#include "verdict/stack_view.h"

enum { INLINE_MAX = 16, FRAMES_MAX = 256, NAMES_MAX = 32, NAMED_FRAMES = 8 };

const struct seep_rec_probe *seep_probe_of(const struct seep_recording *recording,
                                           uint32_t tid, uint64_t unchanged_since_ns)
{
    for (size_t i = recording->probe_count; i-- > 0;) {
        const struct seep_rec_probe *probe = &recording->probes[i];

        if (probe->tid == tid && probe->unchanged_since_ns == unchanged_since_ns) {
            return probe;
        }
    }
    return NULL;
}

int seep_probe_view_stack(struct seep_findings *findings,
                          struct seep_symbolizer *symbolizer,
                          const struct seep_rec_probe *probe,
                          struct seep_view_frame **frames, size_t *count)
{
    struct seep_view_frame whole[FRAMES_MAX];
    struct seep_view_frame *kept = NULL;
    size_t n = 0;

    for (size_t i = 0; i < probe->frame_count && n + INLINE_MAX <= FRAMES_MAX; i++) {
        n += seep_stack_view_place(findings, symbolizer, &probe->frames[i], whole + n,
                                   INLINE_MAX);
    }
    kept = seep_findings_alloc(findings, n, sizeof(*kept));
    if (n > 0 && kept == NULL) {
        return -ENOMEM;
    }
    if (n > 0) {
        memcpy(kept, whole, n * sizeof(*kept));
    }
    *frames = kept;
    *count = n;
    return 0;
}

/* What a library's headers brought into the program is not the program's. */
static bool is_header(const struct seep_view_frame *frame)
{
    return strncmp(frame->file, "/usr/include/", 13) == 0 ||
           strncmp(frame->file, "/usr/lib/", 9) == 0 ||
           strstr(frame->file, "/include/c++/") != NULL;
}

static size_t innermost_own(const struct seep_view_frame *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (frames[i].role == SEEP_ROLE_PROGRAM && frames[i].file[0] != '\0' &&
            !is_header(&frames[i])) {
            return i;
        }
    }
    return 0;
}

const char *seep_probe_view_place(struct seep_findings *findings,
                                  const struct seep_view_frame *frames, size_t count)
{
    for (size_t i = innermost_own(frames, count); i < count; i++) {
        const char *slash = strrchr(frames[i].file, '/');
        const char *file = slash != NULL ? slash + 1 : frames[i].file;

        if (frames[i].role != SEEP_ROLE_PROGRAM ||
            strcmp(frames[i].function, "??") == 0) {
            continue;
        }
        return file[0] != '\0'
                   ? seep_findings_printf(findings, "%s (%s:%u)", frames[i].function,
                                          file, frames[i].line)
                   : frames[i].function;
    }
    return "";
}

static enum seep_wait_kind kind_of(struct seep_symbolizer *symbolizer,
                                   const struct seep_rec_probe *probe,
                                   const struct seep_wait_call *call)
{
    const char *names[NAMES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < probe->frame_count && i < NAMED_FRAMES; i++) {
        struct seep_symbol_frame frames[INLINE_MAX];
        size_t n =
            seep_symbol_frames_at(symbolizer, &probe->frames[i], frames, INLINE_MAX);

        for (size_t k = 0; k < n && count < NAMES_MAX; k++) {
            names[count++] = frames[k].function;
        }
    }
    return seep_wait_kind_of(call, names, count);
}

struct seep_probe_wait seep_probe_view_wait(struct seep_symbolizer *symbolizer,
                                            const struct seep_rec_probe *probe)
{
    struct seep_wait_call call = {.number = probe->syscall_plus_1 - UINT64_C(1)};
    struct seep_probe_wait wait = {0};
    uint64_t at = 0;

    if (probe->syscall_plus_1 == 0) {
        return wait;
    }
    memcpy(call.arguments, probe->arguments, sizeof(call.arguments));
    wait.kind = kind_of(symbolizer, probe, &call);
    wait.timed = seep_wait_is_timed(&call);
    wait.open = seep_wait_is_open(&call);
    wait.shared = seep_wait_is_shared(&call);
    if (wait.kind == SEEP_WAIT_UNKNOWN) {
        return wait;
    }
    wait.address = seep_wait_object_start(wait.kind, call.arguments[0]);
    at = wait.address - probe->object_at;
    if (at <= probe->object_bytes && probe->object_bytes - at >= SEEP_WAIT_OBJECT_BYTES) {
        wait.owner_tid = seep_wait_owner(wait.kind, probe->object + at);
    }
    return wait;
}
