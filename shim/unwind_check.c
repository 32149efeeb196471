/* Stacks compared with libunwind's, inside the recorded process.
 *
 * Design: a recorded stack is known by its leaf node alone, so the chain of nodes is
 * compared, module by module and offset by offset: that proves the memo, the incremental
 * walk, the rules and the tree at once. libunwind is loaded privately, with its cache
 * off, since it survives dlclose. It runs on a stack of ours: the host's may have little
 * room left (sigaltstack, coroutines). While it runs the thread has no self, so that
 * nothing it allocates is recorded, and no signals, so that nothing of the host's is
 * missed.
 *
 * A stack that we end early and mark (code without rules, a wild frame, too deep) is
 * compared up to there: libunwind guesses its way through such code by rbp.
 *
 * I1: libunwind is asked for a step only where a frame of ours follows, or where ours
 * ended for good in code that has rules: beyond, it would guess, and guessing it writes
 * addresses to a pipe of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#define UNW_LOCAL_ONLY
#include "unwind_check.h"

#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <stddef.h>

#include "arch.h"
#include "cfi_entry.h"
#include "own_maps.h"
#include "segment_map.h"
#include "text.h"

enum {
    STACKS = 8,
    STACK_BYTES = 256 << 10,
    OWN_FRAMES_MAX = 64,
    FRAMES_MAX = 256,
    NUMBER_BYTES = 16
};

#define AS_TEXT_(x) #x
#define AS_TEXT(x)  AS_TEXT_(x)
#define SYMBOL(x)   AS_TEXT(UNW_OBJ(x))

uint32_t seep_check_every;

static uint32_t wanted_every; /* as the option says */
static bool options_read;
static int (*get_context)(unw_context_t *);
static int (*init_local)(unw_cursor_t *, unw_context_t *);
static int (*step)(unw_cursor_t *);
static int (*get_register)(unw_cursor_t *, int, unw_word_t *);

static _Atomic(void *) stacks[STACKS]; /* free ones of ours */
static _Atomic uint32_t stacks_made;
static _Atomic uint32_t under_way;
static uint32_t epoch_seen; /* of the process that under_way is about */
static _Atomic bool text_taken;
static __thread bool busy __attribute__((tls_model("initial-exec")));
static __thread uint32_t until_next __attribute__((tls_model("initial-exec")));

/* One comparison; lies at the lower end of its stack. */
struct comparison {
    uintptr_t sp;
    uint32_t leaf;
    bool prefix; /* compared up to a marked end only */
    bool differs;
    uint32_t frame;    /* index of the frame that differs ... */
    uint32_t node;     /* ... its node; a root: ours ends there */
    unw_word_t theirs; /* libunwind's pc there; 0: it ends there */
    unw_context_t context;
    unw_cursor_t cursor;
};

bool seep_unwind_check_busy(void)
{
    return busy;
}

static uint32_t number_of(const char *text)
{
    uint64_t number = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        number = number * 10 + (uint64_t)(*text - '0');
        number = number < SEEP_CHECK_UNAVAILABLE ? number : SEEP_CHECK_UNAVAILABLE - 1;
    }
    return (uint32_t)number;
}

void seep_unwind_check_attach(struct seep_segment_header *header)
{
    char text[NUMBER_BYTES];

    if (!options_read) {
        options_read = true;
        wanted_every =
            seep_text_option("check", text, sizeof(text)) ? number_of(text) : 0;
    }
    header->check_every = wanted_every;
    atomic_store_explicit(&text_taken, false, memory_order_relaxed);
}

/* Returns: whether all of libunwind that we need is there. */
static bool load(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    unw_addr_space_t *space = NULL;
    int (*set_policy)(unw_addr_space_t, unw_caching_policy_t) = NULL;

    if (library == NULL) {
        (void)dlerror();
        return false;
    }
    *(void **)&get_context = dlsym(library, "_Ux86_64_getcontext");
    *(void **)&init_local = dlsym(library, SYMBOL(init_local));
    *(void **)&step = dlsym(library, SYMBOL(step));
    *(void **)&get_register = dlsym(library, SYMBOL(get_reg));
    *(void **)&set_policy = dlsym(library, SYMBOL(set_caching_policy));
    *(void **)&space = dlsym(library, SYMBOL(local_addr_space));
    if (get_context == NULL || init_local == NULL || step == NULL ||
        get_register == NULL || set_policy == NULL || space == NULL) {
        return false;
    }
    return set_policy(*space, UNW_CACHE_NONE) == 0;
}

