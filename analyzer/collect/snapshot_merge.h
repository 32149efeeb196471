/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SNAPSHOT_MERGE_H
#define SEEP_ANALYZER_COLLECT_SNAPSHOT_MERGE_H

#include "base/buf.h"

/* Merges two successive snapshots into one that stands at the later one's time: the later
 * one's process figures and losses, the sites that changed in either with the later of
 * their values, `merged` counting every snapshot that is in it beside itself.
 *
 * earlier, later: payloads of SEEP_FRAME_SNAPSHOT; borrowed.
 * out:            out; replaced by the merged payload.
 * entries:        borrowed working memory.
 * Returns: 0; -EBADMSG malformed payload; -ENOMEM.
 * Thread-safety: pure. Cost: O(bytes of both).
 */
int seep_snapshot_merge(const struct seep_buf *earlier, const struct seep_buf *later,
                        struct seep_buf *out, struct seep_buf *entries);

#endif
