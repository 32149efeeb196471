/* Descriptors, timers and mappings in a sentence: what grows, how fast, what they are
 * open on, and the line of code that opens them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/summary_holding.h"

#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "verdict/summary_text.h"

const char *seep_summary_noun(enum seep_kind kind, uint64_t n)
{
    static const char *const nouns[SEEP_KIND_END][2] = {
        [SEEP_KIND_NONE] = {"resource", "resources"},
        [SEEP_KIND_HEAP] = {"block", "blocks"},
        [SEEP_KIND_MAPPING] = {"mapping", "mappings"},
        [SEEP_KIND_THREAD] = {"thread", "threads"},
        [SEEP_KIND_FD] = {"descriptor", "descriptors"},
        [SEEP_KIND_TIMER] = {"timer", "timers"},
    };

    return nouns[kind < SEEP_KIND_END ? kind : SEEP_KIND_NONE][n != 1];
}

/* "hub_accept (hub.c:120), subsystem websocket" */
static const char *where(struct seep_findings *findings,
                         const struct seep_finding *finding)
{
    const char *place = seep_summary_place(findings, finding);

    return seep_findings_printf(
        findings, "%s%s%s%s%s%s", finding->headline, place[0] != '\0' ? " (" : "", place,
        place[0] != '\0' ? ")" : "", finding->subsystem[0] != '\0' ? ", subsystem " : "",
        finding->subsystem);
}

/* ", 118 of them TCP to 127.0.0.1:3000 in CLOSE_WAIT" */
static const char *what(struct seep_findings *findings,
                        const struct seep_view_targets *targets)
{
    const struct seep_view_group *group = &targets->groups[0];
    char n[SEEP_FMT_MAX];

    if (targets->group_count == 0 || group->count * 2 < targets->total) {
        return "";
    }
    if (group->count == targets->total) {
        return seep_findings_printf(findings, ", all %s", group->what);
    }
    return seep_findings_printf(findings, ", %s of them %s",
                                seep_fmt_count(n, sizeof(n), group->count), group->what);
}

static const char *fd_growth(struct seep_findings *findings,
                             const struct seep_finding *finding, const char *rate,
                             const char *period)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    const char *noun =
        finding->targets.noun != NULL ? finding->targets.noun : "descriptors";
    char live[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings, "Open %s grow by %s per %s: %s open%s, opened at %s.", noun, rate,
        period, seep_fmt_count(live, sizeof(live), evidence->live),
        what(findings, &finding->targets), where(findings, finding));
}

static const char *mapping_growth(struct seep_findings *findings,
                                  const struct seep_finding *finding, const char *rate,
                                  const struct seep_summary_rate *speed)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];
    char bytes_rate[SEEP_FMT_MAX];

    (void)seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes);
    (void)seep_fmt_bytes(bytes_rate, sizeof(bytes_rate), speed->bytes);
    (void)seep_fmt_count(live, sizeof(live), evidence->live);
    if (evidence->growth_per_s <= 0) {
        return seep_findings_printf(
            findings, "Mapped memory grows by %s per %s: now %s in %s %s, mapped at %s.",
            bytes_rate, speed->per, bytes, live,
            seep_summary_noun(SEEP_KIND_MAPPING, evidence->live),
            where(findings, finding));
    }
    return seep_findings_printf(
        findings, "Mappings grow by %s (%s) per %s: %s held (%s), mapped at %s.", rate,
        bytes_rate, speed->per, live, bytes, where(findings, finding));
}

const char *seep_summary_holding_growth(struct seep_findings *findings,
                                        const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    struct seep_summary_rate speed = seep_summary_rate(findings, finding);
    char rate[SEEP_FMT_MAX];
    char live[SEEP_FMT_MAX];
    char released[SEEP_FMT_MAX];

    (void)seep_summary_number(rate, sizeof(rate), speed.count);
    if (finding->kind == SEEP_KIND_FD) {
        return fd_growth(findings, finding, rate, speed.per);
    }
    if (finding->kind == SEEP_KIND_MAPPING) {
        return mapping_growth(findings, finding, rate, &speed);
    }
    return seep_findings_printf(
        findings, "Timers grow by %s per %s: %s exist, %s deleted, created at %s.", rate,
        speed.per, seep_fmt_count(live, sizeof(live), evidence->live),
        evidence->released == 0
            ? "none"
            : seep_fmt_count(released, sizeof(released), evidence->released),
        where(findings, finding));
}

const char *seep_summary_holding_bounded(struct seep_findings *findings,
                                         const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%s grew to %s %s%s and then slowed or stopped (%.0f %% of the growth in the "
        "last "
        "half): a pool that fills, not a leak.",
        where(findings, finding), seep_fmt_count(live, sizeof(live), evidence->live),
        seep_summary_noun(finding->kind, evidence->live),
        what(findings, &finding->targets), 100 * evidence->end_share);
}

const char *seep_summary_holding_at_exit(struct seep_findings *findings,
                                         const struct seep_finding *finding)
{
    char n[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%s left %s %s%s to the kernel at exit; that alone is no leak and never fails a "
        "run.",
        where(findings, finding), seep_fmt_count(n, sizeof(n), finding->evidence.live),
        seep_summary_noun(finding->kind, finding->evidence.live),
        what(findings, &finding->targets));
}
