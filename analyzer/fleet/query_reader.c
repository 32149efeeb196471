/* The shape of a query_range reply, held against the tokens as they come:
 *
 *     {"status":"success","data":{"resultType":"matrix","result":[
 *         {"metric":{"id":"0a1b","instance":"a:9100"},"values":[[1700000000,"4096"],...]},
 *         ...]}}
 *
 * Members that are not known (Prometheus' infos, VictoriaMetrics' stats) are passed over,
 * whatever they hold; what is known must be as it is documented, or the reply is refused
 * with the byte where it went wrong: a figure that was guessed is worse than none.
 * "metric" has to come before "values", as both servers write it: without that, all
 * samples of a series would have to be kept before it is known whose they are.
 *
 * I1: the sink sees begin, label*, sample*, end; never a sample before begin.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/query_reader.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum place {
    OUTSIDE = 0,
    IN_REPLY = 1,
    IN_DATA = 2,
    IN_RESULT = 3,
    IN_SERIES = 4,
    IN_METRIC = 5,
    IN_VALUES = 6,
    IN_SAMPLE = 7,
    IN_WARNINGS = 8
};

enum wanted {
    WANT_NOTHING = 0, /* of interest: the value is passed over */
    WANT_STATUS = 1,
    WANT_DATA = 2,
    WANT_TYPE = 3,
    WANT_RESULT = 4,
    WANT_METRIC = 5,
    WANT_VALUES = 6,
    WANT_WARNINGS = 7,
    WANT_PARTIAL = 8,
    WANT_HISTOGRAMS = 9
};

enum { NUMBER_MAX = 64 };

static int bad(struct seep_query_reader *reader, const char *trouble)
{
    reader->trouble = trouble;
    return -EBADMSG;
}

/* Whole numbers and short decimals without strtod: they are nearly all there is, and
 * exact: below 2^53, divided by a power of ten below 10^22. */
static bool plain_number(const char *text, size_t n, double *out)
{
    static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    uint64_t digits = 0;
    size_t decimals = 0;
    bool point = false;

    if (n == 0 || n > 15 || text[0] == '.' || text[n - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '.' && !point) {
            point = true;
        } else if (text[i] >= '0' && text[i] <= '9') {
            digits = digits * 10 + (uint64_t)(text[i] - '0');
            decimals += point;
        } else {
            return false;
        }
    }
    if (decimals >= sizeof(tens) / sizeof(tens[0])) {
        return false;
    }
    *out = (double)digits / tens[decimals];
    return true;
}

int seep_query_number(const char *text, size_t len_bytes, double *out)
{
    char copy[NUMBER_MAX];
    char *end = NULL;

    if (plain_number(text, len_bytes, out)) {
        return 0;
    }
    if (len_bytes == 0 || len_bytes >= sizeof(copy)) {
        return -EINVAL;
    }
    memcpy(copy, text, len_bytes);
    copy[len_bytes] = '\0';
    if (strcmp(copy, "NaN") == 0) {
        *out = NAN;
        return 0;
    }
    if (strcmp(copy, "+Inf") == 0 || strcmp(copy, "Inf") == 0 ||
        strcmp(copy, "-Inf") == 0) {
        *out = copy[0] == '-' ? -INFINITY : INFINITY;
        return 0;
    }
    if (strspn(copy, "+-.eE0123456789") != len_bytes) {
        return -EINVAL; /* no blanks, no hexadecimal numbers */
    }
    double value = strtod(copy, &end);

    if (end != copy + len_bytes) {
        return -EINVAL;
    }
    *out = value;
    return 0;
}

static bool is(const char *text, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

static int take_key(struct seep_query_reader *reader, const char *text, size_t n)
{
    static const struct {
        enum place place;
        const char *word;
        enum wanted wanted;
    } keys[] = {
        {IN_REPLY, "status", WANT_STATUS},          {IN_REPLY, "data", WANT_DATA},
        {IN_REPLY, "warnings", WANT_WARNINGS},      {IN_REPLY, "isPartial", WANT_PARTIAL},
        {IN_DATA, "resultType", WANT_TYPE},         {IN_DATA, "result", WANT_RESULT},
        {IN_SERIES, "metric", WANT_METRIC},         {IN_SERIES, "values", WANT_VALUES},
        {IN_SERIES, "histograms", WANT_HISTOGRAMS},
    };

    if (reader->place == IN_METRIC) {
        if (n > sizeof(reader->name)) {
            return bad(reader, "a label's name of more than 256 bytes");
        }
        memcpy(reader->name, text, n);
        reader->name_bytes = n;
        return 0;
    }
    reader->wanted = WANT_NOTHING;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if ((int)keys[i].place == reader->place && is(text, n, keys[i].word)) {
            reader->wanted = (int)keys[i].wanted;
        }
    }
    return 0;
}

