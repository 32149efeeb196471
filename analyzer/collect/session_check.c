/* The checking mode's result, in words.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/session_check.h"

#include <stdio.h>
#include <string.h>

#include "collect/segment_read.h"
#include "seep/segment.h"

enum { NOTE_BYTES = 1024, FIRST_BYTES = 700 };

int seep_session_check_note(struct seep_session *session, struct seep_scratch *scratch)
{
    struct seep_segment_header header;
    char text[NOTE_BYTES];
    int n = 0;
    int err = seep_segment_read(&session->segment, 0, &header, sizeof(header));

    if (err < 0 || header.check_every == 0) {
        return err;
    }
    if (header.check_every == SEEP_CHECK_UNAVAILABLE) {
        return seep_session_note(
            session, scratch,
            "check: no stacks were compared: libunwind.so.8 could not be loaded, or was "
            "in use by another thread when this process was forked");
    }
    header.check_text[sizeof(header.check_text) - 1] = '\0';
    n = snprintf(text, sizeof(text),
                 "check: %llu stacks compared with libunwind's (every %u), %llu differ; "
                 "%u compared up to a marked end",
                 (unsigned long long)header.checked, header.check_every,
                 (unsigned long long)header.check_differences, header.check_prefixes);
    if (header.check_differences != 0) {
        for (char *at = header.check_text; *at != '\0'; at++) {
            if (*at < ' ' || *at > '~') {
                *at = '?'; /* another process's words */
            }
        }
        (void)snprintf(text + n, sizeof(text) - (size_t)n, "; first: %.*s", FIRST_BYTES,
                       header.check_text);
    }
    return seep_session_note(session, scratch, text);
}
