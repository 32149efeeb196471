/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_RECORDING_SAMPLE_H
#define SEEP_TESTS_RECORDING_SAMPLE_H

#include "load/recording.h"
#include "recording_forge.h"

/* Most frames of a file that seep_sample_frame_starts takes, and one. */
enum { SEEP_SAMPLE_FRAMES_MAX = 64 };

/* A recording with one of each frame at least: two sites, three snapshots, an END. */
void seep_sample_forge(struct seep_forge *forge, bool compress);

/* Opens what was forged; anything but a valid recording aborts the test. */
struct seep_recording *seep_sample_open(struct seep_forge *forge);

/* Offsets of the frames of a sound file, then its length. Returns: frames. */
size_t seep_sample_frame_starts(const struct seep_forge *forge,
                                size_t starts[static SEEP_SAMPLE_FRAMES_MAX]);

#endif
