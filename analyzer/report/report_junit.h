/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_JUNIT_H
#define SEEP_ANALYZER_REPORT_REPORT_JUNIT_H

#include "base/buf.h"
#include "verdict/findings.h"

/* Parts of JUnit files that the report and the comparison of two runs share.
 * Thread-safety of all: any thread on its own buffer. */

/* ` name="value"`, the value escaped. */
void seep_junit_put_attribute(struct seep_buf *out, const char *name, const char *value);
/* A finding as text: its sentence, what backs it, its stack. Escaped. */
void seep_junit_put_finding(struct seep_buf *out, const struct seep_finding *finding);

#endif
