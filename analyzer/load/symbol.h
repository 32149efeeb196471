/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_SYMBOL_H
#define SEEP_ANALYZER_LOAD_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"

/* One source-level frame. Strings live as long as the symbolizer. */
struct seep_symbol_frame {
    const char *function; /* demangled; "??" when unknown */
    const char *file;     /* "" when unknown; as in the debug information */
    const char *module;   /* base name of the module's file; "??" outside any */
    const char *module_path;
    const char *build_id; /* hex; "" when none */
    uint64_t offset;      /* in the module */
    uint32_t line;        /* 0 unknown */
    bool inlined;         /* inlined into the frame after it */
};

/* Turns module offsets into functions and lines, by elfutils (symbols, DWARF, inline
 * frames, separate debug files by build id). Local files alone: no debuginfod.
 * A module whose file is gone or has another build id gives "??" names and is counted
 * in seep_symbolizer_missing. A module is opened when its first node is asked for.
 */
struct seep_symbolizer;

/* Returns: 0; -ENOMEM. recording is borrowed, and needed for every question but not for
 * seep_symbolizer_free. It may gain rows meanwhile (load/follow.h); modules that it
 * gained have no names: make another symbolizer for them. */
int seep_symbolizer_new(const struct seep_recording *recording,
                        struct seep_symbolizer **symbolizer);
void seep_symbolizer_free(struct seep_symbolizer *symbolizer);

/* Source frames of one node, innermost first: inlined ones, then the function itself.
 *
 * node:    node id; its offset is a return address, looked up at offset - 1, except where
 *   a signal interrupted it (its callee is the signal trampoline): there it is exact.
 * frames:  out, borrowed; room for `capacity` (>= 1).
 * Returns: frames written, at least 1.
 * Thread-safety: owner thread. Allocates: yes (cached).
 */
size_t seep_symbol_frames(struct seep_symbolizer *symbolizer, uint32_t node,
                          struct seep_symbol_frame *frames, size_t capacity);

/* The same for a place that is no node: an offset in a module. exact: the address itself;
 * otherwise a return address, looked up at offset - 1. */
size_t seep_symbol_frames_at(struct seep_symbolizer *symbolizer,
                             const struct seep_rec_probe_frame *place,
                             struct seep_symbol_frame *frames, size_t capacity);

/* Name of the function at an exact offset (thread start routines). "??" when unknown. */
const char *seep_symbol_function(struct seep_symbolizer *symbolizer, uint32_t module,
                                 uint64_t offset);

/* Modules asked for so far whose file could not be used, each with a reason in words.
 *
 * reasons: out, borrowed until the next call on the symbolizer.
 * Returns: their number.
 */
size_t seep_symbolizer_missing(const struct seep_symbolizer *symbolizer,
                               const char *const **reasons);

#endif
