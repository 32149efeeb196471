/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_DECODE_THREADS_H
#define SEEP_ANALYZER_LOAD_DECODE_THREADS_H

#include "load/decode_take.h"

/* The payloads of the frames THREADS, WAITS and LIFETIMES: whole pictures, each of which
 * replaces the one before. Failures are the decoder's to keep. Owner thread. */
void seep_decode_threads(struct seep_decoder *d);
void seep_decode_waits(struct seep_decoder *d);
void seep_decode_lifetimes(struct seep_decoder *d);

/* The payload of PROBE, of which each adds a row. */
void seep_decode_probe(struct seep_decoder *d);

#endif
