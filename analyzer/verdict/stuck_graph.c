/* Fates of blocked threads from the wait-for graph and from searches for who could wake
 * them.
 *
 * Definite is what cannot change any more: a cycle, a lock whose owner is gone, an object
 * that nobody knows. A lock that is held is no proof while its owner can go on: probable
 * when the owner is stuck elsewhere, nothing when it runs, as servers do that gate their
 * workers by locks. Time alone is no evidence: a
 * worker that has waited for a week for work is as healthy as on its first day.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/stuck_graph.h"

#include <errno.h>
#include <stdlib.h>

static bool is_lock(enum seep_wait_kind kind)
{
    return kind == SEEP_WAIT_MUTEX || kind == SEEP_WAIT_RWLOCK;
}

static struct seep_stuck_fate fate(enum seep_stuck_why why, enum seep_verdict verdict,
                                   uint32_t root)
{
    return (struct seep_stuck_fate){.why = why, .verdict = verdict, .root = root};
}

/* A cycle holds only while each of its threads stands still. */
static bool cycle_stands(const struct seep_stuck_thread *threads,
                         const struct seep_wait_chain *chains, uint32_t start)
{
    uint32_t at = start;

    for (uint32_t i = 0; i < chains[start].steps; i++, at = chains[at].owner) {
        if (!threads[at].blocked) {
            return false;
        }
    }
    return true;
}

static struct seep_stuck_fate fate_of(const struct seep_stuck_thread *threads,
                                      const struct seep_wait_chain *chains, uint32_t i)
{
    const struct seep_stuck_thread *thread = &threads[i];
    const struct seep_wait_chain *chain = &chains[i];

    if (!thread->blocked) {
        return fate(SEEP_STUCK_NOT, SEEP_VERDICT_NONE, i);
    }
    if (thread->unreachable) {
        return fate(SEEP_STUCK_UNREACHABLE, SEEP_VERDICT_DEFINITE, i);
    }
    switch (chain->shape) {
    case SEEP_CHAIN_CYCLE:
        return cycle_stands(threads, chains, i)
                   ? fate(SEEP_STUCK_CYCLE, SEEP_VERDICT_DEFINITE, chain->last)
                   : fate(SEEP_STUCK_NOT, SEEP_VERDICT_NONE, i);
    case SEEP_CHAIN_INTO_CYCLE:
        return cycle_stands(threads, chains, chain->last)
                   ? fate(SEEP_STUCK_BEHIND, SEEP_VERDICT_DEFINITE, chain->last)
                   : fate(SEEP_STUCK_NOT, SEEP_VERDICT_NONE, i);
    case SEEP_CHAIN_OWNER_ENDED:
        if (!is_lock(threads[chain->last].wait.kind)) {
            return fate(SEEP_STUCK_NOT, SEEP_VERDICT_NONE,
                        i); /* its join is about to end */
        }
        return fate(chain->steps == 0 ? SEEP_STUCK_OWNER_ENDED : SEEP_STUCK_BEHIND,
                    SEEP_VERDICT_DEFINITE, chain->last);
    case SEEP_CHAIN_BLOCKED:
        if (threads[chain->last].unreachable) {
            return fate(SEEP_STUCK_BEHIND, SEEP_VERDICT_DEFINITE, chain->last);
        }
        if (!is_lock(thread->wait.kind)) {
            return fate(SEEP_STUCK_NOT, SEEP_VERDICT_NONE,
                        i); /* main joins its workers */
        }
        return threads[chain->last].blocked
                   ? fate(SEEP_STUCK_HELD, SEEP_VERDICT_PROBABLE, chain->last)
                   : fate(SEEP_STUCK_HELD_LONG, SEEP_VERDICT_NONE, chain->last);
    case SEEP_CHAIN_RUNNING:
        return is_lock(thread->wait.kind)
                   ? fate(SEEP_STUCK_HELD_LONG, SEEP_VERDICT_NONE, chain->last)
                   : fate(SEEP_STUCK_NOT, SEEP_VERDICT_NONE, i);
    default:
        return fate(SEEP_STUCK_NOT, SEEP_VERDICT_NONE, i);
    }
}

/* Of threads that wait for the same orphaned lock the first answers for all. */
static void share_orphans(const struct seep_stuck_thread *threads, size_t n,
                          struct seep_stuck_fate *fates)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct seep_wait_thread *root = &threads[fates[i].root].wait;

        for (uint32_t k = 0; (fates[i].why == SEEP_STUCK_OWNER_ENDED ||
                              fates[i].why == SEEP_STUCK_BEHIND) &&
                             k < fates[i].root;
             k++) {
            if (fates[k].why == SEEP_STUCK_OWNER_ENDED &&
                threads[k].wait.address == root->address) {
                fates[i].root = k;
                break;
            }
        }
    }
}

int seep_stuck_judge(const struct seep_stuck_thread *threads, size_t n,
                     struct seep_wait_chain *chains, struct seep_stuck_fate *fates)
{
    struct seep_wait_thread *waits = calloc(n + 1, sizeof(*waits));
    int err = waits != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; err == 0 && i < n; i++) {
        waits[i] = threads[i].wait;
    }
    if (err == 0) {
        err = seep_wait_graph_solve(waits, n, chains);
    }
    if (err == 0) {
        for (uint32_t i = 0; i < n; i++) {
            fates[i] = fate_of(threads, chains, i);
        }
        share_orphans(threads, n, fates);
    }
    free(waits);
    return err;
}
