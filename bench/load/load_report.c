/* Progress, summary and dry run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define NS_PER_MS 1e6

static const char *const error_keys[LOAD_ERROR_END] = {
    [LOAD_ERROR_CONNECT] = "connect", [LOAD_ERROR_HANDSHAKE] = "handshake",
    [LOAD_ERROR_DROPPED] = "dropped", [LOAD_ERROR_PROTOCOL] = "protocol",
    [LOAD_ERROR_NO_PONG] = "no_pong", [LOAD_ERROR_BACKLOG] = "backlog",
    [LOAD_ERROR_CALL] = "rest",       [LOAD_ERROR_LATE] = "late",
};
static const char *const error_texts[LOAD_ERROR_END] = {
    [LOAD_ERROR_CONNECT] = "connections refused or timed out",
    [LOAD_ERROR_HANDSHAKE] = "upgrades refused",
    [LOAD_ERROR_DROPPED] = "clients dropped by the backend",
    [LOAD_ERROR_PROTOCOL] = "frames against the protocol",
    [LOAD_ERROR_NO_PONG] = "pings without an answer",
    [LOAD_ERROR_BACKLOG] = "clients whose words were not read",
    [LOAD_ERROR_CALL] = "REST calls without a 2xx answer",
    [LOAD_ERROR_LATE] = "steps left out because they were late",
};

static double quantile_ms(const struct load_histogram *histogram, double quantile)
{
    return (double)load_histogram_quantile_ns(histogram, quantile) / NS_PER_MS;
}

void load_report_progress(const struct load_options *options,
                          const struct load_totals *totals, uint64_t seconds)
{
    const char *start = isatty(STDERR_FILENO) ? "\r\033[K" : "";
    const char *end = isatty(STDERR_FILENO) ? "" : "\n";
    double pong_p99_ms = quantile_ms(&totals->pong_latency, 0.99);
    double call_p99_ms = quantile_ms(&totals->call_latency, 0.99);

    fprintf(stderr,
            "%s%" PRIu64 " s  %" PRIu32 "/%" PRIu32 " clients  %" PRIu64
            " messages  %" PRIu64 " REST  %" PRIu64 " errors  p99 %.1f ms%s",
            start, seconds, totals->open_clients, options->clients,
            totals->sent + totals->received, totals->calls, load_totals_errors(totals),
            pong_p99_ms > call_p99_ms ? pong_p99_ms : call_p99_ms, end);
    fflush(stderr);
}

/* A JSON string, null when it is empty; what is no printable ASCII becomes a blank. */
static void print_json_text(const char *text)
{
    if (text[0] == '\0') {
        printf("null");
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        putchar(*text < ' ' || *text > '~' || *text == '"' || *text == '\\' ? ' '
                                                                            : *text);
    }
    putchar('"');
}

/* Every kind of call that was made, with its latencies. */
static void print_operations(const struct load_totals *totals)
{
    const char *separator = "";

    for (int call = 0; call < LOAD_CALL_END; call++) {
        const struct load_operation_totals *of = &totals->operations[call];

        if (of->latency.count + of->errors + of->missing == 0) {
            continue;
        }
        printf("%s\"%s\":{\"count\":%" PRIu64 ",\"errors\":%" PRIu64
               ",\"missing\":%" PRIu64 ",\"p50_ms\":%.3f,\"p99_ms\":%.3f}",
               separator, load_call_name((enum load_call)call), of->count, of->errors,
               of->missing, quantile_ms(&of->latency, 0.5),
               quantile_ms(&of->latency, 0.99));
        separator = ",";
    }
}

static void print_json(const struct load_options *options,
                       const struct load_totals *totals, double duration_s,
                       const char *trouble)
{
    printf("{\"pma_load\":1,\"ok\":%s,\"trouble\":%s%s%s,\"duration_s\":%.3f,"
           "\"seed\":%" PRIu64 ",\"clients\":%" PRIu32 ",",
           trouble == NULL ? "true" : "false", trouble == NULL ? "" : "\"",
           trouble == NULL ? "null" : trouble, trouble == NULL ? "" : "\"", duration_s,
           options->seed, options->clients);
    printf("\"connections\":%" PRIu64 ",\"good_byes\":%" PRIu64
           ",\"bad_disconnects\":%" PRIu64 ",\"timed_out\":%" PRIu64
           ",\"slow_ended\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"profile\":\"%s\",",
           totals->connections, totals->good_byes, totals->bad_disconnects,
           totals->timed_out, totals->slow_ended, totals->skipped,
           options->profile->name);
    printf("\"messages\":{\"sent\":%" PRIu64 ",\"received\":%" PRIu64
           ",\"pongs\":%" PRIu64 ",\"confirmations\":%" PRIu64 ",\"refusals\":%" PRIu64
           ",\"broadcasts\":%" PRIu64 "},",
           totals->sent, totals->received, totals->pongs, totals->confirmations,
           totals->refusals, totals->broadcasts);
    printf("\"rest\":{\"calls\":%" PRIu64, totals->calls);
    for (int call = 0; call < LOAD_CALL_END; call++) {
        printf(",\"%s\":%" PRIu64, load_call_name((enum load_call)call),
               totals->operations[call].count);
    }
    printf(",\"missing\":%" PRIu64 ",\"operations\":{", totals->missing);
    print_operations(totals);
    printf("}},\"errors\":{\"total\":%" PRIu64, load_totals_errors(totals));
    for (int error = 0; error < LOAD_ERROR_END; error++) {
        printf(",\"%s\":%" PRIu64, error_keys[error], totals->errors[error]);
    }
    printf("},\"latency_ms\":{\"pong_p50\":%.3f,\"pong_p99\":%.3f,\"rest_p50\":%.3f,"
           "\"rest_p99\":%.3f,\"delivery_p50\":%.3f,\"delivery_p99\":%.3f},"
           "\"deliveries\":%" PRIu64 ",\"last_failure\":",
           quantile_ms(&totals->pong_latency, 0.5),
           quantile_ms(&totals->pong_latency, 0.99),
           quantile_ms(&totals->call_latency, 0.5),
           quantile_ms(&totals->call_latency, 0.99), quantile_ms(&totals->delivery, 0.5),
           quantile_ms(&totals->delivery, 0.99), totals->delivery.count);
    print_json_text(totals->last_failure);
    printf("}\n");
}