void seep_unwind_check_start(void)
{
    struct seep_self *self = seep_guard_self();
    bool loaded = false;

    if (self == NULL || wanted_every == 0 || wanted_every == SEEP_CHECK_UNAVAILABLE) {
        return;
    }
    seep_guard_tls = NULL;
    busy = true;
    loaded = load();
    busy = false;
    seep_guard_tls = self;
    if (loaded) {
        epoch_seen = self->epoch;
        seep_check_every = wanted_every;
    } else {
        wanted_every = SEEP_CHECK_UNAVAILABLE;
        seep_segment_header()->check_every = SEEP_CHECK_UNAVAILABLE;
    }
}

/* A stack of ours, with a comparison at its lower end; NULL when all are in use. */
static struct comparison *take_stack(void)
{
    for (unsigned i = 0; i < STACKS; i++) {
        void *stack = atomic_exchange_explicit(&stacks[i], NULL, memory_order_acquire);

        if (stack != NULL) {
            return stack;
        }
    }
    if (atomic_fetch_add_explicit(&stacks_made, 1, memory_order_relaxed) >= STACKS) {
        atomic_fetch_sub_explicit(&stacks_made, 1, memory_order_relaxed);
        return NULL;
    }
    return seep_own_maps_new(STACK_BYTES);
}

static void give_stack_back(struct comparison *stack)
{
    for (unsigned i = 0; i < STACKS; i++) {
        void *expected = NULL;

        if (atomic_compare_exchange_strong_explicit(&stacks[i], &expected, stack,
                                                    memory_order_release,
                                                    memory_order_relaxed)) {
            return;
        }
    }
}

/* Up to the wrapped function's caller. */
static bool leave_own_frames(struct comparison *this)
{
    unw_word_t sp = 0;

    if (init_local(&this->cursor, &this->context) < 0) {
        return false;
    }
    for (uint32_t i = 0; i < OWN_FRAMES_MAX && sp <= this->sp; i++) {
        if (step(&this->cursor) <= 0 ||
            get_register(&this->cursor, UNW_REG_SP, &sp) < 0) {
            return false;
        }
    }
    return sp == this->sp + sizeof(uintptr_t);
}

static uintptr_t pc_of_node(uint32_t node)
{
    const struct seep_node *nodes = seep_segment_nodes();
    uint32_t module = nodes[node].module;
    uintptr_t base = module != 0 ? seep_segment_modules()[module].base : 0;

    return base + nodes[node].offset;
}

/* Whether libunwind is to be asked what lies beyond our last frame (I1). */
static bool ends_for_good(uint32_t root, uintptr_t pc)
{
    const uint8_t *hdr = seep_unwind_rules_eh_frame(pc - 1);
    struct seep_cfi_entry entry;

    return root == SEEP_NODE_COMPLETE && hdr != NULL &&
           seep_cfi_entry_at(hdr, pc - 1, &entry) == 0;
}

/* Compares frame by frame, from the innermost; runs on a stack of ours. */
static void compare(void *argument)
{
    struct comparison *this = argument;
    uint32_t node = this->leaf;
    uintptr_t last = 0;

    this->differs = true;
    if (!leave_own_frames(this)) {
        this->node = node;
        return;
    }
    for (; this->frame < FRAMES_MAX && node >= SEEP_NODE_FIRST; this->frame++) {
        this->node = node;
        this->theirs = 0;
        if ((this->frame > 0 && step(&this->cursor) <= 0) ||
            get_register(&this->cursor, UNW_REG_IP, &this->theirs) < 0 ||
            this->theirs != pc_of_node(node)) {
            return;
        }
        last = this->theirs;
        node = seep_segment_nodes()[node].parent;
    }
    this->node = node;
    this->prefix = node != SEEP_NODE_COMPLETE;
    this->theirs = 0;
    if (node < SEEP_NODE_FIRST && ends_for_good(node, last) && step(&this->cursor) > 0 &&
        get_register(&this->cursor, UNW_REG_IP, &this->theirs) == 0 &&
        this->theirs != 0) {
        return;
    }
    this->differs = false;
}

static void put_hex(struct seep_text *text, uint64_t number)
{
    char digits[19] = "0x";
    unsigned n = 2;

    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = number >> shift & 15;

        if (digit != 0 || n > 2 || shift == 0) {
            digits[n++] = "0123456789abcdef"[digit];
        }
    }
    digits[n] = '\0';
    seep_text_put(text, digits);
}

