/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_PROTO_H
#define SEEP_ANALYZER_REPORT_PROTO_H

#include <stdint.h>

#include "base/buf.h"

/* Fields of protocol buffers, of the two wire types that profile.proto needs. A value of
 * 0 and an empty text are left out where the format does so too (proto3).
 * Source: protobuf.dev, "Encoding".
 * Thread-safety: any thread on its own buffer.
 */
void seep_proto_put_uint(struct seep_buf *out, uint32_t field, uint64_t value);
/* int64: negative values take ten bytes. */
void seep_proto_put_int(struct seep_buf *out, uint32_t field, int64_t value);
/* A string or an embedded message; written even when empty. */
void seep_proto_put_bytes(struct seep_buf *out, uint32_t field, const void *bytes,
                          size_t len_bytes);
/* The message in `part`, then empties `part` for the next one. */
void seep_proto_put_message(struct seep_buf *out, uint32_t field, struct seep_buf *part);

#endif
