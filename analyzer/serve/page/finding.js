// One finding: a line that says it, and what backs it. The details are drawn when they are opened, and then kept
// up to date.
//
// SPDX-License-Identifier: MIT
import { evenly, sparkline, timeChart } from "./chart.js";
import { attr, el, facts, keyed, show, table, text } from "./dom.js";
import { forecastWords } from "./outlook.js";
import { ownFunction, stackList } from "./stack.js";
import { bytes, bytesRate, count, countRate, period, plural, seconds } from "./units.js";

const CAUSES = {
    growth: "growth", unjoined: "unjoined", left_at_exit: "left at exit", stuck: "stuck",
    unreachable: "nobody can wake it", lock_cycle: "deadlock",
};
const PATTERNS = {
    steady: "steady growth", per_operation: "growth per operation", steps: "steps",
    saw_tooth: "saw-tooth with a rising floor", container: "growing container", slow_release: "slow release",
};
const hasBytes = (finding) => finding.kind !== "fd" && finding.kind !== "timer";

function live(finding) {
    const { evidence } = finding;
    const size = hasBytes(finding)
        ? ` (${bytes(evidence.live_bytes)}${evidence.live_bytes_error > 0 ? ` ± ${bytes(evidence.live_bytes_error)}` : ""})` : "";
    return `${count(evidence.live)}${size}${evidence.acquired > 0
        ? ` of ${count(evidence.acquired)} acquired, ${count(evidence.released)} released` : ""}`;
}

function growth(finding) {
    const { evidence } = finding;
    if (evidence.growth_per_s === null) {
        return null;
    }
    const [size, unit] = period(evidence.growth_per_s, evidence.growth_bytes_per_s);
    const parts = [];
    if (evidence.growth_per_s !== 0) {
        const [low, high] = evidence.growth_per_s_ci.map((one) => (one === null ? "?" : (one * size).toFixed(2)));
        parts.push(`${(evidence.growth_per_s * size).toFixed(2)}/${unit} (${low} .. ${high})`);
    }
    if (hasBytes(finding)) {
        parts.push(`${bytes(evidence.growth_bytes_per_s * size)}/${unit}`);
        if (unit !== "h") {
            parts.push(`${bytes(evidence.growth_bytes_per_s * 3600)}/h`);
        }
    }
    return parts.join(", ");
}

function evidenceWords({ evidence }) {
    if (evidence.end_share === null) {
        return null;
    }
    const test = evidence.q_value === null ? `grew ${count(evidence.grew)} times, never shrank: too few steps for a test`
        : evidence.q_value < 0.0001 ? "q < 0.0001" : `q = ${evidence.q_value.toFixed(4)}`;
    const ages = evidence.generations_alive === null ? ""
        : `; ${plural(evidence.generations_alive, "generation")} alive, the oldest ${seconds(evidence.oldest_age_s)}`;
    return `${test}; ${(100 * evidence.end_share).toFixed(0)} % of the growth in the last half of ${seconds(evidence.judged_s)}${ages}`;
}

function pattern(finding) {
    if (!finding.pattern) {
        return null;
    }
    const { name, pace, unit } = finding.pattern;
    const keeps = pace === null || unit === null ? ""
        : pace === "time" ? `; with the clock, not with the number of ${unit.name}`
            : `; with the number of ${unit.name}${unit.by_mark ? " (the program's marks)" : ", which stands for the program's work"}`;
    return `${PATTERNS[name] ?? name}${keeps}`;
}

function lives(finding) {
    const from = finding.lifetimes;
    return from ? `${count(from.created)} created, ${count(from.ended)} ended, ${count(from.joined)} joined, `
        + `${count(from.detached)} detached` : null;
}

function members(finding) {
    const shown = (finding.sites ?? []).slice(0, 6).map((one) =>
        `${one.function}${one.place ? ` (${one.place})` : ""} ${count(one.live)} (${bytes(one.live_bytes)})`);
    const left = (finding.sites_total ?? 0) - shown.length;
    return shown.length > 0 ? shown.join("; ") + (left > 0 ? `; and ${left} more` : "") : null;
}

// Growth in few words for the closed line: of bytes where they say something.
function pace({ kind, evidence }) {
    if (evidence.growth_per_s === null) {
        return "";
    }
    return kind === "heap" || kind === "mapping" ? bytesRate(evidence.growth_bytes_per_s) : countRate(evidence.growth_per_s);
}

