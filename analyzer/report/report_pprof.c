/* The profile that pprof reads: profile.proto, gzip.
 *
 * Each site is a sample with six values (live, allocated and growth, as objects and as
 * bytes), so that one file answers all questions; its subsystem and kind are labels, for
 * -tagfocus. Kinds are not mixed, as in folded stacks. Names are resolved here: mappings
 * say that functions, files, lines and inlined frames are there, and pprof does not look
 * for the program. Their addresses are made up (a window of 1 TiB each), since a
 * recording holds offsets: what is in the profile is the offset in the module.
 *
 * Source: github.com/google/pprof, proto/profile.proto.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "report/proto.h"
#include "report/renderer.h"
#include "report/text_table.h"

/* Field numbers of profile.proto. */
enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_DURATION_NANOS = 10,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14
};
enum { VALUE_TYPE = 1, VALUE_UNIT = 2 };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STRING = 2 };
enum { MAPPING_ID = 1, MAPPING_START = 2, MAPPING_LIMIT = 3, MAPPING_FILE = 5 };
enum { MAPPING_BUILD_ID = 6, MAPPING_HAS_FIRST = 7, MAPPING_HAS_LAST = 10 };
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_LINE = 2 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILE = 4 };

enum { VALUES = 6, KEY_MAX = 64, GZIP_WINDOW = 15 + 16, CHUNK = 65536 };
static const int WINDOW_SHIFT = 40;
static const double SECONDS = 3600;

/* The conventional names first: pprof has options for them (-inuse_space). */
static const char *const types[VALUES] = {"inuse_objects",        "inuse_space",
                                          "alloc_objects",        "alloc_space",
                                          "growth_objects_per_h", "growth_space_per_h"};

struct writer {
    const struct seep_findings *findings;
    struct seep_buf out, part, inner; /* the profile; a message; one within it */
    struct seep_text_table strings, functions, mappings;
    uint64_t *mapping_limits; /* by mapping; highest offset */
    bool *used;               /* by place */
    bool failed;
};

static uint64_t text(struct writer *w, const char *value)
{
    uint32_t number = 0;

    w->failed = seep_text_table_intern(&w->strings, value, &number) < 0 || w->failed;
    return number;
}

static void values_of(const struct seep_view_site *site, int64_t values[VALUES])
{
    values[0] = (int64_t)site->live;
    values[1] = (int64_t)site->live_bytes;
    values[2] = (int64_t)site->acquired;
    values[3] = (int64_t)site->acquired_bytes;
    values[4] = llround(site->growth_per_s * SECONDS);
    values[5] = llround(site->growth_bytes_per_s * SECONDS);
}

static void sample_types(struct writer *w, const struct seep_render_options *options,
                         enum seep_kind kind)
{
    static const int chosen[] = {[SEEP_VALUE_DEFAULT] = 1,
                                 [SEEP_VALUE_LIVE_BYTES] = 1,
                                 [SEEP_VALUE_LIVE] = 0,
                                 [SEEP_VALUE_GROWTH] = 5,
                                 [SEEP_VALUE_ALLOCATED] = 3};
    int value = chosen[options->value];

    for (int i = 0; i < VALUES; i++) {
        seep_proto_put_uint(&w->part, VALUE_TYPE, text(w, types[i]));
        seep_proto_put_uint(&w->part, VALUE_UNIT,
                            text(w, i % 2 == 0 ? "count" : "bytes"));
        seep_proto_put_message(&w->out, PROFILE_SAMPLE_TYPE, &w->part);
    }
    if (!seep_site_value_is_of_bytes(kind) && value % 2 == 1) {
        value--;
    }
    seep_proto_put_uint(&w->out, PROFILE_DEFAULT_SAMPLE_TYPE, text(w, types[value]));
}

static void label(struct writer *w, const char *key, const char *value)
{
    seep_proto_put_uint(&w->inner, LABEL_KEY, text(w, key));
    seep_proto_put_uint(&w->inner, LABEL_STRING, text(w, value));
    seep_proto_put_message(&w->part, SAMPLE_LABEL, &w->inner);
}