static int enter_series(struct seep_query_reader *reader)
{
    reader->place = IN_SERIES;
    reader->has_metric = false;
    reader->series++;
    return reader->sink->begin(reader->sink->context);
}

static int enter_object(struct seep_query_reader *reader)
{
    switch (reader->place) {
    case OUTSIDE:
        reader->place = IN_REPLY;
        return 0;
    case IN_RESULT:
        return enter_series(reader);
    case IN_REPLY:
        if (reader->wanted == WANT_DATA) {
            reader->place = IN_DATA;
            return 0;
        }
        break;
    case IN_SERIES:
        if (reader->wanted == WANT_METRIC && !reader->has_metric) {
            reader->has_metric = true;
            reader->place = IN_METRIC;
            return 0;
        }
        break;
    default:
        return bad(reader, "an object where none belongs");
    }
    if (reader->wanted != WANT_NOTHING) {
        return bad(reader, "an object where none belongs");
    }
    reader->skip_depth = 1;
    return 0;
}

static int enter_array(struct seep_query_reader *reader)
{
    int wanted = reader->wanted;

    if (reader->place == IN_VALUES) {
        reader->place = IN_SAMPLE;
        reader->sample_part = 0;
    } else if (reader->place == IN_DATA && wanted == WANT_RESULT && !reader->has_result) {
        reader->has_result = true;
        reader->place = IN_RESULT;
    } else if (reader->place == IN_SERIES && wanted == WANT_VALUES) {
        if (!reader->has_metric) {
            return bad(reader, "values before the metric that they are of");
        }
        reader->place = IN_VALUES;
    } else if (reader->place == IN_REPLY && wanted == WANT_WARNINGS) {
        reader->place = IN_WARNINGS;
    } else if (reader->place != OUTSIDE && reader->place <= IN_SERIES &&
               reader->place != IN_RESULT &&
               (wanted == WANT_NOTHING || wanted == WANT_HISTOGRAMS)) {
        reader->histograms += wanted == WANT_HISTOGRAMS;
        reader->skip_depth = 1;
    } else {
        return bad(reader, "an array where none belongs");
    }
    return 0;
}

static int leave(struct seep_query_reader *reader)
{
    static const int outer[] = {
        [IN_REPLY] = OUTSIDE,    [IN_DATA] = IN_REPLY,     [IN_RESULT] = IN_DATA,
        [IN_SERIES] = IN_RESULT, [IN_METRIC] = IN_SERIES,  [IN_VALUES] = IN_SERIES,
        [IN_SAMPLE] = IN_VALUES, [IN_WARNINGS] = IN_REPLY,
    };
    int left = reader->place;

    reader->place = outer[left];
    reader->wanted = WANT_NOTHING;
    if (left == IN_SERIES) {
        return reader->has_metric ? reader->sink->end(reader->sink->context)
                                  : bad(reader, "a series without a metric");
    }
    if (left == IN_SAMPLE) {
        if (reader->sample_part != 2) {
            return bad(reader, "a sample that is no pair");
        }
        reader->samples++;
        return reader->sink->sample(reader->sink->context, reader->t_s, reader->value);
    }
    return 0;
}

static int take_sample_part(struct seep_query_reader *reader, enum seep_json_event event,
                            const char *text, size_t n)
{
    int part = reader->sample_part++;

    if (part == 0 && event == SEEP_JSON_NUMBER &&
        seep_query_number(text, n, &reader->t_s) == 0) {
        return 0;
    }
    if (part == 1 && event == SEEP_JSON_STRING &&
        seep_query_number(text, n, &reader->value) == 0) {
        return 0;
    }
    return bad(reader, "a sample that is not [time, \"value\"]");
}

