/* Remembered stacks: whatever is found must be what a fresh walk gives, and what repeats
 * must be found.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>
#include <pthread.h>

#include "cache_memory.h"
#include "segment_map.h"
#include "shim_bench_self.h"
#include "site.h"
#include "subjects/call_tree.h"
#include "subjects/truth.h"

enum {
    TREES = 150 / TRUTH_SHARE, /* random trees, each ... */
    ROUNDS = 12,               /* run so often, of which the first ... */
    ROUNDS_FIRST = 3,          /* are for learning */
    EVENTS = 80,               /* in each */
    LONG_EVENTS = 30000 / TRUTH_SHARE,
    UNWOUND_EVERY = 61 /* this many events are also compared with libunwind */
};

static uint64_t seed;
static struct seep_self *main_self;

struct tally {
    struct seep_self *self;
    uint64_t events, hits;
    bool counts; /* this part repeats */
};

/* One segment per test, and an empty memo that keeps its memory: the budget is for all.
 */
static struct seep_self *start(void)
{
    shim_bench_start();
    if (main_self == NULL) {
        main_self = shim_bench_self(0);
    }
    seep_guard_drop_caches(main_self);
    main_self->unload_generation = seep_guard_unloads();
    main_self->fast = seep_guard_fast(main_self);
    return main_self;
}

/* Records as a wrapped function does, and compares. Returns: whether it was found. */
static bool record(struct seep_self *self, uintptr_t sp, uintptr_t fp)
{
    uint64_t found = self->memo.found;
    uint32_t site = seep_site_here(self, SEEP_KIND_HEAP, sp, fp);
    bool hit = self->memo.found == found + 1;

    assert_int_not_equal(site, 0);
    assert_int_equal(seep_segment_sites()[site].node, truth_leaf_node(self, sp, fp));
    assert_int_equal(self->nest, 0);
    return hit;
}

__attribute__((noinline)) static void event(struct call_tree *tree)
{
    struct tally *tally = tree->context;
    uintptr_t *frame = __builtin_frame_address(0);
    uintptr_t sp = (uintptr_t)(frame + 1);
    bool hit = record(tally->self, sp, *frame);

    if (tally->counts) {
        tally->events++;
        tally->hits += hit;
    }
    if (tree->random % UNWOUND_EVERY == 0) {
        truth_check_walk(tally->self, sp, *frame);
    }
}

/* Runs random trees, each several times over. */
static void run_trees(void (*run)(struct call_tree *), struct tally *tally,
                      uint64_t random, uint32_t trees)
{
    for (uint32_t i = 0; i < trees; i++) {
        uint64_t first = call_tree_random(&random);
        uint32_t depth_most = 3 + (uint32_t)(first >> 32) % (CALL_TREE_DEPTH_MOST - 2);

        for (uint32_t round = 0; round < ROUNDS; round++) {
            struct call_tree tree = {.random = first,
                                     .depth_most = depth_most,
                                     .events_left = EVENTS,
                                     .event = event,
                                     .context = tally};

            tally->counts = round >= ROUNDS_FIRST;
            run(&tree);
        }
    }
}

static void repeat_and_stray(void (*run)(struct call_tree *), uint64_t random)
{
    struct tally tally = {.self = start()};
    struct call_tree once = {.random = random,
                             .depth_most = CALL_TREE_DEPTH_MOST,
                             .events_left = LONG_EVENTS,
                             .event = event,
                             .context = &tally};

    run_trees(run, &tally, random, TREES);
    assert_true(tally.hits * 2 > tally.events);
    run(&once);
}

static void every_stack_without_frame_pointers_is_what_a_fresh_walk_gives(void **state)
{
    (void)state;
    repeat_and_stray(call_tree_omitting, seed);
}

static void every_stack_with_frame_pointers_is_what_a_fresh_walk_gives(void **state)
{
    (void)state;
    repeat_and_stray(call_tree_keeping, seed ^ 0x5555);
}

