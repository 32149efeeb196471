// Who waits for whom, drawn: threads as boxes, each left of what it waits for; what waits for itself in the end
// (a cycle) stands in one column with curved lines. The same in words is a list beside it.
//
// Threads of one name that wait for the same thread in the same way are one box, so that a thousand workers
// behind one lock are two boxes. Layers are the longest way to a thread that waits for none; cycles are found
// by Tarjan's algorithm (SIAM J. Comput. 1(2), 1972), written without recursion because chains may be long.
//
// SPDX-License-Identifier: MIT
import { attr, el, keyed, show, svg, text } from "./dom.js";
import { plural } from "./units.js";

const BOX = { width: 190, height: 40, right: 110, below: 18 };
const BOXES_MOST = 60;

// Threads -> boxes and lines. names: Map tid -> name; waits: [{from, to, what}].
export function gather(names, waits) {
    const targets = new Map();
    for (const wait of waits) {
        targets.set(wait.from, [...(targets.get(wait.from) ?? []), wait]);
    }
    const waitedFor = new Set(waits.map((wait) => wait.to));
    const boxOf = new Map();
    const boxes = new Map();
    for (const tid of new Set([...targets.keys(), ...waitedFor])) {
        const name = names.get(tid) ?? "";
        const why = (targets.get(tid) ?? []).map((wait) => `${wait.to}:${wait.what}`).sort().join(" ");
        const key = waitedFor.has(tid) ? `t${tid}` : `g${name} ${why}`;
        boxes.set(key, boxes.get(key) ?? { key, name, tids: [] });
        boxes.get(key).tids.push(tid);
        boxOf.set(tid, boxes.get(key));
    }
    const lines = new Map();
    for (const wait of waits) {
        const from = boxOf.get(wait.from);
        const to = boxOf.get(wait.to);
        lines.set(`${from.key} ${to.key} ${wait.what}`, { from, to, what: wait.what });
    }
    return { boxes: [...boxes.values()], lines: [...lines.values()] };
}

// Sets box.group to the same number for all boxes of a cycle.
function cycles(boxes, after) {
    const stack = [];
    let order = 0;
    let groups = 0;
    for (const start of boxes) {
        const path = start.order === undefined ? [{ box: start, next: 0 }] : [];
        while (path.length > 0) {
            const step = path[path.length - 1];
            const { box } = step;
            if (step.next === 0) {
                box.order = box.low = order++;
                box.open = true;
                stack.push(box);
            }
            const to = after.get(box)[step.next++];
            if (to === undefined) {
                path.pop();
                if (path.length > 0) {
                    const caller = path[path.length - 1].box;
                    caller.low = Math.min(caller.low, box.low);
                }
                if (box.low === box.order) {
                    const members = stack.splice(stack.indexOf(box));
                    members.forEach((member) => Object.assign(member, { group: groups, open: false }));
                    groups++;
                }
            } else if (to.order === undefined) {
                path.push({ box: to, next: 0 });
            } else if (to.open) {
                box.low = Math.min(box.low, to.order);
            }
        }
    }
    return groups;
}

// Adds x, y, width and cycle to the boxes, and cycle to the lines. Returns {width, height}.
export function layout(graph) {
    const after = new Map(graph.boxes.map((box) => [box, []]));
    graph.lines.forEach((line) => after.get(line.from).push(line.to));
    const groups = cycles(graph.boxes, after);
    const members = Array.from({ length: groups }, () => []);
    graph.boxes.forEach((box) => members[box.group].push(box));
    graph.lines.forEach((line) => { line.cycle = line.from.group === line.to.group; });
    // Tarjan numbers a group after all that it leads to: so in this order each layer is known when it is asked for.
    const layers = [];
    members.forEach((group, i) => {
        const beyond = group.flatMap((box) => after.get(box)).filter((box) => box.group !== i);
        layers[i] = beyond.reduce((deepest, box) => Math.max(deepest, layers[box.group] + 1), 0);
    });
    const deepest = Math.max(0, ...layers);
    const rows = new Map();
    members.forEach((group, i) => {
        const column = deepest - layers[i];
        for (const box of group) {
            const row = rows.get(column) ?? 0;
            rows.set(column, row + 1);
            Object.assign(box, {
                cycle: group.length > 1 || after.get(box).includes(box),
                x: column * (BOX.width + BOX.right), y: row * (BOX.height + BOX.below),
            });
        }
    });
    return {
        width: (deepest + 1) * (BOX.width + BOX.right) - (graph.lines.some((line) => line.cycle) ? 0 : BOX.right),
        height: Math.max(1, ...rows.values()) * (BOX.height + BOX.below),
    };
}

