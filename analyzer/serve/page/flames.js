// The flame graph of what is live, or of what grows, by kind.
//
// SPDX-License-Identifier: MIT
import { below, get } from "./api.js";
import { el, show, text } from "./dom.js";
import { flameGraph } from "./flame.js";
import { choice, KINDS } from "./sites.js";
import { bytes, count, number, plural } from "./units.js";

const VALUES = [["live-bytes", "Live"], ["growth", "Growth"]];

export function flames(app) {
    let unit = "bytes";
    const say = (value) => ({
        bytes: () => bytes(value), "bytes/h": () => `${bytes(value)}/h`, "1/h": () => `${number(value)}/h`,
    }[unit] ?? (() => count(value)))();
    const graph = flameGraph(say);
    const kind = choice("Kind", KINDS, (value) => app.go({ kind: value }));
    const value = choice("Value", VALUES, (chosen) => app.go({ value: chosen }));
    const found = el("output", { "aria-live": "polite" });
    const find = el("input", { type: "search", "data-find": true });
    const reset = el("button", { type: "button", on: { click: () => graph.reset() } }, "Whole graph");
    const left = el("p", { class: "dim" });
    const root = el("section", { "aria-labelledby": "flames" }, el("h2", { id: "flames" }, "Flame graph"),
        el("div", { class: "tools" }, kind.root, value.root, el("label", {}, "Find a function ", find), reset, found),
        el("p", { class: "dim" }, "Callers above what they call. ", el("span", { class: "swatch program" }), " the program's own code ",
            el("span", { class: "swatch library" }), " libraries ", el("span", { class: "swatch" }), " the runtime. ",
            "Enter or a click makes a box as wide as the page, Escape goes back, arrow keys walk."),
        graph.root, left);

    function search() {
        const share = graph.search(find.value);
        text(found, share === null ? "" : `${(100 * share).toFixed(1)} %`);
    }
    find.addEventListener("input", search);
    return {
        root,
        load: () => get(below(app.name, "flame"), { kind: app.route.kind ?? "heap", value: app.route.value ?? "live-bytes" }),
        draw(tree) {
            const chosen = app.route.kind ?? "heap";
            const growth = (app.route.value ?? "live-bytes") === "growth";
            const ofBytes = chosen === "heap" || chosen === "mapping";
            unit = tree.unit ?? (ofBytes ? (growth ? "bytes/h" : "bytes") : growth ? "1/h" : "");
            kind.draw(chosen);
            value.draw(app.route.value ?? "live-bytes");
            graph.draw(tree);
            search();
            show(left, tree.left_off > 0);
            text(left, `${plural(tree.left_off, "narrower box", "narrower boxes")} left off`);
        },
    };
}
