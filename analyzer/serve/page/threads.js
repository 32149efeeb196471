// Threads in groups of one state, wait and stack; who will never run again, and who waits for whom.
//
// SPDX-License-Identifier: MIT
import { below, get } from "./api.js";
import { attr, el, facts, keyed, show, table, text } from "./dom.js";
import { stackList } from "./stack.js";
import { count, plural, seconds } from "./units.js";
import { waitGraph } from "./waits.js";

const SHOWN = 200; // threads of a group, and groups

function members() {
    const rows = table([{ label: "tid" }, { label: "name" }, { label: "CPU", class: "n" }, { label: "idle for", class: "n" },
        { label: "waits for" }], "Threads of the group");
    const more = el("p", { class: "dim" });
    return {
        root: el("div", {}, rows.root, more),
        draw(threads) {
            keyed(rows.body, threads.slice(0, SHOWN), (one) => one.tid, () => el("tr", {}, el("td"), el("td"),
                el("td", { class: "n" }), el("td", { class: "n" }), el("td")), (row, one) =>
                [one.tid, one.name, seconds(one.cpu_s ?? 0), one.idle_s === null ? "" : seconds(one.idle_s), one.waits_for]
                    .forEach((value, i) => text(row.cells[i], value)));
            show(more, threads.length > SHOWN);
            text(more, `... and ${plural(threads.length - SHOWN, "more thread")}`);
        },
    };
}

function card() {
    const size = el("b");
    const state = el("span", { class: "kind" });
    const says = el("span", { class: "what" });
    const root = el("details", { class: "finding group" }, el("summary", { "data-row": true }, size, state, says));
    let body = null;
    let group = null;

    function open() {
        if (!root.open || group === null) {
            return;
        }
        if (body === null) {
            body = { list: el("dl"), present: stackList("Where they are"), made: stackList("Made at"), members: members() };
            root.append(el("div", { class: "body" }, body.list, body.present.root, body.made.root, body.members.root));
        }
        const { creation } = group;
        facts(body.list, [["names", group.names], ["state", group.state], ["waits in", group.wait || group.call],
            ["waits for", group.waits_for],
            ["idle", group.idle_most_s === null ? null : group.idle_least_s === group.idle_most_s ? seconds(group.idle_most_s)
                : `${seconds(group.idle_least_s ?? 0)} .. ${seconds(group.idle_most_s)}`],
            ["CPU", seconds(group.cpu_s ?? 0)], ["runs", creation.start], ["made by", creation.creator],
            ["subsystem", creation.subsystem]]);
        body.present.draw(group.stack, "");
        body.made.draw(creation.stack, creation.stack_end);
        body.members.draw(group.threads);
    }
    root.addEventListener("toggle", open);
    return {
        root,
        draw(now) {
            group = now;
            text(size, plural(now.count, "thread"));
            text(state, now.state);
            const where = now.wait || now.call;
            const { start } = now.creation;
            text(says, `${now.names || "(no name)"}${start && start !== "??" ? `, runs ${start}` : ""}`
                + `${where ? `, waits in ${where}` : ""}${now.waits_for ? ` for ${now.waits_for}` : ""}`
                + `${now.idle_most_s === null ? "" : `, idle ${seconds(now.idle_most_s)}`}`);
            open();
        },
    };
}

// The words that make a group the same one over time.
const keyOf = (group) => JSON.stringify([group.state, group.wait, group.call, group.waits_for, group.names,
    group.creation.start, group.creation.subsystem, group.creation.stack.map((frame) => frame.function)]);

export function threads(app) {
    const cards = new Map();
    const says = el("p", { class: "dim" });
    const stuck = el("ul", { class: "warn" });
    const notes = el("ul", { class: "dim" });
    const groups = el("div");
    const more = el("p", { class: "dim" });
    const graph = waitGraph();
    const nobody = el("p", { class: "dim" }, "No thread is known to wait for another one. A lock's owner is looked up when a "
        + "thread has stood still for a while (--stuck-after).");
    const root = el("div", {},
        el("section", { "aria-labelledby": "threads" }, el("h2", { id: "threads" }, "Threads"), says, stuck, groups, more, notes),
        el("section", { "aria-labelledby": "waits" }, el("h2", { id: "waits" }, "Who waits for whom"), nobody, graph.root));

    return {
        root,
        load: () => get(below(app.name, "threads")),
        draw(data) {
            const names = new Map(data.groups.flatMap((group) =>
                group.threads.map((one) => [one.tid, one.name || group.creation.start])));
            const waits = data.waits ?? [];
            text(says, `${plural(data.threads, "thread")} in ${plural(data.groups.length, "group")}`
                + `${data.at_s === null ? "" : `, ${seconds(data.at_s)} into the run`}`);
            keyed(stuck, data.stuck, (one) => one, () => el("li"), (node, one) => text(node, one));
            keyed(notes, data.notes, (one) => one, () => el("li"), (node, one) => text(node, one));
            show(stuck, data.stuck.length > 0);
            show(notes, data.notes.length > 0);
            const seen = new Map();
            show(more, data.groups.length > SHOWN);
            text(more, `... and ${plural(data.groups.length - SHOWN, "more group")}`);
            const items = data.groups.slice(0, SHOWN).map((group) => {
                const key = keyOf(group);
                seen.set(key, (seen.get(key) ?? 0) + 1);
                return { group, key: `${key} ${seen.get(key)}` };
            });
            keyed(groups, items, (one) => one.key, (one) => {
                const made = card();
                cards.set(one.key, made);
                return made.root;
            }, (node, one) => cards.get(one.key).draw(one.group));
            const kept = new Set(items.map((one) => one.key));
            [...cards.keys()].filter((key) => !kept.has(key)).forEach((key) => cards.delete(key));
            show(graph.root, waits.length > 0);
            show(nobody, waits.length === 0);
            graph.draw(names, waits);
            attr(root, "data-waits", count(waits.length));
        },
    };
}
