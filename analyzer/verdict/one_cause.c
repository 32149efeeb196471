/* Which findings are one problem.
 *
 * A handler that forgets its request loses a thread, a socket and three blocks each time:
 * five findings at the top of a report, one bug. They are told apart from strangers as
 * the members of a group are (caller_settle.c): one call has them all below it, and they
 * rise in the same snapshots. And threads that one line starts are one problem, whichever
 * way it was reached, with all that goes with them. Each stays a finding, with its own
 * evidence and stack; the report says which it goes with. Making them one finding was
 * rejected: a verdict is on one kind of resource, and so are limits and forecasts.
 *
 * The outermost functions of a stack (main, a thread's start routine) are above
 * everything and say nothing: what they have below them is not taken together.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/one_cause.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trend/together.h"
#include "verdict/stack_view.h"

enum { INLINE_MAX = 64 };

struct stack {
    uint32_t nodes[SEEP_STACK_MAX_FRAMES]; /* innermost first */
    size_t count;
};

struct telling {
    struct seep_analysis *analysis;
    struct seep_counters *counters; /* scratch; one per snapshot */
    double *first, *other;          /* in the window, of the lead and of another */
    struct stack lead, follower;
};

static bool takes_part(const struct seep_finding *finding)
{
    return finding->site != 0 && finding->verdict > SEEP_VERDICT_BOUNDED &&
           (finding->cause == SEEP_CAUSE_GROWTH || finding->cause == SEEP_CAUSE_UNJOINED);
}

/* What rises, in the window: what is alive; of threads that end without being joined, how
 * many were made. Returns: whether it rises at all: a container's blocks do not. */
static bool read_rise(const struct telling *telling, const struct seep_finding *finding,
                      double *out)
{
    struct seep_analysis *analysis = telling->analysis;
    size_t warm = analysis->window.warm;
    size_t n = seep_window_points(&analysis->window);

    if (finding->cause == SEEP_CAUSE_UNJOINED) {
        seep_recording_site_counters(analysis->recording, finding->site,
                                     telling->counters);
        for (size_t i = 0; i < n; i++) {
            out[i] = (double)telling->counters[warm + i].acquired;
        }
    } else {
        seep_series_read(&analysis->series, analysis->recording, finding->site);
        memcpy(out, analysis->series.live + warm, n * sizeof(*out));
    }
    return n > 0 && out[n - 1] > out[0];
}

static void read_stack(const struct telling *telling, const struct seep_finding *finding,
                       struct stack *out)
{
    out->count = seep_recording_stack(telling->analysis->recording, finding->site,
                                      out->nodes, SEEP_STACK_MAX_FRAMES, NULL);
}

/* How many frames at the outer end belong to the start of a stack: the first, and the
 * runtime's after it. */
static size_t start_frames(const struct seep_recording *recording,
                           const struct stack *stack)
{
    size_t n = stack->count > 0;

    while (n < stack->count &&
           seep_stack_view_is_runtime(
               recording
                   ->modules[recording->nodes[stack->nodes[stack->count - 1 - n]].module]
                   .path)) {
        n++;
    }
    return n;
}

/* The function that both were reached through: where they part, the one called last
 * before; where one acquires at a place that the other goes through, the one with that
 * place. NULL: there is none; "": it has no name. */
static const char *caller_of_both(const struct telling *telling)
{
    const struct stack *a = &telling->lead;
    const struct stack *b = &telling->follower;
    struct seep_analysis *analysis = telling->analysis;
    struct seep_symbol_frame frames[INLINE_MAX];
    size_t common = 0;

    while (common < a->count && common < b->count &&
           a->nodes[a->count - 1 - common] == b->nodes[b->count - 1 - common]) {
        common++;
    }
    if (common <= start_frames(analysis->recording, a)) {
        return NULL;
    }
    bool apart = a->count > common && b->count > common;
    size_t n = seep_symbol_frames(
        analysis->symbolizer, a->nodes[a->count - common - apart], frames, INLINE_MAX);
    const char *function = n > 0 ? frames[n - 1].function : "??";

    if (strcmp(function, "main") == 0) {
        return NULL;
    }
    return strcmp(function, "??") == 0 ? ""
                                       : seep_findings_text(analysis->findings, function);
}

/* Two findings on threads that the same line of the program started, reached in different
 * ways. Of threads alone: the line that allocates is often a wrapper's. */
