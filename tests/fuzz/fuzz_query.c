/* Whatever a server sends, in whatever pieces, is taken or refused alike, and what was
 * taken can be judged.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_query.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet_instance.h"
#include "fleet/query_reader.h"

uint64_t seep_fuzz_query_taken;

static const struct seep_fleet_labels labels = {
    {"id", "function", "place", "subsystem", "kind", "instance", "recording", "version"},
    8};
static const struct seep_fleet_grid grid = {.start_s = 1000, .step_s = 10, .steps = 40};

static void must(bool kept)
{
    if (!kept) {
        abort();
    }
}

static int read_in(const uint8_t *data, size_t size, size_t piece,
                   struct seep_fleet_slice *slice)
{
    static struct seep_query_reader reader;
    struct seep_error error = {0};

    seep_fleet_slice_init(slice, &labels, &grid);
    const struct seep_query_sink sink = seep_fleet_slice_sink(slice);

    seep_query_reader_init(&reader, &sink);
    for (size_t at = 0; at < size; at += piece) {
        (void)seep_query_reader_feed(&reader, (const char *)data + at,
                                     size - at < piece ? size - at : piece);
    }
    int status = seep_query_reader_end(&reader);

    if (status < 0) {
        (void)seep_query_reader_explain(&reader, &error);
        must(strncmp(error.message, "byte ", 5) == 0);
        must(reader.json.at_bytes <= size);
    }
    return status;
}

static void judge(const struct seep_fleet_slice *slice)
{
    struct seep_fleet_slice ages;
    struct seep_fleet_judged judged = {0};
    struct seep_fleet_table table = {0};

    seep_fleet_slice_init(&ages, &labels, &grid);
    const struct seep_fleet_instance instance = {slice, slice->count / 2, &ages};

    must(seep_fleet_judge(&instance, &judged) == 0);
    for (size_t i = 0; i < judged.count; i++) {
        must(judged.series[i].suspect_count <= judged.series[i].tested);
        must(seep_fleet_table_add(&table, slice, i, &judged.series[i]) == 0);
    }
    must(seep_fleet_table_settle(&table) == 0);
    must(table.row_count <= slice->count);
    seep_fleet_table_fini(&table);
    seep_fleet_judged_fini(&judged);
    seep_fleet_slice_fini(&ages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seep_fleet_slice whole;
    struct seep_fleet_slice pieces;
    int status = read_in(data, size, size + 1, &whole);

    must(read_in(data, size, 1 + size % 7, &pieces) == status);
    must(whole.count == pieces.count);
    must(memcmp(&whole.losses, &pieces.losses, sizeof(whole.losses)) == 0);
    if (status == 0) {
        seep_fuzz_query_taken++;
        judge(&whole);
    }
    seep_fleet_slice_fini(&whole);
    seep_fleet_slice_fini(&pieces);
    return 0;
}
