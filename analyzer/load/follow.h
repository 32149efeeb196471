/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_FOLLOW_H
#define SEEP_ANALYZER_LOAD_FOLLOW_H

#include "load/recording.h"

/* A recording that somebody is still writing, read on and on.
 *
 *     struct seep_follow *follow = NULL;
 *     int n = seep_follow_open(path, &follow, &error);
 *
 *     while (n >= 0) {
 *         ... show seep_follow_recording(follow), wait ...
 *         n = seep_follow_refresh(follow, &error);
 *     }
 *     seep_follow_close(follow);
 *
 * Nothing but the file is touched: its writer and the program notice nothing.
 */
struct seep_follow;

enum seep_follow_news {
    SEEP_FOLLOW_SAME = 0, /* nothing new */
    SEEP_FOLLOW_MORE = 1, /* the same recording, longer: pointers to its tables moved */
    SEEP_FOLLOW_ANEW = 2  /* another recording in memory, of the same process: the
                             file was thinned, snapshots have other indices */
};

/* Opens a recording as seep_recording_open does, with the same errors. Of a file that is
 * cut, table entries behind the last frame that could use them are not there yet. */
int seep_follow_open(const char *path, struct seep_follow **follow,
                     struct seep_error *error);
/* The same within bounds: of states of sites (some 9 bytes each) at most `points_most`
 * are in memory, from 1,000 on. When there are more, early snapshots give way, as they do
 * in the file when it becomes too large: a refresh then says SEEP_FOLLOW_ANEW. What is
 * kept says what it said. A refresh that does this costs O(file); it comes when half of
 * the states are new. */
int seep_follow_open_bounded(const char *path, uint64_t points_most,
                             struct seep_follow **follow, struct seep_error *error);

/* Reads what was appended since. A frame that is not whole yet waits for the next call. A
 * file that was replaced (thinning writes it anew) is opened anew; one that was renamed
 * is read on. After END, or when the name leads to the recording of another process,
 * nothing comes any more.
 *
 * Returns: enum seep_follow_news; negative errno as of seep_recording_open: then the
 *   follow can only be closed.
 * Thread-safety: owner thread. Cost: O(bytes appended + rows of tables); O(file) when
 *   opened anew.
 */
int seep_follow_refresh(struct seep_follow *follow, struct seep_error *error);

/* The recording as far as it was read; borrowed, until the next call that returns
 * SEEP_FOLLOW_ANEW or an error. Never NULL. */
const struct seep_recording *seep_follow_recording(const struct seep_follow *follow);

/* NULL is ignored. */
void seep_follow_close(struct seep_follow *follow);

#endif
