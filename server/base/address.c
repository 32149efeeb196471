/* Addresses are compared, counted and matched in one form of 16 bytes. IPv4 in its mapped
 * form, because a socket that listens on :: reports it so: with two forms a client would
 * have two budgets, and "127.0.0.1" in a list of networks would not match itself.
 *
 * The parsing of an address is the C library's inet_pton; ours is only what surrounds it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define MAPPED_BITS  96
#define BITS_MAX     128
#define SUBNET_BYTES 8 /* of an IPv6 /64 */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

static bool is_mapped(const struct pma_address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

static void set_v4(struct pma_address *address, const void *four_bytes)
{
    memcpy(address->bytes, mapped_prefix, sizeof mapped_prefix);
    memcpy(address->bytes + sizeof mapped_prefix, four_bytes, 4);
}

int pma_address_parse(const char *text, size_t text_bytes, struct pma_address *address)
{
    char copy[PMA_ADDRESS_BYTES];
    struct in_addr v4;
    struct in6_addr v6;
    if (text_bytes == 0 || text_bytes >= sizeof copy ||
        memchr(text, '\0', text_bytes) != NULL) {
        return -EINVAL;
    }
    memcpy(copy, text, text_bytes);
    copy[text_bytes] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        set_v4(address, &v4);
        return 0;
    }
    if (inet_pton(AF_INET6, copy, &v6) == 1) {
        memcpy(address->bytes, v6.s6_addr, sizeof address->bytes);
        return 0;
    }
    return -EINVAL;
}

int pma_address_of_peer(const struct sockaddr *peer, struct pma_address *address)
{
    if (peer->sa_family == AF_INET) {
        set_v4(address, &((const struct sockaddr_in *)peer)->sin_addr);
        return 0;
    }
    if (peer->sa_family == AF_INET6) {
        memcpy(address->bytes, &((const struct sockaddr_in6 *)peer)->sin6_addr,
               sizeof address->bytes);
        return 0;
    }
    return -EAFNOSUPPORT;
}

void pma_address_format(const struct pma_address *address, char text[PMA_ADDRESS_BYTES])
{
    if (is_mapped(address)) {
        inet_ntop(AF_INET, address->bytes + sizeof mapped_prefix, text,
                  PMA_ADDRESS_BYTES);
    } else {
        inet_ntop(AF_INET6, address->bytes, text, PMA_ADDRESS_BYTES);
    }
}

struct pma_address pma_address_subscriber(const struct pma_address *address)
{
    struct pma_address subscriber = *address;
    if (!is_mapped(address)) {
        memset(subscriber.bytes + SUBNET_BYTES, 0,
               sizeof subscriber.bytes - SUBNET_BYTES);
    }
    return subscriber;
}

bool pma_address_equal(const struct pma_address *a, const struct pma_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool pma_address_is_loopback(const struct pma_address *address)
{
    static const struct pma_address v6_loopback = {{[15] = 1}};
    return (is_mapped(address) && address->bytes[12] == 127) ||
           pma_address_equal(address, &v6_loopback);
}

bool pma_address_is_private(const struct pma_address *address)
{
    const uint8_t *v4 = address->bytes + sizeof mapped_prefix;
    if (is_mapped(address)) {
        return v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xF0) == 16) ||
               (v4[0] == 192 && v4[1] == 168) || (v4[0] == 169 && v4[1] == 254);
    }
    return (address->bytes[0] & 0xFE) == 0xFC ||
           (address->bytes[0] == 0xFE && (address->bytes[1] & 0xC0) == 0x80);
}

/* The mask of byte `at` for a prefix. */
static uint8_t mask_of(size_t at, unsigned prefix_bits)
{
    const unsigned before = (unsigned)at * 8;
    if (prefix_bits >= before + 8) {
        return 0xFF;
    }
    return prefix_bits <= before ? 0 : (uint8_t)(0xFF << (before + 8 - prefix_bits));
}

/* Up to three decimal digits. Returns: the number, -1 when it is not one. */
static int parse_prefix(const char *text, size_t text_bytes)
{
    int number = 0;
    if (text_bytes == 0 || text_bytes > 3) {
        return -1;
    }
    for (size_t i = 0; i < text_bytes; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

int pma_network_parse(const char *text, size_t text_bytes, struct pma_network *network)
{
    const char *slash = memchr(text, '/', text_bytes);
    const size_t address_bytes = slash != NULL ? (size_t)(slash - text) : text_bytes;
    struct pma_network parsed = {.prefix_bits = BITS_MAX};
    if (pma_address_parse(text, address_bytes, &parsed.base) != 0) {
        return -EINVAL;
    }
    if (slash != NULL) {
        const bool dotted = memchr(text, ':', address_bytes) == NULL;
        const int bits = parse_prefix(slash + 1, text_bytes - address_bytes - 1);
        if (bits < 0 || bits > (dotted ? BITS_MAX - MAPPED_BITS : BITS_MAX)) {
            return -EINVAL;
        }
        parsed.prefix_bits = (uint8_t)(dotted ? bits + MAPPED_BITS : bits);
    }
    for (size_t i = 0; i < sizeof parsed.base.bytes; i++) {
        if ((parsed.base.bytes[i] & (uint8_t)~mask_of(i, parsed.prefix_bits)) != 0) {
            return -EINVAL;
        }
    }
    *network = parsed;
    return 0;
}

bool pma_network_contains(const struct pma_network *network,
                          const struct pma_address *address)
{
    unsigned difference = 0;
    for (size_t i = 0; i < sizeof address->bytes; i++) {
        difference |= (unsigned)(address->bytes[i] ^ network->base.bytes[i]) &
                      mask_of(i, network->prefix_bits);
    }
    return difference == 0;
}

int pma_networks_parse(const char *text, struct pma_networks *networks)
{
    static const char separators[] = ", \t";
    struct pma_networks parsed = {.count = 0};
    for (text += strspn(text, separators); *text != '\0';
         text += strspn(text, separators)) {
        const size_t length = strcspn(text, separators);
        if (parsed.count == PMA_NETWORKS_MAX) {
            return -E2BIG;
        }
        if (pma_network_parse(text, length, &parsed.items[parsed.count]) != 0) {
            return -EINVAL;
        }
        parsed.count++;
        text += length;
    }
    *networks = parsed;
    return 0;
}

bool pma_networks_contain(const struct pma_networks *networks,
                          const struct pma_address *address)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (pma_network_contains(&networks->items[i], address)) {
            return true;
        }
    }
    return false;
}
