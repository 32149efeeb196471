// Elements, made and changed without any text being read as HTML: what a program under watch calls its
// functions, threads and files enters by textContent and attributes alone.
//
// Everything here changes only what differs, because a view is drawn anew each second: focus, selection,
// scrolling and opened details live in the nodes, so the nodes stay.
//
// SPDX-License-Identifier: MIT
const SVG = "http://www.w3.org/2000/svg";
// Characters that show nothing or turn the order of others around: a name with them could pass for another one.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function visible(words) {
    return String(words).replace(UNSEEN, "\ufffd");
}

// attr(node, name, value): null or false takes the attribute away, true sets it empty.
export function attr(node, name, value) {
    if (value === null || value === undefined || value === false) {
        if (node.hasAttribute(name)) {
            node.removeAttribute(name);
        }
        return;
    }
    const words = value === true ? "" : name === "title" || name === "aria-label" ? visible(value) : String(value);
    if (node.getAttribute(name) !== words) {
        node.setAttribute(name, words);
    }
}

function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (name === "on") {
            for (const [event, listener] of Object.entries(value)) {
                node.addEventListener(event, listener);
            }
        } else {
            attr(node, name, value);
        }
    }
    node.append(...children.filter((child) => child !== null && child !== undefined)
        .map((child) => (child instanceof Node ? child : visible(child))));
    return node;
}

// el("p", {class: "dim", on: {click: f}}, "text", node ...): strings are text.
export function el(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function text(node, value) {
    const words = visible(value);
    if (node.textContent !== words) {
        node.textContent = words;
    }
    return node;
}

export function show(node, shown) {
    if (node.hidden === shown) {
        node.hidden = !shown;
    }
    return node;
}

const nodesOf = new WeakMap();

function inOrder(parent, nodes) {
    let next = parent.firstChild;
    for (const node of nodes) {
        if (node === next) {
            next = next.nextSibling;
        } else {
            parent.insertBefore(node, next);
        }
    }
}

// The children of `parent` become one node for each item, in this order. A node lives as long as its key
// does. make(item) returns a new node, fill(node, item, index) writes what may change.
export function keyed(parent, items, keyOf, make, write = () => {}) {
    const before = nodesOf.get(parent) ?? new Map();
    const after = new Map();
    const active = document.activeElement;
    const single = new Map(items.map((item) => [keyOf(item), item])); // a key that comes twice is one node

    for (const [key, item] of single) {
        after.set(key, before.get(key) ?? make(item));
    }
    before.forEach((node, key) => after.has(key) || node.remove());
    inOrder(parent, after.values());
    [...single].forEach(([key, item], index) => write(after.get(key), item, index));
    nodesOf.set(parent, after);
    if (active !== document.activeElement && parent.contains(active)) {
        active.focus({ preventScroll: true }); // it was moved
    }
}

// Forgets what `keyed` knows of a parent and empties it.
export function clear(parent) {
    nodesOf.delete(parent);
    parent.replaceChildren();
}

// <dl> of [label, text or node] pairs; pairs without a value are left out. Drawn again only when the words
// differ, so that a selection in them survives.
export function facts(list, pairs) {
    const kept = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
    const parts = kept.flatMap(([label, value], i) => [
        { key: `t${i}${label}`, tag: "dt", value: i > 0 && kept[i - 1][0] === label ? "" : label },
        { key: `d${i}${label}`, tag: "dd", value }]);
    keyed(list, parts, (part) => part.key, (part) => el(part.tag), (node, part) => {
        if (part.value instanceof Node) {
            if (node.firstChild !== part.value) {
                node.replaceChildren(part.value);
            }
        } else {
            text(node, part.value);
        }
    });
    return list;
}

// A table whose head says what sorts: columns of {name, label, number, sorts}. onSort(name) when asked.
export function table(columns, caption, onSort) {
    const body = el("tbody");
    const heads = columns.map((column) => {
        const inner = column.sorts
            ? el("button", { type: "button", on: { click: () => onSort(column.name) } }, column.label)
            : column.label;
        return el("th", { scope: "col", class: column.class ?? null }, inner);
    });
    const whole = el("table", {}, el("caption", { class: "unseen" }, caption),
        el("thead", {}, el("tr", {}, ...heads)), body);
    return {
        root: el("div", { class: "wide" }, whole), body,
        sorted(name, descending) {
            columns.forEach((column, i) => attr(heads[i], "aria-sort",
                column.name === name ? (descending ? "descending" : "ascending") : null));
        },
    };
}
