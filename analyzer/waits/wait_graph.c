/* Who waits for whom: every thread waits for at most one object, every object has at most
 * one owner, so the graph is a function, and chains are walked, not searched.
 *
 * A walk marks its way with its own number; meeting that number again is a cycle, meeting
 * an older one continues with what was found there. Rejected: depth-first search for
 * strongly connected components, which does the same for graphs that this one is not.
 *
 * I1: a chain is final once its shape is set; walks end at final ones. I2: all threads of
 * a cycle have the same `last`, its lowest index.
 *
 * SPDX-License-Identifier: MIT
 */
#include "waits/wait_graph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { NOBODY = UINT32_MAX, ENDED = UINT32_MAX - 1, NAMED_MAX = 12 };

struct tid_row {
    uint32_t tid, index;
};

struct walk {
    const struct seep_wait_thread *threads;
    struct seep_wait_chain *chains;
    struct tid_row *rows; /* by tid */
    uint32_t *next;       /* index of the owner; NOBODY; ENDED */
    uint32_t *visit;      /* number of the walk that came by; 0 none */
    size_t n;
};

static int by_tid(const void *a, const void *b)
{
    const struct tid_row *left = a;
    const struct tid_row *right = b;

    return (left->tid > right->tid) - (left->tid < right->tid);
}

static uint32_t index_of(const struct tid_row *rows, size_t n, uint32_t tid)
{
    struct tid_row key = {.tid = tid};
    const struct tid_row *found = bsearch(&key, rows, n, sizeof(*rows), by_tid);

    return found != NULL ? found->index : ENDED;
}

static void link_owners(struct walk *walk)
{
    for (uint32_t i = 0; i < walk->n; i++) {
        walk->rows[i] = (struct tid_row){.tid = walk->threads[i].tid, .index = i};
    }
    qsort(walk->rows, walk->n, sizeof(*walk->rows), by_tid);
    for (uint32_t i = 0; i < walk->n; i++) {
        uint32_t owner = walk->threads[i].owner_tid;

        walk->next[i] = owner != 0 ? index_of(walk->rows, walk->n, owner) : NOBODY;
    }
}

/* The chain of a thread that waits for nobody. */
static struct seep_wait_chain chain_of_end(const struct seep_wait_thread *thread,
                                           uint32_t index)
{
    bool runs = thread->kind == SEEP_WAIT_UNKNOWN && thread->call[0] == '\0';

    return (struct seep_wait_chain){
        .shape = runs ? SEEP_CHAIN_RUNNING : SEEP_CHAIN_BLOCKED, .last = index};
}

static void close_cycle(struct walk *walk, uint32_t start)
{
    uint32_t lowest = start;
    uint32_t length = 1;

    for (uint32_t i = walk->next[start]; i != start; i = walk->next[i]) {
        lowest = i < lowest ? i : lowest;
        length++;
    }
    for (uint32_t i = start, left = length; left > 0; i = walk->next[i], left--) {
        walk->chains[i] = (struct seep_wait_chain){
            .shape = SEEP_CHAIN_CYCLE, .steps = length, .last = lowest};
    }
}

/* Walks from `start` until something final, then gives every thread on the way its chain,
 * the last first. way: scratch of n. */
static void follow(struct walk *walk, uint32_t start, uint32_t number, uint32_t *way)
{
    size_t length = 0;
    uint32_t at = start;

    while (at < walk->n && walk->visit[at] == 0) {
        walk->visit[at] = number;
        way[length++] = at;
        at = walk->next[at];
    }
    if (at < walk->n && walk->visit[at] == number) {
        close_cycle(walk, at);
    }
    while (length > 0) {
        uint32_t i = way[--length];
        uint32_t next = walk->next[i];
        struct seep_wait_chain *chain = &walk->chains[i];

        if (chain->shape == SEEP_CHAIN_CYCLE) {
            continue;
        }
        if (next == NOBODY) {
            *chain = chain_of_end(&walk->threads[i], i);
        } else if (next == ENDED) {
            *chain = (struct seep_wait_chain){.shape = SEEP_CHAIN_OWNER_ENDED, .last = i};
        } else {
            *chain = walk->chains[next];
            chain->shape =
                chain->shape == SEEP_CHAIN_CYCLE ? SEEP_CHAIN_INTO_CYCLE : chain->shape;
            chain->steps++;
        }
    }
}

/* Inside, a thread without an owner to wait for is the end of others' chains; to the
 * caller it has no chain. */
static void finish(struct walk *walk)
{
    for (size_t i = 0; i < walk->n; i++) {
        uint32_t next = walk->next[i];

        if (next == NOBODY) {
            walk->chains[i] = (struct seep_wait_chain){.last = (uint32_t)i};
        }
        walk->chains[i].owner = next < walk->n ? next : (uint32_t)SEEP_CHAIN_NO_OWNER;
    }
}

