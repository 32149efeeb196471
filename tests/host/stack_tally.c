/* Counts stacks as libunwind sees them, without its cache, in static memory.
 *
 * libunwind is loaded, not linked: linked it would take over the C++ runtime's unwinding.
 *
 * SPDX-License-Identifier: MIT
 */
#define UNW_LOCAL_ONLY
#include "stack_tally.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRAMES_MAX = 1023,
    STACKS_MAX = 4096,
    WORDS_MAX = 1 << 22,
    NAMES_MAX = 64,
    NAME_BYTES = 64,
    MODULE_SHIFT = 56 /* a frame: module's number, offset */
};

#define AS_TEXT_(x) #x
#define AS_TEXT(x)  AS_TEXT_(x)

static int (*get_context)(unw_context_t *);
static int (*init_local)(unw_cursor_t *, unw_context_t *);
static int (*step)(unw_cursor_t *);
static int (*get_register)(unw_cursor_t *, int, unw_word_t *);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stack {
    uint64_t hash;
    uint32_t first, frames; /* in words */
    uint64_t count;
} stacks[STACKS_MAX];
static uint64_t words[WORDS_MAX];
static uint32_t words_used;
static char names[NAMES_MAX][NAME_BYTES]; /* 0: of no module */
static uint64_t names_used = 1;

static void die(const char *what)
{
    (void)fprintf(stderr, "tally: %s\n", what);
    abort();
}

static void load(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    unw_addr_space_t *space = NULL;
    int (*set_policy)(unw_addr_space_t, unw_caching_policy_t) = NULL;

    if (library == NULL) {
        die("no libunwind.so.8");
    }
    *(void **)&get_context = dlsym(library, "_Ux86_64_getcontext");
    *(void **)&init_local = dlsym(library, AS_TEXT(UNW_OBJ(init_local)));
    *(void **)&step = dlsym(library, AS_TEXT(UNW_OBJ(step)));
    *(void **)&get_register = dlsym(library, AS_TEXT(UNW_OBJ(get_reg)));
    *(void **)&set_policy = dlsym(library, AS_TEXT(UNW_OBJ(set_caching_policy)));
    *(void **)&space = dlsym(library, AS_TEXT(UNW_OBJ(local_addr_space)));
    (void)set_policy(*space, UNW_CACHE_NONE);
}

static uint64_t number_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    for (uint64_t i = 1; i < names_used; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    if (names_used == NAMES_MAX || strlen(name) >= NAME_BYTES) {
        die("too many modules");
    }
    strcpy(names[names_used], name);
    return names_used++;
}

/* Pushes a frame. Returns: whether the stack goes on beyond it. */
static bool push(uintptr_t pc)
{
    Dl_info info = {0};
    bool known = dladdr((void *)(pc - 1), &info) != 0;

    if (words_used == WORDS_MAX) {
        die("too many frames");
    }
    words[words_used++] = known ? number_of(info.dli_fname) << MODULE_SHIFT |
                                      (pc - (uintptr_t)info.dli_fbase)
                                : pc;
    return known;
}

/* The stack without its `skipped` innermost frames (0: our caller's), behind words_used.
 * Returns: its frames. */
__attribute__((noinline)) static uint32_t unwind(uint32_t skipped)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t pc = 0;
    uint32_t first = words_used;

    (void)get_context(&context);
    if (init_local(&cursor, &context) < 0) {
        die("libunwind does not start");
    }
    for (uint32_t i = 0; i < skipped; i++) {
        (void)step(&cursor);
    }
    while (words_used - first < FRAMES_MAX && step(&cursor) > 0) {
        if (get_register(&cursor, UNW_REG_IP, &pc) < 0 || pc == 0 || !push(pc)) {
            break;
        }
    }
    return words_used - first;
}

static void count(uint32_t frames)
{
    uint32_t first = words_used - frames;
    uint64_t hash = UINT64_C(1469598103934665603);

    for (uint32_t i = 0; i < frames; i++) {
        hash = (hash ^ words[first + i]) * UINT64_C(1099511628211);
        hash ^= hash >> 29;
    }
    for (uint64_t i = hash;; i++) {
        struct stack *stack = &stacks[i % STACKS_MAX];

        if (stack->count == 0) {
            *stack = (struct stack){hash, first, frames, 1};
            return;
        }
        if (stack->hash == hash && stack->frames == frames) {
            stack->count++;
            words_used = first;
            return;
        }
        if (i == hash + STACKS_MAX) {
            die("too many stacks");
        }
    }
}

__attribute__((noinline)) static void count_stack(uint32_t skipped)
{
    (void)pthread_mutex_lock(&lock);
    if (step == NULL) {
        load();
    }
    count(unwind(skipped + 1));
    (void)pthread_mutex_unlock(&lock);
}

__attribute__((noinline)) void tally_count(void)
{
    count_stack(2);
    __asm__ volatile("");
}

__attribute__((noinline)) void *tally_malloc(size_t bytes)
{
    void *volatile memory = NULL;

    count_stack(1);
    memory = malloc(bytes);
    return memory;
}

__attribute__((noinline)) void tally_once(void *unused)
{
    (void)unused;
    free(tally_malloc(64));
    __asm__ volatile("");
}

void tally_print(void)
{
    const char *separator = "";

    printf("{\"stacks\":[");
    for (uint32_t i = 0; i < STACKS_MAX; i++) {
        const struct stack *stack = &stacks[i];

        if (stack->count == 0) {
            continue;
        }
        printf("%s[%lu,[", separator, stack->count);
        separator = ",\n";
        for (uint32_t k = 0; k < stack->frames; k++) {
            uint64_t word = words[stack->first + k];

            printf("%s[\"%s\",%lu]", k > 0 ? "," : "", names[word >> MODULE_SHIFT],
                   word & ((UINT64_C(1) << MODULE_SHIFT) - 1));
        }
        printf("]]");
    }
    printf("]}\n");
}
