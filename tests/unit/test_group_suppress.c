/* Suppression rules and groups: a rule on one place holds on when that place is found
 * together with others. Places are told apart by their modules: there are no names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/group_suppress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 120, SITES_MAX = 16, EACH_BYTES = 100 };
enum { START = 0x100, LOOP = 0x200, PARSE = 0x300, OTHER = 0x400, LEAF = 0x1000 };

struct fixture {
    struct seep_forge forge;
    uint32_t server, zip, xml; /* modules */
    uint32_t loop, parse;      /* nodes */
    uint32_t sites[SITES_MAX];
    uint64_t lost[SITES_MAX];
    size_t count;
    unsigned short seed[3];
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_suppressions *rules;
    struct seep_findings *findings;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    seep_forge_init(&f->forge);
    seep_forge_program(&f->forge, "/nowhere/server", SEEP_FORGE_SECOND);
    f->server = seep_forge_module(&f->forge, "/nowhere/server", NULL, 0, 0, 0x100000);
    f->zip =
        seep_forge_module(&f->forge, "/nowhere/libzip.so", NULL, 0, 0x200000, 0x10000);
    f->xml =
        seep_forge_module(&f->forge, "/nowhere/libxml.so", NULL, 0, 0x300000, 0x10000);
    f->loop = seep_forge_node(
        &f->forge, seep_forge_node(&f->forge, SEEP_NODE_COMPLETE, f->server, START),
        f->server, LOOP);
    f->parse = seep_forge_node(&f->forge, f->loop, f->server, PARSE);
}

/* A place in `module`, called below `caller`. */
static void add(struct fixture *f, uint32_t caller, uint32_t module)
{
    uint32_t node = seep_forge_node(&f->forge, caller, module, LEAF + 0x10 * f->count);

    f->sites[f->count++] = seep_forge_site(&f->forge, node, 0, SEEP_KIND_HEAP, 0);
}

static bool chance(struct fixture *f, double p)
{
    return erand48(f->seed) < p;
}

static void tick(struct fixture *f, uint64_t second)
{
    for (size_t i = 0; i < f->count; i++) {
        seep_forge_count(&f->forge, f->sites[i], f->lost[i], 0, f->lost[i] * EACH_BYTES,
                         0);
    }
    seep_forge_snapshot(&f->forge, second * SEEP_FORGE_SECOND, NULL);
}

static void open_forged(struct fixture *f)
{
    struct seep_error error = {0};

    seep_forge_flush(&f->forge);
    assert_int_equal(seep_recording_open_bytes("forged", f->forge.file.data,
                                               f->forge.file.len_bytes, &f->recording,
                                               &error),
                     0);
    assert_int_equal(seep_symbolizer_new(f->recording, &f->symbolizer), 0);
}

/* rules: NULL for none. May be called again, with others. */
static void judge(struct fixture *f, const char *rules)
{
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    struct seep_error error = {0};

    seep_findings_free(f->findings);
    seep_suppressions_free(f->rules);
    f->rules = NULL;
    if (rules != NULL) {
        assert_int_equal(
            seep_suppressions_parse("rules", rules, strlen(rules), &f->rules, &error), 0);
    }
    options.suppressions = f->rules;
    assert_int_equal(
        seep_verdict_make(f->recording, f->symbolizer, &options, &f->findings, &error),
        0);
}

static void finish(struct fixture *f)
{
    seep_findings_free(f->findings);
    seep_suppressions_free(f->rules);
    seep_symbolizer_free(f->symbolizer);
    seep_recording_free(f->recording);
    seep_forge_fini(&f->forge);
}

/* Five blocks of one object, lost together; one is libzip's and one libxml's. */
static void one_object(struct fixture *f)
{
    begin(f);
    for (size_t i = 0; i < 5; i++) {
        add(f, f->parse, i == 3 ? f->zip : i == 4 ? f->xml : f->server);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        bool now = chance(f, 0.4);

        for (size_t i = 0; i < 5; i++) {
            f->lost[i] += now;
        }
        tick(f, s);
    }
    open_forged(f);
}

static void a_rule_on_one_place_takes_it_out_of_its_group(void **state)
{
    struct fixture f;

    (void)state;
    one_object(&f);
    judge(&f, NULL);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].member_total, 5);
    judge(&f, "heap:libzip.so\n");
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].member_total, 4);
    assert_int_equal(f.findings->findings[0].evidence.live, 4 * f.lost[0]);
    assert_int_equal(f.findings->suppressed.findings, 1);
    assert_string_equal(f.findings->suppressed.unused, "");
    finish(&f);
}

