/* What became of one call of a tool.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_OUTCOME_H
#define PMA_MCP_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PMA_MCP_ERROR_BYTES 320

/* Beside an errno:
 * -EINVAL     the arguments are wrong
 * -ENOENT     there is no such server or tool
 * -ENOTCONN   the server exists and is not connected, or the service does not run
 * -EBUSY      too many calls run already
 * -ETIMEDOUT  no answer in time
 * -EPIPE      the server ended while it worked
 * -E2BIG      the call is too long
 * -EMSGSIZE   the answer is too long
 * -EREMOTEIO  the tool ran and failed
 * -ECANCELED  we are stopping
 * -ENOMEM */
struct pma_mcp_outcome {
    json_t *result;                  /* owned by whoever has the outcome; NULL: none */
    char error[PMA_MCP_ERROR_BYTES]; /* "" without an error */
};

#endif
