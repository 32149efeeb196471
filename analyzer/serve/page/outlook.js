// What stands above all else: is it a leak, which one, and until when the process lives. In the words of the
// reports (analyzer/report/finding_lines.c), from their JSON.
//
// SPDX-License-Identifier: MIT
import { bytes, count, seconds } from "./units.js";

const SURE_AFTER_S = 60; // judged (docs/statistics.md, "Growth")
const RANKS = ["stable", "bounded", "suspect", "probable", "definite"];

export const rank = (verdict) => RANKS.indexOf(verdict);
export const isBad = (finding) => rank(finding.verdict) > rank("bounded");

export function forecastWords(forecast) {
    const what = {
        threads: () => `the limit of ${count(forecast.limit_count)} threads`,
        nofile: () => `the limit of ${count(forecast.limit_count)} open files`,
        rss: () => `the memory limit of ${bytes(forecast.limit_bytes)}`,
    }[forecast.limit] ?? (() => `the address space limit of ${bytes(forecast.limit_bytes)}`);
    const [low, high] = forecast.ci_s;
    const at = seconds(forecast.time_to_limit_s);
    const range = high === null ? ` (${seconds(low)} or more)`
        : seconds(low) !== at || seconds(high) !== at ? ` (${seconds(low)} .. ${seconds(high)})` : "";

    return `${what()} is reached in ${at}${range}`;
}

// Findings that run into one limit add up their paces; null in a range is no end.
function together(findings, of) {
    const both = (get) => {
        const pace = findings.filter((one) => one.forecast?.limit === of.limit)
            .reduce((sum, one) => sum + 1 / (get(one.forecast) ?? Infinity), 0);
        return pace > 0 ? 1 / pace : null;
    };
    return {
        ...of, time_to_limit_s: both((one) => one.time_to_limit_s),
        ci_s: [both((one) => one.ci_s[0]), both((one) => one.ci_s[1])],
    };
}

// {words, at_s}: until when the process lives, from now on; null when nothing says so.
export function until(report) {
    const bad = report.findings.filter(isBad);
    const first = bad.filter((one) => one.forecast !== null && one.forecast.time_to_limit_s !== null)
        .map((one) => together(report.findings, one.forecast))
        .sort((a, b) => a.time_to_limit_s - b.time_to_limit_s)[0];
    const growth = bad.filter((one) => one.kind === "heap" || one.kind === "mapping")
        .reduce((sum, one) => sum + Math.max(one.evidence.growth_bytes_per_s ?? 0, 0), 0);

    if (first) {
        return { words: `If it goes on: ${forecastWords(first)}`, at_s: first.time_to_limit_s };
    }
    return growth > 0
        ? { words: `If it goes on: ${bytes(growth * 3600)} more memory per hour, until the machine's is used up; the `
            + "process has no limit of its own.", at_s: null }
        : null;
}

const WAITING = ["stuck", "unreachable", "lock_cycle"];

// "LEAK: 15 findings, likely 1 cause". Threads that wait for ever and nothing else are no leak.
export function headline(report) {
    const bad = report.findings.filter(isBad);
    const causes = bad.filter((finding) => !finding.with).length;
    const leaks = bad.some((finding) => rank(finding.verdict) >= rank("probable") && !WAITING.includes(finding.cause));
    const word = { leak: leaks ? "LEAK" : "STUCK", suspect: "SUSPECT" }[report.verdict];
    const more = report.findings_total > report.findings.length && bad.length === report.findings.length ? " or more" : "";

    if (word === undefined) {
        return report.verdict === "clean" ? "Clean" : "Inconclusive";
    }
    return `${word}: ${count(bad.length)}${more} finding${bad.length === 1 && more === "" ? "" : "s"}`
        + `${causes < bad.length ? `, likely ${count(causes)} cause${causes === 1 ? "" : "s"}` : ""}`;
}

// What would prove a growth that is suspected alone; "" where that is not the question.
export function doubt(report) {
    const grows = report.findings.some((finding) => finding.verdict === "suspect" && finding.cause === "growth");
    const judged = (report.recording.judged_s[1] ?? 0) - (report.recording.judged_s[0] ?? 0);

    if (report.verdict !== "suspect" || !grows) {
        return "";
    }
    return judged < SURE_AFTER_S ? `Not proved: only ${seconds(judged)} were judged; a run of 90 s or longer tells.`
        : "Not proved: the evidence is below; a longer run may tell.";
}

// Findings by cause: [{lead, others}]; `all` is of {finding}, those of one cause behind its lead.
export function byCause(all) {
    const causes = [];
    for (const one of all) {
        const lead = one.finding.with && causes.findLast((cause) => cause.lead.finding.id === one.finding.with);
        if (lead) {
            lead.others.push(one);
        } else {
            causes.push({ lead: one, others: [] });
        }
    }
    return causes;
}

// "in all 176 threads, 1.1 MiB of heap"
export function inAll({ lead, others }) {
    const sum = (kind, get) => [lead, ...others].filter((one) => one.finding.kind === kind)
        .reduce((total, one) => total + get(one.finding.evidence), 0);
    const parts = [
        [sum("thread", (one) => one.live), (n) => `${count(n)} threads`],
        [sum("fd", (one) => one.live), (n) => `${count(n)} descriptors`],
        [sum("heap", (one) => one.live_bytes), (n) => `${bytes(n)} of heap`]].filter(([n]) => n > 0).map(([n, say]) => say(n));
    return parts.length > 0 ? `in all ${parts.join(", ")}` : "";
}