static void several_rules_take_what_each_names(void **state)
{
    struct fixture f;

    (void)state;
    one_object(&f);
    judge(&f, "heap:libzip.so\nheap:libxml.so\n");
    assert_int_equal(f.findings->findings[0].member_total, 3);
    assert_int_equal(f.findings->suppressed.rules_used, 2);
    finish(&f);
}

static void an_expired_rule_takes_no_member_and_is_named(void **state)
{
    struct fixture f;

    (void)state;
    one_object(&f);
    judge(&f, "heap:libzip.so expires:1970-01-01\n");
    assert_int_equal(f.findings->findings[0].member_total, 5);
    assert_int_equal(f.findings->suppressed.rules_used, 0);
    assert_int_equal(f.findings->suppressed.expired_count, 1);
    finish(&f);
}

static void a_group_of_which_rules_take_every_place_is_suppressed(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < 4; i++) {
        add(&f, f.parse, i < 2 ? f.zip : f.xml);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        bool now = chance(&f, 0.4);

        for (size_t i = 0; i < 4; i++) {
            f.lost[i] += now;
        }
        tick(&f, s);
    }
    open_forged(&f);
    judge(&f, NULL);
    assert_int_equal(f.findings->findings[0].member_total, 4);
    judge(&f, "heap:libzip.so\nheap:libxml.so\n");
    assert_int_equal(f.findings->finding_count, 0);
    assert_int_equal(f.findings->suppressed.findings, 1);
    assert_int_equal(f.findings->suppressed.rules_used, 2);
    finish(&f);
}

/* Twelve places that lose too little to be found alone, eight of them libzip's. */
static void small_leaks(struct fixture *f, double p_others)
{
    begin(f);
    for (size_t i = 0; i < 12; i++) {
        add(f, f->parse, i < 8 ? f->zip : f->server);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < 12; i++) {
            f->lost[i] += chance(f, i < 8 ? 1.0 / 30 : p_others);
        }
        tick(f, s);
    }
    open_forged(f);
    judge(f, NULL);
    assert_int_equal(f->findings->finding_count, 1);
    assert_true(f->findings->findings[0].member_total >= 8);
    judge(f, "heap:libzip.so\n");
    assert_int_equal(f->findings->suppressed.rules_used, 1);
}

static void what_is_left_of_a_group_has_to_be_a_finding_by_itself(void **state)
{
    struct fixture f;

    (void)state;
    small_leaks(&f, 1.0 / 60); /* some five blocks in all: too few */
    assert_int_equal(f.findings->finding_count, 0);
    finish(&f);
    small_leaks(&f, 1.0 / 15);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].member_total, 4);
    finish(&f);
}

static void the_suggested_rule_takes_the_group_and_nothing_else(void **state)
{
    struct fixture f;
    struct seep_buf text = {0};
    char rule[64] = "";

    (void)state;
    begin(&f);
    for (size_t i = 0; i < 4; i++) {
        add(&f, f.parse, f.zip);
    }
    add(&f, seep_forge_node(&f.forge, f.loop, f.server, OTHER), f.zip);
    for (uint64_t s = 1; s <= RUN_S; s++) {
        bool now = chance(&f, 0.4);

        for (size_t i = 0; i < 5; i++) {
            f.lost[i] += i < 4 ? now : chance(&f, 0.5);
        }
        tick(&f, s);
    }
    open_forged(&f);
    judge(&f, NULL);
    assert_int_equal(f.findings->finding_count, 2);
    size_t group = f.findings->findings[0].member_total > 0 ? 0 : 1;

    (void)snprintf(rule, sizeof(rule), "finding:%s", f.findings->findings[group].id);
    seep_suppressions_suggest(f.findings, &text);
    seep_buf_put(&text, "", 1);
    assert_non_null(strstr((const char *)text.data, rule)); /* what it suggests */
    judge(&f, rule);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].site, f.sites[4]);
    judge(&f, (const char *)text.data);
    assert_int_equal(f.findings->finding_count, 0);
    assert_int_equal(f.findings->suppressed.findings, 2);
    seep_buf_fini(&text);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_on_one_place_takes_it_out_of_its_group),
        cmocka_unit_test(several_rules_take_what_each_names),
        cmocka_unit_test(an_expired_rule_takes_no_member_and_is_named),
        cmocka_unit_test(a_group_of_which_rules_take_every_place_is_suppressed),
        cmocka_unit_test(what_is_left_of_a_group_has_to_be_a_finding_by_itself),
        cmocka_unit_test(the_suggested_rule_takes_the_group_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
