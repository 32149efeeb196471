/* WebSocket frames, as a client sends and receives them. Source: RFC 6455, section 5.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_FRAME_H
#define LOAD_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_FRAME_HEAD_BYTES_MAX 14

enum load_opcode {
    LOAD_OPCODE_TEXT = 1,
    LOAD_OPCODE_CLOSE = 8,
    LOAD_OPCODE_PING = 9,
    LOAD_OPCODE_PONG = 10,
};

/* A frame in a receive buffer. */
struct load_frame {
    uint8_t opcode;
    const unsigned char *payload; /* borrowed from the buffer */
    size_t payload_bytes;
    size_t frame_bytes; /* with its head */
};

/* Writes a final, masked frame of fewer than 65,536 payload bytes.
 * out: room for payload_bytes + LOAD_FRAME_HEAD_BYTES_MAX. Returns: bytes written. */
size_t load_frame_write(enum load_opcode opcode, const void *payload,
                        size_t payload_bytes, uint32_t mask, unsigned char *out);

/* Reads the frame at the start of `bytes`. Returns: 1 with *frame; 0 when it is not
 * complete yet; -EPROTO for what a server may not send: masks, reserved bits, more than
 * capacity_bytes. */
int load_frame_read(const unsigned char *bytes, size_t available_bytes,
                    size_t capacity_bytes, struct load_frame *frame);

#endif
