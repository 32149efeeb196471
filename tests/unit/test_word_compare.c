/* Every way of comparing against a model of it, between pages that must not be touched.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "subjects/call_tree.h"
#include "subjects/truth.h"
#include "word_compare.h"

enum { PAGE = 4096, COUNT_MOST = 256, ROUNDS = 20000, WAYS = 3, CLOSE = 8 };

typedef size_t compare(const uint8_t *, const int32_t *, const uint64_t *, size_t);

static compare *const ways[WAYS] = {seep_compare_scalar, seep_compare_avx2,
                                    seep_compare_avx512};
static const char *const names[WAYS] = {"scalar", "avx2", "avx512"};
static uint64_t seed;

static bool has(uint32_t way)
{
    return way == SEEP_COMPARE_SCALAR || seep_arch_has_compare(way);
}

/* A page with a closed one on either side. */
static uint8_t *guarded_page(void)
{
    uint8_t *pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
    return pages + PAGE;
}

static size_t first_different(const uint8_t *base, const int32_t *offset,
                              const uint64_t *value, size_t count)
{
    size_t i = 0;

    while (i < count && memcmp(base + offset[i], &value[i], sizeof(value[i])) == 0) {
        i++;
    }
    return i;
}

struct scene {
    uint8_t *words, *offsets, *values; /* guarded pages */
    const uint8_t *base;
    int32_t *offset;
    uint64_t *value;
    size_t count;
};

/* Words anywhere in the page, the first and the last included; offsets and values end
 * where their pages end. */
static void shuffle(struct scene *scene, uint64_t *random)
{
    size_t count = call_tree_random(random) % (COUNT_MOST / SEEP_COMPARE_BLOCK + 1) *
                   SEEP_COMPARE_BLOCK;

    scene->count = count;
    scene->base = scene->words + call_tree_random(random) % (PAGE / 8 + 1) * 8;
    scene->offset = (int32_t *)(void *)(scene->offsets + PAGE) - count;
    scene->value = (uint64_t *)(void *)(scene->values + PAGE) - count;
    for (size_t i = 0; i < count; i++) {
        uint64_t place = call_tree_random(random);
        size_t at = place % 5 == 0   ? 0
                    : place % 5 == 1 ? PAGE - 8
                                     : (place >> 8) % (PAGE / 8) * 8;

        scene->offset[i] = (int32_t)(scene->words + at - scene->base);
        memcpy(&scene->value[i], scene->words + at, sizeof(scene->value[i]));
    }
    for (uint64_t wrong = call_tree_random(random) % 3; count > 0 && wrong > 0; wrong--) {
        scene->value[call_tree_random(random) % count] ^=
            UINT64_C(1) << call_tree_random(random) % 64; /* any bit counts */
    }
}

static void every_way_agrees_with_the_model_and_reads_nothing_else(void **state)
{
    struct scene scene = {
        guarded_page(), guarded_page(), guarded_page(), NULL, NULL, NULL, 0};
    uint64_t random = seed;

    (void)state;
    for (size_t i = 0; i < PAGE; i++) {
        scene.words[i] = (uint8_t)call_tree_random(&random);
    }
    for (int round = 0; round < ROUNDS; round++) {
        shuffle(&scene, &random);
        size_t first =
            first_different(scene.base, scene.offset, scene.value, scene.count);

        for (uint32_t way = 0; way < WAYS; way++) {
            if (!has(way)) {
                continue;
            }
            size_t found = ways[way](scene.base, scene.offset, scene.value, scene.count);

            if (first == scene.count) {
                assert_int_equal(found, scene.count);
            } else {
                assert_true(found <= first && first - found < CLOSE);
            }
        }
    }
}

static void the_chosen_way_is_one_that_the_processor_has(void **state)
{
    (void)state;
    for (uint32_t way = 0; way < WAYS; way++) {
        seep_compare_choose(names[way]);
        assert_int_equal(seep_compare_way, has(way) ? way : SEEP_COMPARE_SCALAR);
        (void)printf("%s: %s\n", names[way], has(way) ? "yes" : "no");
    }
    seep_compare_choose("abacus");
    assert_int_equal(seep_compare_way, SEEP_COMPARE_SCALAR);
    for (int i = 0; i < 20; i++) {
        seep_compare_choose(NULL);
        assert_true(seep_compare_way < WAYS && has(seep_compare_way));
    }
}

static void the_chosen_way_is_taken(void **state)
{
    uint64_t words[SEEP_COMPARE_BLOCK] = {1, 2, 3, 4};
    const uint64_t other[SEEP_COMPARE_BLOCK] = {1, 2, 3, 5};
    const int32_t offset[SEEP_COMPARE_BLOCK] = {0, 8, 16, 24};

    (void)state;
    for (uint32_t way = 0; way < WAYS; way++) {
        const uint8_t *base = (const uint8_t *)words;

        seep_compare_choose(names[way]);
        assert_int_equal(seep_compare(base, offset, words, SEEP_COMPARE_BLOCK),
                         SEEP_COMPARE_BLOCK);
        assert_true(seep_compare(base, offset, other, SEEP_COMPARE_BLOCK) <
                    SEEP_COMPARE_BLOCK);
        assert_int_equal(seep_compare(base, offset, other, 0), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_agrees_with_the_model_and_reads_nothing_else),
        cmocka_unit_test(the_chosen_way_is_one_that_the_processor_has),
        cmocka_unit_test(the_chosen_way_is_taken),
    };

    seed = truth_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
