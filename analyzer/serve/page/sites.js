// Where resources of one kind come from: what is live, what it gained in the last seconds, how many are acquired.
// A row opens its stack and its curve over the run.
//
// SPDX-License-Identifier: MIT
import { below, get } from "./api.js";
import { timeChart } from "./chart.js";
import { attr, el, facts, keyed, show, table, text } from "./dom.js";
import { stackList } from "./stack.js";
import { bytes, bytesRate, count, countRate, plural, seconds } from "./units.js";

export const KINDS = [["heap", "Heap"], ["mapping", "Mappings"], ["thread", "Threads"], ["fd", "Descriptors"], ["timer", "Timers"]];
const FIRST = 50;
const MOST = 1000;
const NONE = "(none)";

const hasBytes = (kind) => kind === "heap" || kind === "mapping";

// Buttons of which one is pressed. Returns {root, draw(value)}.
export function choice(label, options, onChoose) {
    const buttons = options.map(([value, words]) =>
        el("button", { type: "button", on: { click: () => onChoose(value) }, "data-value": value }, words));
    return {
        root: el("div", { class: "choice", role: "group", "aria-label": label }, ...buttons),
        draw: (value) => buttons.forEach((button) => attr(button, "aria-pressed", String(button.dataset.value === value))),
    };
}

// The stack and the curves of one site.
function detail(app) {
    const link = [];
    const chart = timeChart("Live", false, link);
    const sizes = timeChart("Live bytes", true, link);
    const list = el("dl");
    const stack = stackList();
    const wait = el("p", { class: "dim" }, "Asking for its stack ...");
    const finding = el("a");
    const speaks = el("p", {}, "A finding speaks for it: ", finding);
    const cell = el("td", { colspan: 7 }, wait, speaks, el("div", { class: "charts" }, sizes.root, chart.root), list, stack.root);
    chart.root.hidden = sizes.root.hidden = speaks.hidden = true;

    return {
        root: el("tr", { class: "opened" }, cell),
        draw(site) {
            const failed = site?.failed;
            show(wait, !site || Boolean(failed));
            text(wait, failed ? `Its stack could not be asked for: ${failed}` : "Asking for its stack ...");
            if (!site || failed) {
                return;
            }
            const data = { t: site.series.t_s, judged: app.report?.recording.judged_s ?? null, startedMs: app.startedMs() };
            sizes.draw({ ...data, t: hasBytes(site.kind) ? data.t : [], values: site.series.live_bytes });
            chart.draw({ ...data, values: site.series.live });
            facts(list, [["site", site.headline], ["at", site.place], ["subsystem", site.subsystem], ["id", site.id]]);
            stack.draw(site.stack, site.stack_end);
            show(speaks, Boolean(site.finding));
            attr(finding, "href", app.href({ view: "overview", finding: site.finding }));
            text(finding, site.finding ? `${site.verdict} ${site.finding}` : "");
        },
    };
}

