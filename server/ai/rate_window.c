/* Thirty slots and the one that is being filled.
 *
 * An exact log of instants would grow with the limit (3,500 requests a minute for each
 * provider); a counter that is reset each minute lets twice the limit through around the
 * reset. Slots of a thirtieth of the window need constant memory, and because the slot
 * that is being filled is counted in addition to thirty whole ones, the sum covers at
 * least the window: the limiter errs only on the side of refusing, by at most one slot.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/rate_window.h"

#include <string.h>

void pma_rate_window_init(struct pma_rate_window *window, uint64_t window_ns,
                          uint64_t max_requests, uint64_t max_tokens)
{
    memset(window, 0, sizeof *window);
    window->window_ns = window_ns;
    window->max_requests = max_requests;
    window->max_tokens = max_tokens;
}

static uint64_t slot_ns(const struct pma_rate_window *window)
{
    const uint64_t length_ns = window->window_ns / (PMA_RATE_SLOTS - 1);
    return length_ns > 0 ? length_ns : 1;
}

/* From 1, so that 0 can mean "never used". */
static uint64_t slot_number(const struct pma_rate_window *window, uint64_t now_ns)
{
    return now_ns / slot_ns(window) + 1;
}

static bool is_inside(uint64_t number, uint64_t current)
{
    return number != 0 && number + PMA_RATE_SLOTS > current && number <= current;
}

void pma_rate_window_read(const struct pma_rate_window *window, uint64_t now_ns,
                          uint64_t *requests, uint64_t *tokens)
{
    const uint64_t current = slot_number(window, now_ns);
    *requests = 0;
    *tokens = 0;
    for (unsigned i = 0; i < PMA_RATE_SLOTS; i++) {
        if (is_inside(window->slots[i].number, current)) {
            *requests += window->slots[i].requests;
            *tokens += window->slots[i].tokens;
        }
    }
}

static void add(struct pma_rate_window *window, uint64_t now_ns, uint64_t requests,
                uint64_t tokens)
{
    const uint64_t current = slot_number(window, now_ns);
    const unsigned at = (unsigned)(current % PMA_RATE_SLOTS);
    if (window->slots[at].number != current) {
        window->slots[at].number = current;
        window->slots[at].requests = 0;
        window->slots[at].tokens = 0;
    }
    window->slots[at].requests += requests;
    window->slots[at].tokens += tokens;
}

/* When the oldest used slot leaves the window, from now. */
static uint64_t until_oldest_leaves(const struct pma_rate_window *window, uint64_t now_ns)
{
    const uint64_t current = slot_number(window, now_ns);
    uint64_t oldest = current;
    for (unsigned i = 0; i < PMA_RATE_SLOTS; i++) {
        const uint64_t number = window->slots[i].number;
        if (is_inside(number, current) && number < oldest &&
            (window->slots[i].requests > 0 || window->slots[i].tokens > 0)) {
            oldest = number;
        }
    }
    const uint64_t leaves_ns = (oldest - 1 + PMA_RATE_SLOTS) * slot_ns(window);
    return leaves_ns > now_ns ? leaves_ns - now_ns : 0;
}

bool pma_rate_window_admit(struct pma_rate_window *window, uint64_t now_ns,
                           uint64_t tokens, uint64_t *retry_after_ns)
{
    uint64_t requests_inside = 0;
    uint64_t tokens_inside = 0;
    pma_rate_window_read(window, now_ns, &requests_inside, &tokens_inside);
    const bool requests_fit =
        window->max_requests == 0 || requests_inside < window->max_requests;
    const bool tokens_fit = window->max_tokens == 0 || tokens_inside == 0 ||
                            tokens_inside + tokens <= window->max_tokens;
    if (!requests_fit || !tokens_fit) {
        window->refused++;
        *retry_after_ns = until_oldest_leaves(window, now_ns);
        return false;
    }
    add(window, now_ns, 1, tokens);
    *retry_after_ns = 0;
    return true;
}

void pma_rate_window_charge(struct pma_rate_window *window, uint64_t now_ns,
                            uint64_t tokens)
{
    add(window, now_ns, 0, tokens);
}

uint32_t pma_rate_window_sweep(struct pma_rate_window *window, uint64_t now_ns)
{
    const uint64_t current = slot_number(window, now_ns);
    uint32_t emptied = 0;
    for (unsigned i = 0; i < PMA_RATE_SLOTS; i++) {
        if (window->slots[i].number != 0 &&
            !is_inside(window->slots[i].number, current)) {
            memset(&window->slots[i], 0, sizeof window->slots[i]);
            emptied++;
        }
    }
    return emptied;
}
