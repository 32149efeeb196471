/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_QUERY_READER_H
#define SEEP_ANALYZER_FLEET_QUERY_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "fleet/json_stream.h"

/* Who is told what a reply holds, in its order. Each returns 0, or a negative errno that
 * ends the reading. Texts are borrowed during the call and not NUL-terminated. */
struct seep_query_sink {
    void *context;
    int (*begin)(void *context); /* a series */
    int (*label)(void *context, const char *name, size_t name_bytes, const char *value,
                 size_t value_bytes);
    int (*sample)(void *context, double t_s, double value); /* value may be NAN, +-Inf */
    int (*end)(void *context);                              /* of the series */
};

enum { SEEP_QUERY_NAME_MAX = 256 }; /* bytes of a label's name */

/* Reads a reply of /api/v1/query_range as it comes. */
struct seep_query_reader {
    const struct seep_query_sink *sink; /* borrowed */
    uint64_t series, samples, warnings;
    uint64_t histograms;   /* series with native histograms, which are passed over */
    bool is_partial;       /* VictoriaMetrics: some storage did not answer */
    const char *trouble;   /* query_reader.c's own, as all below */
    int place, skip_depth; /* where in the shape; brackets of what is passed over */
    int wanted;            /* what the last key asks for */
    bool success, matrix, has_result, has_metric;
    int sample_part; /* of a sample: 0 its time, 1 its value, 2 complete */
    double t_s, value;
    char name[SEEP_QUERY_NAME_MAX];
    size_t name_bytes;
    struct seep_json_stream json;
};

void seep_query_reader_init(struct seep_query_reader *reader,
                            const struct seep_query_sink *sink);

/* Returns: 0; -EBADMSG the reply is not of this shape; what the sink returned. Final. */
int seep_query_reader_feed(struct seep_query_reader *reader, const char *bytes,
                           size_t len_bytes);
/* After the last byte. Returns: 0 when the reply was whole; as above. */
int seep_query_reader_end(struct seep_query_reader *reader);
/* What is wrong, and at which byte, after -EBADMSG. Returns: -EBADMSG. */
int seep_query_reader_explain(const struct seep_query_reader *reader,
                              struct seep_error *error);

/* A sample's value: a decimal number, "NaN", "+Inf", "-Inf", "Inf".
 * Returns: 0; -EINVAL. Thread-safety: pure. */
int seep_query_number(const char *text, size_t len_bytes, double *out);

#endif
