/* Which findings are said to be one cause, and which must not be. Names and places of the
 * same: golden.report, recording one_cause.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/one_cause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 120, SITES = 3, EACH_BYTES = 100, RUNS = 20 };

/* Return addresses. */
enum { START = 0x100, LOOP = 0x200, HANDLER = 0x300, OTHER = 0x400, PLACE = 0x1000 };

struct fixture {
    struct seep_forge forge;
    uint32_t module, start, loop, handler;
    uint32_t sites[SITES];
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    seep_forge_init(&f->forge);
    seep_forge_program(&f->forge, "/nowhere/server", SEEP_FORGE_SECOND);
    f->module = seep_forge_module(&f->forge, "/nowhere/server", NULL, 0, 0, 0x100000);
    f->start = seep_forge_node(&f->forge, SEEP_NODE_COMPLETE, f->module, START);
    f->loop = seep_forge_node(&f->forge, f->start, f->module, LOOP);
    f->handler = seep_forge_node(&f->forge, f->loop, f->module, HANDLER);
}

static void add(struct fixture *f, size_t i, uint32_t caller, enum seep_kind kind)
{
    uint32_t node = seep_forge_node(&f->forge, caller, f->module, PLACE + 0x10 * i);

    f->sites[i] = seep_forge_site(&f->forge, node, 0, kind, 0);
}

static void finish(struct fixture *f)
{
    seep_findings_free(f->findings);
    seep_symbolizer_free(f->symbolizer);
    seep_recording_free(f->recording);
    seep_forge_fini(&f->forge);
}

static void judge(struct fixture *f)
{
    struct seep_error error = {0};

    seep_forge_flush(&f->forge);
    assert_int_equal(seep_recording_open_bytes("forged", f->forge.file.data,
                                               f->forge.file.len_bytes, &f->recording,
                                               &error),
                     0);
    assert_int_equal(seep_symbolizer_new(f->recording, &f->symbolizer), 0);
    assert_int_equal(seep_verdict_make(f->recording, f->symbolizer,
                                       &SEEP_VERDICT_OPTIONS_ALL, &f->findings, &error),
                     0);
    assert_int_equal(f->findings->finding_count, SITES);
}

/* each[i]: of one loss of site i; together: all are lost at the same moments. */
static void run(struct fixture *f, const uint64_t each[SITES], bool together,
                unsigned seed)
{
    unsigned short state[3] = {(unsigned short)seed, 7, 1};
    uint64_t lost[SITES] = {0};

    for (uint64_t s = 1; s <= RUN_S; s++) {
        bool now = erand48(state) < 0.4;

        for (size_t i = 0; i < SITES; i++) {
            now = together ? now : erand48(state) < 0.4;
            lost[i] += now * each[i];
            seep_forge_count(&f->forge, f->sites[i], lost[i], 0, lost[i] * EACH_BYTES, 0);
        }
        seep_forge_snapshot(&f->forge, s * SEEP_FORGE_SECOND, NULL);
    }
    judge(f);
}

static const uint64_t EACH[SITES] = {1, 3, 1};

static size_t with_another(const struct fixture *f)
{
    size_t n = 0;

    for (size_t i = 0; i < SITES; i++) {
        n += f->findings->findings[i].with != 0;
    }
    return n;
}

static void what_one_handler_forgets_at_once_is_one_cause_of_any_kinds(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    add(&f, 0, f.handler, SEEP_KIND_THREAD);
    add(&f, 1, f.handler, SEEP_KIND_HEAP);
    add(&f, 2, f.handler, SEEP_KIND_FD);
    run(&f, EACH, true, 1);
    const struct seep_finding *list = f.findings->findings;

    assert_int_equal(list[0].kind, SEEP_KIND_THREAD);
    assert_int_equal(list[0].with, 0);
    assert_int_equal(list[1].with, 1);
    assert_int_equal(list[2].with, 1);
    assert_null(strstr(list[0].summary, "likely one cause"));
    assert_non_null(strstr(
        list[1].summary, "In step with the threads of server+0x1000: likely one cause."));
    finish(&f);
}

static void what_belongs_together_stands_together(void **state)
{
    static const uint64_t each[SITES] = {1, 50, 1};
    struct fixture f;
    unsigned short random[3] = {1, 2, 3};
    uint64_t lost[SITES] = {0};

    (void)state;
    begin(&f); /* by itself the second, which is heap and much, would stand third */
    uint32_t other = seep_forge_node(&f.forge, f.loop, f.module, OTHER);

    add(&f, 0, f.handler, SEEP_KIND_THREAD);
    add(&f, 1, f.handler, SEEP_KIND_HEAP);
    add(&f, 2, other, SEEP_KIND_FD);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        lost[0] += erand48(random) < 0.4;
        lost[1] = lost[0] * each[1];
        lost[2] += erand48(random) < 0.4;
        for (size_t i = 0; i < SITES; i++) {
            seep_forge_count(&f.forge, f.sites[i], lost[i], 0, lost[i] * EACH_BYTES, 0);
        }
        seep_forge_snapshot(&f.forge, s * SEEP_FORGE_SECOND, NULL);
    }
    judge(&f);
    const struct seep_finding *list = f.findings->findings;

    assert_int_equal(list[0].site, f.sites[0]);
    assert_int_equal(list[1].site, f.sites[1]);
    assert_int_equal(list[1].with, 1);
    assert_int_equal(list[2].site, f.sites[2]);
    assert_int_equal(list[2].with, 0);
    finish(&f);
}

static void strangers_below_one_loop_are_causes_of_their_own(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < RUNS; seed++) {
        struct fixture f;

        begin(&f);
        add(&f, 0, f.loop, SEEP_KIND_THREAD);
        add(&f, 1, f.handler, SEEP_KIND_HEAP);
        add(&f, 2, f.loop, SEEP_KIND_FD);
        run(&f, EACH, false, seed);
        assert_int_equal(with_another(&f), 0);
        finish(&f);
    }
}

static void the_outermost_function_brings_nothing_together(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    add(&f, 0, f.start, SEEP_KIND_THREAD);
    add(&f, 1, f.start, SEEP_KIND_HEAP);
    add(&f, 2, f.handler, SEEP_KIND_FD);
    run(&f, EACH, true, 1);
    assert_int_equal(with_another(&f), 0);
    finish(&f);
}

/* Blocks that are enlarged: their number has no moments at which it rises. */
static void containers_are_not_taken_together_by_a_count_that_stays(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < SITES; i++) {
        add(&f, i, f.handler, SEEP_KIND_HEAP);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < SITES; i++) {
            uint64_t bytes = 4096 * s * (i + 1);

            seep_forge_count(&f.forge, f.sites[i], s, s - 1, bytes * s,
                             bytes * s - bytes);
        }
        seep_forge_snapshot(&f.forge, s * SEEP_FORGE_SECOND, NULL);
    }
    judge(&f);
    assert_int_equal(with_another(&f), 0);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_handler_forgets_at_once_is_one_cause_of_any_kinds),
        cmocka_unit_test(what_belongs_together_stands_together),
        cmocka_unit_test(strangers_below_one_loop_are_causes_of_their_own),
        cmocka_unit_test(the_outermost_function_brings_nothing_together),
        cmocka_unit_test(containers_are_not_taken_together_by_a_count_that_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