static void sample(struct writer *w, const struct seep_view_site *site)
{
    const struct seep_view_profile *profile = &w->findings->profile;
    int64_t values[VALUES];

    for (uint32_t i = site->node; i != 0; i = profile->nodes[i].caller) {
        seep_buf_put_varint(&w->inner, profile->nodes[i].place);
        w->used[profile->nodes[i].place] = true;
    }
    seep_proto_put_message(&w->part, SAMPLE_LOCATION, &w->inner); /* packed */
    values_of(site, values);
    for (int i = 0; i < VALUES; i++) {
        seep_buf_put_varint(&w->inner, (uint64_t)values[i]);
    }
    seep_proto_put_message(&w->part, SAMPLE_VALUE, &w->inner);
    label(w, "kind", seep_kind_name(site->kind));
    if (site->subsystem[0] != '\0') {
        label(w, "subsystem", site->subsystem);
    }
    seep_proto_put_message(&w->out, PROFILE_SAMPLE, &w->part);
}

/* Writes a function when it is new. Returns: its id. */
static uint64_t function(struct writer *w, const struct seep_view_frame *frame)
{
    char key[KEY_MAX];
    uint32_t number = 0;
    uint64_t name = text(w, frame->function);
    uint64_t file = text(w, frame->file);
    struct seep_buf part = {0};
    int status = 0;

    (void)snprintf(key, sizeof(key), "%" PRIu64 " %" PRIu64, name, file);
    status = seep_text_table_intern(&w->functions, key, &number);
    w->failed = status < 0 || w->failed;
    if (status == 1) {
        seep_proto_put_uint(&part, FUNCTION_ID, (uint64_t)number + 1);
        seep_proto_put_uint(&part, FUNCTION_NAME, name);
        seep_proto_put_uint(&part, FUNCTION_SYSTEM_NAME, name);
        seep_proto_put_uint(&part, FUNCTION_FILE, file);
        seep_proto_put_message(&w->out, PROFILE_FUNCTION, &part);
        seep_buf_fini(&part);
    }
    return (uint64_t)number + 1;
}

/* A damaged recording may hold any offset: it stays within its module's window. */
static uint64_t window_offset(const struct seep_view_frame *frame)
{
    return frame->offset & ((UINT64_C(1) << WINDOW_SHIFT) - 1);
}

/* The mapping of a frame's module. Returns: its id. */
static uint64_t mapping(struct writer *w, const struct seep_view_frame *frame)
{
    char key[KEY_MAX];
    uint32_t number = 0;
    uint64_t end = window_offset(frame) + 1;

    (void)snprintf(key, sizeof(key), "%" PRIu64 " %" PRIu64, text(w, frame->module),
                   text(w, frame->build_id));
    w->failed = seep_text_table_intern(&w->mappings, key, &number) < 0 || w->failed;
    if (!w->failed && w->mapping_limits[number] < end) {
        w->mapping_limits[number] = end;
    }
    return (uint64_t)number + 1;
}

static void location(struct writer *w, uint32_t place)
{
    const struct seep_view_place *from = &w->findings->profile.places[place];
    uint64_t id = mapping(w, &from->frames[0]);

    seep_proto_put_uint(&w->part, LOCATION_ID, place);
    seep_proto_put_uint(&w->part, LOCATION_MAPPING, id);
    seep_proto_put_uint(&w->part, LOCATION_ADDRESS,
                        (id << WINDOW_SHIFT) + window_offset(&from->frames[0]));
    for (size_t i = 0; i < from->frame_count; i++) {
        if (strcmp(from->frames[i].function, "??") == 0) {
            continue; /* pprof shows a location without lines as "[module]" */
        }
        seep_proto_put_uint(&w->inner, LINE_FUNCTION, function(w, &from->frames[i]));
        seep_proto_put_uint(&w->inner, LINE_LINE, from->frames[i].line);
        seep_proto_put_message(&w->part, LOCATION_LINE, &w->inner);
    }
    seep_proto_put_message(&w->out, PROFILE_LOCATION, &w->part);
}

static void mappings(struct writer *w)
{
    for (size_t i = 0; i < w->mappings.count && !w->failed; i++) {
        char *rest = NULL; /* the key is "module build_id" */
        uint64_t module = strtoull(w->mappings.texts[i], &rest, 10);
        uint64_t build_id = strtoull(rest, NULL, 10);

        seep_proto_put_uint(&w->part, MAPPING_ID, i + 1);
        seep_proto_put_uint(&w->part, MAPPING_START, (uint64_t)(i + 1) << WINDOW_SHIFT);
        seep_proto_put_uint(&w->part, MAPPING_LIMIT,
                            ((uint64_t)(i + 1) << WINDOW_SHIFT) + w->mapping_limits[i]);
        seep_proto_put_uint(&w->part, MAPPING_FILE, module);
        seep_proto_put_uint(&w->part, MAPPING_BUILD_ID, build_id);
        for (uint32_t has = MAPPING_HAS_FIRST; has <= MAPPING_HAS_LAST; has++) {
            seep_proto_put_uint(&w->part, has, 1);
        }
        seep_proto_put_message(&w->out, PROFILE_MAPPING, &w->part);
    }
}

