/* A stack as a person reads it: whose code is each frame.
 *
 * Ids are made of names alone. Offsets and lines change with every build, compiler clones
 * (.constprop.0) with every optimisation level, and version suffixes of libraries with
 * every update.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/stack_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/headline.h"

enum { INLINE_MAX = 64 };

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum seep_frame_role role_of(const char *module, const char *path)
{
    static const char *const runtime[] = {
        "libc.so",     "libc-2",      "ld-linux",    "libstdc++.so", "libc++",
        "libgcc_s.so", "libpthread",  "libm.so",     "libdl.so",     "librt.so",
        "libjemalloc", "libtcmalloc", "libmimalloc", "ld-musl",      "[vdso]",
    };
    static const char *const system[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};

    for (size_t i = 0; i < sizeof(runtime) / sizeof(runtime[0]); i++) {
        if (starts_with(module, runtime[i])) {
            return SEEP_ROLE_RUNTIME;
        }
    }
    for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
        if (starts_with(path, system[i]) && strstr(module, ".so") != NULL) {
            return SEEP_ROLE_LIBRARY;
        }
    }
    return SEEP_ROLE_PROGRAM;
}

/* The program's file holds a little of the C runtime too. */
static bool starts_programs(const char *function)
{
    return strcmp(function, "_start") == 0 || strcmp(function, "__libc_csu_init") == 0;
}

static bool is_seep(const char *module)
{
    return starts_with(module, "libseep.so");
}

bool seep_stack_view_is_runtime(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *module = slash != NULL ? slash + 1 : path;

    return is_seep(module) || role_of(module, path) == SEEP_ROLE_RUNTIME;
}

static const char *end_of(uint32_t root)
{
    switch (root) {
    case SEEP_NODE_COMPLETE:
        return "";
    case SEEP_NODE_DEEP:
        return "cut at 1,024 frames";
    case SEEP_NODE_NO_RULE:
        return "ends in code without unwind rules";
    case SEEP_NODE_BAD_FRAME:
        return "ends at an unreadable frame";
    case SEEP_NODE_UNSUPPORTED:
        return "ends at an unwind rule not yet understood";
    default:
        return "no complete stack was taken";
    }
}

static uint64_t fnv(uint64_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    }
    return hash * UINT64_C(0x100000001b3); /* a zero byte as separator */
}

/* Length of the name without what compilers append to clones. */
static size_t stable_length(const char *function)
{
    static const char *const clones[] = {".constprop", ".part", ".isra", ".cold",
                                         ".lto_priv"};
    size_t len = strlen(function);

    for (size_t i = 0; i < sizeof(clones) / sizeof(clones[0]); i++) {
        const char *at = strstr(function, clones[i]);

        if (at != NULL && (size_t)(at - function) < len) {
            len = (size_t)(at - function);
        }
    }
    return len;
}

void seep_stack_view_id(struct seep_finding *finding, unsigned ordinal)
{
    const char *kind = seep_kind_name(finding->kind);
    uint64_t hash = fnv(UINT64_C(0xcbf29ce484222325), kind, strlen(kind));

    for (size_t i = 0; i < finding->stack_count; i++) {
        const char *module = finding->stack[i].module;
        const char *version = strstr(module, ".so.");

        hash = fnv(hash, finding->stack[i].function,
                   stable_length(finding->stack[i].function));
        hash = fnv(hash, module,
                   version != NULL ? (size_t)(version - module) : strlen(module));
    }
    if (finding->member_total > 0) {
        hash = fnv(hash, "caller", 6); /* another finding than one on its own code */
    }
    if (ordinal > 0) {
        hash = fnv(hash, (const char *)&ordinal, sizeof(ordinal));
    }
    (void)snprintf(finding->id, sizeof(finding->id), "%012" PRIx64,
                   (hash ^ hash >> 48) & UINT64_C(0xffffffffffff));
}

static size_t view_frames(struct seep_findings *findings,
                          const struct seep_symbol_frame *frames, size_t n,
                          struct seep_view_frame *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        const struct seep_symbol_frame *frame = &frames[i];

        if (is_seep(frame->module)) {
            continue;
        }
        out[kept++] = (struct seep_view_frame){
            .function = seep_findings_text(findings, frame->function),
            .file = seep_findings_text(findings, frame->file),
            .module = seep_findings_text(findings, frame->module),
            .module_path = seep_findings_text(findings, frame->module_path),
            .build_id = seep_findings_text(findings, frame->build_id),
            .offset = frame->offset,
            .line = frame->line,
            .inlined = frame->inlined,
            .role = starts_programs(frame->function)
                        ? SEEP_ROLE_RUNTIME
                        : role_of(frame->module, frame->module_path),
        };
    }
    return kept;
}

