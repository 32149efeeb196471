/* Whose request it is, when it came through a proxy.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FORWARDED_H
#define PMA_FORWARDED_H

#include "server/base/address.h"

/* The client of a request: the peer, unless that is a trusted proxy; then the right-most
 * address of X-Forwarded-For that is none, or the left-most when all are. An entry that
 * is no address gives an address of all zero: nobody's, and so nobody's privileges.
 *
 * forwarded_for: the values of all such headers, joined by commas; NULL or "" without
 * one. Thread-safety: pure. Cost: O(length x networks). */
struct pma_address pma_forwarded_client(const struct pma_address *peer,
                                        const char *forwarded_for,
                                        const struct pma_networks *proxies);

#endif