function threadTable() {
    const columns = [{ label: "tid" }, { label: "name" }, { label: "starts at" }, { label: "state" }, { label: "waits in" },
        { label: "idle for", class: "n" }];
    const rows = table(columns, "Threads of the finding");
    const title = el("small");
    const root = el("div", {}, el("h4", {}, "Threads ", title), rows.root);
    return {
        root,
        draw(finding) {
            const threads = finding.threads ?? [];
            show(root, threads.length > 0);
            text(title, `${threads.length} of ${finding.threads_total}, oldest first`);
            keyed(rows.body, threads, (one) => one.tid, () => el("tr", {}, el("td"), el("td"), el("td", {}, el("code")),
                el("td"), el("td"), el("td", { class: "n" })), (row, one) => {
                [one.tid, one.name, null, one.state, one.wait].forEach((value, i) => value !== null && text(row.cells[i], value));
                text(row.cells[2].firstChild, one.start);
                const idle = Math.max(one.idle_s ?? 0, one.blocked_s ?? 0);
                text(row.cells[5], idle > 0 ? seconds(idle) : "");
            });
        },
    };
}

function targetList() {
    const list = el("ul");
    const root = el("div", {}, el("h4", {}, "Open on"), list);
    return {
        root,
        draw(finding) {
            const groups = finding.targets?.groups ?? [];
            show(root, groups.length > 0);
            keyed(list, groups, (one) => one.what, () => el("li", {}, el("span"), el("br"), el("code", { class: "dim" })),
                (row, one) => {
                    text(row.children[0], `${count(one.count)} of ${count(finding.targets.listed)}: ${one.what}`);
                    text(row.children[2], one.examples.join(", "));
                });
        },
    };
}

function body(app) {
    const chart = timeChart("Live", false);
    const sizes = timeChart("Live bytes", true);
    const list = el("dl");
    const stack = stackList();
    const threads = threadTable();
    const targets = targetList();
    const with_ = el("p");
    const sites = el("a", { href: "#" }, "Sites of this kind");
    const root = el("div", { class: "body" }, with_, chart.root, sizes.root, list, stack.root, threads.root, targets.root,
        el("p", {}, sites));

    return {
        root,
        draw(finding, report) {
            const { series } = finding;
            const ofBytes = series.unit === "bytes";
            const data = {
                t: evenly(series.from_s, series.to_s, series.live.length), values: series.live.map((one) => one ?? 0),
                judged: report.recording.judged_s, startedMs: app.startedMs(),
            };
            show(chart.root, !ofBytes);
            show(sizes.root, ofBytes);
            (ofBytes ? sizes : chart).draw(data);
            const other = finding.with ? report.findings.find((one) => one.id === finding.with) : null;
            show(with_, Boolean(other));
            text(with_, other ? `Likely one cause with ${ownFunction(other.stack)} (${other.id}).` : "");
            facts(list, [["live", live(finding)], ["growth", growth(finding)], ["evidence", evidenceWords(finding)],
                ["pattern", pattern(finding)], ["sites", members(finding)], ["lives", lives(finding)],
                ["forecast", finding.forecast && finding.forecast.time_to_limit_s !== null ? forecastWords(finding.forecast) : null],
                ["declared", finding.declared ? `at most ${count(finding.declared.limit)} of ${finding.declared.container}`
                    + `${finding.declared.broken ? ", which was exceeded" : ""}` : null],
                ["subsystem", finding.subsystem], ["id", finding.id]]);
            stack.draw(finding.stack, finding.stack_end);
            threads.draw(finding);
            targets.draw(finding);
            attr(sites, "href", app.href({ view: "sites", kind: finding.kind, subsystem: finding.subsystem, site: null }));
            text(sites, finding.subsystem ? `All ${finding.kind} sites of ${finding.subsystem}` : `All ${finding.kind} sites`);
        },
    };
}

// Returns {root, draw(finding, report, isNew)}. root: <details>.
export function findingCard(app) {
    const verdict = el("span", { class: "verdict" });
    const fresh = el("span", { class: "badge" }, "new");
    const kind = el("span", { class: "kind" });
    const says = el("span", { class: "what" });
    const rate = el("span", { class: "pace" });
    const curve = sparkline();
    const root = el("details", { class: "finding" },
        el("summary", {}, verdict, fresh, kind, says, rate, curve.root));
    let details = null;
    let shown = null;

    function open() {
        if (root.open && shown !== null) {
            if (details === null) {
                details = body(app);
                root.append(details.root);
            }
            details.draw(...shown);
        }
    }
    root.addEventListener("toggle", open);
    return {
        root,
        draw(finding, report, isNew) {
            shown = [finding, report];
            attr(root, "class", finding.with ? "finding of-cause" : "finding");
            attr(verdict, "class", `verdict ${finding.verdict}`);
            text(verdict, finding.verdict);
            show(fresh, isNew);
            text(kind, `${finding.kind}${finding.cause === "growth" ? "" : `, ${CAUSES[finding.cause] ?? finding.cause}`}`);
            text(says, finding.summary);
            text(rate, pace(finding));
            curve.draw(finding.series.live.map((one) => one ?? 0));
            open();
        },
    };
}