size_t seep_stack_view_node(struct seep_findings *findings,
                            struct seep_symbolizer *symbolizer, uint32_t node,
                            struct seep_view_frame *out, size_t capacity)
{
    struct seep_symbol_frame frames[INLINE_MAX];
    size_t n = seep_symbol_frames(symbolizer, node, frames,
                                  capacity < INLINE_MAX ? capacity : INLINE_MAX);

    return view_frames(findings, frames, n, out);
}

size_t seep_stack_view_place(struct seep_findings *findings,
                             struct seep_symbolizer *symbolizer,
                             const struct seep_rec_probe_frame *place,
                             struct seep_view_frame *out, size_t capacity)
{
    struct seep_symbol_frame frames[INLINE_MAX];
    size_t n = seep_symbol_frames_at(symbolizer, place, frames,
                                     capacity < INLINE_MAX ? capacity : INLINE_MAX);

    return view_frames(findings, frames, n, out);
}

static int fill_frames(struct seep_findings *findings, struct seep_symbolizer *symbolizer,
                       const uint32_t *nodes, size_t node_count,
                       struct seep_finding *finding)
{
    struct seep_view_frame *frames = NULL;
    size_t capacity = 0;
    size_t count = 0;

    for (size_t i = 0; i < node_count; i++) {
        if (capacity - count < INLINE_MAX) {
            size_t grown = capacity + capacity / 2 + 2 * INLINE_MAX;
            struct seep_view_frame *larger = realloc(frames, grown * sizeof(*frames));

            if (larger == NULL) {
                free(frames);
                return -ENOMEM;
            }
            frames = larger;
            capacity = grown;
        }
        count += seep_stack_view_node(findings, symbolizer, nodes[i], frames + count,
                                      capacity - count);
    }
    if (count > 0) {
        finding->stack = seep_findings_alloc(findings, count, sizeof(*finding->stack));
        if (finding->stack != NULL) {
            memcpy(finding->stack, frames, count * sizeof(*frames));
            finding->stack_count = count;
        }
    }
    free(frames);
    return count > 0 && finding->stack == NULL ? -ENOMEM : 0;
}

int seep_stack_view_fill(struct seep_findings *findings,
                         const struct seep_recording *recording,
                         struct seep_symbolizer *symbolizer, uint32_t site,
                         struct seep_finding *finding)
{
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    uint32_t root = SEEP_NODE_UNKNOWN;
    size_t n = seep_recording_stack(recording, site, nodes, SEEP_STACK_MAX_FRAMES, &root);
    int status = fill_frames(findings, symbolizer, nodes, n, finding);

    finding->stack_end = end_of(root);
    seep_headline_fill(findings, finding);
    seep_stack_view_id(finding, 0);
    return status;
}

int seep_stack_view_fill_top(struct seep_findings *findings,
                             const struct seep_recording *recording,
                             struct seep_symbolizer *symbolizer,
                             const struct seep_stack_top *top,
                             struct seep_finding *finding)
{
    struct seep_view_frame frames[INLINE_MAX];
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    uint32_t root = SEEP_NODE_UNKNOWN;
    size_t n = 0;
    size_t cut = 0;

    if (top->inner != 0 && top->kept > 0) {
        size_t all =
            seep_stack_view_node(findings, symbolizer, top->inner, frames, INLINE_MAX);

        cut = all > top->kept ? all - top->kept : 0;
        nodes[n++] = top->inner;
    }
    for (uint32_t node = top->caller; n < SEEP_STACK_MAX_FRAMES;) {
        if (node < SEEP_NODE_FIRST || node >= recording->node_count) {
            root = node;
            break;
        }
        nodes[n++] = node;
        node = recording->nodes[node].parent;
    }
    int status = fill_frames(findings, symbolizer, nodes, n, finding);

    if (status == 0) {
        cut = cut < finding->stack_count ? cut : finding->stack_count;
        finding->stack += cut;
        finding->stack_count -= cut;
    }
    finding->stack_end = end_of(root);
    seep_headline_fill(findings, finding);
    seep_stack_view_id(finding, 0);
    return status;
}
