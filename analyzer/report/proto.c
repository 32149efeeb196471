/* Protocol buffers, as far as a profile needs them.
 *
 * A message is written into a buffer of its own and then copied behind its length: the
 * length comes first on the wire. protobuf-c was rejected: a code generator and a library
 * for five messages of numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/proto.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, FIELD_SHIFT = 3 };

void seep_proto_put_uint(struct seep_buf *out, uint32_t field, uint64_t value)
{
    if (value != 0) {
        seep_buf_put_varint(out, (uint64_t)field << FIELD_SHIFT | WIRE_VARINT);
        seep_buf_put_varint(out, value);
    }
}

void seep_proto_put_int(struct seep_buf *out, uint32_t field, int64_t value)
{
    seep_proto_put_uint(out, field, (uint64_t)value);
}

void seep_proto_put_bytes(struct seep_buf *out, uint32_t field, const void *bytes,
                          size_t len_bytes)
{
    seep_buf_put_varint(out, (uint64_t)field << FIELD_SHIFT | WIRE_BYTES);
    seep_buf_put_varint(out, len_bytes);
    seep_buf_put(out, bytes, len_bytes);
}

void seep_proto_put_message(struct seep_buf *out, uint32_t field, struct seep_buf *part)
{
    out->failed = out->failed || part->failed;
    seep_proto_put_bytes(out, field, part->data, part->len_bytes);
    seep_buf_reset(part);
}
