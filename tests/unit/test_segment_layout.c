/* The words that shim and collector share: packing, birth times, offsets.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "seep/live_entry.h"
#include "seep/segment.h"
#include "seep/segment_layout.h"

static void a_live_entry_gives_back_what_was_packed(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 24; i++) {
        uint32_t site = 1U << i;
        uint32_t size = (1U << i) - 1;
        uint64_t entry = seep_live_pack(site, size, (uint16_t)(i * 2731));

        assert_int_equal(seep_live_site(entry), site);
        assert_int_equal(seep_live_size24(entry), size);
        assert_int_equal(seep_live_birth(entry), (uint16_t)(i * 2731));
    }
}

/* The promise in segment.h: 1/64 s at first, then 1/2048 of the elapsed time. */
static void a_birth_is_exact_to_one_2048th_of_the_elapsed_time(void **state)
{
    const uint64_t step_ns = 15625000;

    (void)state;
    for (uint64_t t = 0; t < UINT64_C(2000000) * 1000000000; t = t + t / 7 + 999331) {
        uint64_t back = seep_birth_decode_ns(seep_birth_encode(t));

        assert_true(back <= t);
        assert_true(t - back <= t / 2048 + step_ns);
    }
}

static void births_never_go_back_in_time(void **state)
{
    uint64_t before = 0;

    (void)state;
    for (uint32_t birth = 0; birth < 65536; birth++) {
        uint64_t t = seep_birth_decode_ns((uint16_t)birth);

        if ((birth & 0xfff) >= 0x800 || birth < 0x1000) { /* a normalised mantissa */
            assert_true(birth == 0 || t > before);
            before = t;
        }
    }
    assert_int_equal(seep_birth_encode(UINT64_MAX / 2), 0xffff);
}

static void tables_do_not_overlap(void **state)
{
    const uint64_t at[] = {
        SEEP_AT_HEADER,    SEEP_AT_MODULES,      SEEP_AT_SUBSYSTEMS,   SEEP_AT_MARKS,
        SEEP_AT_THREADS,   SEEP_AT_FDS,          SEEP_AT_TIMERS,       SEEP_AT_MAPPINGS,
        SEEP_AT_LIFETIMES, SEEP_AT_NODE_BUCKETS, SEEP_AT_SITE_BUCKETS, SEEP_AT_NODES,
        SEEP_AT_SITES,     SEEP_AT_SHARDS,       SEEP_AT_TOP,          SEEP_AT_LEAVES};
    const uint64_t bytes[] = {sizeof(struct seep_segment_header),
                              SEEP_MODULES_MAX * sizeof(struct seep_module),
                              SEEP_SUBSYSTEMS_MAX * sizeof(struct seep_subsystem),
                              SEEP_MARKS_MAX * sizeof(struct seep_mark_entry),
                              SEEP_THREADS_MAX * sizeof(struct seep_thread),
                              (uint64_t)SEEP_FDS_MAX * sizeof(struct seep_holding),
                              (uint64_t)SEEP_TIMERS_MAX * sizeof(struct seep_holding),
                              (uint64_t)SEEP_MAPPINGS_MAX * sizeof(struct seep_holding),
                              SEEP_LIFETIMES_MAX * sizeof(struct seep_lifetime),
                              SEEP_NODE_BUCKETS * 4,
                              SEEP_SITE_BUCKETS * 4,
                              (uint64_t)SEEP_NODES_MAX * sizeof(struct seep_node),
                              (uint64_t)SEEP_SITES_MAX * sizeof(struct seep_site),
                              SEEP_SHARDS * SEEP_SHARD_BYTES,
                              SEEP_TOP_ENTRIES * 4};

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(at) / sizeof(at[0]); i++) {
        assert_true(at[i] + bytes[i] <= at[i + 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_entry_gives_back_what_was_packed),
        cmocka_unit_test(a_birth_is_exact_to_one_2048th_of_the_elapsed_time),
        cmocka_unit_test(births_never_go_back_in_time),
        cmocka_unit_test(tables_do_not_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
