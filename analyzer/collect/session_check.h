/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SESSION_CHECK_H
#define SEEP_ANALYZER_COLLECT_SESSION_CHECK_H

#include "collect/session.h"

/* Writes what the checking mode found as a note: how many stacks were compared with
 * libunwind's, how many differ, the first of them; or that there was no libunwind.
 * Nothing without the mode. Call once, at the end.
 *
 * Returns: 0; -errno of reading the segment or of writing the note.
 */
int seep_session_check_note(struct seep_session *session, struct seep_scratch *scratch);

#endif
