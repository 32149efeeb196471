// A flame graph that is drawn anew while one looks at it: each box is known by its path from the root, so zoom,
// focus and the word that is looked for stay when values change.
//
// Boxes are <svg> of their own with x and width in per cent, as in the HTML report (analyzer/report/html_flame.c):
// names are cut at their box and not squeezed. The root is above; what is narrower than half a pixel is not drawn.
//
// SPDX-License-Identifier: MIT
import { attr, el, keyed, show, svg, text } from "./dom.js";

const ROW = 20;
const LEAST_SHARE = 0.0004; // of the width

// Every node with its path, depth and place in [0, 1]; the widest first among siblings.
function spread(tree) {
    const all = [];
    const walk = (node, path, depth, x, caller) => {
        const box = { node, path, depth, x, width: tree.value > 0 ? node.value / tree.value : 0, caller, callees: [] };
        const names = new Map();
        let left = x;
        all.push(box);
        caller?.callees.push(box);
        for (const child of [...(node.children ?? [])].sort((a, b) => b.value - a.value)) {
            const nth = names.get(child.name) ?? 0;
            names.set(child.name, nth + 1);
            walk(child, `${path}\n${child.name}\t${nth}`, depth + 1, left, box);
            left += tree.value > 0 ? child.value / tree.value : 0;
        }
    };
    walk(tree, "", 0, 0, null);
    return all;
}

const above = (box, other) => {
    for (let caller = other.caller; caller !== null; caller = caller.caller) {
        if (caller === box) {
            return true;
        }
    }
    return false;
};

// flameGraph(say): say(value) is its text. Returns {root, draw(tree), reset(), search(word)}.
export function flameGraph(say) {
    const output = el("output", { "aria-live": "polite" });
    const picture = svg("svg", { class: "flames", role: "group", "aria-label": "Flame graph, callers above what they call" });
    const caption = el("b");
    const root = el("figure", { class: "flame" }, el("figcaption", {}, caption, output), picture);
    const none = el("p", { class: "dim" }, "Nothing to show: nothing is live or grows here.");
    let boxes = [];
    let byPath = new Map();
    let zoomed = ""; // path
    let current = ""; // path of the one box that Tab reaches
    let word = "";

    root.append(none);

    const says = (box) => `${box.node.name}: ${say(box.node.value)}, ${(100 * box.width).toFixed(1)} %`;

    // The box of a path, or of the nearest caller that is still there.
    function known(path) {
        for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("\n"))) {
            if (byPath.has(at)) {
                return byPath.get(at);
            }
        }
        return boxes[0];
    }

    function visible() {
        const to = known(zoomed);
        return boxes.filter((box) => {
            box.isAbove = above(box, to);
            box.left = box.isAbove ? 0 : (box.x - to.x) / (to.width || 1);
            box.share = box.isAbove ? 1 : box.width / (to.width || 1);
            return box.isAbove || ((box === to || above(to, box)) && box.share >= LEAST_SHARE);
        });
    }

    function make(box) {
        const node = svg("svg", { class: "f", role: "button", height: ROW }, svg("title"),
            svg("rect", { width: "100%", height: ROW }), svg("text", { x: 4, y: 14 }));
        const path = box.path;
        node.addEventListener("click", () => zoom(path));
        node.addEventListener("pointerenter", () => text(output, says(byPath.get(path))));
        node.addEventListener("focus", () => {
            current = path;
            tabStops();
            text(output, says(byPath.get(path)));
        });
        node.addEventListener("keydown", (event) => key(event, path));
        return node;
    }

    function write(node, box) {
        attr(node, "x", `${(100 * box.left).toFixed(4)}%`);
        attr(node, "y", box.depth * ROW);
        attr(node, "width", `${(100 * box.share).toFixed(4)}%`);
        attr(node, "aria-label", says(box));
        attr(node, "class", ["f", box.node.role ?? "", box.isAbove ? "above" : "",
            word !== "" && box.depth > 0 && box.node.name.toLowerCase().includes(word) ? "hit" : ""].filter(Boolean).join(" "));
        text(node.children[0], says(box));
        text(node.children[2], box.share > 0.015 ? box.node.name : "");
        node.path = box.path;
    }

    function tabStops() {
        const shown = [...picture.children];
        const stop = shown.find((node) => node.path === current) ?? shown[0];
        shown.forEach((node) => attr(node, "tabindex", node === stop ? 0 : -1));
    }

    function place() {
        const drawn = visible();
        keyed(picture, drawn, (box) => box.path, make, write);
        attr(picture, "width", "100%");
        attr(picture, "height", ROW * (1 + drawn.reduce((deepest, box) => Math.max(deepest, box.depth), 0)));
        tabStops();
    }

    function zoom(path) {
        zoomed = path;
        place();
        text(output, path === "" ? "" : says(known(path)));
    }

    function focus(box) {
        if (box) {
            [...picture.children].find((node) => node.path === box.path)?.focus();
        }
    }

    function key(event, path) {
        const box = byPath.get(path);
        const siblings = box.caller?.callees ?? [box];
        const at = siblings.indexOf(box);
        if (event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        switch (event.key) {
        case "Enter": case " ": zoom(path); focus(box); break;
        case "Escape":
            if (zoomed === "") {
                return;
            }
            zoom("");
            focus(box);
            break;
        case "ArrowDown": focus(box.callees[0]); break;
        case "ArrowUp": focus(box.caller); break;
        case "ArrowRight": focus(siblings[at + 1]); break;
        case "ArrowLeft": focus(siblings[at - 1]); break;
        default: return;
        }
        event.preventDefault();
        event.stopPropagation();
    }

    picture.addEventListener("pointerleave", () => text(output, zoomed === "" ? "" : says(known(zoomed))));

    return {
        root,
        draw(tree) {
            const any = tree.value > 0;
            boxes = spread(tree);
            byPath = new Map(boxes.map((box) => [box.path, box]));
            show(none, !any);
            show(picture, any);
            text(caption, any ? `${say(tree.value)} in all` : "");
            place();
        },
        reset: () => zoom(""),
        // Returns the share of the whole that lies under the names that were found; null: no word.
        search(wanted) {
            word = wanted.trim().toLowerCase();
            place();
            if (word === "") {
                return null;
            }
            const hits = new Set(boxes.filter((box) => box.depth > 0 && box.node.name.toLowerCase().includes(word)));
            return [...hits].filter((box) => {
                for (let caller = box.caller; caller !== null; caller = caller.caller) {
                    if (hits.has(caller)) {
                        return false;
                    }
                }
                return true;
            }).reduce((sum, box) => sum + box.width, 0);
        },
    };
}
