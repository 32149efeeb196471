// The page: which recording and which view the address names, when it is drawn anew, and what is said of the
// connection. Views draw, they do not fetch by themselves and do not know each other.
//
// A draw is asked for by an event, by a key or by the address. While one is under way the next one waits, and of
// several that wait one is done: a slow server is never asked twice at once.
//
// SPDX-License-Identifier: MIT
import { below, get } from "./api.js";
import { compare } from "./compare.js";
import { attr, el, keyed, show, text, visible } from "./dom.js";
import { listen } from "./feed.js";
import { flames } from "./flames.js";
import { keys } from "./keys.js";
import { outcomeWords, recordings, startedAt, stateWords } from "./recordings.js";
import { isBad } from "./outlook.js";
import { overview } from "./overview.js";
import { sites } from "./sites.js";
import { threads } from "./threads.js";
import { clock, full, plural } from "./units.js";
import { newsOf, verdictHead } from "./verdict.js";

const VIEWS = [["overview", "Overview", overview], ["sites", "Sites", sites], ["threads", "Threads", threads],
    ["flame", "Flame", flames], ["compare", "Compare", compare]];
const LEAST_REST_MS = 250;
const FINDINGS_MOST = 100; // the report has them all
const node = (id) => document.getElementById(id);

const main = node("main");
const problem = el("p", { class: "warn problem", role: "alert", hidden: true });
const [pickerLabel, picker] = [node("picker"), node("picker").querySelector("select")];
const news = newsOf();
const connection = { mode: "live", words: "", since: null };
let views = new Map(); // of one recording
let shownFor = null;
let frozenAt = null;
let missed = 0;
let updated = null;
let busy = false;
let again = false;
let waiting = null; // timer of a draw that an event asked for
let rest = 0;       // until when events have to wait
const scrolls = new Map();

const app = {
    rows: new Map(), leftOut: 0, route: {}, report: null, jump: null,
    get name() { return this.route.recording ?? (this.rows.size === 1 ? this.rows.keys().next().value : null); },
    get view() {
        const known = VIEWS.some(([name]) => name === this.route.view);
        return this.name === null ? "recordings" : known ? this.route.view : "overview";
    },
    row() { return this.rows.get(this.name) ?? null; },
    startedMs() { return startedAt(this.row() ?? {}).getTime(); },
    isNew: (key) => news.isNew(app.name, key),
    seen: (key) => news.seen(app.name, key),
    // The address of what is shown but for `changes`; null takes a part away.
    href(changes) {
        const parts = Object.entries({ ...this.route, finding: null, ...changes });
        return `#${new URLSearchParams(parts.filter(([, value]) => (value ?? "") !== ""))}`;
    },
    go(changes) { location.hash = this.href(changes); },
    refresh,
};
const head = verdictHead(app, node("verdict"));

function viewOf(name) {
    if (shownFor !== app.name) {
        views.forEach((view) => view.root.remove());
        views = new Map();
        shownFor = app.name;
    }
    if (!views.has(name)) {
        const make = VIEWS.find(([one]) => one === name)?.[2] ?? recordings;
        views.set(name, make(app));
        main.append(show(views.get(name).root, false));
    }
    return views.get(name);
}

function drawNavigation() {
    const names = [...app.rows.keys()];
    const nav = document.querySelector("nav");
    show(nav, app.name !== null);
    keyed(nav, VIEWS, ([name]) => name, ([, label], i) => el("a", {}, label), (link, [name]) => {
        attr(link, "href", app.href({ view: name, site: null }));
        attr(link, "aria-current", app.view === name ? "page" : null);
    });
    show(pickerLabel, names.length > 1);
    keyed(picker, ["", ...names], (name) => name, (name) => el("option", { value: name }), (option, name) => {
        const row = app.rows.get(name);
        text(option, row ? `${name} (${outcomeWords(row)})` : "all recordings");
    });
    picker.value = app.name ?? "";
}

