// The head of a recording: the verdict, its sentences, and until when the process lives. And what is new in it, in
// words for a screen reader and for the window's title.
//
// SPDX-License-Identifier: MIT
import { attr, el, keyed, show, text } from "./dom.js";
import { byCause, doubt, headline, inAll, isBad, rank, until } from "./outlook.js";
import { numbered } from "./overview.js";
import { stateWords } from "./recordings.js";
import { ownFunction } from "./stack.js";
import { clock, full, plural, seconds } from "./units.js";

const SENTENCES = 3;
const ANNOUNCED = 3;

// root: the <header> of the page.
export function verdictHead(app, root) {
    const title = el("h1");
    const who = el("p", { class: "who" });
    const says = el("ol", { class: "says" });
    const more = el("p");
    const lives = el("p", { class: "warn" });
    const deadline = el("time");
    const words = el("span");
    const doubtful = el("p", { class: "warn" });
    const why = el("p");
    root.replaceChildren(who, title, says, more, lives, doubtful, why);
    lives.append(words, deadline);

    return {
        draw(report, row, compact) {
            const bad = numbered(report.findings).filter((one) => isBad(one.finding));
            const causes = byCause(bad);
            const told = causes.slice(0, SENTENCES);
            const left = bad.length - told.reduce((sum, cause) => sum + 1 + cause.others.length, 0);
            const end = until(report);
            show(root, true);
            attr(root, "class", `${report.verdict}${compact ? " compact" : ""}`);
            text(title, headline(report));
            const { program } = report;
            const state = row.state === "running" ? "running for" : `${stateWords(row)} after`;
            text(who, `${row.name}: ${program.command.join(" ")}, pid ${program.pid} on ${program.host}, `
                + `${state} ${seconds(row.duration_s ?? program.duration_s)}`);
            attr(who, "title", who.textContent);
            show(says, bad.length > 0 && !compact);
            keyed(says, told, (one) => one.lead.key, () => el("li", {}, el("a"), el("small")), (node, one) => {
                attr(node.firstChild, "href", app.href({ view: "overview", finding: one.lead.key }));
                text(node.firstChild, one.lead.finding.summary);
                show(node.lastChild, one.others.length > 0);
                text(node.lastChild, ` with it ${plural(one.others.length, "finding")}, likely of the same cause: ${inAll(one)}`);
            });
            show(more, left > 0 && !compact);
            text(more, `... and ${left} more below`);
            text(doubtful, doubt(report));
            show(doubtful, doubtful.textContent !== "" && !compact);
            show(lives, end !== null && row.state === "running" && !compact);
            text(words, end?.words ?? "");
            if (end?.at_s) {
                const at = new Date(Date.now() + 1000 * end.at_s);
                text(deadline, Number.isNaN(at.getTime()) || end.at_s > 30 * 86400 ? "." : `: about ${clock(at)}.`);
                attr(deadline, "title", Number.isNaN(at.getTime()) ? null : full(at));
            } else {
                text(deadline, "");
            }
            const judged = report.inconclusive;
            show(why, (Boolean(judged) || report.verdict === "clean") && !compact);
            text(why, judged ? `Growth could not be judged: ${judged}. ${report.advice ?? ""}.` : "Nothing grows that should not.");
        },
    };
}

// Tells what arose since the reports before: one sentence for each finding that is new, worse or gone.
export function newsOf() {
    const known = new Map(); // recording -> Map of finding -> verdict
    const fresh = new Map(); // recording -> Set of findings that arose while the page was open

    return {
        isNew: (name, key) => fresh.get(name)?.has(key) ?? false,
        seen: (name, key) => fresh.get(name)?.delete(key),
        take(name, report) {
            const before = known.get(name);
            const now = new Map(numbered(report.findings).filter((one) => isBad(one.finding))
                .map((one) => [one.key, one.finding]));
            const told = [];
            const sayNew = (key, finding) => {
                fresh.set(name, (fresh.get(name) ?? new Set()).add(key));
                told.push(`New finding, ${finding.verdict}: ${finding.summary}`);
            };
            known.set(name, new Map([...now].map(([key, finding]) => [key, finding.verdict])));
            if (before === undefined) {
                return "";
            }
            for (const [key, finding] of now) {
                if (!before.has(key)) {
                    sayNew(key, finding);
                } else if (rank(finding.verdict) > rank(before.get(key))) {
                    told.push(`Now ${finding.verdict}: ${ownFunction(finding.stack) || finding.summary}`);
                }
            }
            const gone = [...before.keys()].filter((key) => !now.has(key)).length;
            if (gone > 0) {
                told.push(`${plural(gone, "finding")} no longer there`);
            }
            const left = told.length - ANNOUNCED;
            return told.slice(0, ANNOUNCED).join(" ") + (left > 0 ? ` And ${left} more.` : "");
        },
    };
}