int seep_wait_graph_solve(const struct seep_wait_thread *threads, size_t n,
                          struct seep_wait_chain *chains)
{
    struct walk walk = {.threads = threads, .chains = chains, .n = n};
    uint32_t *way = NULL;
    int err = -ENOMEM;

    if (n >= INT32_MAX) {
        return -EINVAL;
    }
    walk.rows = calloc(n + 1, sizeof(*walk.rows));
    walk.next = calloc(n + 1, sizeof(*walk.next));
    walk.visit = calloc(n + 1, sizeof(*walk.visit));
    way = calloc(n + 1, sizeof(*way));
    if (walk.rows != NULL && walk.next != NULL && walk.visit != NULL && way != NULL) {
        for (size_t i = 0; i < n; i++) {
            chains[i] = (struct seep_wait_chain){0};
        }
        link_owners(&walk);
        for (uint32_t i = 0; i < n; i++) {
            follow(&walk, i, i + 1, way);
        }
        finish(&walk);
        err = 0;
    }
    free(way);
    free(walk.visit);
    free(walk.next);
    free(walk.rows);
    return err;
}

static void put_name(const struct seep_wait_thread *thread, struct seep_buf *out)
{
    if (thread->name[0] != '\0') {
        seep_buf_printf(out, "%s (tid %" PRIu32 ")", thread->name, thread->tid);
    } else {
        seep_buf_printf(out, "thread %" PRIu32, thread->tid);
    }
}

static void put_place(const struct seep_wait_thread *thread, struct seep_buf *out)
{
    if (thread->place[0] != '\0') {
        seep_buf_printf(out, " in %s", thread->place);
    }
}

/* " waits in hub_send (hub.c:120) for the mutex 0x1000 held by " / "... to join ". */
static void put_wait(const struct seep_wait_thread *thread, struct seep_buf *out)
{
    seep_buf_printf(out, " waits");
    put_place(thread, out);
    if (thread->kind == SEEP_WAIT_JOIN) {
        seep_buf_printf(out, " to join ");
    } else {
        seep_buf_printf(out, " for the %s 0x%" PRIx64 " held by ",
                        seep_wait_kind_name(thread->kind), thread->address);
    }
}

/* What the last of a chain does, which waits for nobody. */
static void put_end(const struct seep_wait_thread *thread, struct seep_buf *out)
{
    if (thread->call[0] == '\0' && thread->kind == SEEP_WAIT_UNKNOWN) {
        seep_buf_printf(out, ", which runs");
    } else {
        seep_buf_printf(out, ", which is blocked");
        put_place(thread, out);
        if (thread->call[0] != '\0') {
            seep_buf_printf(out, ": %s", thread->call);
        } else {
            seep_buf_printf(out, ": %s", seep_wait_kind_name(thread->kind));
        }
        if (thread->blocked_s > 0) {
            seep_buf_printf(out, " for %.0f s", thread->blocked_s);
        }
    }
}

void seep_wait_graph_words(const struct seep_wait_thread *threads,
                           const struct seep_wait_chain *chains, size_t index,
                           struct seep_buf *out)
{
    const struct seep_wait_thread *thread = &threads[index];
    uint32_t length = chains[index].steps;
    unsigned named = 0;

    put_name(thread, out);
    while (thread->owner_tid != 0) {
        uint32_t at = chains[thread - threads].owner;
        const struct seep_wait_thread *owner =
            at != SEEP_CHAIN_NO_OWNER ? &threads[at] : NULL;

        put_wait(thread, out);
        if (owner == NULL) {
            seep_buf_printf(out, "thread %" PRIu32 ", which has ended",
                            thread->owner_tid);
            return;
        }
        put_name(owner, out);
        if (owner == &threads[index]) {
            seep_buf_printf(out, length == 1 ? ": itself" : ": a cycle of %" PRIu32,
                            length);
            return;
        }
        if (++named >= NAMED_MAX) {
            seep_buf_printf(out, ", and so on (%" PRIu32 " threads)", length);
            return;
        }
        if (chains[index].shape == SEEP_CHAIN_INTO_CYCLE &&
            chains[owner - threads].shape == SEEP_CHAIN_CYCLE) {
            seep_buf_printf(out, ", which is part of a cycle of %" PRIu32,
                            chains[owner - threads].steps);
            return;
        }
        if (owner->owner_tid != 0) {
            seep_buf_printf(out, ", which");
        }
        thread = owner;
    }
    if (named > 0) {
        put_end(thread, out);
    } else {
        put_place(thread, out);
    }
}
