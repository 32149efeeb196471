/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_HTML_TEXT_H
#define SEEP_ANALYZER_REPORT_HTML_TEXT_H

#include "base/buf.h"

/* Text of unknown origin as text between tags or inside a quoted attribute: it opens no
 * tag, ends no attribute, starts no reference.
 *
 * text: borrowed, valid UTF-8. Thread-safety: any thread on its own buffer.
 */
void seep_html_text_put(struct seep_buf *out, const char *text);

/* The `sha256-...` source of a Content-Security-Policy.
 *
 * sha256_hex: borrowed; 64 lower-case hex digits. Thread-safety: as above.
 * Source: Content Security Policy Level 3, section 2.3.1 (hash-source, base64).
 */
void seep_html_text_put_hash(struct seep_buf *out, const char *sha256_hex);

#endif