// How what is shown stands to what is: [class, words].
function standing() {
    const row = app.row();
    if (frozenAt !== null) {
        return ["frozen", `Frozen at ${clock(frozenAt)}${missed > 0 ? `, ${plural(missed, "update")} since` : ""}`];
    }
    if (connection.mode === "away") {
        return ["away", `No answer since ${clock(connection.since)} (${connection.words}); asking again`];
    }
    if (row !== null && row.state !== "running") {
        return ["ended", `${stateWords(row)[0].toUpperCase()}${stateWords(row).slice(1)}: this is final`];
    }
    if (connection.mode === "polling") {
        return ["polling", "Asking each 5 s, because events do not arrive"];
    }
    return updated === null ? ["ended", "Connecting"] : ["live", "Live"];
}

function drawStatus() {
    const status = node("status");
    const [kind, words] = standing();
    text(status, `${words}${updated === null ? "" : `; updated ${clock(updated)}`}`);
    attr(status, "title", updated === null ? null : full(updated));
    attr(status, "class", kind);
    attr(node("freeze"), "aria-pressed", String(frozenAt !== null));
}

// Of the recording that is shown the bounded ones can be told apart.
function badCount(row) {
    return row.name === app.name && app.report !== null ? app.report.findings.filter(isBad).length : 0;
}

function drawTitle() {
    const row = app.row();
    document.title = row === null ? "Seep"
        : `${outcomeWords(row)}${badCount(row) > 0 ? ` ${badCount(row)}` : ""}: ${visible(row.name)} - Seep`;
}

function announce(words) {
    if (words !== "") {
        text(node("news"), words);
    }
}

function fail(error) {
    const hint = {
        401: "open this page with ?token=TOKEN behind its address once", 404: "it may have been removed or renamed",
    }[error.status];
    text(problem, `${error.status === 0 ? "The server does not answer: " : ""}${error.message}${hint ? ` (${hint})` : ""}`);
    show(problem, true);
    [...views].forEach(([name, view]) => name !== app.view && show(view.root, false)); // what was left is not what failed
    main.querySelectorAll(":scope > p.dim").forEach((one) => one.remove());
    if (error.status === undefined) {
        throw error; // a fault of this page: the console shall have it
    }
}

async function draw() {
    const name = app.name;
    const view = viewOf(app.view);
    const key = `${name} ${app.view}`;
    const isOther = view.root.hidden;

    drawNavigation();
    if (name !== null && app.rows.size > 0 && app.row() === null) {
        throw Object.assign(new Error(`there is no recording ${name}`), { status: 404 });
    }
    if (app.row()?.state === "refused") {
        show(node("verdict"), false);
        throw Object.assign(new Error(`${name} cannot be read: ${app.row().why}`), { status: 400 });
    }
    const started = performance.now();
    const asked = name === null ? null : get(below(name, "report"), { format: "json", top: FINDINGS_MOST });
    const [report, data] = await Promise.all([asked, view.load()]);
    if (key !== `${app.name} ${app.view}`) {
        again = true; // the reader has gone on
        rest = 0;
        return;
    }
    views.forEach((one) => show(one.root, one === view));
    app.report = report;
    if (report === null) {
        show(node("verdict"), false);
    } else {
        announce(news.take(name, report));
        head.draw(report, app.row(), app.view !== "overview");
    }
    view.draw(data);
    main.querySelectorAll(":scope > p.dim").forEach((one) => one.remove());
    if (isOther && app.jump === null) {
        window.scrollTo(0, scrolls.get(key) ?? 0);
    }
    updated = new Date();
    show(problem, false);
    performance.clearMeasures("seep-update");
    performance.measure("seep-update", { start: started, end: performance.now() });
    if (performance.getEntriesByName("seep-useful").length === 0) {
        performance.mark("seep-useful");
    }
}

async function refresh() {
    clearTimeout(waiting);
    waiting = null;
    if (busy) {
        again = true;
        return;
    }
    busy = true;
    const started = performance.now();
    try {
        again = false;
        await draw();
    } catch (error) {
        fail(error);
    } finally {
        const now = performance.now();
        busy = false;
        rest = now + Math.max(LEAST_REST_MS, 2 * (now - started));
        drawStatus();
        drawTitle();
        if (again && frozenAt === null && !document.hidden) {
            refreshSoon();
        }
    }
}

