/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_XML_TEXT_H
#define SEEP_ANALYZER_REPORT_XML_TEXT_H

#include "base/buf.h"

/* Text of unknown origin as content of an element or a quoted attribute of XML 1.0 in
 * UTF-8. What XML cannot hold becomes '?': control characters but tab and line break,
 * U+FFFE, U+FFFF, and bytes that are no UTF-8.
 *
 * text: borrowed. Thread-safety: any thread on its own buffer.
 */
void seep_xml_put_text(struct seep_buf *out, const char *text);

#endif
