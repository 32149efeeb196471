/* The lists that everything else is generated from: resource kinds, losses, the functions
 * of seep.h. (Interposed functions: shim/functions.h.)
 *
 * Values are shared memory and file format: explicit, 0 = none, never renumbered.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_KINDS_H
#define SEEP_KINDS_H

/* X(NAME, value, "name in reports") */
#define SEEP_KINDS(X)                                                                    \
    X(HEAP, 1, "heap")                                                                   \
    X(MAPPING, 2, "mapping")                                                             \
    X(THREAD, 3, "thread")                                                               \
    X(FD, 4, "fd")                                                                       \
    X(TIMER, 5, "timer")

enum seep_kind {
    SEEP_KIND_NONE = 0,
#define SEEP_X(name, value, text) SEEP_KIND_##name = (value),
    SEEP_KINDS(SEEP_X)
#undef SEEP_X
        SEEP_KIND_END
};

/* Why something is not in the recording, or not whole. X(NAME, value, "name", "what was
 * lost") The first group are lost events; from STACK_DEEP on the event is counted, its
 * stack is not whole.
 */
#define SEEP_LOSSES(X)                                                                   \
    X(BEFORE_START, 1, "before_start", "allocations before the shim had started")        \
    X(NODES_FULL, 2, "nodes_full", "stacks beyond the calling-context tree's limit")     \
    X(SITES_FULL, 3, "sites_full", "events of sites beyond the limit")                   \
    X(THREADS_FULL, 4, "threads_full", "threads beyond the thread table's limit")        \
    X(LIVE_FULL, 5, "live_full", "blocks outside the address ranges of the live table")  \
    X(MODULES_FULL, 6, "modules_full", "modules beyond the module table's limit")        \
    X(SUBSYSTEMS_FULL, 7, "subsystems_full", "subsystem names beyond the limit")         \
    X(MARKS_FULL, 8, "marks_full", "marks beyond the limit")                             \
    X(NESTED, 9, "nested", "events in deeply nested signal handlers or dying threads")   \
    X(NO_MEMORY, 10, "no_memory", "events while the kernel refused memory to the shim")  \
    X(REFUSED, 11, "refused", "processes that the collector could not take")             \
    X(SNAPSHOTS_THINNED, 12, "snapshots_thinned", "snapshots merged to bound the file")  \
    X(CHILDREN_FULL, 13, "children_full", "children beyond the collector's limit")       \
    X(HOLDINGS_FULL, 14, "holdings_full",                                                \
      "descriptors, timers and mappings beyond their tables' limits")                    \
    X(LIFETIMES_FULL, 15, "lifetimes_full",                                              \
      "threads whose lifetimes are beyond the limit of creation sites")                  \
    X(STACK_DEEP, 32, "stack_deep", "stacks cut at 1,024 frames")                        \
    X(STACK_NO_RULE, 33, "stack_no_rule",                                                \
      "stacks that end in code without unwind rules")                                    \
    X(STACK_BAD_FRAME, 34, "stack_bad_frame", "stacks that end at an unreadable frame")  \
    X(STACK_UNSUPPORTED, 35, "stack_unsupported",                                        \
      "stacks that end at a rule not yet understood")

enum seep_loss {
    SEEP_LOSS_NONE = 0,
#define SEEP_X(name, value, key, text) SEEP_LOSS_##name = (value),
    SEEP_LOSSES(SEEP_X)
#undef SEEP_X
        SEEP_LOSS_MAX = 64 /* array size; values stay below */
};
enum { SEEP_LOSS_FIRST_STACK = SEEP_LOSS_STACK_DEEP };

/* Why the shim stepped aside for good. X(NAME, value, "text for the report") */
#define SEEP_OFF_REASONS(X)                                                              \
    X(NO_UNWIND_INFO, 1, "this C library has no _dl_find_object (glibc before 2.35)")    \
    X(NO_SEGMENT, 2, "the kernel refused the shared memory segment")                     \
    X(ADDRESS_SPACE, 3, "too little address space (RLIMIT_AS)")                          \
    X(NO_COLLECTOR, 4, "no collector answered")                                          \
    X(CHILDREN_OFF, 5, "children are not recorded (--no-children)")                      \
    X(FILE_SIZE, 7, "the file size limit is too small (RLIMIT_FSIZE)")

enum seep_off_reason {
    SEEP_OFF_NONE = 0,
#define SEEP_X(name, value, text) SEEP_OFF_##name = (value),
    SEEP_OFF_REASONS(SEEP_X)
#undef SEEP_X
};

/* Called by programs through seep/seep.h. X(exported name) */
#define SEEP_API_FUNCTIONS(X)                                                            \
    X(seep_shim_enter)                                                                   \
    X(seep_shim_enter_bounded)                                                           \
    X(seep_shim_leave)                                                                   \
    X(seep_shim_mark)                                                                    \
    X(seep_shim_totals)                                                                  \
    X(seep_shim_sites)                                                                   \
    X(seep_shim_stack)                                                                   \
    X(seep_shim_threads_live)                                                            \
    X(seep_shim_threads_settle)

#endif