static void print_text(const struct load_options *options,
                       const struct load_totals *totals, double duration_s)
{
    printf("pma-load: %.1f s, seed %" PRIu64 ", %" PRIu32 " clients\n", duration_s,
           options->seed, options->clients);
    printf("  connections  %" PRIu64 " (%" PRIu64 " ended badly, %" PRIu64
           " with a good-bye, %" PRIu64 " timed out)\n",
           totals->connections, totals->bad_disconnects, totals->good_byes,
           totals->timed_out);
    printf("  messages     %" PRIu64 " sent, %" PRIu64 " received\n", totals->sent,
           totals->received);
    printf("  received     %" PRIu64 " pongs, %" PRIu64 " confirmations, %" PRIu64
           " refusals, %" PRIu64 " broadcasts\n",
           totals->pongs, totals->confirmations, totals->refusals, totals->broadcasts);
    printf("  REST calls   %" PRIu64 "\n", totals->calls);
    printf(
        "  latency      ping p50 %.2f ms, p99 %.2f ms; REST p50 %.2f ms, p99 %.2f ms\n",
        quantile_ms(&totals->pong_latency, 0.5), quantile_ms(&totals->pong_latency, 0.99),
        quantile_ms(&totals->call_latency, 0.5),
        quantile_ms(&totals->call_latency, 0.99));
    if (totals->delivery.count > 0) {
        printf("  deliveries   %" PRIu64 " state changes, p50 %.2f ms, p99 %.2f ms\n",
               totals->delivery.count, quantile_ms(&totals->delivery, 0.5),
               quantile_ms(&totals->delivery, 0.99));
    }
    if (totals->missing > 0) {
        printf("  missing      %" PRIu64 " requests for routes that are not there\n",
               totals->missing);
    }
    printf("  errors       %" PRIu64 "\n", load_totals_errors(totals));
    for (int error = 0; error < LOAD_ERROR_END; error++) {
        if (totals->errors[error] > 0) {
            printf("    %" PRIu64 " %s\n", totals->errors[error], error_texts[error]);
        }
    }
    if (totals->last_failure[0] != '\0') {
        printf("    last of REST: %.60s\n", totals->last_failure);
    }
}

void load_report_summary(const struct load_options *options,
                         const struct load_totals *totals, double duration_s,
                         const char *trouble)
{
    if (!options->is_quiet && isatty(STDERR_FILENO)) {
        fputc('\n', stderr);
    }
    if (options->is_json) {
        print_json(options, totals, duration_s, trouble);
    } else {
        print_text(options, totals, duration_s);
    }
    fflush(stdout);
}

/* A stream of the dry run: how many steps it has, and how many were printed. */
struct stream {
    double per_s;
    uint64_t printed;
};

static double due_s(const struct stream *stream)
{
    return stream->per_s > 0 ? (double)(stream->printed + 1) / stream->per_s : 1e300;
}

void load_report_plan(const struct load_options *options)
{
    struct stream operations = {.per_s =
                                    options->clients > 0 ? options->operations_per_s : 0};
    struct stream churns = {.per_s = options->clients > 0 ? options->churn_per_s : 0};
    struct stream calls = {.per_s = options->rest_per_s};
    struct load_plan plan;

    load_plan_init(&plan, options->profile, options->seed, options->clients);
    for (;;) {
        double operation_s = due_s(&operations);
        double churn_s = due_s(&churns);
        double call_s = due_s(&calls);
        double next_s = operation_s < churn_s ? operation_s : churn_s;

        if ((call_s < next_s ? call_s : next_s) > options->duration_s) {
            return;
        }
        if (call_s < next_s) {
            uint32_t number;
            enum load_call call = load_plan_call(&plan, &number);

            calls.printed++;
            printf("%.3f REST %s %" PRIu32 "\n", call_s, load_call_name(call), number);
        } else if (churn_s < operation_s) {
            struct load_churn churn = load_plan_churn(&plan);

            churns.printed++;
            printf("%.3f client %" PRIu32 " %s, back after %" PRIu32 " ms\n", churn_s,
                   churn.client, load_churn_name(churn.kind), churn.back_after_ms);
        } else {
            struct load_operation operation = load_plan_operation(&plan);

            operations.printed++;
            printf("%.3f client %" PRIu32 " %s %" PRIu32 " %" PRIu32 "\n", operation_s,
                   operation.client, load_operation_name(operation.kind), operation.slot,
                   operation.topic);
        }
    }
}
