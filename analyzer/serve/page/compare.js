// Two recordings compared: what is new, worse, better or gone, and how sure that is.
//
// Comparing reads both recordings whole, so while they run it is done anew at most each 15 s.
//
// SPDX-License-Identifier: MIT
import { address, get } from "./api.js";
import { attr, el, facts, keyed, show, text } from "./dom.js";
import { stackList } from "./stack.js";
import { bytes, count, number, plural, seconds } from "./units.js";

const EVERY_MS = 15000;
const SHOWN = 100; // changes; the page that is linked to has them all
const RANK = ["new", "worse", "unsure", "better", "gone"];

function rate(side, ofBytes) {
    if (!side || side.growth_per_s === null) {
        return "not there";
    }
    const say = (value) => (value === null ? "?" : ofBytes ? bytes(value * 3600) : number(value * 3600));
    const [low, high] = side.growth_ci;
    return `${say(side.growth_per_s)}/h (${say(low)} .. ${say(high)})`;
}

// What is unsure has its reason instead.
function sure(one) {
    if (one.confidence === null || one.change === "unsure") {
        return null;
    }
    return one.confidence > 0.9995 ? "more than 99.9 % sure" : `${(100 * one.confidence).toFixed(1)} % sure`;
}

function card() {
    const change = el("span", { class: "verdict" });
    const kind = el("span", { class: "kind" });
    const says = el("span", { class: "what" });
    const rates = el("span", { class: "rates" });
    const root = el("details", { class: "finding" }, el("summary", { "data-row": true }, change, kind, says, rates));
    const list = el("dl");
    const stack = stackList();
    root.append(el("div", { class: "body" }, list, stack.root));
    return {
        root,
        draw(one) {
            const ofBytes = one.unit === "bytes";
            attr(change, "class", `verdict change ${one.change}`);
            text(change, one.change);
            text(kind, one.kind);
            text(says, one.function);
            text(rates, `BASE ${rate(one.base, ofBytes)}, NEW ${rate(one.new, ofBytes)}`
                + `${sure(one) === null ? "" : `, ${sure(one)}`}`);
            facts(list, [["what", one.summary],
                ["how sure", sure(one)],
                ["BASE", rate(one.base, ofBytes)], ["NEW", rate(one.new, ofBytes)], ["unsure because", one.why],
                ["subsystem", one.subsystem]]);
            stack.draw(one.stack, "");
        },
    };
}

export function compare(app) {
    const cards = new Map();
    const asked = { what: "", at: 0, data: null };
    const choose = (label, name) => {
        const select = el("select", { on: { change: () => app.go({ [name]: select.value }) } });
        return { select, root: el("label", {}, label, " ", select) };
    };
    const base = choose("Base", "base");
    const fresh = choose("New", "new");
    const swap = el("button", { type: "button", on: { click: () => app.go({ base: names().fresh, new: names().base }) } }, "Swap");
    const again = el("button", { type: "button", on: { click: () => { asked.what = ""; app.refresh(); } } }, "Compare again");
    const page = el("a", { target: "_blank", rel: "noopener" }, "As a page with curves and flame graphs");
    const says = el("p", { class: "says" });
    const runs = el("dl");
    const list = el("div");
    const unsure = el("div");
    const more = el("p", { class: "dim" });
    const doubtful = el("details", { class: "harmless" }, el("summary"), unsure);
    const root = el("section", { "aria-labelledby": "compare" }, el("h2", { id: "compare" }, "Two recordings compared"),
        el("div", { class: "tools" }, base.root, fresh.root, swap, again), says, runs, list, doubtful, more, el("p", {}, page));

    // What is compared: what was chosen, else the newest other recording with this one.
    function names() {
        const all = [...app.rows.values()].filter((row) => row.state !== "refused").map((row) => row.name);
        const chosen = app.route.new ?? app.name;
        return { all, fresh: chosen, base: app.route.base ?? all.filter((name) => name !== chosen).at(-1) ?? null };
    }

    function fill(parent, changes, prefix) {
        keyed(parent, changes, (one) => one.key, (one) => {
            cards.set(prefix + one.key, card());
            return cards.get(prefix + one.key).root;
        }, (node, one) => cards.get(prefix + one.key).draw(one));
    }

    const known = (changes) => changes.map((one, i) => ({ ...one, key: `${one.kind} ${one.base.id} ${one.new.id} ${one.function} ${i}` }))
        .sort((a, b) => RANK.indexOf(a.change) - RANK.indexOf(b.change));

    function sentence(data) {
        const parts = ["new", "worse", "better", "gone"].filter((name) => data.counts[name] > 0)
            .map((name) => `${data.counts[name]} ${name}`);
        const what = parts.length > 0 ? parts.join(", ") : "Nothing changed that can be told";
        return `${what}${data.counts.same > 0 ? `; ${data.counts.same} as before` : ""}`
            + `${data.conclusive ? "" : ". One of the runs is too short to be judged, so this is not conclusive"}.`;
    }

    return {
        root,
        async load() {
            const two = names();
            const what = JSON.stringify([two.base, two.fresh, app.rows.get(two.base)?.state, app.rows.get(two.fresh)?.state]);
            if (two.base === null) {
                return { names: two, data: null };
            }
            if (what !== asked.what || performance.now() - asked.at > EVERY_MS) {
                asked.data = await get("diff", { base: two.base, new: two.fresh });
                asked.what = what;
                asked.at = performance.now();
            }
            return { names: two, data: asked.data };
        },
        draw({ names: two, data }) {
            for (const [one, name] of [[base, two.base], [fresh, two.fresh]]) {
                keyed(one.select, two.all, (option) => option, (option) => el("option", { value: option }, option));
                one.select.value = name ?? "";
            }
            for (const node of [runs, list, doubtful, more, page, again, swap]) {
                show(node, data !== null);
            }
            if (data === null) {
                text(says, "There is one recording alone: give `seep serve` another one, or a folder, to compare it with.");
                return;
            }
            text(says, sentence(data));
            facts(runs, [["BASE", `${two.base}: ran ${seconds(data.base.duration_s)}, ${data.base.verdict}`],
                ["NEW", `${two.fresh}: ran ${seconds(data.new.duration_s)}, ${data.new.verdict}`],
                ["compared", { time: "per second", operation: "per operation" }[data.per] ?? "per second and per operation"]]);
            const changes = known(data.changes);
            const doubts = known(data.unsure);
            const left = Math.max(0, changes.length - SHOWN) + Math.max(0, doubts.length - SHOWN);
            fill(list, changes.slice(0, SHOWN), "sure ");
            fill(unsure, doubts.slice(0, SHOWN), "unsure ");
            show(more, left > 0);
            text(more, `... and ${count(left)} more, which the page has`);
            show(doubtful, doubts.length > 0);
            text(doubtful.firstChild, `${plural(doubts.length, "finding")} that cannot be told apart, each with its reason`);
            attr(page, "href", address("diff", { base: two.base, new: two.fresh, format: "html" }));
        },
    };
}