static void every_way_of_comparing_finds_the_same(void **state)
{
    const char *const ways[] = {"scalar", "avx2", "avx512"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct tally tally = {.self = start()};

        seep_compare_choose(ways[i]);
        run_trees(call_tree_omitting, &tally, seed + 7, 10);
        assert_true(tally.hits * 2 > tally.events);
    }
    seep_compare_choose(NULL);
}

enum { PATH_BITS = 8, COMMON_FRAMES = 20 };

__attribute__((noinline)) static bool at_the_leaf(struct seep_self *self)
{
    uintptr_t *frame = __builtin_frame_address(0);

    return record(self, (uintptr_t)(frame + 1), *frame);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
__attribute__((noinline)) static bool down_one_path(struct seep_self *self, uint64_t path,
                                                    uint32_t left)
{
    volatile bool hit = false;

    if (left == 0) {
        hit = at_the_leaf(self);
    } else if (left > COMMON_FRAMES && (path >> (left - COMMON_FRAMES - 1) & 1) != 0) {
        hit = down_one_path(self, path, left - 1);
        __asm__ volatile("# one call" ::: "memory");
    } else {
        hit = down_one_path(self, path, left - 1);
        __asm__ volatile("# another call" ::: "memory");
    }
    return hit;
}

static uint32_t sites_now(void)
{
    return atomic_load(&seep_segment_header()->site_count);
}

static void stacks_that_differ_only_near_main_are_found(void **state)
{
    struct seep_self *self = start();
    uint32_t sites = sites_now();
    uint32_t hits = 0;

    (void)state;
    for (volatile uint32_t round = 0; round < 60; round++) {
        hits = 0;
        for (volatile uint32_t path = 0; path < 1U << PATH_BITS; path++) {
            hits += down_one_path(self, path, PATH_BITS + COMMON_FRAMES);
        }
    }
    assert_int_equal(sites_now() - sites, 1U << PATH_BITS);
    assert_true(hits > (1U << PATH_BITS) * 9 / 10);
}

static struct seep_memo_hint *hints_of(const struct seep_memo *memo)
{
    return (struct seep_memo_hint *)(void *)(memo->area +
                                             (memo->slots_mask + (size_t)1) *
                                                 sizeof(struct seep_memo_slot));
}

/* Goes down the paths again and again, from one place. `before`: of each round, from the
 * 60th on. Returns: the fewest that a round from then on has found. */
static uint32_t fewest_found(void (*before)(const struct seep_memo *), uint32_t paths,
                             uint32_t rounds)
{
    enum { FIRST = 60 };
    struct seep_self *self = start();
    uint32_t fewest = UINT32_MAX;

    for (volatile uint32_t round = 0; round < FIRST + rounds; round++) {
        uint32_t hits = 0;

        if (round >= FIRST) {
            before(&self->memo);
        }
        for (volatile uint32_t path = 0; path < paths; path++) {
            hits += down_one_path(self, path, PATH_BITS + COMMON_FRAMES);
        }
        fewest = round >= FIRST && hits < fewest ? hits : fewest;
    }
    return fewest;
}

static void lose_all_but_roots(const struct seep_memo *memo)
{
    struct seep_memo_slot *slots = (struct seep_memo_slot *)(void *)memo->area;

    for (uint32_t i = 0; i <= memo->slots_mask; i++) {
        const struct seep_memo_branch *branch =
            (const void *)(memo->area + (size_t)(slots[i].at & ~SEEP_MEMO_BRANCH) * 8);

        slots[i].recent = 0;
        if ((slots[i].at & SEEP_MEMO_BRANCH) == 0 || branch->sp == 0) {
            slots[i].tag = 1; /* of no hash that is looked for */
        }
    }
}

/* What is found without the trie, a hint has led to. */
static void stacks_below_one_root_are_found_in_one_step(void **state)
{
    const uint32_t paths = 1U << SEEP_MEMO_FAN; /* two ways at each of as many places */

    (void)state;
    assert_int_equal(fewest_found(lose_all_but_roots, paths, 1), paths);
}

static void mix_hints_up(const struct seep_memo *memo)
{
    struct seep_memo_hint *hints = hints_of(memo);
    uint32_t entry = 0;

    for (uint32_t i = 0; i <= memo->slots_mask; i++) {
        if (hints[i].at != 0) {
            entry = entry == 0 || call_tree_random(&seed) % 8 == 0 ? hints[i].at : entry;
            hints[i].at = entry;
        }
    }
}

static void hints_that_lead_elsewhere_never_give_a_wrong_stack(void **state)
{
    (void)state;
    assert_true(fewest_found(mix_hints_up, 1U << PATH_BITS, 40) >
                (1U << PATH_BITS) * 9 / 10);
}

/* One stack leaves the common way at every depth: the index becomes a long chain. */
static void stacks_that_differ_at_ever_new_depths_are_found(void **state)
{
    enum { TEETH = 60 }; /* more than a way through the index has slots */
    struct seep_self *self = start();
    uint32_t hits = 0;

    (void)state;
    for (volatile uint32_t round = 0; round < 60; round++) {
        hits = 0;
        for (volatile uint32_t tooth = 0; tooth < TEETH; tooth++) {
            hits += down_one_path(self, UINT64_C(1) << tooth, TEETH + COMMON_FRAMES);
        }
    }
    assert_true(hits > TEETH / 2);
}

static uintptr_t dynamic_return; /* in a function whose frame the frame pointer finds */

__attribute__((noinline)) static void note_return(void)
{
    dynamic_return = (uintptr_t)__builtin_return_address(0);
}

__attribute__((noinline)) static uint32_t with_dynamic_frame(volatile size_t bytes)
{
    volatile char *room = __builtin_alloca(bytes);

    room[0] = 1;
    note_return();
    return (uint32_t)room[0];
}

/* A forged stack, on the real one: a frame whose caller lies where the frame pointer
 * says, at two places; no word is read from the same place in both. */
static void stacks_that_differ_only_in_the_frame_pointer_are_found(void **state)
{
    struct seep_self *self = start();
    volatile uintptr_t stack[64] = {0};
    uint32_t hits = 0;

    (void)state;
    (void)with_dynamic_frame(64);
    stack[0] = dynamic_return;
    stack[11] = dynamic_return; /* where the first's frame pointer, [10], leads ... */
    stack[10] = (uintptr_t)&stack[30];
    stack[21] = dynamic_return; /* ... and the second's, and so on */
    stack[20] = (uintptr_t)&stack[32];
    stack[24] = (uintptr_t)&stack[34];
    for (volatile int i = 0; i < 300; i++) {
        const int fps[] = {10, 20, 24};

        hits +=
            record(self, (uintptr_t)&stack[0], (uintptr_t)&stack[fps[i % 3]]) && i >= 30;
    }
    assert_true(hits > 250);
}

static void a_stack_that_is_never_seen_again_is_hardly_ever_learned(void **state)
{
    struct tally tally = {.self = start()};
    struct call_tree tree = {.random = seed,
                             .depth_most = CALL_TREE_DEPTH_MOST,
                             .events_left = 3000,
                             .event = event,
                             .context = &tally};
    uint32_t used_bytes = 0;

    (void)state;
    call_tree_omitting(&tree);
    used_bytes = tally.self->memo.learned;
    assert_true(used_bytes < 3000 / 3);
}

/* A wrong slot costs time, never an answer, and never all the time there is. */
static void an_index_that_leads_in_a_circle_finds_nothing(void **state)
{
    struct seep_self *self = start();
    struct seep_memo_slot *slots = NULL;

    (void)state;
    for (volatile uint32_t i = 0; i < 40; i++) {
        (void)down_one_path(self, i % 4, PATH_BITS + COMMON_FRAMES);
    }
    slots = (struct seep_memo_slot *)(void *)self->memo.area;
    for (uint32_t i = 0; i <= self->memo.slots_mask; i++) {
        if ((slots[i].at & SEEP_MEMO_BRANCH) == 0) {
            continue;
        }
        for (uint32_t k = 0; k <= self->memo.slots_mask; k++) {
            if (slots[k].tag != 0) {
                slots[k].at = slots[i].at; /* every way leads back to this branch */
            }
        }
        break;
    }
    (void)alarm(20);
    for (volatile uint32_t i = 0; i < 40; i++) {
        (void)down_one_path(self, i % 4, PATH_BITS + COMMON_FRAMES);
    }
    (void)alarm(0);
}

static void what_the_index_has_lost_is_hung_up_again(void **state)
{
    struct seep_self *self = start();
    uint32_t hits = 0;

    (void)state;
    for (volatile uint32_t round = 0; round < 40; round++) {
        struct seep_memo_slot *slots = (struct seep_memo_slot *)(void *)self->memo.area;

        hits = 0;
        for (volatile uint32_t path = 0; path < 16; path++) {
            hits += down_one_path(self, path, PATH_BITS + COMMON_FRAMES);
        }
        for (uint32_t i = 0; round == 20 && i <= self->memo.slots_mask; i++) {
            if (call_tree_random(&seed) % 2 == 0) {
                slots[i] = (struct seep_memo_slot){0};
            }
        }
    }
    assert_int_equal(hits, 16);
}

struct job {
    struct seep_self *self; /* NULL: its own */
    uint32_t shard;
    bool found; /* out: most of what repeats was */
};

/* As guard.c gives a self to a thread. */
static void *in_a_thread(void *argument)
{
    struct job *job = argument;
    struct seep_self *own = shim_bench_self(job->shard);
    struct tally tally = {.self = own};

    if (job->self != NULL) {
        tally.self = job->self;
        tally.self->stack_low = own->stack_low;
        tally.self->stack_high = own->stack_high;
        if (tally.self->memo.high != own->stack_high) {
            tally.self->last.count = 0;
        }
        seep_memo_start(&tally.self->memo, own->stack_high);
    }
    run_trees(call_tree_omitting, &tally, seed + job->shard, 8);
    job->found = tally.hits * 2 > tally.events;
    free(own);
    return NULL;
}

static void threads_with_memos_of_their_own_find_their_stacks(void **state)
{
    struct job jobs[2] = {{.shard = 1}, {.shard = 2}};
    pthread_t threads[2];

    (void)state;
    (void)start();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, &jobs[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(jobs[i].found);
    }
}

static void a_self_that_another_thread_had_before_tells_nothing_wrong(void **state)
{
    struct job jobs[3] = {{.self = start(), .shard = 1},
                          {.self = main_self, .shard = 2},
                          {.self = main_self, .shard = 2}};
    uintptr_t low = main_self->stack_low;
    uintptr_t high = main_self->stack_high;
    pthread_attr_t attributes;

    (void)state;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;

        /* the first two get the same stack from the C library, the third another */
        assert_int_equal(
            pthread_attr_setstacksize(&attributes, i < 2 ? 1U << 21 : 3U << 20), 0);
        assert_int_equal(pthread_create(&thread, &attributes, in_a_thread, &jobs[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(jobs[i].found);
    }
    (void)pthread_attr_destroy(&attributes);
    main_self->stack_low = low;
    main_self->stack_high = high;
    seep_memo_start(&main_self->memo, high);
}

static volatile int unmaps, unmaps_of_what_is_used;

/* In place of the system call. */
static void on_unmap(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t area = (uintptr_t)registers[REG_RDI];

    (void)number;
    (void)info;
    unmaps++;
    unmaps_of_what_is_used += area == (uintptr_t)main_self->memo.area ||
                              area == (uintptr_t)main_self->nodes.grown;
    registers[REG_RAX] = 0;
}

static bool trap_unmaps(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
    struct sigaction action = {.sa_sigaction = on_unmap, .sa_flags = SA_SIGINFO};

    return sigaction(SIGSYS, &action, NULL) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

enum { CHILD_GOOD = 0, CHILD_BAD = 1, CHILD_CANNOT = 2 };

static int grow_in_a_child(void)
{
    main_self = shim_bench_self(0);
    if (!trap_unmaps()) {
        return CHILD_CANNOT;
    }
    for (volatile uint32_t i = 0; i < 40 << PATH_BITS; i++) {
        (void)down_one_path(main_self, i % (1U << PATH_BITS), PATH_BITS + COMMON_FRAMES);
    }
    return unmaps >= 2 && unmaps_of_what_is_used == 0 ? CHILD_GOOD : CHILD_BAD;
}

/* A handler may come with munmap's return, and jump away or fork: what it leaves behind
 * is emptied before it is used again. */
static void nothing_refers_to_memory_that_is_given_back(void **state)
{
    int status = 0;
    pid_t child = 0;

    (void)state;
    if (TRUTH_SANITIZED) {
        skip(); /* its own munmap would be caught too */
    }
    (void)start();
    child = fork();
    if (child == 0) {
        _exit(grow_in_a_child());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_CANNOT) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), CHILD_GOOD);
}

/* The last of all: it takes what memory there is for caches. */
static void a_memo_that_cannot_grow_keeps_what_it_serves(void **state)
{
    enum { PATHS = 200, ROUNDS_FULL = 100 };
    struct seep_self *self = NULL;
    uint32_t hits = 0;
    uint32_t learned = 0;

    (void)state;
    shim_bench_start();
    while (seep_cache_memory_grow(0, 1 << 15) != NULL) {
    }
    self = shim_bench_self(0);
    for (volatile uint32_t round = 0; round < ROUNDS_FULL; round++) {
        for (volatile uint32_t path = 0; path < PATHS; path++) {
            uint32_t before = self->memo.used_bytes;

            hits += down_one_path(self, path, PATH_BITS + COMMON_FRAMES);
            learned += self->memo.used_bytes != before;
        }
    }
    assert_int_equal(self->memo.area_bytes, 32768); /* or this test shows nothing */
    assert_true(hits > PATHS * ROUNDS_FULL / 10);
    assert_true(learned < PATHS * ROUNDS_FULL / 10);
    hits = 0;
    for (volatile uint32_t i = 0; i < 10000;
         i++) { /* what was served is not wanted now */
        hits +=
            down_one_path(self, PATHS + i % 8, PATH_BITS + COMMON_FRAMES) && i >= 9000;
    }
    assert_true(hits > 900);
    free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_refers_to_memory_that_is_given_back),
        cmocka_unit_test(every_stack_without_frame_pointers_is_what_a_fresh_walk_gives),
        cmocka_unit_test(every_stack_with_frame_pointers_is_what_a_fresh_walk_gives),
        cmocka_unit_test(every_way_of_comparing_finds_the_same),
        cmocka_unit_test(stacks_that_differ_only_near_main_are_found),
        cmocka_unit_test(stacks_below_one_root_are_found_in_one_step),
        cmocka_unit_test(hints_that_lead_elsewhere_never_give_a_wrong_stack),
        cmocka_unit_test(stacks_that_differ_at_ever_new_depths_are_found),
        cmocka_unit_test(stacks_that_differ_only_in_the_frame_pointer_are_found),
        cmocka_unit_test(a_stack_that_is_never_seen_again_is_hardly_ever_learned),
        cmocka_unit_test(an_index_that_leads_in_a_circle_finds_nothing),
        cmocka_unit_test(what_the_index_has_lost_is_hung_up_again),
        cmocka_unit_test(threads_with_memos_of_their_own_find_their_stacks),
        cmocka_unit_test(a_self_that_another_thread_had_before_tells_nothing_wrong),
        cmocka_unit_test(a_memo_that_cannot_grow_keeps_what_it_serves),
    };

    seed = truth_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
