/* Head: FIN and opcode; mask bit and length (7 bits, or 126 and 16 bits, or 127 and 64
 * bits); mask.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_frame.h"

#include <errno.h>
#include <string.h>

#define FIN_BIT  0x80U
#define RSV_BITS 0x70U
#define MASK_BIT 0x80U

size_t load_frame_write(enum load_opcode opcode, const void *payload,
                        size_t payload_bytes, uint32_t mask, unsigned char *out)
{
    const unsigned char *in = payload;
    size_t at = 0;

    out[at++] = (unsigned char)(FIN_BIT | (unsigned)opcode);
    if (payload_bytes < 126) {
        out[at++] = (unsigned char)(MASK_BIT | payload_bytes);
    } else {
        out[at++] = MASK_BIT | 126;
        out[at++] = (unsigned char)(payload_bytes >> 8);
        out[at++] = (unsigned char)payload_bytes;
    }
    memcpy(out + at, &mask, sizeof(mask));
    for (size_t i = 0; i < payload_bytes; i++) {
        out[at + sizeof(mask) + i] = in[i] ^ out[at + i % sizeof(mask)];
    }
    return at + sizeof(mask) + payload_bytes;
}

int load_frame_read(const unsigned char *bytes, size_t available_bytes,
                    size_t capacity_bytes, struct load_frame *frame)
{
    size_t head_bytes = 2;
    uint64_t payload_bytes;

    if (available_bytes < head_bytes) {
        return 0;
    }
    if ((bytes[0] & RSV_BITS) != 0 || (bytes[1] & MASK_BIT) != 0) {
        return -EPROTO;
    }
    payload_bytes = bytes[1];
    if (payload_bytes >= 126) {
        size_t length_bytes = payload_bytes == 126 ? 2 : 8;

        head_bytes += length_bytes;
        if (available_bytes < head_bytes) {
            return 0;
        }
        payload_bytes = 0;
        for (size_t at = 2; at < head_bytes; at++) {
            payload_bytes = payload_bytes << 8 | bytes[at];
        }
    }
    if (payload_bytes > capacity_bytes - head_bytes) {
        return -EPROTO;
    }
    if (available_bytes < head_bytes + payload_bytes) {
        return 0;
    }
    *frame = (struct load_frame){.opcode = bytes[0] & 0x0fU,
                                 .payload = bytes + head_bytes,
                                 .payload_bytes = (size_t)payload_bytes,
                                 .frame_bytes = head_bytes + (size_t)payload_bytes};
    return 1;
}
