// Curves over time as SVG, drawn and read as in the HTML report (analyzer/report/html_chart.c): labels stand
// outside the picture as text of the page, curves stretch with it.
//
// A value is read under the pointer or by arrow keys; charts that are linked move together, and only the one
// that the keys are in speaks to a screen reader.
//
// SPDX-License-Identifier: MIT
import { attr, el, keyed, show, svg, text } from "./dom.js";
import { bytes, clock, count, roundStep, seconds } from "./units.js";

const WIDTH = 1000;
const HEIGHT = 100;
const TICKS = 4;

const most = (values) => values.reduce((top, value) => Math.max(top, value), 0);
const last = (list) => list[list.length - 1];

function nearest(times, t) {
    let low = 0;
    let high = times.length - 1;
    while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (times[middle] <= t) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return t - times[low] <= times[high] - t ? low : high;
}

function labels(parent, words) {
    keyed(parent, words.map((word, i) => ({ word, i })), (one) => one.i, () => el("span"),
        (node, one) => text(node, one.word));
}

// timeChart("Threads", false, link): link is an array shared by the charts that move together.
// Returns {root, draw({t, values, judged: [from, to] or null, startedMs})}.
export function timeChart(title, ofBytes, link = []) {
    const say = ofBytes ? bytes : count;
    const says = el("span");
    const output = el("output", { "aria-live": "off" });
    const y = el("div", { class: "y", "aria-hidden": "true" });
    const x = el("div", { class: "x", "aria-hidden": "true" });
    const judged = svg("rect", { class: "judged", y: 0, height: HEIGHT });
    const grid = svg("path", { class: "grid" });
    const curve = svg("polyline");
    const cursor = svg("path", { class: "cursor" });
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: 0 },
        judged, grid, curve, cursor);
    const root = el("figure", { class: "chart" },
        el("figcaption", {}, el("b", { class: "key" }, title), says, output),
        el("div", { class: "plot" }, y, picture, x));
    let drawn = null; // what is on the screen
    let at = null;    // the time that is read; null: none

    const span = () => Math.max(last(drawn.t) - drawn.t[0], 1e-9);

    function read(t) {
        at = t;
        if (t === null || drawn === null) {
            attr(cursor, "d", null);
            text(output, "");
            return;
        }
        const i = nearest(drawn.t, t);
        attr(cursor, "d", `M${(WIDTH * (drawn.t[i] - drawn.t[0]) / span()).toFixed(1)} 0V${HEIGHT}`);
        text(output, `${say(drawn.values[i])} at ${clock(new Date(drawn.startedMs + 1000 * drawn.t[i]))}`
            + `, ${seconds(drawn.t[i])} into the run`);
    }

    function readAll(t) {
        link.forEach((other) => other(t));
    }

    function key(event) {
        const i = at === null ? drawn.t.length : nearest(drawn.t, at);
        const to = {
            ArrowRight: Math.min(drawn.t.length - 1, i + 1), ArrowLeft: Math.max(0, i - 1), Home: 0,
            End: drawn.t.length - 1,
        }[event.key];
        if (to !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            attr(output, "aria-live", "polite");
            readAll(drawn.t[to]);
        } else if (event.key === "Escape" && at !== null) {
            event.stopPropagation();
            readAll(null);
        }
    }

    link.push(read);
    picture.addEventListener("pointermove", (event) => {
        const box = picture.getBoundingClientRect();
        attr(output, "aria-live", "off");
        readAll(drawn.t[0] + span() * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    });
    picture.addEventListener("pointerleave", () => readAll(null));
    picture.addEventListener("blur", () => {
        attr(output, "aria-live", "off");
        readAll(null);
    });
    picture.addEventListener("keydown", key);

    return {
        root,
        draw(data) {
            show(root, data.t.length >= 2);
            if (data.t.length < 2) {
                return;
            }
            drawn = data;
            const step = roundStep(most(data.values) / TICKS, ofBytes);
            const steps = Math.max(1, Math.ceil(most(data.values) / step));
            const top = steps * step;
            const px = (t) => WIDTH * Math.min(1, Math.max(0, (t - data.t[0]) / span()));

            attr(curve, "points", data.t.map((t, i) =>
                `${px(t).toFixed(1)},${(HEIGHT * (1 - data.values[i] / top)).toFixed(2)}`).join(" "));
            attr(grid, "d", Array.from({ length: steps + 1 }, (_, i) =>
                `M0 ${(HEIGHT - (HEIGHT * i) / steps).toFixed(2)}H${WIDTH}`).join(""));
            const [from, to] = data.judged ?? [0, 0];
            attr(judged, "x", px(from).toFixed(1));
            attr(judged, "width", Math.max(0, px(to) - px(from)).toFixed(1));
            labels(y, Array.from({ length: steps + 1 }, (_, i) => say((steps - i) * step)));
            labels(x, Array.from({ length: TICKS + 1 }, (_, i) =>
                seconds(data.t[0] + (span() * i) / TICKS)));
            text(says, `${say(last(data.values))} now, at most ${say(most(data.values))}`);
            attr(picture, "aria-label", `${title} over ${seconds(span())}: from ${say(data.values[0])} to `
                + `${say(last(data.values))}, at most ${say(most(data.values))}. Arrow keys read values.`);
            read(at);
        },
    };
}

// A curve without labels for a row of a table. Returns {root, draw(values)}.
export function sparkline() {
    const curve = svg("polyline");
    const root = svg("svg", { class: "spark", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" }, curve);

    return {
        root,
        draw(values) {
            const top = Math.max(most(values), 1e-300);
            attr(curve, "points", values.length < 2 ? null : values.map((value, i) =>
                `${((100 * i) / (values.length - 1)).toFixed(1)},${(19 - 18 * Math.max(0, value / top)).toFixed(1)}`).join(" "));
        },
    };
}

// Times at equal distances, as a finding's series has them.
export function evenly(from, to, n) {
    return Array.from({ length: n }, (_, i) => from + ((to - from) * i) / Math.max(1, n - 1));
}