static bool is_same_place(const struct seep_finding *a, const struct seep_finding *b)
{
    const struct seep_view_frame *places[2] = {NULL, NULL};
    const struct seep_finding *findings[2] = {a, b};

    if (a->kind != SEEP_KIND_THREAD || b->kind != SEEP_KIND_THREAD ||
        a->cause != b->cause || strcmp(a->headline, b->headline) != 0) {
        return false;
    }
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < findings[f]->stack_count && places[f] == NULL; i++) {
            if (strcmp(findings[f]->stack[i].function, a->headline) == 0) {
                places[f] = &findings[f]->stack[i];
            }
        }
    }
    return places[0] != NULL && places[1] != NULL && places[0]->line == places[1]->line &&
           places[0]->line != 0 && strcmp(places[0]->file, places[1]->file) == 0;
}

/* Moves list[from] to list[to], which is before it. */
static void move_up(struct seep_finding *list, size_t from, size_t to)
{
    struct seep_finding moved = list[from];

    memmove(&list[to + 1], &list[to], (from - to) * sizeof(*list));
    list[to] = moved;
}

/* What is put together behind list[root]: it and what is there already end before `end`.
 */
struct cause {
    size_t root, end, count;
};

static void take(struct telling *telling, struct cause *cause, size_t from,
                 const char *caller, const char *sentence)
{
    struct seep_findings *findings = telling->analysis->findings;
    struct seep_finding *taken = &findings->findings[from];

    taken->with = cause->root + 1;
    taken->with_caller = caller;
    taken->summary = seep_findings_printf(findings, "%s %s", taken->summary, sentence);
    move_up(findings->findings, from, cause->end++);
}

/* In sentences, which are read in other orders and places as well: no numbers. */
static const char *things_of(enum seep_kind kind)
{
    return kind == SEEP_KIND_THREAD ? "threads"
           : kind == SEEP_KIND_FD   ? "descriptors"
                                    : seep_kind_name(kind);
}

static void take_in_step(struct telling *telling, struct cause *cause, size_t lead)
{
    struct seep_findings *findings = telling->analysis->findings;
    struct seep_finding *list = findings->findings;
    size_t n = seep_window_points(&telling->analysis->window);

    if (!read_rise(telling, &list[lead], telling->first)) {
        return;
    }
    read_stack(telling, &list[lead], &telling->lead);
    for (size_t i = cause->end; i < cause->count; i++) {
        if (!takes_part(&list[i]) || !read_rise(telling, &list[i], telling->other) ||
            !seep_together(telling->first, telling->other, n)) {
            continue;
        }
        read_stack(telling, &list[i], &telling->follower);
        const char *caller = caller_of_both(telling);

        if (caller != NULL) {
            take(telling, cause, i, caller,
                 seep_findings_printf(findings,
                                      "In step with the %s of %s%s%s: likely one cause.",
                                      things_of(list[lead].kind), list[lead].headline,
                                      caller[0] != '\0' ? ", both under " : "", caller));
        }
    }
}

static void take_same_place(struct telling *telling, struct cause *cause)
{
    struct seep_findings *findings = telling->analysis->findings;
    size_t i = cause->end;

    while (i < cause->count) {
        if (!takes_part(&findings->findings[i]) ||
            !is_same_place(&findings->findings[cause->root], &findings->findings[i])) {
            i++;
            continue;
        }
        take(telling, cause, i, "",
             seep_findings_printf(findings, "One cause with the other threads of %s.",
                                  findings->findings[cause->root].headline));
        take_in_step(telling, cause, cause->end - 1);
        i = cause->end;
    }
}

int seep_one_cause_tell(struct seep_analysis *analysis)
{
    size_t points = analysis->series.n + 1;
    size_t count = analysis->findings->finding_count < SEEP_ONE_CAUSE_FINDINGS_MAX
                       ? analysis->findings->finding_count
                       : SEEP_ONE_CAUSE_FINDINGS_MAX;
    struct telling *telling = calloc(1, sizeof(*telling));
    int status = -ENOMEM;

    if (telling == NULL) {
        return -ENOMEM;
    }
    telling->analysis = analysis;
    telling->counters = calloc(points, sizeof(*telling->counters));
    telling->first = calloc(points, sizeof(*telling->first));
    telling->other = calloc(points, sizeof(*telling->other));
    if (telling->counters != NULL && telling->first != NULL && telling->other != NULL) {
        for (struct cause cause = {.end = 1, .count = count}; cause.root < count;
             cause.root = cause.end++) {
            if (takes_part(&analysis->findings->findings[cause.root])) {
                take_in_step(telling, &cause, cause.root);
                take_same_place(telling, &cause);
            }
        }
        status = 0;
    }
    free(telling->counters);
    free(telling->first);
    free(telling->other);
    free(telling);
    return status;
}
