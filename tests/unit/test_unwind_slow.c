/* Stacks by whole rows against libunwind's: every shape of unwind information, alone and
 * below one another, and what must end a stack without a fault.
 *
 * SPDX-License-Identifier: MIT
 */
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libunwind.h>
#include <unwind.h>

#include "shim_bench_self.h"
#include "subjects/odd_frames.h"
#include "unwind_slow.h"
#include "unwind_walk.h"

enum { FRAMES_MAX = 1200, STACK_BYTES = 256 << 10, CHAINS = 3000, CHAIN_MAX = 12 };

static struct seep_self *self;
static uint64_t frames[SEEP_STACK_MAX_FRAMES];
static uint64_t fast_frames[SEEP_STACK_MAX_FRAMES];
static uintptr_t truth[FRAMES_MAX];
static int compared;

/* The frames from the caller of the function whose entry's stack pointer is sp. */
static uint32_t unwind_truly(uintptr_t sp)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t at = 0;
    uint32_t count = 0;

    unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    while (count < FRAMES_MAX && unw_step(&cursor) > 0) {
        unw_get_reg(&cursor, UNW_REG_SP, &at);
        if (count > 0 || at == sp + 8) {
            unw_get_reg(&cursor, UNW_REG_IP, &at);
            truth[count++] = at;
        }
    }
    return count;
}

static void assert_frames_are_true(uint32_t count, uint32_t wanted)
{
    for (uint32_t i = 0; i < count && i < wanted; i++) {
        uintptr_t exact = (frames[i] & SEEP_FRAME_EXACT) != 0;

        assert_int_equal(SEEP_FRAME_KEY(frames[i]) - exact, truth[i]);
    }
    assert_int_equal(count, wanted);
}

/* Walks from this frame's caller and compares every frame. */
__attribute__((noinline)) static void compare(void *unused)
{
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0) + 8;
    uint32_t wanted = unwind_truly(sp);
    uint32_t count = 0;

    (void)unused;
    assert_int_equal(seep_unwind_slow(self, sp, frames, &count, SEEP_NODE_UNSUPPORTED),
                     SEEP_NODE_COMPLETE);
    assert_frames_are_true(count, wanted);
    compared++;
}

static uint32_t gcc_count;
static _Unwind_Word (*gcc_cfa)(struct _Unwind_Context *);
static _Unwind_Ptr (*gcc_ip)(struct _Unwind_Context *);

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *entry_sp)
{
    if (gcc_ip(context) == 0) {
        return _URC_NORMAL_STOP;
    }
    if (gcc_count > 0 || gcc_cfa(context) == *(uintptr_t *)entry_sp + 8) {
        truth[gcc_count++] = gcc_ip(context);
    }
    return gcc_count < FRAMES_MAX ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

/* Against the unwinder of gcc's own runtime. */
__attribute__((noinline)) static void compare_with_gcc(void *unused)
{
    _Unwind_Reason_Code (*backtrace)(_Unwind_Trace_Fn, void *) = NULL;
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0) + 8;
    void *library = dlopen("libgcc_s.so.1", RTLD_NOW); /* not the one of libunwind */
    uint32_t count = 0;

    (void)unused;
    assert_non_null(library);
    *(void **)&backtrace = dlsym(library, "_Unwind_Backtrace");
    *(void **)&gcc_cfa = dlsym(library, "_Unwind_GetCFA");
    *(void **)&gcc_ip = dlsym(library, "_Unwind_GetIP");
    gcc_count = 0;
    (void)backtrace(note_frame, &sp);
    assert_int_equal(seep_unwind_slow(self, sp, frames, &count, SEEP_NODE_UNSUPPORTED),
                     SEEP_NODE_COMPLETE);
    assert_frames_are_true(count, gcc_count);
    compared++;
}

static int set_up(void **state)
{
    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    return 0;
}

#define NAME(name)    #name,
#define ADDRESS(name) name,
static const char *const names[] = {ODD_FRAMES(NAME) ODD_FRAMES_OF_GCC(NAME)};
static odd_frame *const odd[] = {ODD_FRAMES(ADDRESS) ODD_FRAMES_OF_GCC(ADDRESS)};
enum {
    OF_GCC = 3,
    ODD_COUNT = sizeof(odd) / sizeof(odd[0]),
    ODD_OF_LIBUNWIND = ODD_COUNT - OF_GCC,
    FIRST_SWITCH = ODD_OF_LIBUNWIND - 2
};

