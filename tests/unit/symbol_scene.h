/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_SYMBOL_SCENE_H
#define SEEP_TESTS_SYMBOL_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "load/symbol.h"
#include "recording_forge.h"

/* Tests of names: a recording of nodes in one module, and files to compare with. Anything
 * unexpected fails the test at hand. */
enum { SEEP_SCENE_FRAMES_MAX = 32 };

struct seep_scene_span { /* a function in a file */
    uint64_t start, bytes;
};

/* A recording of nodes in one module, and its symbolizer. */
struct seep_scene {
    struct seep_forge forge;
    uint32_t module;
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
};

struct seep_scene_build_id {
    uint8_t bytes[32];
    size_t len_bytes;
};

struct seep_scene_build_id seep_scene_build_id_of(const char *path);

/* Starts a recording of one module; add nodes to scene->forge, then open. id may be NULL.
 */
void seep_scene_start(struct seep_scene *scene, const char *path,
                      const struct seep_scene_build_id *id);
void seep_scene_open(struct seep_scene *scene);
void seep_scene_end(struct seep_scene *scene);

/* Start and size of a function, from nm. */
struct seep_scene_span seep_scene_find_span(const char *path, const char *function);

/* Symbolises one node of one module. Returns: its outermost frame; end the scene. */
struct seep_symbol_frame seep_scene_one_frame(struct seep_scene *scene, const char *path,
                                              const struct seep_scene_build_id *id,
                                              uint64_t offset);

#endif
