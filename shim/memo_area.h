/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_MEMO_AREA_H
#define SEEP_SHIM_MEMO_AREA_H

#include <stddef.h>
#include <stdint.h>

#include "stackmemo.h"

/* The memory of a memo. Owner thread. */

/* Returns: offset / 8 of the bytes; 0 when there is no room. align: a power of two. */
uint32_t seep_memo_take_bytes(struct seep_memo *memo, size_t bytes, uint32_t align);

/* Where a leaf node that was missed is noted; of another by chance. A later one comes
 * back to it. The memo has an area. */
uint32_t *seep_memo_seen(const struct seep_memo *memo, uint32_t node);

/* Full: grow; else learn nothing for a while, and then begin again unless one stack in
 * four is found. Whoever learned much and could not use it learns less. */
void seep_memo_make_room(struct seep_memo *memo);

#endif
