/* The incremental walk: only the frames that changed since the last one.
 *
 * Design: walk by rules from the inside until a state of the last stack is met whose
 * outer words still compare equal; from there on the stack is the same and its node is
 * known (L1). What was called and returned meanwhile has rewritten its return address or
 * a word that led to it, so that the comparison fails.
 *
 * A frame pointer is compared only where a later frame takes an address from it: without
 * -fno-omit-frame-pointer it is an ordinary register, and comparing it would leave two
 * hits in a hundred (prototype).
 *
 * SPDX-License-Identifier: MIT
 */
#include "stack_last.h"

#include "guard.h"
#include "node_tree.h"
#include "segment_map.h"
#include "unwind_walk.h"
#include "word_compare.h"

struct taking {
    struct seep_last *last;
    struct seep_last_step *steps;
    const uint8_t *high; /* end of the thread's stack */
    struct seep_walk walk;
    uint32_t walked;
    uint32_t candidates; /* frames[0 .. candidates) of the last stack may still be met */
    uint32_t words_equal;
    bool words_compared;
    int32_t fp_source; /* step that read the present fp; -1: the fp at entry */
};

/* Leading words of the last stack, of `count`, that are what they were. */
static uint32_t equal_words(const struct taking *t, uint32_t count)
{
    return seep_compare_leading(t->high, t->last->words, count);
}

/* The frame pointer in the state of step `at` is used: it matters from its source on. */
static void mark_fp(struct taking *t, int32_t at)
{
    for (; at > t->fp_source && !t->steps[at].fp_live; at--) {
        t->steps[at].fp_live = true;
    }
    if (t->fp_source >= 0) {
        t->steps[t->fp_source].fp_word = true;
    }
}

/* Whether the present state is one of the last stack's, with all that lies outside it.
 * Then frames[0 .. candidates) of the last stack are the rest of this one. */
static inline __attribute__((always_inline)) bool meets(struct taking *t)
{
    const struct seep_last_frame *frames = t->last->frames;
    const struct seep_last_frame *met = NULL;

    while (t->candidates > 0 && frames[t->candidates - 1].sp < t->walk.sp) {
        t->candidates--;
    }
    if (t->candidates == 0) {
        return false;
    }
    met = &frames[t->candidates - 1];
    if (met->sp != t->walk.sp || met->frame != t->walk.pc ||
        (met->fp_live && met->fp != t->walk.fp)) {
        return false;
    }
    if (!t->words_compared) {
        t->words_equal = equal_words(t, met->words);
        t->words_compared = true;
    }
    if (met->words <= t->words_equal) {
        return true;
    }
    while (t->candidates > 0 && frames[t->candidates - 1].words > t->words_equal) {
        t->candidates--;
    }
    return false;
}

/* Over one frame. Returns: SEEP_NODE_NONE; how the stack ends; SEEP_NODE_UNKNOWN: not a
 * stack to remember. */
static inline __attribute__((always_inline)) uint32_t over(struct taking *t)
{
    struct seep_rule rule = seep_rule_of(t->walk.pc);
    struct seep_last_step *at = &t->steps[t->walked];
    enum seep_rule_kind kind = seep_rule_kind(rule);
    struct seep_step step;
    uint32_t end = SEEP_NODE_NONE;

    *at =
        (struct seep_last_step){.frame = t->walk.pc, .sp = t->walk.sp, .fp = t->walk.fp};
    t->walked++;
    if (kind > SEEP_RULE_FP_DEREF) {
        return kind == SEEP_RULE_END || kind == SEEP_RULE_MISSING
                   ? seep_walk_end(&t->walk, rule)
                   : SEEP_NODE_UNKNOWN;
    }
    if (seep_rule_uses_fp(rule)) {
        mark_fp(t, (int32_t)t->walked - 1);
    }
    end = seep_walk_step(&t->walk, rule, &step);
    at->ra_at = t->walk.sp - SEEP_WORD_BYTES;
    at->ra = t->walk.pc;
    at->deref_at = step.deref_at;
    at->deref = t->walk.sp;
    if (step.fp_at != 0) {
        at->fp_at = step.fp_at;
        at->fp_next = t->walk.fp;
        t->fp_source = (int32_t)t->walked - 1;
    }
    return end == SEEP_NODE_BAD_FRAME ? SEEP_NODE_UNKNOWN : end;
}

static void push_word(const struct taking *t, uint16_t *words, uintptr_t at,
                      uintptr_t value)
{
    seep_words_set(t->last->words, *words, (int32_t)(at - (uintptr_t)t->high), value);
    (*words)++;
}

/* What the thread knows of a path, and the tables' bucket for it, will be asked for soon.
 */
