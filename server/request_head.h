/* Whose a connection is, by the first bytes that it sends: HTTP's or the hub's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_REQUEST_HEAD_H
#define PMA_REQUEST_HEAD_H

#include <stddef.h>

enum pma_head_verdict {
    PMA_HEAD_NONE = 0,
    PMA_HEAD_INCOMPLETE = 1,
    PMA_HEAD_HTTP = 2,
    PMA_HEAD_UPGRADE = 3,  /* GET /ws with Upgrade: websocket */
    PMA_HEAD_NOT_HTTP = 4, /* cannot become a request */
};

/* Looks at the first bytes of a connection. Thread-safety: pure. Cost: O(bytes). */
enum pma_head_verdict pma_head_judge(const char *head, size_t head_bytes);

#endif
