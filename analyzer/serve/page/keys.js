// One key for each thing, told by `?`. Keys with Ctrl, Alt or Meta are the browser's; in a field they are text.
// They can be switched off, for people whose tools type for them (WCAG 2.1, 2.1.4).
//
// SPDX-License-Identifier: MIT
import { el } from "./dom.js";

const NAME = "seep-keys";

function stored() {
    try {
        return localStorage.getItem(NAME) !== "off";
    } catch {
        return true;
    }
}

// commands: [{key, words, run()}]; dialog: <dialog>. Returns {help()}.
export function keys(commands, dialog) {
    const fixed = [["j, k", "next and previous row"], ["Enter", "open or close a row; zoom in a flame graph"],
        ["←, →", "read a chart's values; walk a flame graph"], ["Esc", "back: whole graph, out of a field, close this"]];
    const on = el("input", { type: "checkbox" });
    const rows = [...commands.map((one) => [one.key, one.words]), ...fixed].map(([key, words]) =>
        el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, key)), el("td", {}, words)));

    on.checked = stored();
    on.addEventListener("change", () => {
        try {
            localStorage.setItem(NAME, on.checked ? "on" : "off");
        } catch {
            // The choice lasts as long as the page.
        }
    });
    dialog.append(el("h2", { id: "keys-title" }, "Keyboard"), el("table", {}, el("tbody", {}, ...rows)),
        el("p", {}, el("label", {}, on, " Keys do this (arrow keys, Enter and Esc always do)")),
        el("button", { type: "button", on: { click: () => dialog.close() } }, "Close"));

    function step(by) {
        const all = [...document.querySelectorAll("main [data-row], main details.finding > summary")]
            .filter((one) => one.checkVisibility ? one.checkVisibility() : one.offsetParent !== null);
        const at = all.indexOf(document.activeElement);
        all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
    }

    document.addEventListener("keydown", (event) => {
        const field = event.target.closest?.("input, select, textarea");
        if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) {
            return;
        }
        if (event.key === "Escape" && field && !dialog.open) {
            field.blur();
        }
        if (field || dialog.open || !on.checked) {
            return;
        }
        const command = commands.find((one) => one.key === event.key);
        if (command) {
            command.run();
        } else if (event.key === "j" || event.key === "k") {
            step(event.key === "j" ? 1 : -1);
        } else {
            return;
        }
        event.preventDefault();
    });
    return { help: () => !dialog.open && dialog.showModal() };
}