static int take_text(struct seep_query_reader *reader, const char *text, size_t n)
{
    if (reader->place == IN_METRIC) {
        return reader->sink->label(reader->sink->context, reader->name,
                                   reader->name_bytes, text, n);
    }
    switch (reader->wanted) {
    case WANT_STATUS:
        reader->success = is(text, n, "success");
        return reader->success ? 0 : bad(reader, "a status that is not success");
    case WANT_TYPE:
        reader->matrix = is(text, n, "matrix");
        return reader->matrix ? 0 : bad(reader, "a result that is no matrix");
    default:
        return bad(reader, "a text where none belongs");
    }
}

static int take_scalar(struct seep_query_reader *reader, enum seep_json_event event,
                       const char *text, size_t n)
{
    if (reader->place == IN_SAMPLE) {
        return take_sample_part(reader, event, text, n);
    }
    if (reader->place == IN_WARNINGS) {
        reader->warnings++;
        return 0;
    }
    if (reader->place == IN_METRIC || reader->wanted == WANT_STATUS ||
        reader->wanted == WANT_TYPE) {
        return event == SEEP_JSON_STRING ? take_text(reader, text, n)
                                         : bad(reader, "no text where one belongs");
    }
    if (reader->wanted == WANT_PARTIAL) {
        reader->is_partial = is(text, n, "true");
        return 0;
    }
    /* A null for the list of warnings is none; for the result it is no result. */
    if (reader->place != OUTSIDE && reader->place != IN_RESULT &&
        reader->place != IN_VALUES &&
        (reader->wanted == WANT_NOTHING || reader->wanted == WANT_WARNINGS)) {
        return 0;
    }
    return bad(reader, "a value where none belongs");
}

/* What is not of interest, to its last bracket. */
static int pass_over(struct seep_query_reader *reader, enum seep_json_event event)
{
    reader->skip_depth += event == SEEP_JSON_OBJECT || event == SEEP_JSON_ARRAY;
    reader->skip_depth -= event == SEEP_JSON_OBJECT_END || event == SEEP_JSON_ARRAY_END;
    return 0;
}

static int take(void *context, enum seep_json_event event, const char *text, size_t n)
{
    struct seep_query_reader *reader = context;

    if (reader->skip_depth > 0) {
        return pass_over(reader, event);
    }
    switch (event) {
    case SEEP_JSON_KEY:
        return take_key(reader, text, n);
    case SEEP_JSON_OBJECT:
        return enter_object(reader);
    case SEEP_JSON_ARRAY:
        return enter_array(reader);
    case SEEP_JSON_OBJECT_END:
    case SEEP_JSON_ARRAY_END:
        return leave(reader);
    default:
        return take_scalar(reader, event, text, n);
    }
}

void seep_query_reader_init(struct seep_query_reader *reader,
                            const struct seep_query_sink *sink)
{
    reader->sink = sink;
    reader->series = reader->samples = reader->warnings = reader->histograms = 0;
    reader->is_partial = false;
    reader->trouble = NULL;
    reader->place = OUTSIDE;
    reader->skip_depth = 0;
    reader->wanted = WANT_NOTHING;
    reader->success = reader->matrix = reader->has_result = reader->has_metric = false;
    reader->sample_part = 0;
    reader->t_s = reader->value = 0;
    reader->name_bytes = 0;
    seep_json_stream_init(&reader->json, take, reader);
}

int seep_query_reader_feed(struct seep_query_reader *reader, const char *bytes,
                           size_t len_bytes)
{
    return seep_json_stream_feed(&reader->json, bytes, len_bytes);
}

int seep_query_reader_end(struct seep_query_reader *reader)
{
    int status = seep_json_stream_end(&reader->json);

    if (status < 0) {
        return status;
    }
    if (!reader->success || !reader->matrix || !reader->has_result) {
        return bad(reader, "no status, no resultType or no result");
    }
    return 0;
}

int seep_query_reader_explain(const struct seep_query_reader *reader,
                              struct seep_error *error)
{
    const char *trouble =
        reader->trouble != NULL ? reader->trouble : reader->json.trouble;

    return seep_error_set(
        error, -EBADMSG, "byte %llu: %s; a reply of Prometheus' query_range was expected",
        (unsigned long long)reader->json.at_bytes,
        trouble != NULL ? trouble : "not understood");
}
