/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_OPTIONS_H
#define SEEP_ANALYZER_COLLECT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* How to record, from the command line of `seep run` or from SEEP_OPTIONS. */
enum { SEEP_OPTION_NOTES_MAX = 16, SEEP_OPTION_NOTE_BYTES = 160 };

struct seep_collect_options {
    uint64_t interval_ns;    /* 0.1 s .. 3,600 s */
    uint64_t min_child_ns;   /* children that lived shorter leave a line, not a file; 0 ..
                                86,400 s */
    bool children;           /* children are recorded */
    uint32_t mode;           /* SEEP_MODE_*; 0 = not said */
    uint64_t sample_bytes;   /* mean distance of samples; 0 in full mode */
    uint64_t stuck_after_ns; /* a thread that has not moved for so long is looked at */
    uint32_t exit_grace_ms;  /* threads that run when the program ends are given this
                                time; 0: they are not waited for */
    uint32_t check_every;    /* every Nth stack is compared with libunwind's; 0 = none */
    char notes[SEEP_OPTION_NOTES_MAX]
              [SEEP_OPTION_NOTE_BYTES]; /* wrong values, for the recording */
    size_t note_count;
};

/* The defaults: 1 s, 5 s, children recorded, stuck after 30 s. */
struct seep_collect_options seep_options_default(void);

/* A time in seconds with a fraction ("0.5") within [least_s, most_s].
 *
 * out_ns:  out; untouched on failure.
 * Returns: 0; -EINVAL (message names `option`, the value and the range).
 */
int seep_options_seconds(const char *option, const char *text, double least_s,
                         double most_s, uint64_t *out_ns, struct seep_error *error);
int seep_options_interval(const char *text, uint64_t *out_ns, struct seep_error *error);
int seep_options_min_child(const char *text, uint64_t *out_ns, struct seep_error *error);
int seep_options_stuck_after(const char *text, uint64_t *out_ns,
                             struct seep_error *error);
/* "full", "sampled" or "sampled=BYTES" into options->mode and sample_bytes; untouched on
 * failure. Returns: 0; -EINVAL. */
int seep_options_mode(const char *text, struct seep_collect_options *options,
                      struct seep_error *error);

/* "none" or "none=SECONDS" into *out_grace_ms, never 0; untouched on failure. Returns: 0;
 * -EINVAL. */
int seep_options_at_exit(const char *text, uint32_t *out_grace_ms,
                         struct seep_error *error);

/* A number from 1 to 1,000,000,000; untouched on failure. Returns: 0; -EINVAL. */
int seep_options_check(const char *text, uint32_t *out_every, struct seep_error *error);

/* Reads "interval=0.5,mode=full,min-child=5,no-children" into *options. What is wrong
 * becomes a note, and the value stays what it was. `text` may be NULL. */
void seep_options_parse(const char *text, struct seep_collect_options *options);

#endif