const who = (box) => (box.tids.length > 1 ? `${plural(box.tids.length, "thread")} “${box.name}”`
    : `${box.name || "thread"} ${box.tids[0]}`);
const cut = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

const sentence = (line) => `${who(line.from)} ${line.from.tids.length > 1 ? "wait" : "waits"} for ${who(line.to)}`
    + `${line.what ? `: ${line.what}` : ""}${line.cycle ? " (part of a cycle: nobody in it can go on)" : ""}`;

function way(line) {
    const fromY = line.from.y + BOX.height / 2;
    const toY = line.to.y + BOX.height / 2;
    const right = line.from.x + BOX.width;
    if (line.cycle) {
        const out = right + 30 + Math.min(60, Math.abs(fromY - toY) / 3);
        const apart = toY >= fromY ? 7 : -7; // there and back are two lines
        return `M${right} ${fromY + apart}C${out} ${fromY + apart} ${out} ${toY - apart} ${right + 8} ${toY - apart}`;
    }
    const middle = (right + line.to.x) / 2;
    return `M${right} ${fromY}C${middle} ${fromY} ${middle} ${toY} ${line.to.x - 8} ${toY}`;
}

// Returns {root, draw(names, waits)}.
export function waitGraph() {
    const arrow = (id) => svg("marker", { id, viewBox: "0 0 8 8", refX: 1, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" },
        svg("path", { d: "M0 0L8 4L0 8z" }));
    const lines = svg("g");
    const boxes = svg("g");
    const picture = svg("svg", { class: "waits", role: "img" }, svg("defs", {}, arrow("arrow"), arrow("arrow-cycle")), lines, boxes);
    const list = el("ul", { class: "says-list" });
    const more = el("p", { class: "dim" });
    const root = el("div", {}, el("div", { class: "wide" }, picture), more,
        el("h3", {}, "In words"), list);

    function box(node, one) {
        attr(node, "class", one.cycle ? "cycle" : null);
        attr(node, "transform", `translate(${one.x} ${one.y})`);
        const several = one.tids.length > 1;
        const tids = `${one.tids.slice(0, 3).join(", ")}${one.tids.length > 3 ? " …" : ""}`;
        text(node.children[1], cut(several ? `${one.tids.length} × ${one.name}` : one.name || "(no name)", 24));
        text(node.children[2], several ? tids : `tid ${tids}`);
        text(node.children[3], who(one));
    }

    return {
        root,
        draw(names, waits) {
            const whole = gather(names, waits);
            const kept = new Set(whole.boxes.slice(0, BOXES_MOST));
            const graph = {
                boxes: [...kept],
                lines: whole.lines.filter((line) => kept.has(line.from) && kept.has(line.to)),
            };
            const size = layout(graph);
            attr(picture, "viewBox", `-2 -2 ${size.width + 4} ${size.height + 4}`);
            attr(picture, "width", size.width + 4);
            attr(picture, "height", size.height + 4);
            attr(picture, "aria-label", `${plural(graph.boxes.length, "box", "boxes")} of waiting threads and `
                + `${plural(graph.lines.length, "wait")}; the list below says the same.`);
            keyed(boxes, graph.boxes, (one) => one.key, () => svg("g", {},
                svg("rect", { width: BOX.width, height: BOX.height, rx: 6 }), svg("text", { x: 10, y: 17 }),
                svg("text", { x: 10, y: 32, class: "dim" }), svg("title")), box);
            keyed(lines, graph.lines, (one) => `${one.from.key} ${one.to.key} ${one.what}`, () =>
                svg("path", {}, svg("title")), (node, one) => {
                attr(node, "class", one.cycle ? "line cycle" : "line");
                attr(node, "d", way(one));
                attr(node, "marker-end", one.cycle ? "url(#arrow-cycle)" : "url(#arrow)");
                text(node.firstChild, one.what);
            });
            keyed(list, graph.lines, (one) => `${one.from.key} ${one.to.key} ${one.what}`, () => el("li"),
                (node, one) => text(node, sentence(one)));
            text(more, whole.boxes.length > BOXES_MOST
                ? `... and ${plural(whole.boxes.length - BOXES_MOST, "more box", "more boxes")} that are not drawn` : "");
            show(more, whole.boxes.length > BOXES_MOST);
        },
    };
}