static int largest_first(const void *left, const void *right, void *value)
{
    const struct seep_view_site *a = *(const struct seep_view_site *const *)left;
    const struct seep_view_site *b = *(const struct seep_view_site *const *)right;
    double x = seep_site_value(a, *(enum seep_site_value *)value);
    double y = seep_site_value(b, *(enum seep_site_value *)value);

    return x != y ? (x < y ? 1 : -1) : (a > b) - (a < b);
}

/* Returns: 0; -ENOMEM. */
static int samples(struct writer *w, const struct seep_render_options *options,
                   enum seep_kind kind)
{
    const struct seep_view_profile *profile = &w->findings->profile;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is pointers that are sorted */
    const struct seep_view_site **sites = calloc(profile->site_count + 1, sizeof(*sites));
    enum seep_site_value value = options->value;
    size_t count = 0;

    if (sites == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < profile->site_count; i++) {
        if (profile->sites[i].kind == kind && profile->sites[i].acquired > 0) {
            sites[count++] = &profile->sites[i];
        }
    }
    qsort_r(sites, count, sizeof(const struct seep_view_site *), largest_first, &value);
    count = options->top != 0 && options->top < count ? options->top : count;
    for (size_t i = 0; i < count; i++) {
        sample(w, sites[i]);
    }
    free(sites);
    return 0;
}

static void write_profile(struct writer *w, const struct seep_render_options *options)
{
    const struct seep_findings *findings = w->findings;
    enum seep_kind kind =
        options->kind != SEEP_KIND_NONE ? options->kind : SEEP_KIND_HEAP;

    (void)text(w, ""); /* number 0 must be it */
    sample_types(w, options, kind);
    w->failed = samples(w, options, kind) < 0 || w->failed;
    for (uint32_t i = 1; i < findings->profile.place_count && !w->failed; i++) {
        if (w->used[i]) {
            location(w, i);
        }
    }
    mappings(w);
    seep_proto_put_uint(&w->out, PROFILE_TIME_NANOS, findings->started_realtime_ns);
    seep_proto_put_int(&w->out, PROFILE_DURATION_NANOS,
                       llround(findings->duration_s * 1e9));
    seep_proto_put_uint(&w->out, PROFILE_COMMENT,
                        text(w, "recorded by Seep; growth is per hour"));
    for (size_t i = 0; i < w->strings.count; i++) {
        seep_proto_put_bytes(&w->out, PROFILE_STRING, w->strings.texts[i],
                             strlen(w->strings.texts[i]));
    }
}

/* Appends the gzip of `from`; without a time, so that the same input gives the same
 * bytes. Returns: 0; -ENOMEM. */
static int compress_into(const struct seep_buf *from, struct seep_buf *out)
{
    z_stream stream = {.next_in = from->data, .avail_in = (uInt)from->len_bytes};
    uint8_t chunk[CHUNK];
    int status = Z_OK;

    if (from->len_bytes > UINT32_MAX ||
        deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return -ENOMEM;
    }
    while (status == Z_OK) {
        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        status = deflate(&stream, Z_FINISH);
        seep_buf_put(out, chunk, sizeof(chunk) - stream.avail_out);
    }
    (void)deflateEnd(&stream);
    return status == Z_STREAM_END && !out->failed ? 0 : -ENOMEM;
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    size_t places = findings->profile.place_count + 1;
    struct writer w = {.findings = findings,
                       .mapping_limits = calloc(places, sizeof(uint64_t)),
                       .used = calloc(places, sizeof(bool))};
    int status = -ENOMEM;

    if (w.mapping_limits != NULL && w.used != NULL) {
        write_profile(&w, options);
        if (!w.failed && !w.out.failed) {
            status = compress_into(&w.out, out);
        }
    }
    free(w.mapping_limits);
    free(w.used);
    seep_buf_fini(&w.out);
    seep_buf_fini(&w.part);
    seep_buf_fini(&w.inner);
    seep_text_table_fini(&w.strings);
    seep_text_table_fini(&w.functions);
    seep_text_table_fini(&w.mappings);
    return status;
}

const struct seep_renderer SEEP_RENDERER_PPROF = {
    .name = "pprof", .render = render, .of_sites = true, .binary = true};