static void give_another_stack(void *memory)
{
    odd_other_stack = (char *)memory + STACK_BYTES;
}

static void each_odd_frame_is_unwound_as_others_do(void **state)
{
    void *memory = aligned_alloc(16, STACK_BYTES);

    (void)state;
    give_another_stack(memory);
    for (size_t i = 0; i < ODD_COUNT; i++) {
        int before = compared;

        print_message("%s\n", names[i]);
        odd[i](compare_with_gcc, NULL);
        if (i < ODD_OF_LIBUNWIND) {
            odd[i](compare, NULL);
        }
        assert_int_equal(compared - before, i < ODD_OF_LIBUNWIND ? 2 : 1);
    }
    free(memory);
}

/* The compact rules do not know them, and say so. */
__attribute__((noinline)) static void walk_fast(void *unused)
{
    uintptr_t *frame = __builtin_frame_address(0);
    uint32_t count = 0;

    (void)unused;
    assert_int_equal(
        seep_unwind_walk(self, (uintptr_t)(frame + 1), *frame, fast_frames, &count),
        SEEP_NODE_UNSUPPORTED);
    compared++;
}

static void compact_rules_leave_them_to_the_slow_walk(void **state)
{
    void *memory = aligned_alloc(16, STACK_BYTES);

    (void)state;
    give_another_stack(memory);
    compared = 0;
    odd_cfa_in_rbx(walk_fast, NULL);
    odd_cfa_by_expression(walk_fast, NULL);
    odd_cfa_by_arithmetic(walk_fast, NULL);
    odd_saved_by_expression(walk_fast, NULL);
    odd_return_in_r12(walk_fast, NULL);
    odd_on_another_stack(walk_fast, NULL);
    assert_int_equal(compared, 6);
    free(memory);
}

struct chain {
    void (*compare)(void *);
    uint32_t left;
    uint8_t kinds[CHAIN_MAX];
};

static void go_on(void *argument)
{
    struct chain *chain = argument;

    if (chain->left == 0) {
        chain->compare(NULL);
    } else {
        odd[chain->kinds[--chain->left]](go_on, chain);
    }
    __asm__ volatile("");
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Registers that one frame spoils are the next one's CFA. */
static void odd_frames_below_one_another_are_unwound_too(void **state)
{
    uint64_t random = 88172645463325252U;
    void *memory = aligned_alloc(16, STACK_BYTES);

    (void)state;
    for (int round = 0; round < CHAINS; round++) {
        struct chain chain = {.left = (uint32_t)(next_random(&random) % CHAIN_MAX)};
        bool gcc = round % 2 == 0;

        chain.compare = gcc ? compare_with_gcc : compare;
        give_another_stack(memory);
        for (uint32_t i = 0; i < chain.left; i++) {
            uint64_t kind =
                next_random(&random) % (uint64_t)(FIRST_SWITCH + (gcc ? OF_GCC : 0));

            chain.kinds[i] = (uint8_t)(kind < FIRST_SWITCH ? kind : kind + 2);
        }
        if (chain.left > 0 && round % 4 == 0) { /* one change of stack */
            chain.kinds[next_random(&random) % chain.left] =
                (uint8_t)(FIRST_SWITCH + next_random(&random) % 2);
        }
        go_on(&chain);
    }
    free(memory);
}

static void on_signal(int number)
{
    compare(NULL);
    (void)number;
}

static void raise_here(void *unused)
{
    (void)unused;
    (void)raise(SIGUSR1);
    __asm__ volatile("");
}

/* On the same stack, and on an alternate one above or below it. */
static void registers_come_through_a_signal_frame(void **state)
{
    struct sigaction action = {.sa_handler = on_signal};
    stack_t alternate = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};

    (void)state;
    for (int i = 0; i < 2; i++) {
        action.sa_flags = i == 0 ? 0 : SA_ONSTACK;
        assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
        compared = 0;
        odd_cfa_in_rbx(raise_here, NULL);
        odd_rbx_in_r13(raise_here, NULL);
        odd_cfa_by_expression(raise_here, NULL);
        assert_int_equal(compared, 3);
        assert_int_equal(sigaltstack(&alternate, NULL), 0);
    }
    alternate.ss_flags = SS_DISABLE;
    assert_int_equal(sigaltstack(&alternate, NULL), 0);
    free(alternate.ss_sp);
}

