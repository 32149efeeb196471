// The first view: curves of the process, findings as they arise, subsystems, and what the recording says of itself.
//
// SPDX-License-Identifier: MIT
import { below, get } from "./api.js";
import { timeChart } from "./chart.js";
import { attr, el, facts, keyed, show, table, text } from "./dom.js";
import { findingCard } from "./finding.js";
import { isBad } from "./outlook.js";
import { bytes, bytesRate, count, countRate, full, plural, seconds } from "./units.js";

const CURVES = [["Live heap", true, "heap_live_bytes"], ["Resident memory", true, "rss_bytes"],
    ["Threads", false, "threads"], ["Open descriptors", false, "fds"]];

function charts() {
    const link = [];
    const drawn = CURVES.map(([title, ofBytes]) => timeChart(title, ofBytes, link));
    const early = el("p", { class: "dim" }, "Curves begin with the second snapshot.");
    const root = el("section", { "aria-labelledby": "curves" }, el("h2", { id: "curves" }, "Over time ",
        el("small", {}, el("span", { class: "shade" }), " judged")), early,
    el("div", { class: "charts" }, ...drawn.map((one) => one.root)));

    return {
        root,
        draw(timeline, judged, startedMs) {
            show(early, timeline.t_s.length < 2);
            CURVES.forEach(([, , name], i) => {
                const values = (timeline[name] ?? []).map((value) => value ?? 0);
                const known = values.some((value) => value > 0);
                drawn[i].draw({ t: known ? timeline.t_s : [], values, judged, startedMs });
            });
        },
    };
}

// Ids may come twice (two sites of the same functions), so each has its number.
export function numbered(findings) {
    const seen = new Map();
    return findings.map((finding) => {
        const nth = seen.get(finding.id) ?? 0;
        seen.set(finding.id, nth + 1);
        return { finding, key: nth === 0 ? finding.id : `${finding.id}.${nth}` };
    });
}

function findings(app) {
    const none = el("p", {}, "None.");
    const list = el("div");
    const bounded = el("div");
    const harmless = el("details", { class: "harmless" }, el("summary"), bounded);
    const more = el("p", { class: "dim" });
    const root = el("section", { "aria-labelledby": "findings" }, el("h2", { id: "findings" }, "Findings"), none, list, harmless, more);
    const cards = new Map();

    function fill(parent, some, report) {
        keyed(parent, some, (one) => one.key, (one) => {
            const card = findingCard(app);
            cards.set(one.key, card);
            card.root.id = `finding-${one.key}`;
            card.root.addEventListener("toggle", () => {
                if (card.root.open) {
                    app.seen(one.key);
                    attr(card.root, "data-read", true);
                }
            });
            return card.root;
        }, (node, one) => cards.get(one.key).draw(one.finding, report, app.isNew(one.key)));
    }

    return {
        root,
        draw(report) {
            const all = numbered(report.findings);
            const bad = all.filter((one) => isBad(one.finding));
            const rest = all.filter((one) => !isBad(one.finding));
            const verdicts = new Map(all.map((one) => [one.key, isBad(one.finding)]));
            show(none, bad.length === 0);
            fill(list, bad, report);
            fill(bounded, rest, report);
            [...cards.keys()].filter((key) => !verdicts.has(key)).forEach((key) => cards.delete(key));
            show(harmless, rest.length > 0);
            text(harmless.firstChild, `${plural(rest.length, "thing")} that ${rest.length === 1 ? "is" : "are"} no leak `
                + "(bounded: caches and pools that fill)");
            const left = report.findings_total - report.findings.length;
            show(more, left > 0);
            text(more, `... and ${count(left)} more, which the report has`);
        },
        open(key) {
            const card = cards.get(key);
            if (card) {
                harmless.open = harmless.open || harmless.contains(card.root);
                card.root.open = true;
                card.root.scrollIntoView();
                card.root.firstChild.focus({ preventScroll: true });
            }
            return Boolean(card);
        },
    };
}

function subsystems(app) {
    let by = { name: "heap", descending: true };
    let last = null;
    const held = (kind) => (one) => one[kind]?.live ?? null;
    const columns = [
        { name: "name", label: "subsystem", value: (one) => one.name },
        { name: "heap", label: "heap", class: "n", value: (one) => one.heap?.live_bytes ?? null, say: bytes },
        { name: "blocks", label: "blocks", class: "n", value: held("heap"), say: count },
        { name: "growth", label: "heap growth", class: "n", value: (one) => one.heap?.growth_bytes_per_s ?? null, say: bytesRate },
        { name: "threads", label: "threads", class: "n", value: held("thread"), say: count },
        { name: "more", label: "thread growth", class: "n", value: (one) => one.thread?.growth_per_s ?? null, say: countRate },
        { name: "fds", label: "descriptors", class: "n", value: held("fd"), say: count },
        { name: "timers", label: "timers", class: "n", value: held("timer"), say: count },
        { name: "mappings", label: "mappings", class: "n", value: held("mapping"), say: count },
    ].map((column) => ({ ...column, sorts: true }));
    const rows = table(columns, "Subsystems, sorted by a column's head", (name) => {
        by = { name, descending: by.name === name ? !by.descending : name !== "name" };
        draw(last);
    });
    const root = el("section", { "aria-labelledby": "subsystems" }, el("h2", { id: "subsystems" }, "Subsystems"), rows.root);

    function draw(all) {
        const value = columns.find((column) => column.name === by.name).value;
        const compare = (a, b) => (typeof value(a) === "string" ? value(a).localeCompare(value(b)) : (value(a) ?? -1) - (value(b) ?? -1));
        last = all;
        show(root, all.length > 0);
        rows.sorted(by.name, by.descending);
        keyed(rows.body, [...all].sort((a, b) => (by.descending ? -1 : 1) * compare(a, b)), (one) => one.name, () =>
            el("tr", {}, el("th", { scope: "row" }, el("a")), ...columns.slice(1).map(() => el("td", { class: "n" }))),
        (row, one) => {
            const link = row.cells[0].firstChild;
            text(link, one.name || "(none)");
            attr(link, "href", app.href({ view: "sites", subsystem: one.name || "(none)", site: null }));
            columns.slice(1).forEach((column, i) =>
                text(row.cells[i + 1], column.value(one) === null ? "" : column.say(column.value(one))));
        });
    }
    return { root, draw };
}

