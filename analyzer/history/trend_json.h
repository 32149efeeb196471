/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_TREND_JSON_H
#define SEEP_ANALYZER_HISTORY_TREND_JSON_H

#include "base/buf.h"
#include "history/trend_series.h"

/* {"seep_store": 1, "trends": [...]}; points oldest first. Returns: 0; -ENOMEM. */
int seep_trend_json(const struct seep_trend *trends, size_t count, struct seep_buf *out);

#endif
