/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_TREND_TEXT_H
#define SEEP_ANALYZER_HISTORY_TREND_TEXT_H

#include "history/trend_series.h"
#include "report/text_layout.h"

/* A trend for people. `details`: with a table of its runs. Returns: 0; -ENOMEM. */
int seep_trend_text(const struct seep_trend *trend, bool details,
                    const struct seep_layout *layout);

#endif
