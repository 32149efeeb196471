// A call stack as the reports show it: innermost first, the program's own code marked.
//
// SPDX-License-Identifier: MIT
import { clear, el, show, text } from "./dom.js";

function place(frame) {
    const where = frame.file ? `${frame.file}${frame.line ? `:${frame.line}` : ""}`
        : `${frame.module}+0x${Number(frame.offset ?? 0).toString(16)}`;
    return `${where}${frame.inlined ? " (inlined)" : ""}`;
}

// Returns {root, draw(frames, end)}. end: why the stack stops where it does, "" when it is whole.
export function stackList(title = "Stack") {
    const list = el("ol", { class: "stack" });
    const end = el("p", { class: "dim" });
    const root = el("div", {}, el("h4", {}, title, " ",
        el("small", {}, "innermost first; the program's own code is marked")), list, end);
    let shown = null;

    return {
        root,
        draw(frames, why = "") {
            const now = JSON.stringify(frames);
            show(root, frames.length > 0 || why !== "");
            show(end, why !== "");
            text(end, why);
            if (now === shown) {
                return; // a selection in it stays
            }
            shown = now;
            clear(list);
            list.append(...frames.map((frame) => el("li", { class: frame.role ?? null },
                el("code", {}, frame.function || "(no name)"), " ", el("span", { class: "at" }, place(frame)))));
        },
    };
}

// The innermost function of the program's own code: what a finding is called in few words.
export function ownFunction(frames) {
    return (frames.find((frame) => frame.role === "program") ?? frames[0])?.function ?? "";
}
