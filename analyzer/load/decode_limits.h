/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_DECODE_LIMITS_H
#define SEEP_ANALYZER_LOAD_DECODE_LIMITS_H

#include "load/decode_take.h"

/* A LIMITS frame. Owner thread. */
void seep_decode_limits(struct seep_decoder *d);

/* When all is read: gives each site and thread of a bounded subsystem the plain one of
 * the same name, and the site its limit. References are in range before and after. Owner
 * thread. Cost: O(sites + threads + limits x subsystems). */
void seep_limits_settle(struct seep_recording *recording);

#endif