export function sites(app) {
    const details = new Map();
    let last = null;
    let limit = FIRST;

    const kind = choice("Kind", KINDS, (value) => app.go({ kind: value, site: null }));
    const subsystem = el("select", { on: { change: () => app.go({ subsystem: subsystem.value || null, site: null }) } });
    const find = el("input", { type: "search", "data-find": true, on: { input: () => last && draw(last) } });
    const columns = [
        { name: "where", label: "where" }, { name: "subsystem", label: "subsystem", class: "wide-only" },
        { name: "live", label: "live", class: "n", sorts: true }, { name: "bytes", label: "bytes", class: "n bytes", sorts: true },
        { name: "growth", label: "growth", class: "n", sorts: true },
        { name: "rate", label: "new", class: "n", sorts: true }, { name: "finding", label: "finding" }];
    const rows = table(columns, "Sites, sorted by a column's head", (name) => app.go({ sort: name === "bytes" ? "live" : name }));
    rows.root.classList.add("sites");
    const none = el("p", { class: "dim" });
    const more = el("button", { type: "button", on: { click: () => { limit = MOST; app.refresh(); } } });
    const says = el("p", { class: "dim" });
    const root = el("section", { "aria-labelledby": "sites" }, el("h2", { id: "sites" }, "Sites"),
        el("div", { class: "tools" }, kind.root, el("label", {}, "Subsystem ", subsystem), el("label", {}, "Find ", find)),
        says, rows.root, none, more);

    const chosenKind = () => app.route.kind ?? "heap";
    const chosenSort = () => app.route.sort ?? "live";

    function toggle(site) {
        app.go({ site: app.route.site === String(site) ? null : String(site) });
    }

    function make(row) {
        const button = el("button", { type: "button", class: "open", "data-row": true, on: { click: () => toggle(row.site) } },
            el("code"));
        return el("tr", {}, el("th", { scope: "row" }, button, el("small", { class: "at" })), el("td", { class: "wide-only" }),
            el("td", { class: "n" }), el("td", { class: "n bytes" }), el("td", { class: "n", "data-label": "growth" }),
            el("td", { class: "n", "data-label": "new" }), el("td", {}, el("span", { class: "verdict" })));
    }

    function fill(node, row) {
        const open = app.route.site === String(row.site);
        const [button, at] = node.cells[0].children;
        attr(button, "aria-expanded", String(open));
        text(button.firstChild, row.headline || "(no name)");
        text(at, row.place);
        text(node.cells[1], row.subsystem);
        text(node.cells[2], count(row.live));
        text(node.cells[3], hasBytes(chosenKind()) ? bytes(row.live_bytes) : "");
        text(node.cells[4], hasBytes(chosenKind()) ? bytesRate(row.growth_bytes_per_s) : countRate(row.growth_per_s));
        text(node.cells[5], countRate(row.acquired_per_s, false));
        attr(node.cells[6].firstChild, "class", row.finding ? `verdict ${row.verdict}` : null);
        text(node.cells[6].firstChild, row.finding ? row.verdict ?? "finding" : "");
    }

    function options() {
        const names = (app.report?.subsystems ?? []).map((one) => one.name || NONE);
        const all = [...new Set(["", ...names, app.route.subsystem ?? ""])];
        keyed(subsystem, all, (one) => one, (one) => el("option", { value: one }, one || "all"));
        subsystem.value = app.route.subsystem ?? "";
    }

    // An opened site stays, as the last row when it is not among those that came.
    function draw(data) {
        const word = find.value.trim().toLowerCase();
        const wanted = app.route.subsystem;
        const asked = data.site?.data;
        const isHere = !asked || asked.failed || data.list.rows.some((row) => row.site === asked.site);
        const fits = (row) => (!wanted || (row.subsystem || NONE) === wanted)
            && (word === "" || `${row.headline} ${row.place} ${row.subsystem}`.toLowerCase().includes(word));
        const listed = (isHere ? data.list.rows : [...data.list.rows, asked]).filter(fits);
        const items = listed.flatMap((row) => (app.route.site === String(row.site)
            ? [{ key: row.site, row }, { key: `open ${row.site}`, opened: row.site }] : [{ key: row.site, row }]));
        last = data;
        kind.draw(chosenKind());
        options();
        rows.sorted(chosenSort() === "live" && hasBytes(chosenKind()) ? "bytes" : chosenSort(), true);
        attr(rows.root, "data-bytes", hasBytes(chosenKind()));
        keyed(rows.body, items, (item) => item.key, (item) => {
            if (item.row) {
                return make(item.row);
            }
            const opened = detail(app);
            details.set(item.key, opened);
            return opened.root;
        }, (node, item) => (item.row ? fill(node, item.row)
            : details.get(item.key).draw(String(data.site?.of) === String(item.opened) ? data.site.data : null)));
        [...details.keys()].filter((key) => !items.some((item) => item.key === key)).forEach((key) => details.delete(key));
        show(none, listed.length === 0);
        text(none, data.list.rows.length === 0 ? "No site of this kind holds anything or has gained anything." : "No site matches.");
        const all = data.list.count ?? data.list.rows.length;
        const window = data.list.window_s > 0 ? `over the last ${seconds(data.list.window_s)}` : "not known yet";
        text(says, `${plural(data.list.rows.length, "site")}${all > data.list.rows.length ? ` of ${count(all)}` : ""}; `
            + `growth and new ${window}. Whether any of it is a leak: see Overview.`);
        show(more, all > data.list.rows.length && limit < MOST);
        text(more, `Show ${count(Math.min(all, MOST))}`);
    }

    async function site() {
        const of = app.route.site;
        if (!of) {
            return null;
        }
        try {
            return { of, data: await get(below(app.name, "sites", of)) };
        } catch (error) {
            return { of, data: { failed: error.message } };
        }
    }

    return {
        root, draw,
        async load() {
            const filter = app.route.subsystem && app.route.subsystem !== NONE ? app.route.subsystem : null;
            const [list, one] = await Promise.all([get(below(app.name, "sites"),
                { kind: chosenKind(), sort: chosenSort(), top: limit, subsystem: filter }), site()]);
            return { list, site: one };
        },
    };
}
