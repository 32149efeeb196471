/* One finding: what was found of one site, all that a renderer may show of it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_VERDICT_FINDING_H
#define SEEP_ANALYZER_VERDICT_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seep/kinds.h"
#include "verdict/thread_view.h"

/* Worst last, so that `a >= b` means at least as bad. */
enum seep_verdict {
    SEEP_VERDICT_NONE = 0,
    SEEP_VERDICT_BOUNDED = 1,
    SEEP_VERDICT_SUSPECT = 2,
    SEEP_VERDICT_PROBABLE = 3,
    SEEP_VERDICT_DEFINITE = 4
};

enum seep_cause {
    SEEP_CAUSE_GROWTH = 1,
    SEEP_CAUSE_UNJOINED = 2,
    SEEP_CAUSE_LEFT_AT_EXIT = 3,
    SEEP_CAUSE_STUCK = 4, /* threads: the owner of what they wait for is gone or stuck */
    SEEP_CAUSE_UNREACHABLE = 5, /* threads: nobody can wake them */
    SEEP_CAUSE_LOCK_CYCLE = 6   /* threads: each waits for the next */
};

enum seep_frame_role {
    SEEP_ROLE_RUNTIME = 1, /* the C and C++ runtimes, the loader */
    SEEP_ROLE_LIBRARY = 2, /* a shared library of the system */
    SEEP_ROLE_PROGRAM = 3  /* the program's own code */
};

struct seep_view_frame {
    const char *function;    /* "??" unknown */
    const char *file;        /* "" unknown */
    const char *module;      /* base name */
    const char *module_path; /* whole; NULL unknown */
    const char *build_id;    /* hex, "" none */
    uint64_t offset;         /* in the module */
    uint32_t line;           /* 0 unknown */
    bool inlined;
    enum seep_frame_role role;
};

struct seep_view_thread {
    uint32_t tid;
    const char *name;
    const char *state; /* "running" | "waiting" | "blocked" | "ended" */
    const char *wait;  /* "" unknown */
    double blocked_s;  /* without CPU time or a context switch; 0 when not blocked */
    double idle_s;     /* since it last ran; 0 when it runs or that is unknown */
    const char *start; /* start routine, "??" unknown */
    const char *place; /* where it is blocked: "hub_send (hub.c:120)"; "" unknown */
    struct seep_view_frame *stack; /* the same, whole, innermost first; NULL: nobody
                                      looked */
    size_t stack_count;
};

struct seep_view_range {
    double low, high; /* high may be INFINITY */
};

struct seep_view_evidence {
    uint64_t live,
        live_bytes; /* at the end of what was judged; for left_at_exit: at the end */
    double live_error, live_bytes_error; /* 95 %, of a sampled recording; 0: exact */
    uint64_t acquired, released;
    bool measured; /* the growth fields below are filled */
    double growth_per_s, growth_bytes_per_s;
    struct seep_view_range growth_per_s_ci, growth_bytes_per_s_ci; /* 95 % */
    size_t grew;      /* steps up in the whole run, of blocks that grow; 0: not told */
    double q_value;   /* false discovery rate; NAN: the verdict does not rest on a test */
    double end_share; /* of the growth, in the last half of the window */
    double judged_s;  /* length of the window */
    bool ages_known;  /* the two fields below are filled */
    double oldest_age_s;
    size_t generations_alive;
};

/* What descriptors are open on. */
enum { SEEP_GROUPS_MAX = 3, SEEP_GROUP_EXAMPLES = 3 };
struct seep_view_group {
    const char *what; /* "TCP to 127.0.0.1:3000 in CLOSE_WAIT" */
    size_t count;
    const char *examples[SEEP_GROUP_EXAMPLES]; /* of the lowest descriptors */
    size_t example_count;
};
struct seep_view_targets {
    struct seep_view_group groups[SEEP_GROUPS_MAX]; /* largest first */
    size_t group_count;
    size_t total;     /* descriptors that were looked at */
    const char *noun; /* "sockets", "files", "descriptors" ...; NULL: none of its kind */
};