static void put_place(struct seep_text *text, uint32_t module, uint64_t offset)
{
    const char *name = module != 0 ? seep_segment_modules()[module].path : "";
    const char *slash = name;

    for (; *slash != '\0'; slash++) {
        name = *slash == '/' ? slash + 1 : name;
    }
    seep_text_put(text, name);
    seep_text_put(text, "+");
    put_hex(text, offset);
}

/* "frame 2: recorded a+0x1, libunwind b+0x2; stack: a+0x3 a+0x4 ..." */
static void keep_text(const struct comparison *this)
{
    struct seep_segment_header *header = seep_segment_header();
    struct seep_text text = {header->check_text, 0, sizeof(header->check_text)};
    const struct seep_node *nodes = seep_segment_nodes();
    struct seep_module_range range;

    seep_text_put(&text, "frame ");
    seep_text_put_number(&text, this->frame);
    seep_text_put(&text, ": recorded ");
    if (this->node >= SEEP_NODE_FIRST) {
        put_place(&text, nodes[this->node].module, nodes[this->node].offset);
    } else {
        seep_text_put(&text, "the end");
    }
    seep_text_put(&text, ", libunwind ");
    if (this->theirs != 0) {
        (void)seep_unwind_rules_module(this->theirs, &range);
        put_place(&text, range.id, this->theirs - (range.id != 0 ? range.base : 0));
    } else {
        seep_text_put(&text, "the end");
    }
    seep_text_put(&text, "; stack:");
    for (uint32_t node = this->leaf; node >= SEEP_NODE_FIRST; node = nodes[node].parent) {
        seep_text_put(&text, " ");
        put_place(&text, nodes[node].module, nodes[node].offset);
    }
}

static void count(const struct comparison *this)
{
    struct seep_segment_header *header = seep_segment_header();

    if (this->differs) {
        atomic_fetch_add_explicit(&header->check_differences, 1, memory_order_relaxed);
        if (!atomic_exchange_explicit(&text_taken, true, memory_order_relaxed)) {
            keep_text(this);
        }
    } else if (this->prefix) {
        atomic_fetch_add_explicit(&header->check_prefixes, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&header->checked, 1, memory_order_relaxed);
}

/* In a forked child: another thread of the parent may have held libunwind's locks, and
 * then they are held for ever. Returns: whether this process may go on. */
static bool may_check(const struct seep_self *self)
{
    uint32_t epoch = __atomic_load_n(&epoch_seen, __ATOMIC_RELAXED);

    if (self->epoch == epoch) {
        return true;
    }
    if (atomic_load_explicit(&under_way, memory_order_relaxed) != 0) {
        wanted_every = 0;
        seep_check_every = 0;
        seep_segment_header()->check_every = SEEP_CHECK_UNAVAILABLE;
        return false;
    }
    __atomic_store_n(&epoch_seen, self->epoch, __ATOMIC_RELAXED);
    return true;
}

/* Between here and the end: no signals, no self. */
__attribute__((noinline)) static void check(struct seep_self *self, uintptr_t sp,
                                            uint32_t leaf)
{
    static const uint64_t all = UINT64_MAX;
    uint64_t before = 0;
    struct comparison *this = NULL;
    int saved_errno = errno;

    if (seep_segment_header()->pid != (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0)) {
        return; /* a child of vfork, in its parent's memory */
    }
    (void)seep_arch_syscall4(SYS_rt_sigprocmask, 0, &all, &before, sizeof(all));
    if (may_check(self)) {
        atomic_fetch_add_explicit(&under_way, 1, memory_order_relaxed);
        this = take_stack();
        if (this != NULL) {
            busy = true;
            seep_guard_tls = NULL;
            *this = (struct comparison){.sp = sp, .leaf = leaf};
            (void)get_context(&this->context);
            seep_arch_call_on_stack(compare, this, (uint8_t *)this + STACK_BYTES);
            seep_guard_tls = self;
            busy = false;
            count(this);
            give_stack_back(this);
        }
        atomic_fetch_sub_explicit(&under_way, 1, memory_order_relaxed);
    }
    (void)seep_arch_syscall4(SYS_rt_sigprocmask, 2, &before, 0, sizeof(before));
    errno = saved_errno;
}

void seep_unwind_check(struct seep_self *self, uintptr_t sp, uint32_t site)
{
    uint32_t leaf = site != 0 ? seep_segment_sites()[site].node : 0;

    if (leaf < SEEP_NODE_FIRST || busy) {
        return;
    }
    if (until_next > 0) {
        until_next--;
        return;
    }
    until_next = seep_check_every - 1;
    check(self, sp, leaf);
    __asm__ volatile(""); /* not a tail call: libunwind must find this frame */
}
