/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_VERDICT_H
#define SEEP_ANALYZER_VERDICT_VERDICT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/progress.h"
#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/findings.h"
#include "verdict/suppress.h"

struct seep_verdict_options {
    enum seep_kind kind;   /* only findings of this kind; SEEP_KIND_NONE: all */
    const char *subsystem; /* borrowed; only findings of this subsystem; NULL: all */
    double since_s;        /* judge from here; negative: after warm-up */
    double until_s;        /* judge up to here; negative: to the end */
    const struct seep_suppressions *suppressions; /* borrowed; NULL: none */
    struct seep_progress *progress; /* borrowed; told how far it is; NULL: nobody */
    bool still_written;   /* by its collector: without an end the program runs */
    bool no_threads_left; /* threads left at a normal exit are definite findings */
    bool profile;         /* fill findings->profile: all sites with their stacks */
};

static const struct seep_verdict_options SEEP_VERDICT_OPTIONS_ALL = {.since_s = -1,
                                                                     .until_s = -1};

/* Judges a recording. The same recording and options give the same findings.
 *
 * recording, symbolizer, options: borrowed during the call.
 * findings: out, owned (seep_findings_free); untouched on error.
 * error:    out.
 *
 * Returns: 0; -ENOMEM; -EINVAL when --since is not before --until or an unknown subsystem
 * is asked for. Thread-safety: owner thread of the symbolizer. Allocates: yes. Cost:
 * O(sites x snapshots).
 */
int seep_verdict_make(const struct seep_recording *recording,
                      struct seep_symbolizer *symbolizer,
                      const struct seep_verdict_options *options,
                      struct seep_findings **findings, struct seep_error *error);

#endif