/* What the program declared of the container that the blocks are entries of. */
struct seep_view_limit {
    const char *container; /* NULL: nothing */
    uint64_t most;         /* entries, in all */
    bool is_broken;        /* more than that are alive */
};

struct seep_view_forecast {
    const char *limit;  /* "rss" (cgroup) | "address_space" | "threads" | "nofile"; NULL:
                           no limit known */
    double limit_value; /* bytes; threads for "threads", descriptors for "nofile" */
    double time_to_limit_s;
    struct seep_view_range ci_s;
};

/* How it grows, once it is known that it does. */
enum seep_pattern {
    SEEP_PATTERN_NONE = 0, /* not asked: bounded, or no growth */
    SEEP_PATTERN_STEADY = 1,
    SEEP_PATTERN_PER_OPERATION = 2,
    SEEP_PATTERN_STEPS = 3,
    SEEP_PATTERN_SAW_TOOTH = 4,
    SEEP_PATTERN_CONTAINER = 5,
    SEEP_PATTERN_SLOW_RELEASE = 6
};
struct seep_view_pattern {
    enum seep_pattern kind;
    const char *text; /* a sentence on it; "" nothing to add; NULL without a pattern */
    const char *pace; /* "operations" | "time"; NULL: cannot be told */
    const char *unit; /* what operations are: "http requests"; NULL: unknown */
    const char *unit_one; /* one of them: "http request"; NULL as above */
    bool unit_by_mark;    /* the program's own mark; else allocations of a busy site */
    double growth_per_unit, growth_bytes_per_unit; /* where pace is "operations" */
    const char *with; /* what the steps come with: "mark", "fd", "thread"; NULL unknown */
};

/* One of the sites that a finding on a caller speaks for. */
enum { SEEP_VIEW_MEMBERS_MAX = 12 };
struct seep_view_member {
    const char *headline, *place; /* as of a finding; "hub.c:120", "" unknown */
    uint64_t live, live_bytes;    /* at the end of what was judged */
    double growth_per_s, growth_bytes_per_s;
};

struct seep_finding {
    char id[13];   /* 12 hex digits: of kind, functions and modules */
    uint32_t site; /* of the recording; of several the fastest growing; 0: none */
    enum seep_kind kind;
    enum seep_verdict verdict;
    enum seep_cause cause;
    const char *subsystem; /* "" none */
    const char *summary;   /* one sentence, without a line break */
    const char *headline;  /* function that answers for it */
    const char *through;   /* threads: the wrapper between that and pthread_create; "" */
    struct seep_view_evidence evidence;
    struct seep_view_limit limit;
    struct seep_view_pattern pattern;
    struct seep_view_forecast forecast;
    struct seep_view_frame *stack; /* innermost first */
    size_t stack_count;
    const char *stack_end;            /* why the stack is not whole; "" when it is */
    struct seep_view_thread *threads; /* a sample, oldest first */
    size_t thread_count;
    size_t thread_total;   /* of which `threads` is a sample */
    double longest_stop_s; /* one of them stood still for us; 0: none was looked at */
    struct seep_view_lifetimes lifetimes; /* threads */
    size_t companion_sites; /* heap sites of pthread_create or fopen itself, folded in */
    double companion_bytes; /* of their heap, per thread or descriptor */
    struct seep_view_targets targets;  /* descriptors */
    struct seep_view_member *members;  /* of several sites; the fastest growing first */
    size_t member_count, member_total; /* shown; of all. 0: the finding is on one site */
    const uint32_t *sites;             /* of several: all of them, ascending */
    size_t site_count;
    bool members_suppressed; /* rules take every one of them */
    size_t with; /* number in the list, from 1, of the finding that it is likely one
                    cause with; 0 */
    const char *with_caller; /* that both are below; "" no name; NULL without `with` */
    double *series;          /* live, thinned over the whole run */
    bool series_of_bytes;    /* of live bytes: where the count says nothing */
    size_t series_count;
    double series_from_s, series_to_s;
};

#endif
