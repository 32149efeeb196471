/* Stacks by rules against libunwind's, and bad stacks that must not hurt.
 *
 * SPDX-License-Identifier: MIT
 */
#define UNW_LOCAL_ONLY
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <libunwind.h>

#include "segment_map.h"
#include "shim_bench_self.h"
#include "unwind_walk.h"

enum { FRAMES_MAX = 256 };

static struct seep_self *self;
static uint64_t frames[SEEP_STACK_MAX_FRAMES];

/* Walks from this frame's caller both ways and compares every frame. */
__attribute__((noinline)) static void compare(void)
{
    void *truth[FRAMES_MAX];
    uintptr_t *frame = __builtin_frame_address(0);
    int wanted = unw_backtrace(truth, FRAMES_MAX); /* [0] is this function */
    uint32_t count = 0;
    uint32_t root =
        seep_unwind_walk(self, (uintptr_t)(frame + 1), *frame, frames, &count);

    assert_int_equal(root, SEEP_NODE_COMPLETE);
    assert_int_equal(count, wanted - 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(SEEP_FRAME_KEY(frames[i]), (uintptr_t)truth[i + 1]);
    }
}

__attribute__((noinline)) static int recurse(int depth)
{
    volatile int here = depth;

    if (depth == 0) {
        compare();
        return 0;
    }
    return recurse(depth - 1) + here;
}

static int set_up(void **state)
{
    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    return 0;
}

static void the_walk_equals_libunwinds_at_every_depth(void **state)
{
    (void)state;
    for (int depth = 0; depth < 200; depth += 7) {
        (void)recurse(depth);
    }
}

static int compare_in_callback(const void *a, const void *b)
{
    compare();
    return *(const int *)a - *(const int *)b;
}

static void the_walk_goes_through_library_frames(void **state)
{
    int numbers[] = {3, 1, 2};

    (void)state;
    qsort(numbers, 3, sizeof(numbers[0]), compare_in_callback);
    assert_int_equal(numbers[0], 1);
}

static void a_wild_stack_pointer_ends_the_stack_and_not_the_program(void **state)
{
    void *gone =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uintptr_t wild[] = {8, 4088, (uintptr_t)gone, UINTPTR_MAX - 7,
                              0xdead000000000008};
    uint32_t count = 77;

    (void)state;
    munmap(gone, 4096);
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        assert_int_equal(seep_unwind_walk(self, wild[i], 0, frames, &count),
                         SEEP_NODE_BAD_FRAME);
        assert_int_equal(count, 0);
    }
}

/* A foreign stack whose frames lead off its end: the page after it cannot be read. */
static void a_stack_that_runs_off_its_pages_is_cut_there(void **state)
{
    uint8_t *pages =
        mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t *top = (uintptr_t *)(pages + 4096) - 1;
    uint32_t count = 0;
    uint32_t root = 0;

    (void)state;
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    *top = (uintptr_t)__builtin_return_address(
        0); /* a real frame, whose caller lies in the closed page */
    root = seep_unwind_walk(self, (uintptr_t)top, 0, frames, &count);
    assert_int_equal(root, SEEP_NODE_BAD_FRAME);
    assert_int_equal(count, 1);
    munmap(pages, 8192);
}

static void code_without_rules_ends_the_stack_marked(void **state)
{
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t *stack = (uintptr_t *)(code + 2048);
    uint32_t count = 0;

    (void)state;
    stack[0] = (uintptr_t)code + 16;
    assert_int_equal(seep_unwind_walk(self, (uintptr_t)stack, 0, frames, &count),
                     SEEP_NODE_NO_RULE);
    assert_int_equal(count, 1);
    munmap(code, 4096);
}

/* Rules of one set: four stay, a fifth pushes the oldest out, all are right. */
static void addresses_that_meet_in_a_set_keep_their_own_rules(void **state)
{
    uintptr_t keys[6] = {(uintptr_t)&recurse + 1};
    struct seep_rule_entry *set =
        seep_rule_sets[(keys[0] * UINT64_C(0x9e3779b97f4a7c15)) >>
                       (64 - SEEP_RULE_SET_BITS)];
    uintptr_t key = keys[0];
    uint64_t before = 0;

    (void)state;
    for (int n = 1; n < 6; n++) {
        do {
            key++;
        } while (seep_rule_sets[(key * UINT64_C(0x9e3779b97f4a7c15)) >>
                                (64 - SEEP_RULE_SET_BITS)] != set);
        keys[n] = key;
    }
    for (int round = 0; round < 3; round++) {
        for (int n = 0; n < 6; n++) {
            assert_int_equal(seep_rule_of(keys[n]).word,
                             seep_unwind_rules_build(keys[n]).word);
        }
    }
    (void)seep_rule_of(keys[0]);
    before = set[0].check;
    (void)seep_rule_of(keys[0]);
    assert_int_equal(set[0].check, before); /* known: nothing was stored */
    seep_rule_cache_forget();
    (void)seep_rule_of(keys[0]);
    assert_int_not_equal(set[0].check, before); /* built anew */
}

static void random_stacks_never_fault(void **state)
{
    enum { WORDS = 4096 };
    uintptr_t *stack =
        mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t random = 88172645463325252U;
    uintptr_t code = (uintptr_t)&recurse;
    uint32_t count = 0;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        for (int i = 0; i < 64; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            stack[i] = (random & 3) == 0
                           ? code + random % 200
                           : ((random & 3) == 1 ? (uintptr_t)&stack[random % 64]
                                                : random >> (random % 60));
        }
        (void)seep_unwind_walk(self, (uintptr_t)stack, (uintptr_t)&stack[random % 64],
                               frames, &count);
        assert_true(count <= SEEP_STACK_MAX_FRAMES);
    }
    munmap(stack, WORDS * 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_walk_equals_libunwinds_at_every_depth),
        cmocka_unit_test(the_walk_goes_through_library_frames),
        cmocka_unit_test(a_wild_stack_pointer_ends_the_stack_and_not_the_program),
        cmocka_unit_test(a_stack_that_runs_off_its_pages_is_cut_there),
        cmocka_unit_test(code_without_rules_ends_the_stack_marked),
        cmocka_unit_test(addresses_that_meet_in_a_set_keep_their_own_rules),
        cmocka_unit_test(random_stacks_never_fault),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