static void fetch(const struct seep_self *self, uint32_t path,
                  const _Atomic uint32_t *bucket)
{
    if (self->nodes.grown != NULL) {
        __builtin_prefetch(&self->nodes.grown[path & self->nodes.mask], 1);
        __builtin_prefetch((const void *)bucket);
    }
}

/* Gives the walked frames their paths. What the thread knows of them is in no cache when
 * it was not asked for lately: it comes while the first is looked at. */
static void find_paths(const struct taking *t, const struct seep_self *self,
                       uint32_t path, uint64_t leaf_word)
{
    for (uint32_t i = t->walked; i-- > 0;) {
        path = seep_node_path_of_child(path, t->steps[i].frame);
        t->steps[i].path = path;
        fetch(self, path, &seep_segment_node_buckets()[path % SEEP_NODE_BUCKETS]);
    }
    path = seep_node_path(path, leaf_word);
    fetch(self, path, &seep_segment_site_buckets()[path % SEEP_SITE_BUCKETS]);
}

/* Hangs the walked frames below the `kept` ones. Returns: the leaf node; 0 when the table
 * is full, or when a signal handler forked meanwhile and its child has got another one.
 */
static uint32_t append(struct taking *t, struct seep_self *self, uint32_t kept,
                       uint32_t end, uint64_t leaf_word)
{
    struct seep_last *last = t->last;
    uint32_t node = kept != 0 ? last->frames[kept - 1].node : end;
    uint16_t words = kept != 0 ? last->frames[kept - 1].words : 0;
    uint32_t epoch = self->epoch;

    find_paths(t, self, kept != 0 ? last->frames[kept - 1].path : end, leaf_word);
    last->count = 0; /* until it is whole */
    for (uint32_t i = t->walked; i-- > 0;) {
        const struct seep_last_step *step = &t->steps[i];

        node = seep_node_child_cached(self, step->path, node, step->frame);
        if (__builtin_expect(node == 0 ||
                                 epoch != __atomic_load_n(&self->epoch, __ATOMIC_RELAXED),
                             0)) {
            return 0;
        }
        if (step->ra_at != 0) {
            push_word(t, &words, step->ra_at, step->ra);
        }
        if (step->fp_word) {
            push_word(t, &words, step->fp_at, step->fp_next);
        }
        if (step->deref_at != 0) {
            push_word(t, &words, step->deref_at, step->deref);
        }
        last->frames[kept++] = (struct seep_last_frame){.frame = step->frame,
                                                        .sp = step->sp,
                                                        .fp = step->fp,
                                                        .node = node,
                                                        .path = step->path,
                                                        .words = words,
                                                        .fp_live = step->fp_live};
    }
    last->count = kept;
    last->end = end;
    last->walked = t->walked;
    return node;
}

/* The innermost frames: those walked, then those kept. */
static int64_t too_deep(const struct taking *t, struct seep_self *self, uint32_t kept)
{
    for (uint32_t i = 0; i < SEEP_STACK_MAX_FRAMES; i++) {
        self->frames[0][i] = i < t->walked
                                 ? t->steps[i].frame
                                 : t->last->frames[kept - 1 - (i - t->walked)].frame;
    }
    return SEEP_LAST_DEEP;
}

int64_t seep_last_take(struct seep_self *self, uintptr_t sp, uintptr_t fp,
                       uint64_t leaf_word)
{
    struct taking t = {
        .last = &self->last,
        .steps = self->steps,
        .high = (const uint8_t *)self->stack_high,
        .walk = {.sp = sp + SEEP_WORD_BYTES, .fp = fp, .pc = *(const uintptr_t *)sp},
        .candidates = self->last.count,
        .fp_source = -1};
    uint32_t kept = 0;
    uint32_t end = SEEP_NODE_NONE;

    if (self->stack_high - sp > INT32_MAX) {
        return SEEP_LAST_ELSEWHERE; /* L2: the offsets of its words are 32 bits */
    }
    seep_stack_view_enter(&t.walk.view, self->stack_low, self->stack_high, sp);
    while (end == SEEP_NODE_NONE) {
        if (meets(&t)) {
            kept = t.candidates;
            end = t.last->end;
            if (t.last->frames[kept - 1].fp_live) {
                mark_fp(&t, (int32_t)t.walked - 1);
            }
        } else if (t.walked == SEEP_STACK_MAX_FRAMES) {
            return too_deep(&t, self, 0);
        } else {
            end = over(&t);
        }
    }
    if (end == SEEP_NODE_UNKNOWN) {
        return SEEP_LAST_ELSEWHERE;
    }
    if (kept + t.walked > SEEP_STACK_MAX_FRAMES) {
        return too_deep(&t, self, kept);
    }
    if (t.walked == 0) { /* the very same stack */
        t.last->walked = 0;
        t.last->count = kept;
        return t.last->frames[kept - 1].node;
    }
    return append(&t, self, kept, end, leaf_word);
}
