/* Findings of one name, told apart.
 *
 * A helper that is called from two handlers leaks at two sites, and the two sentences
 * would differ by their numbers alone. Which caller each comes through is in the stack;
 * of it the first function outwards that none of the others has at the same distance is
 * said. The whole path was rejected: it is what the stack below is for. Comparing each
 * with each was rejected: 5,000 findings took 18 s; sorted by their callers, each is
 * compared with those beside it (8 ms).
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/namesake.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The frame that answers, by its name: index, or 0 where none has it. */
static size_t answering(const struct seep_finding *finding)
{
    for (size_t i = 0; i < finding->stack_count; i++) {
        const char *function = finding->stack[i].function;
        size_t n = strlen(function);

        if (strncmp(finding->headline, function, n) == 0 &&
            (finding->headline[n] == '\0' || finding->headline[n] == ' ')) {
            return i;
        }
    }
    return 0;
}

/* A finding with what its namesakes have in common with it. */
struct person {
    const struct seep_finding *finding;
    size_t answering, draft;
};

static int by_number(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* 0 for namesakes. */
static int by_name(const struct person *a, const struct person *b)
{
    int order = by_number(a->finding->kind, b->finding->kind);

    order = order != 0 ? order
                       : by_number(a->finding->stack[a->answering].line,
                                   b->finding->stack[b->answering].line);
    order = order != 0 ? order : strcmp(a->finding->headline, b->finding->headline);
    return order != 0 ? order : strcmp(a->finding->subsystem, b->finding->subsystem);
}

/* How far out the two differ, and how; SIZE_MAX when nowhere. */
static size_t first_difference(const struct person *a, const struct person *b, int *order)
{
    size_t i = a->answering;
    size_t j = b->answering;

    *order = by_number(a->finding->stack_count - i, b->finding->stack_count - j);
    for (size_t k = 1; i + k < a->finding->stack_count && j + k < b->finding->stack_count;
         k++) {
        int differs =
            strcmp(a->finding->stack[i + k].function, b->finding->stack[j + k].function);

        if (differs != 0) {
            *order = differs;
            return k;
        }
    }
    return SIZE_MAX;
}

/* Namesakes beside each other, then by their callers outwards: of all others, that which
 * has most callers in common with one is near it. */
static int by_callers(const void *left, const void *right)
{
    const struct person *a = left;
    const struct person *b = right;
    int order = by_name(a, b);

    if (order == 0) {
        (void)first_difference(a, b, &order);
    }
    return order != 0 ? order : by_number(a->draft, b->draft);
}

/* One of those with the same callers, and how many they are. */
struct clan {
    const struct person *first;
    size_t count;
};

/* How far out clan `at` differs from that which is most like it; 0: from none. Those that
 * differ nowhere, because one stack ends where the other goes on, are passed over; one is
 * passed over by as many as its stack has frames at most. */
static size_t farthest(const struct clan *clans, size_t count, size_t at)
{
    size_t out = 0;

    for (int step = -1; step <= 1; step += 2) {
        for (size_t i = at + (size_t)step; i < count; i += (size_t)step) { /* -1: wraps */
            int order = 0;

            if (by_name(clans[at].first, clans[i].first) != 0) {
                break;
            }
            size_t differs = first_difference(clans[at].first, clans[i].first, &order);

            if (differs != SIZE_MAX) {
                out = differs > out ? differs : out;
                break;
            }
        }
    }
    return out;
}

/* The caller that is `out` frames out, or the next one with a name; NULL: none. */
static const char *caller_at(const struct person *person, size_t out)
{
    const struct seep_finding *finding = person->finding;

    for (size_t i = person->answering + out; out > 0 && i < finding->stack_count; i++) {
        if (finding->stack[i].role == SEEP_ROLE_PROGRAM &&
            strcmp(finding->stack[i].function, "??") != 0) {
            return finding->stack[i].function;
        }
    }
    return NULL;
}

static size_t gather(const struct seep_analysis *analysis, struct person *people)
{
    size_t count = 0;

    for (size_t i = 0; i < analysis->count; i++) {
        const struct seep_finding *finding = &analysis->drafts[i].finding;

        if (finding->verdict > SEEP_VERDICT_BOUNDED && finding->stack_count > 0) {
            people[count++] = (struct person){finding, answering(finding), i};
        }
    }
    return count;
}

static size_t make_clans(const struct person *people, size_t count, struct clan *clans)
{
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        int order = 1;

        if (made > 0 && by_name(clans[made - 1].first, &people[i]) == 0) {
            (void)first_difference(clans[made - 1].first, &people[i], &order);
        }
        if (order == 0) {
            clans[made - 1].count++;
        } else {
            clans[made++] = (struct clan){&people[i], 1};
        }
    }
    return made;
}

int seep_namesakes_tell(struct seep_analysis *analysis)
{
    struct person *people = calloc(analysis->count + 1, sizeof(*people));
    struct clan *clans = calloc(analysis->count + 1, sizeof(*clans));
    int status = people != NULL && clans != NULL ? 0 : -ENOMEM;

    if (status == 0) {
        size_t count = gather(analysis, people);

        qsort(people, count, sizeof(*people), by_callers);
        count = make_clans(people, count, clans);
        for (size_t i = 0; i < count; i++) {
            size_t out = farthest(clans, count, i);

            for (size_t k = 0; k < clans[i].count; k++) {
                const struct person *person = &clans[i].first[k];
                struct seep_finding *finding = &analysis->drafts[person->draft].finding;
                const char *caller = caller_at(person, out);

                if (caller != NULL) {
                    finding->summary =
                        seep_findings_printf(analysis->findings, "%s Reached through %s.",
                                             finding->summary, caller);
                }
            }
        }
    }
    free(people);
    free(clans);
    return status;
}