__attribute__((noinline)) static void compare_with_the_fast_walk(void)
{
    uintptr_t *frame = __builtin_frame_address(0);
    uintptr_t sp = (uintptr_t)(frame + 1);
    uint32_t fast_count = 0;
    uint32_t count = 0;
    uint32_t end = seep_unwind_walk(self, sp, *frame, fast_frames, &fast_count);

    assert_int_equal(seep_unwind_slow(self, sp, frames, &count, SEEP_NODE_UNSUPPORTED),
                     end);
    assert_int_equal(count, fast_count);
    assert_memory_equal(frames, fast_frames, count * sizeof(frames[0]));
}

__attribute__((noinline)) static int recurse(int depth)
{
    volatile int here = depth;

    if (depth == 0) {
        compare_with_the_fast_walk();
        return 0;
    }
    return recurse(depth - 1) + here;
}

static void ordinary_stacks_are_those_of_the_fast_walk(void **state)
{
    (void)state;
    for (int depth = 0; depth < 200; depth += 13) {
        (void)recurse(depth);
    }
    (void)recurse(SEEP_STACK_MAX_FRAMES + 10); /* cut alike */
}

/* Where a frame's CFA leads to memory that is not there, the stack ends before it. */
__attribute__((noinline)) static void walk_to_a_bad_end(void *wanted)
{
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0) + 8;
    uint32_t count = 77;

    assert_int_equal(seep_unwind_slow(self, sp, frames, &count, SEEP_NODE_UNSUPPORTED),
                     SEEP_NODE_BAD_FRAME);
    assert_int_equal(count, *(const uint32_t *)wanted);
    compared++;
}

static uintptr_t *saved_sp;
static uintptr_t saved_word;

static void spoil_and_walk(void *argument)
{
    uint32_t frames_left = 2; /* this function's, and the odd frame's */
    const uintptr_t wild[] = {0, 8, 0x7fff00000000, 0xdead000000000000, UINTPTR_MAX - 7};

    (void)argument;
    /* odd_cfa_by_expression keeps its caller's stack pointer 8 bytes above its own. */
    saved_sp = (uintptr_t *)__builtin_frame_address(0) + 3;
    saved_word = *saved_sp;
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        *saved_sp = wild[i];
        walk_to_a_bad_end(&frames_left);
    }
    *saved_sp = saved_word;
}

static void a_wild_cfa_ends_the_stack_and_not_the_program(void **state)
{
    (void)state;
    compared = 0;
    odd_cfa_by_expression(spoil_and_walk, NULL);
    assert_int_equal(compared, 5);
}

static void an_entry_that_is_not_ours_is_refused(void **state)
{
    uint32_t count = 77;

    (void)state;
    assert_int_equal(seep_unwind_slow(self, 4096, frames, &count, SEEP_NODE_UNSUPPORTED),
                     SEEP_NODE_UNSUPPORTED);
    assert_int_equal(seep_unwind_slow(self, (uintptr_t)__builtin_frame_address(0) + 9,
                                      frames, &count, SEEP_NODE_UNSUPPORTED),
                     SEEP_NODE_UNSUPPORTED);
    assert_int_equal(count, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_odd_frame_is_unwound_as_others_do),
        cmocka_unit_test(compact_rules_leave_them_to_the_slow_walk),
        cmocka_unit_test(odd_frames_below_one_another_are_unwound_too),
        cmocka_unit_test(registers_come_through_a_signal_frame),
        cmocka_unit_test(ordinary_stacks_are_those_of_the_fast_walk),
        cmocka_unit_test(a_wild_cfa_ends_the_stack_and_not_the_program),
        cmocka_unit_test(an_entry_that_is_not_ours_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
