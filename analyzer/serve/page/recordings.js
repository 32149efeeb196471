// All recordings that are served: which of them runs, which one leaks, how long.
//
// SPDX-License-Identifier: MIT
import { attr, el, keyed, show, table, text } from "./dom.js";
import { bytes, clock, full, MISSING, plural, seconds } from "./units.js";

const OUTCOMES = { leak: "LEAK", suspect: "SUSPECT", clean: "clean", inconclusive: "inconclusive" };

export function stateWords(row) {
    return { running: "running", ended: "ended", lost: "lost: its end was not recorded", refused: "cannot be read",
        unread: "not read yet" }[row.state] ?? row.state;
}

export function outcomeWords(row) {
    return row.state === "refused" ? "refused" : row.outcome ? OUTCOMES[row.outcome] ?? row.outcome : "not judged yet";
}

export function startedAt(row) {
    return new Date((row.started_realtime_ns ?? 0) / 1e6);
}

export function recordings(app) {
    const columns = [{ label: "recording" }, { label: "verdict" }, { label: "state" },
        { label: "ran", class: "n" }, { label: "resident", class: "n" }, { label: "started" }, { label: "program" }];
    const rows = table(columns, "Recordings");
    const more = el("p", { class: "dim" });
    const root = el("section", { "aria-labelledby": "recordings" }, el("h2", { id: "recordings" }, "Recordings"), rows.root, more);

    function make() {
        return el("tr", {}, el("th", { scope: "row" }, el("a", { "data-row": true })), el("td", {}, el("span", { class: "verdict" })),
            el("td"), el("td", { class: "n" }), el("td", { class: "n" }), el("td", {}, el("time")),
            el("td", {}, el("code", { class: "command" })));
    }

    function fill(row, one) {
        const link = row.cells[0].firstChild;
        const when = row.cells[5].firstChild;
        const started = startedAt(one);
        text(link, one.name);
        attr(link, "href", app.href({ recording: one.name, view: "overview" }));
        attr(row.cells[1].firstChild, "class", `verdict outcome-${one.outcome ?? "none"}`);
        text(row.cells[1].firstChild, outcomeWords(one));
        text(row.cells[2], one.why ? `${stateWords(one)}: ${one.why}` : stateWords(one));
        text(row.cells[3], one.duration_s === undefined ? MISSING : seconds(one.duration_s));
        text(row.cells[4], one.rss_bytes ? bytes(one.rss_bytes) : MISSING);
        text(when, one.started_realtime_ns ? clock(started) : MISSING);
        attr(when, "title", one.started_realtime_ns ? full(started) : null);
        attr(when, "datetime", one.started_realtime_ns ? started.toISOString() : null);
        text(row.cells[6].firstChild, (one.command ?? []).join(" "));
        attr(row.cells[6].firstChild, "title", (one.command ?? []).join(" "));
    }

    return {
        root,
        load: async () => null,
        draw() {
            const all = [...app.rows.values()];
            keyed(rows.body, all, (one) => one.name, make, fill);
            show(more, app.leftOut > 0 || all.length === 0);
            text(more, all.length === 0 ? "There is none yet: the first one appears here by itself."
                : `... and ${plural(app.leftOut, "recording")} more than are followed at once`);
        },
    };
}
