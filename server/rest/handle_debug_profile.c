/* /debug/pprof and /debug/vars, as scripts and pprof read them.
 *
 * Both profiles are text with and without ?debug=1: the text is what pprof's legacy
 * reader takes, and what a person can read. google-pprof, which knows no profile of
 * counts, opens goroutine?format=heap.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/profile.h"
#include "server/monitor/reclaim.h"
#include "server/pool/pool.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <string.h>

#define TEXT "text/plain; charset=utf-8"

void pma_handle_debug_pprof(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    struct pma_buffer *text = pma_pool_get(PMA_POOL_STRING_BUILDER);
    if (text != NULL) {
        pma_buffer_printf(text,
                          "/debug/pprof/\n\n"
                          "heap       live and total allocations per call site\n"
                          "goroutine  the threads (?format=heap for google-pprof)\n\n"
                          "/debug/vars has the memory statistics as JSON.\n");
    }
    pma_reply_text(reply, text, TEXT);
}

void pma_handle_debug_pprof_heap(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    struct pma_buffer *text = pma_pool_get(PMA_POOL_STRING_BUILDER);
    if (text != NULL) {
        pma_profile_heap(text);
    }
    pma_reply_text(reply, text, TEXT);
}

void pma_handle_debug_pprof_goroutine(struct pma_request *request,
                                      struct pma_reply *reply)
{
    const char *format = request->argument(request, "format");
    struct pma_buffer *text = pma_pool_get(PMA_POOL_STRING_BUILDER);
    if (text != NULL) {
        pma_profile_threads(text, format != NULL && strcmp(format, "heap") == 0
                                      ? PMA_PROFILE_HEAP
                                      : PMA_PROFILE_COUNTS);
    }
    pma_reply_text(reply, text, TEXT);
}

/* The arguments of the process, as Go's expvar has them. */
static json_t *command_line_json(void)
{
    json_t *arguments = json_array();
    struct pma_buffer *buffer = pma_pool_get(PMA_POOL_BYTE_SLICE_MEDIUM);
    if (buffer != NULL && pma_buffer_read_file(buffer, "/proc/self/cmdline") == 0) {
        for (size_t at = 0; at < buffer->used;) {
            const char *argument = buffer->bytes + at;
            json_array_append_new(arguments, json_string(argument));
            while (at < buffer->used && buffer->bytes[at] != '\0') {
                at++;
            }
            at++;
        }
    }
    pma_pool_put(buffer);
    return arguments;
}

static json_t *memstats_json(const struct pma_app *app,
                             const struct pma_memory_snapshot *now)
{
    struct pma_reclaim_totals gc;
    pma_reclaim_totals_read(app->reclaim, &gc);
    const json_int_t alloc = (json_int_t)now->heap_alloc;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "Alloc", alloc, "TotalAlloc", (json_int_t)now->heap_total, "Sys",
                     (json_int_t)now->resident, "HeapAlloc", alloc, "HeapSys",
                     (json_int_t)now->heap_sys, "HeapIdle", (json_int_t)now->heap_idle,
                     "HeapInuse", (json_int_t)now->heap_inuse, "HeapReleased",
                     (json_int_t)now->heap_released, "HeapObjects",
                     (json_int_t)now->heap_objects, "StackInuse", (json_int_t)now->stack,
                     "StackSys", (json_int_t)now->stack, "PauseTotalNs",
                     (json_int_t)gc.last_duration_ns, "NumGC", (json_int_t)gc.runs);
}

void pma_handle_debug_vars(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_memory_snapshot now;
    pma_reclaim_sample(request->app->reclaim, &now);
    /* Bare, without an envelope: that is what expvar's readers expect. */
    reply->status = 200;
    reply->body =
        json_pack("{s:o, s:o, s:i}", "cmdline", command_line_json(), "memstats",
                  memstats_json(request->app, &now), "goroutines", (int)now.goroutines);
}
