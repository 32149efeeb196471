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

enum { PAGE = 4096, ROUNDS = 20000, WAYS = 3 };

static seep_compare_function *const ways[WAYS] = {seep_compare_scalar, seep_compare_avx2,
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

struct scene {
    uint8_t *stack, *page; /* guarded pages */
    const uint8_t *base;
    struct seep_words *words;
    size_t blocks;
};

static uint64_t word_at(const uint8_t *place)
{
    uint64_t word = 0;

    memcpy(&word, place, sizeof(word));
    return word;
}

static uint32_t first_different(const struct scene *scene)
{
    uint32_t i = 0;

    while (i < scene->blocks * SEEP_COMPARE_BLOCK &&
           word_at(scene->base + seep_words_offset(scene->words, i)) ==
               seep_words_value(scene->words, i)) {
        i++;
    }
    return i;
}

/* Words anywhere in the page, the first and the last included; what they are compared
 * with ends where its page ends. */
static void shuffle(struct scene *scene, uint64_t *random)
{
    size_t count = 0;

    scene->blocks = call_tree_random(random) % (PAGE / sizeof(*scene->words) + 1);
    count = scene->blocks * SEEP_COMPARE_BLOCK;
    scene->base = scene->stack + PAGE + call_tree_random(random) % (PAGE / 8 + 1) * 8;
    scene->words = (struct seep_words *)(void *)(scene->page + PAGE) - scene->blocks;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = call_tree_random(random);
        size_t at = place % 5 == 0   ? 0
                    : place % 5 == 1 ? PAGE - 8
                                     : (place >> 8) % (PAGE / 8) * 8;

        seep_words_set(scene->words, i, (int32_t)(scene->stack + at - scene->base),
                       word_at(scene->stack + at));
    }
    for (uint64_t wrong = call_tree_random(random) % 3; count > 0 && wrong > 0; wrong--) {
        uint32_t at = (uint32_t)(call_tree_random(random) % count);

        seep_words_set(scene->words, at, seep_words_offset(scene->words, at),
                       seep_words_value(scene->words, at) ^
                           UINT64_C(1) << call_tree_random(random) % 64); /* any bit */
    }
}

static void every_way_agrees_with_the_model_and_reads_nothing_else(void **state)
{
    struct scene scene = {guarded_page(), guarded_page(), NULL, NULL, 0};
    uint64_t random = seed;

    (void)state;
    for (size_t i = 0; i < PAGE; i++) {
        scene.stack[i] = (uint8_t)call_tree_random(&random);
    }
    for (int round = 0; round < ROUNDS; round++) {
        shuffle(&scene, &random);
        uint32_t count = (uint32_t)scene.blocks * SEEP_COMPARE_BLOCK;
        uint32_t first = first_different(&scene);

        for (uint32_t way = 0; way < WAYS; way++) {
            if (!has(way)) {
                continue;
            }
            assert_int_equal(ways[way](scene.base, scene.words,
                                       scene.words + scene.blocks, scene.blocks % 2 != 0),
                             first == count);
        }
        assert_int_equal(seep_compare_leading(scene.base, scene.words, count), first);
    }
}

static void the_chosen_way_is_one_that_the_processor_has(void **state)
{
    (void)state;
    for (uint32_t way = 0; way < WAYS; way++) {
        assert_int_equal(seep_compare_choose(names[way]),
                         has(way) ? way : SEEP_COMPARE_SCALAR);
        (void)printf("%s: %s\n", names[way], has(way) ? "yes" : "no");
    }
    assert_int_equal(seep_compare_choose("abacus"), SEEP_COMPARE_SCALAR);
    for (int i = 0; i < 20; i++) {
        uint32_t chosen = seep_compare_choose(NULL);

        assert_true(chosen < WAYS && has(chosen));
        assert_true(seep_compare == ways[chosen]);
    }
}

static void the_chosen_way_is_taken(void **state)
{
    const uint64_t stack[SEEP_COMPARE_BLOCK] = {1, 2, 3, 4};
    struct seep_words same = {0};
    struct seep_words other = {0};

    (void)state;
    for (uint32_t i = 0; i < SEEP_COMPARE_BLOCK; i++) {
        int32_t offset = 8 * ((int32_t)i - SEEP_COMPARE_BLOCK);

        seep_words_set(&same, i, offset, i + 1);
        seep_words_set(&other, i, offset, i == 3 ? 5 : i + 1);
    }
    for (uint32_t way = 0; way < WAYS; way++) {
        const uint8_t *base = (const uint8_t *)(stack + SEEP_COMPARE_BLOCK);

        (void)seep_compare_choose(names[way]);
        assert_true(seep_compare(base, &same, &same + 1, true));
        assert_false(seep_compare(base, &other, &other + 1, true));
        assert_true(seep_compare(base, &other, &other, false));
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