// For events: twice as long as a draw takes the page and its server do something else.
function refreshSoon() {
    if (waiting === null) {
        waiting = setTimeout(refresh, Math.max(0, rest - performance.now()));
    }
}

// The newest states. A recording that is not looked at is only announced when its verdict gets worse.
function take(rows, whole, leftOut) {
    const before = app.rows;
    const byName = new Map((whole ? rows : [...before.values(), ...rows]).map((row) => [row.name, row]));
    const mine = app.name;
    const changed = [...byName.values()].filter((row) => before.get(row.name)?.generation !== row.generation);
    for (const row of changed) {
        const old = before.get(row.name);
        if (old && row.name !== mine && row.outcome !== old.outcome && ["leak", "suspect"].includes(row.outcome)) {
            announce(`${row.name}: now ${outcomeWords(row)}`);
        }
    }
    app.rows = byName;
    app.leftOut = leftOut ?? app.leftOut;
    const isFirst = before.size === 0 && byName.size > 0;
    const concerns = isFirst || app.view === "recordings" || app.view === "compare" || !problem.hidden
        || changed.some((row) => row.name === app.name);
    drawNavigation();
    if (frozenAt !== null && !isFirst) {
        missed += changed.some((row) => row.name === app.name) ? 1 : 0;
        drawStatus();
    } else if (concerns && (!document.hidden || isFirst)) {
        if (isFirst) {
            refresh();
        } else {
            refreshSoon();
        }
    } else {
        again = again || document.hidden;
    }
    drawTitle();
}

function route() {
    scrolls.set(`${app.name} ${app.view}`, window.scrollY);
    app.route = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    app.jump = app.route.finding ?? null;
    if (app.rows.size > 0) {
        refresh();
    }
}

function freeze() {
    frozenAt = frozenAt === null ? new Date() : null;
    missed = 0;
    drawStatus();
    if (frozenAt === null) {
        refresh();
    }
}

function theme() {
    const button = node("theme");
    const label = (chosen) => {
        text(button, { system: "Auto", light: "Light", dark: "Dark" }[chosen]);
        attr(button, "aria-label", `Theme: ${chosen === "system" ? "as the system has it" : chosen}`);
        attr(button, "title", button.getAttribute("aria-label"));
    };
    const next = () => label(window.seepTheme.next());
    label(window.seepTheme.chosen());
    button.addEventListener("click", next);
    return next;
}

function find() {
    [...main.querySelectorAll("[data-find]")].find((one) => one.offsetParent !== null)?.focus();
}

main.prepend(problem);
window.addEventListener("hashchange", route);
document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (link?.hash === "#main") {
        event.preventDefault(); // the address names what is shown, not a place in it
        main.focus();
    } else if (link && link.hash === location.hash) {
        route();
    }
});
document.addEventListener("visibilitychange", () => !document.hidden && again && frozenAt === null && refresh());
window.addEventListener("beforeprint", () => main.querySelectorAll("details").forEach((one) => { one.open = true; }));
picker.addEventListener("change", () => app.go({ recording: picker.value || null, site: null, subsystem: null }));
node("freeze").addEventListener("click", freeze);
const nextTheme = theme();
const help = keys([
    ...VIEWS.map(([name, label], i) => ({
        key: String(i + 1), words: label, run: () => app.name !== null && app.go({ view: name, site: null }),
    })),
    { key: "0", words: "all recordings", run: () => app.rows.size > 1 && app.go({ recording: null, site: null }) },
    { key: "/", words: "find in this view", run: find },
    { key: "f", words: "freeze, and go on", run: freeze },
    { key: "t", words: "theme: system, light, dark", run: nextTheme },
    { key: "?", words: "this help", run: () => help.help() }], node("keys"));
node("help").addEventListener("click", help.help);
route();
listen(take, (mode, words) => {
    if (mode !== connection.mode) {
        connection.since = new Date();
        announce(mode === "away" ? "The server does not answer." : connection.mode === "away" ? "The server answers again." : "");
    }
    Object.assign(connection, { mode, words });
    drawStatus();
    if (mode === "away" && app.rows.size === 0) {
        fail({ status: 0, message: words });
    }
});
