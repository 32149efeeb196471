// What a reader of the HTML report may want to do besides reading: light or dark, sorted tables, values
// under the pointer, findings opened by their rows. The page is whole without it.
//
// Text of the program's making is only ever set as textContent; nothing here fetches, evaluates or
// writes HTML.
//
// SPDX-License-Identifier: MIT
"use strict";
(() => {
    const root = document.documentElement;
    const all = (selector, within = document) => [...within.querySelectorAll(selector)];

    // Units as in the tables (base/fmt.c).
    function bytes(value) {
        const units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let i = 0;
        for (; Math.abs(value) >= 1024 && i < units.length - 1; i++) {
            value /= 1024;
        }
        return (i === 0 ? value.toFixed(0) : value.toFixed(1)) + " " + units[i];
    }
    function seconds(value) {
        for (const [unit, size, least] of [["days", 86400, 172800], ["h", 3600, 7200], ["min", 60, 120]]) {
            if (value >= least) {
                return (value / size).toFixed(1) + " " + unit;
            }
        }
        return value.toFixed(1) + " s";
    }

    // Light or dark: the system's choice until the reader makes one.
    function themeSwitch() {
        const dark = window.matchMedia("(prefers-color-scheme: dark)");
        const button = document.createElement("button");
        const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
        const label = () => {
            button.textContent = isDark() ? "Light" : "Dark";
            button.setAttribute("aria-label", isDark() ? "Show in light colours" : "Show in dark colours");
        };
        button.type = "button";
        button.className = "theme";
        button.addEventListener("click", () => {
            root.dataset.theme = isDark() ? "light" : "dark";
            label();
        });
        dark.addEventListener("change", label);
        label();
        document.querySelector("header").append(button);
    }

    // Values under the pointer, or by arrow keys; all charts of the overview move together.
    // Of two runs the longer one is walked; the other tells what it has near that time.
    function chartReader(svg, peers) {
        const numbers = (words) => words.split(" ").map(Number);
        const curves = all("polyline", svg).map((line) => (
            { name: line.dataset.name, times: numbers(line.dataset.t), values: numbers(line.dataset.v) }));
        const ends = (curve) => curve.times[curve.times.length - 1];
        const { times } = curves.reduce((a, b) => (ends(b) > ends(a) ? b : a));
        const begin = Math.min(...curves.map((curve) => curve.times[0]));
        const output = svg.closest("figure").querySelector("output");
        const cursor = svg.querySelector(".cursor");
        const text = svg.dataset.unit === "bytes" ? bytes : (v) => v.toLocaleString("en");
        const span = times[times.length - 1] - begin || 1;
        const slack = span / times.length;
        let at = -1;

        function show(index) {
            at = index;
            if (at < 0) {
                cursor.setAttribute("d", "");
                output.textContent = "";
                return;
            }
            const t = times[at];
            cursor.setAttribute("d", `M${(1000 * (t - begin)) / span} 0V100`);
            const said = curves.filter((curve) => t <= ends(curve) + slack && t >= curve.times[0] - slack)
                .map((curve) => `${curve.name} ${text(curve.values[nearest(curve.times, t)])}`.trim());
            output.textContent = `${said.reverse().join(", ")} after ${seconds(t)}`;
        }
        function nearest(among, t) {
            let best = 0;
            among.forEach((other, i) => {
                if (Math.abs(other - t) < Math.abs(among[best] - t)) {
                    best = i;
                }
            });
            return best;
        }
        peers.push(show);
        svg.tabIndex = 0;
        svg.addEventListener("pointermove", (event) => {
            const box = svg.getBoundingClientRect();
            const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
            const index = nearest(times, begin + share * span);
            peers.forEach((peer) => peer(index));
        });
        for (const leaving of ["pointerleave", "blur"]) {
            svg.addEventListener(leaving, () => peers.forEach((peer) => peer(-1)));
        }
        svg.addEventListener("keydown", (event) => {
            const last = times.length - 1;
            const to = {
                ArrowRight: Math.min(last, at + 1), ArrowLeft: at < 0 ? last : Math.max(0, at - 1),
                Home: 0, End: last, Escape: -1,
            }[event.key];
            if (to !== undefined) {
                event.preventDefault();
                peers.forEach((peer) => peer(to));
            }
        });
    }

    // A column's head sorts; data-sort is the value where the text is for people.
    function sortable(table) {
        const heads = all("thead th", table);
        const body = table.tBodies[0];
        const value = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent;

        heads.forEach((head, column) => {
            if ("fixed" in head.dataset) {
                return;
            }
            const button = document.createElement("button");
            button.type = "button";
            button.append(...head.childNodes);
            head.append(button);
            button.addEventListener("click", () => {
                const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
                heads.forEach((other) => other.removeAttribute("aria-sort"));
                head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
                const rows = [...body.rows];
                const numbers = rows.every((row) => !Number.isNaN(Number(value(row, column))));
                rows.sort((a, b) => sign * (numbers ? Number(value(a, column)) - Number(value(b, column)) :
                    value(a, column).localeCompare(value(b, column), "en")));
                body.append(...rows);
            });
        });
    }

    // Zoom: the chosen frame takes the whole width, its callers stay above it, the rest is put away.
    // Everything is known from x, y and width as they were written.
    function flameGraph(svg) {
        const output = svg.closest("figure").querySelector("output");
        const frames = all("svg", svg).map((box) => ({
            box, x: parseFloat(box.getAttribute("x")), width: parseFloat(box.getAttribute("width")),
            y: Number(box.getAttribute("y")), says: box.querySelector("title").textContent,
            name: box.querySelector("text").textContent.toLowerCase(),
        }));
        const slack = 0.0003; // of four decimals
        const holds = (a, b) => a.y < b.y && a.x <= b.x + slack && a.x + a.width >= b.x + b.width - slack;
        let zoomed = frames[0];

        function zoom(to) {
            zoomed = to;
            for (const frame of frames) {
                const above = holds(frame, to);
                const inside = frame === to || holds(to, frame);
                frame.box.classList.toggle("above", above);
                frame.box.style.display = above || inside ? "" : "none";
                frame.box.setAttribute("x", `${above ? 0 : (100 * (frame.x - to.x)) / to.width}%`);
                frame.box.setAttribute("width", `${above ? 100 : (100 * frame.width) / to.width}%`);
            }
            output.textContent = to === frames[0] ? "" : to.says;
        }
        function move(from, key) {
            const shown = frames.filter((frame) => frame.box.style.display !== "none");
            if (key === "ArrowUp") {
                return shown.findLast((frame) => holds(frame, from));
            }
            if (key === "ArrowDown") {
                return shown.find((frame) => holds(from, frame));
            }
            const row = shown.filter((frame) => frame.y === from.y).sort((a, b) => a.x - b.x);
            return row[row.indexOf(from) + (key === "ArrowRight" ? 1 : -1)];
        }
        for (const frame of frames) {
            frame.box.setAttribute("tabindex", frame === frames[0] ? 0 : -1);
            frame.box.setAttribute("role", "button");
            frame.box.setAttribute("aria-label", frame.says);
            frame.box.addEventListener("click", () => zoom(frame === zoomed ? frames[0] : frame));
            frame.box.addEventListener("pointerenter", () => { output.textContent = frame.says; });
            frame.box.addEventListener("focus", () => { output.textContent = frame.says; });
            frame.box.addEventListener("keydown", (event) => {
                if (event.key === "Enter" || event.key === " ") {
                    zoom(frame === zoomed ? frames[0] : frame);
                } else if (event.key === "Escape") {
                    zoom(frames[0]);
                } else if (event.key.startsWith("Arrow")) {
                    move(frame, event.key)?.box.focus();
                } else {
                    return;
                }
                event.preventDefault();
            });
        }
        svg.addEventListener("pointerleave", () => {
            output.textContent = zoomed === frames[0] ? "" : zoomed.says;
        });
        return {
            reset: () => zoom(frames[0]),
            // Returns the share of the whole that lies under the names that were found.
            search(word) {
                const hits = frames.filter((frame) => {
                    const hit = word !== "" && frame !== frames[0] && frame.name.includes(word);
                    frame.box.classList.toggle("hit", hit);
                    return hit;
                });
                return hits.filter((hit) => !hits.some((other) => other !== hit && holds(other, hit)))
                    .reduce((sum, hit) => sum + hit.width, 0);
            },
        };
    }

    function flameTools(graphs) {
        const tools = document.querySelector("#flames .tools");
        const label = document.createElement("label");
        const input = document.createElement("input");
        const reset = document.createElement("button");
        const found = document.createElement("output");
        input.type = "search";
        label.append("Find a function", input);
        reset.type = "button";
        reset.textContent = "Whole graph";
        input.addEventListener("input", () => {
            const word = input.value.trim().toLowerCase();
            const shares = graphs.map((graph) => graph.search(word));
            found.textContent = word === "" ? "" : shares.map((share) => `${share.toFixed(1)} %`).join(", ");
        });
        reset.addEventListener("click", () => graphs.forEach((graph) => graph.reset()));
        tools.append(label, reset, found);
    }

    function openTarget() {
        const target = /^#f\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
        if (target) {
            target.open = true;
            target.scrollIntoView();
            target.querySelector("summary").focus({ preventScroll: true });
        }
    }

    themeSwitch();
    const overview = [];
    for (const svg of all(".chart svg")) {
        chartReader(svg, svg.closest("#overview") ? overview : []);
    }
    const flames = all(".flames").map(flameGraph);
    if (flames.length > 0) {
        flameTools(flames);
    }
    all("table.sortable").forEach(sortable);
    for (const row of all(".findings tbody tr")) {
        row.addEventListener("click", (event) => {
            const link = row.querySelector("a");
            if (event.target.closest("a") || String(window.getSelection()) !== "") {
                return;
            }
            link.click();
        });
    }
    document.addEventListener("click", (event) => {
        const link = event.target.closest("a[href^='#f']");
        if (link && link.hash === location.hash) {
            openTarget();
        }
    });
    window.addEventListener("hashchange", openTarget);
    openTarget();
    window.addEventListener("beforeprint", () => all("details.finding").forEach((one) => { one.open = true; }));
})();