function losses(lost) {
    return lost.total === 0 ? "nothing" : Object.entries(lost.reasons).map(([reason, n]) =>
        `${count(n)} ${reason.replaceAll("_", " ")}`).join(", ");
}

function about(app) {
    const list = el("dl");
    const formats = el("span");
    const root = el("section", { "aria-labelledby": "about" }, el("h2", { id: "about" }, "The run"), list,
        el("p", { class: "dim" }, "The same as a file: ", formats));
    return {
        root,
        draw(report) {
            const { program, recording, totals } = report;
            const [from, to] = recording.judged_s;
            facts(list, [["program", program.command.join(" ")],
                ["process", `pid ${program.pid} on ${program.host}, ${app.row()?.state === "running" ? "running" : program.ending.text}`],
                ["started", full(new Date(app.startedMs()))],
                ["recording", `${recording.mode}, ${plural(recording.snapshots, "snapshot")} every ${seconds(recording.interval_s)}; `
                    + `judged from ${seconds(from ?? 0)} to ${seconds(to ?? 0)}`
                    + `${recording.sample_bytes ? `; one sample in ${bytes(recording.sample_bytes)} of heap on average` : ""}`],
                ["cut", recording.truncated ? `at byte ${recording.truncated_at}: what came later is not in it` : null],
                ["peak", `heap ${bytes(totals.heap?.peak_bytes ?? 0)}, threads ${count(totals.thread?.peak ?? 0)}`
                    + `${totals.fd ? `, open files ${count(totals.fd.peak)}` : ""}`],
                ["lost", losses(recording.lost)],
                ["suppressed", report.suppressed ? `${plural(report.suppressed.findings, "finding")}`
                    + ` by ${plural(report.suppressed.rules_used, "rule")}` : null],
                ...report.notes.map((note) => ["notes", note])]);
            keyed(formats, ["html", "markdown", "text", "json", "folded", "pprof", "sarif", "junit"], (one) => one, (one) =>
                el("span", {}, el("a", { target: "_blank", rel: "noopener" }, one), " "), (node, one) =>
                attr(node.firstChild, "href", `${new URL(`api/v1/${below(app.name, "report")}`, document.baseURI)}?format=${one}`));
        },
    };
}

function children() {
    const rows = table([{ label: "pid", class: "n" }, { label: "command" }, { label: "ran", class: "n" }, { label: "ended" },
        { label: "heap at its end", class: "n" }, { label: "verdict" }, { label: "recording" }], "Child processes");
    const root = el("section", { "aria-labelledby": "children" }, el("h2", { id: "children" }, "Child processes"), rows.root);
    return {
        root,
        draw(report) {
            show(root, report.children.length > 0);
            keyed(rows.body, report.children.slice(0, 100), (one) => `${one.pid} ${one.command}`, () =>
                el("tr", {}, el("td", { class: "n" }), el("th", { scope: "row" }, el("code")), el("td", { class: "n" }), el("td"),
                    el("td", { class: "n" }), el("td"), el("td")), (row, one) => {
                text(row.cells[0], one.pid);
                text(row.cells[1].firstChild, one.command);
                [seconds(one.duration_s), one.ending, bytes(one.heap.live_bytes), one.verdict ?? "", one.file]
                    .forEach((value, i) => text(row.cells[i + 2], value));
            });
        },
    };
}

export function overview(app) {
    const parts = { charts: charts(), findings: findings(app), subsystems: subsystems(app), children: children(), about: about(app) };
    const root = el("div", {}, ...Object.values(parts).map((part) => part.root));

    return {
        root,
        load: () => get(below(app.name, "timeline")),
        draw(timeline) {
            const { report } = app;
            parts.charts.draw(timeline, report.recording.judged_s, app.startedMs());
            parts.findings.draw(report);
            parts.subsystems.draw(report.subsystems);
            parts.children.draw(report);
            parts.about.draw(report);
            if (app.jump !== null && parts.findings.open(app.jump)) {
                app.jump = null;
            }
        },
    };
}
