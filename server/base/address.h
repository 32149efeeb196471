/* IP addresses and networks: one 16-byte form for IPv4 and IPv6.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ADDRESS_H
#define PMA_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Room for the longest address and the final NUL. */
#define PMA_ADDRESS_BYTES 46

/* An IPv4 address is kept as ::ffff:a.b.c.d, so that both forms of it are one client. */
struct pma_address {
    uint8_t bytes[16];
};

/* A CIDR block. */
struct pma_network {
    struct pma_address base; /* bits beyond the prefix are 0 */
    uint8_t prefix_bits;     /* 0 .. 128, of the 16-byte form */
};

#define PMA_NETWORKS_MAX 16

struct pma_networks {
    struct pma_network items[PMA_NETWORKS_MAX];
    size_t count;
};

/* Parses "192.0.2.1", "2001:db8::1" or "::ffff:192.0.2.1"; no port, no zone, no space.
 * text_bytes: the text need not end in NUL. Returns: 0; -EINVAL, *address untouched.
 * Thread-safety: pure. */
int pma_address_parse(const char *text, size_t text_bytes, struct pma_address *address);

/* Takes the address of a connected peer. Returns: 0; -EAFNOSUPPORT: neither IPv4 nor
 * IPv6. Thread-safety: pure. */
int pma_address_of_peer(const struct sockaddr *peer, struct pma_address *address);

/* Writes the address, IPv4 in its dotted form. Thread-safety: pure. */
void pma_address_format(const struct pma_address *address, char text[PMA_ADDRESS_BYTES]);

/* The address by which a client is counted: itself for IPv4, its /64 for IPv6, because a
 * single subscriber has at least that many of them. Thread-safety: pure. */
struct pma_address pma_address_subscriber(const struct pma_address *address);

bool pma_address_equal(const struct pma_address *a, const struct pma_address *b);

/* 127.0.0.0/8 or ::1. Thread-safety: pure. */
bool pma_address_is_loopback(const struct pma_address *address);

/* RFC 1918, link-local (169.254.0.0/16, fe80::/10) or fc00::/7. Thread-safety: pure. */
bool pma_address_is_private(const struct pma_address *address);

/* Parses "10.0.0.0/8" or a single address. Bits beyond the prefix are an error: they are
 * a slip. Returns: 0; -EINVAL, *network untouched. Thread-safety: pure. */
int pma_network_parse(const char *text, size_t text_bytes, struct pma_network *network);

bool pma_network_contains(const struct pma_network *network,
                          const struct pma_address *address);

/* Parses a list separated by commas and spaces; an empty one is allowed. Returns: 0;
 * -EINVAL: a part is no network, -E2BIG: more than PMA_NETWORKS_MAX; *networks untouched.
 * Thread-safety: pure. */
int pma_networks_parse(const char *text, struct pma_networks *networks);

bool pma_networks_contain(const struct pma_networks *networks,
                          const struct pma_address *address);

#endif
