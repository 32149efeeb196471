// The page against a mock: every state on demand, by mouse, by keyboard, on a narrow screen, on paper.
//
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { content, given, opened, shot, shows, VIEWS } from "./page_browser.mjs";

const soak = (view = "overview", more = "") => `${given.mock}#recording=soak.seep&view=${view}${more}`;
const tell = async (what) => { assert.equal((await fetch(new URL(`/mock?do=${what}`, given.mock))).status, 200); };
// A view has been drawn: "" is the list.
const SECTIONS = { "": "recordings", overview: "curves", sites: "sites", threads: "threads", flame: "flames", compare: "compare" };
const drawn = (page, view) => page.locator(`section[aria-labelledby=${SECTIONS[view]}]:visible`).waitFor();
// The next update has been drawn.
async function updated(page, what) {
    const live = page.locator("#verdict .who");
    const was = await live.textContent();
    await tell(what);
    await page.waitForFunction((words) => document.querySelector("#verdict .who").textContent !== words, was);
}

beforeEach(() => tell("reset"));

test("the list says of each recording how it stands, and leads to it", () => opened(given.mock, {}, async (page) => {
    await shows(page, "main tr", "soak.seep");
    assert.match(await content(page, "main tr:has-text('healthy.seep')"), /clean.*ended/);
    assert.match(await content(page, "main tr:has-text('broken.seep')"), /refused.*not a recording \(byte 0\)/);
    await page.getByRole("link", { name: "healthy.seep" }).click();
    await shows(page, "#verdict h1", "Clean");
    assert.match(await page.title(), /^clean: healthy\.seep/);
    await shows(page, "summary", "1 thing that is no leak");
}));

test("a finding that arises is shown, marked and announced, and one that rises too", () => opened(soak(), {}, async (page) => {
    await tell("gone");
    await shows(page, "#verdict h1", "Clean");
    await tell("finding");
    await shows(page, "#verdict h1", "LEAK: 1 finding");
    assert.match(await content(page, "#news"), /^New finding, probable: auth_service_new/);
    await page.locator(".finding .badge:visible").waitFor();
    await tell("worse");
    await shows(page, "#verdict h1", "LEAK: 2 findings");
    assert.match(await content(page, "#news"), /^New finding, definite: 12 threads/);
    assert.match(await content(page, "#verdict .warn"), /^If it goes on: the limit of 4,096 threads is reached in .*: about /);
    assert.match(await page.title(), /^LEAK 2: soak\.seep/);
    await page.locator(".finding summary").first().click();
    await shows(page, ".finding .stack li.program", "auth_service_new");
    assert.equal(await page.locator(".finding").first().locator(".badge:visible").count(), 1, "until it is drawn again");
    await updated(page, "grow");
    assert.equal(await page.locator(".finding").first().locator(".badge:visible").count(), 0);
    await tell("gone");
    await shows(page, "#news", "2 findings no longer there");
}));

test("an update removes nothing that stays: focus, scrolling, selection and opened details are kept", () => opened(soak(), {}, async (page) => {
    await page.locator(".finding summary").first().click();
    await shows(page, ".finding .stack li", "auth_service_new");
    await page.evaluate(() => {
        window.gone = [];
        new MutationObserver((all) => all.forEach((one) => window.gone.push(
            ...[...one.removedNodes].filter((node) => node.nodeType === Node.ELEMENT_NODE).map((node) => node.outerHTML))))
            .observe(document.body, { subtree: true, childList: true });
        document.querySelector(".finding summary").focus();
        window.scrollTo(0, 300);
        getSelection().selectAllChildren(document.querySelector(".finding .stack li"));
    });
    const before = await content(page, ".finding dd");
    await updated(page, "grow");
    await page.waitForFunction((words) => document.querySelector(".finding dd").textContent !== words, before);
    const now = await page.evaluate(() => ({ gone: window.gone, scroll: window.scrollY, open: document.querySelector(".finding").open,
        focus: document.activeElement.tagName, selected: String(getSelection()) }));
    assert.deepEqual({ ...now, selected: /auth_service_new/.test(now.selected) },
        { gone: [], scroll: 300, open: true, focus: "SUMMARY", selected: true });
}));

test("without events the page asks each 5 s and says so, until they come again", () =>
    opened(soak(), { clock: true, allowed: /503/ }, async (page) => {
        await shows(page, "#status", "Live");
        await tell("mute");
        await shows(page, "#status", "Asking each 5 s, because events do not arrive");
        const was = await content(page, "#verdict .who");
        await tell("grow");
        await page.clock.fastForward(5100);
        await page.waitForFunction((words) => document.querySelector("#verdict .who").textContent !== words, was);
        await tell("speak");
        await page.clock.fastForward(35000);
        await shows(page, "#status", "Live");
    }));

test("a proxy that holds events back is found out", () => opened(soak(), { clock: true }, async (page) => {
    await shows(page, "#status", "Live");
    await tell("buffer");
    for (let i = 0; i < 2; i++) {
        const was = await content(page, "#verdict .who");
        await tell("grow");
        await page.clock.fastForward(5100);
        await page.waitForFunction((words) => document.querySelector("#verdict .who").textContent !== words, was);
    }
    await shows(page, "#status", "Asking each 5 s");
    await tell("speak");
    await tell("grow");
    await shows(page, "#status", "Live");
}));

test("a server that is away is said, what is shown stays, and it goes on by itself", () =>
    opened(soak(), { clock: true, allowed: /503|ERR_/ }, async (page) => {
        await shows(page, "#status", "Live");
        await tell("away");
        await shows(page, "#status.away", "No answer since");
        assert.match(await content(page, "#verdict h1"), /LEAK/);
        await tell("back");
        await page.clock.fastForward(36000);
        await shows(page, "#status", "Live");
    }));

test("a token that is no longer right is said", () => opened(soak(), { allowed: /401/ }, async (page) => {
    await shows(page, "#verdict h1", "LEAK");
    await tell("forbid");
    await page.getByRole("link", { name: "Sites", exact: true }).click();
    await shows(page, ".problem", "a token is needed (open this page with ?token=TOKEN");
    await tell("back");
}));

test("a recording that cannot be read or is not there is said", () => opened(`${given.mock}#recording=broken.seep`, {}, async (page) => {
    await shows(page, ".problem", "broken.seep cannot be read: not a recording (byte 0)");
    await page.goto(`${given.mock}#recording=nothing.seep`);
    await shows(page, ".problem", "there is no recording nothing.seep");
    assert.equal(await page.locator("main section:visible").count(), 0);
}));

test("names of the program's making are text in every view", () => opened(`${given.mock}#recording=hostile.seep`, {}, async (page) => {
    for (const view of VIEWS) {
        await page.goto(`${given.mock}#recording=hostile.seep&view=${view}&base=healthy.seep`);
        await drawn(page, view);
        assert.equal(await page.locator("main img, main script, main [onerror], main [onload], main [style]").count(), 0, view);
        const text = await page.evaluate(() => document.body.textContent);
        assert.doesNotMatch(text, /[\u202e\u0007]/, view);
        assert.match(text, /<img src=x onerror=alert\(1\)>"'&amp;<\/script>/, view);
    }
    await page.goto(`${given.mock}#recording=hostile.seep&view=sites&kind=thread&subsystem=${encodeURIComponent("<img src=x onerror=alert(1)>")}`);
    await shows(page, "main", "No site");
}));

test("keys do what the help says", () => opened(soak(), {}, async (page) => {
    await shows(page, "#verdict h1", "LEAK");
    for (const [i, view] of VIEWS.entries()) {
        await page.keyboard.press(String(i + 1));
        await drawn(page, view);
        assert.match(await page.locator("nav a[aria-current=page]").getAttribute("href"), new RegExp(`view=${view}`));
    }
    await page.keyboard.press("2");
    await page.locator("button.open").first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    await shows(page, ".opened .stack li", "hub_accept");
    await page.keyboard.press("/");
    await page.keyboard.type("function_149");
    await shows(page, "main", "No site matches");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await shows(page, "dialog[open]", "next and previous row");
    await page.getByRole("checkbox").uncheck();
    await page.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("1");
    assert.equal(await page.locator("nav a[aria-current=page]").textContent(), "Sites");
    await page.keyboard.press("Tab"); // the focus is where it was: nothing catches it
    await page.locator("#help").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("checkbox").check();
    await page.keyboard.press("Escape");
    await page.keyboard.press("0");
    await shows(page, "main h2", "Recordings");
}));

test("a page that is frozen stays as it is and counts what it leaves out", () => opened(soak(), {}, async (page) => {
    await shows(page, "#status", "Live");
    await page.keyboard.press("f");
    await shows(page, "#status", "Frozen at");
    const before = await content(page, "#verdict .who");
    await tell("grow");
    await tell("grow");
    await shows(page, "#status", "2 updates since");
    assert.equal(await content(page, "#verdict .who"), before);
    await page.getByRole("button", { name: "Freeze" }).click();
    await page.waitForFunction((words) => document.querySelector("#verdict .who").textContent !== words, before);
}));

test("charts tell their values under the pointer and by arrow keys, all at one time", () => opened(soak(), {}, async (page) => {
    const charts = page.locator(".charts .chart:visible");
    await charts.first().waitFor();
    assert.equal(await charts.count(), 4);
    await charts.first().locator(".plot svg").hover();
    for (let i = 0; i < 4; i++) {
        assert.match(await charts.nth(i).locator("output").textContent(), /^[\d.,]+( \w+)? at [\d: \w]+, \d+ s into the run$/);
    }
    await charts.nth(2).locator(".plot svg").focus();
    await page.keyboard.press("Home");
    assert.match(await charts.nth(2).locator("output").textContent(), /^5 at .*, 1\.0 s into the run$/);
    assert.equal(await charts.nth(2).locator("output").getAttribute("aria-live"), "polite");
    await page.keyboard.press("ArrowRight");
    await updated(page, "grow");
    assert.match(await charts.nth(2).locator("output").textContent(), /, 2\.0 s into the run$/);
    assert.match(await charts.nth(0).locator("output").textContent(), /, 2\.0 s into the run$/);
    await page.keyboard.press("Escape");
    assert.equal(await charts.nth(2).locator("output").textContent(), "");
}));

test("sites are of a kind, sorted, filtered, found, and opened with stack and curve", () => opened(soak("sites"), {}, async (page) => {
    const rows = page.locator(".sites tbody tr:visible");
    await rows.first().waitFor();
    assert.equal(await rows.count(), 50);
    assert.match(await content(page, "main"), /50 sites of 151/);
    await page.getByRole("button", { name: /^Show 151/ }).click();
    await page.waitForFunction(() => document.querySelectorAll(".sites tbody tr").length === 151);
    await page.locator(".sites").getByRole("button", { name: "growth" }).click();
    await shows(page, ".sites tbody tr:first-child", "pma_alloc");
    await page.locator(".sites tbody tr:first-child button").click();
    await shows(page, ".opened .stack li", "auth_service_new");
    assert.equal(await page.locator(".opened .chart:visible").count(), 2);
    await page.locator(".opened").getByRole("link", { name: /^probable/ }).click();
    await shows(page, ".finding[open] summary", "leaks 12.0 blocks");
    await page.goBack();
    await page.getByRole("combobox", { name: "Subsystem" }).selectOption("auth");
    await page.waitForFunction(() => [...document.querySelectorAll(".sites tbody tr:not(.opened)")].every((row) => row.cells[1].textContent === "auth"));
    await page.getByRole("searchbox", { name: "Find" }).fill("function_14");
    await page.waitForFunction(() => document.querySelectorAll(".sites tbody tr:not(.opened)").length < 8);
    await page.getByRole("button", { name: "Threads" }).click();
    await page.getByRole("searchbox", { name: "Find" }).fill("");
    await shows(page, ".sites tbody tr", "auth_service_new");
    assert.equal(await page.locator(".sites td.bytes:visible").count(), 0);
}));

test("a flame graph zooms, walks and finds, also over an update", () => opened(soak("flame"), {}, async (page) => {
    const box = (name) => page.locator(`.f[aria-label^="${name}:"]`);
    const width = async (name) => (await box(name).boundingBox()).width;
    await box("serve_request").waitFor();
    const whole = await width("main");
    assert.ok(await width("serve_request") < whole);
    await box("serve_request").click();
    assert.ok(Math.abs(await width("serve_request") - whole) < 2);
    assert.equal(await box("cache_put").count(), 0);
    await updated(page, "grow");
    assert.ok(Math.abs(await width("serve_request") - whole) < 2);
    assert.match(await content(page, ".flame output"), /^serve_request: \d+ B, \d+\.\d %$/);
    await page.keyboard.press("Escape");
    await box("cache_put").waitFor();
    await box("all").focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) {
        await page.keyboard.press(key);
    }
    assert.match(await content(page, ".flame output"), /^cache_put: 300 B/);
    await page.keyboard.press("Enter");
    assert.ok(Math.abs(await width("cache_put") - whole) < 2);
    await page.getByRole("button", { name: "Whole graph" }).click();
    await page.getByLabel("Find a function").fill("pma");
    assert.match(await content(page, ".tools output"), /^\d+\.\d %$/);
    assert.equal(await page.locator(".f.hit").count(), 1);
    await page.getByRole("button", { name: "Growth" }).click();
    await shows(page, ".flame b", "/h in all");
    await shows(page, "main", "3 narrower boxes left off");
}));

test("who waits for whom is drawn, a cycle stands out, and a list says the same", () => opened(soak("threads"), {}, async (page) => {
    await page.locator(".waits").waitFor();
    assert.equal(await page.locator(".waits g g").count(), 5);
    assert.equal(await page.locator(".waits g.cycle").count(), 2);
    const words = await page.locator(".says-list li").allTextContents();
    assert.equal(words.length, 4);
    assert.ok(words.includes("auth-clean 5000 waits for auth-clean 5001: mutex (part of a cycle: nobody in it can go on)"), words.join("\n"));
    assert.ok(words.includes("2 threads “auth-clean” wait for auth-clean 5001: mutex"), words.join("\n"));
    const inside = await page.evaluate(() => {
        const all = document.querySelector(".waits").getBoundingClientRect();
        return [...document.querySelectorAll(".waits rect, .waits .line")].map((one) => one.getBoundingClientRect())
            .every((one) => one.left >= all.left - 1 && one.right <= all.right + 1 && one.bottom <= all.bottom + 1);
    });
    assert.ok(inside, "nothing is cut off");
    await page.locator("details.group summary").first().click();
    await shows(page, "details.group .stack li", "auth_service_new");
}));

test("two recordings are compared, and swapped", () => opened(soak("compare", "&base=healthy.seep"), {}, async (page) => {
    await shows(page, ".says", "1 new");
    assert.match(await content(page, ".finding summary"), /new.*thread.*auth_service_new.*BASE .*NEW 720\/h .*% sure/);
    await page.locator(".finding summary").first().click();
    await shows(page, ".finding .stack li", "auth_handle");
    assert.match(await page.getByRole("link", { name: /As a page/ }).getAttribute("href"), /diff\?base=healthy\.seep&new=soak\.seep&format=html$/);
    await page.locator(".harmless summary").first().click();
    const doubt = page.locator(".harmless .finding").first();
    await doubt.locator("summary").click();
    await shows(page, ".harmless .finding dd", "the ranges of growth overlap");
    assert.doesNotMatch(await doubt.textContent(), /% sure/);
    await page.getByRole("button", { name: "Swap" }).click();
    await shows(page, ".says", "1 gone");
}));

test("below another path everything is asked below it", () => opened(given.below, {}, async (page) => {
    await page.getByRole("link", { name: "healthy.seep" }).click();
    await shows(page, "#verdict h1", "Clean");
    await page.keyboard.press("2");
    await page.locator(".sites tbody tr").first().waitFor();
}));

test("the theme is the system's until one is chosen, which is kept", () => opened(soak(), { scheme: "dark" }, async (page) => {
    const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await colour();
    await page.emulateMedia({ colorScheme: "light" });
    const light = await colour();
    assert.notEqual(dark, light);
    const button = page.locator("#theme");
    await button.click();
    await button.click();
    assert.equal(await button.getAttribute("aria-label"), "Theme: dark");
    assert.equal(await colour(), dark);
    await page.reload();
    assert.equal(await colour(), dark);
}));

test("390 pixels are wide enough for every view", () => opened(soak(), { width: 390, height: 844 }, async (page) => {
    for (const view of ["", ...VIEWS]) {
        await page.goto(view === "" ? given.mock : soak(view, "&base=healthy.seep"));
        await drawn(page, view);
        await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 390, view);
        await shot(page, `phone-${view || "list"}`);
    }
}));

test("every control has a name, and there is one first heading", () => opened(soak(), {}, async (page) => {
    const session = await page.context().newCDPSession(page);
    for (const view of ["", ...VIEWS]) {
        await page.goto(view === "" ? given.mock : soak(view, "&base=healthy.seep&site=2"));
        await drawn(page, view);
        await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
        const { nodes } = await session.send("Accessibility.getFullAXTree");
        const controls = nodes.filter((node) => !node.ignored && node.properties?.some((one) => one.name === "focusable" && one.value.value)
            && node.role.value !== "RootWebArea");
        const scrolls = new Set(["generic", "main", "region", "none"]); // what scrolls can be focused; it is no control
        assert.ok(controls.length > 5, view);
        assert.deepEqual(controls.filter((node) => !node.name?.value && !scrolls.has(node.role.value)).map((node) => node.role.value), [], view);
        assert.ok(await page.locator("h1:visible").count() <= 1, view);
        assert.equal(await page.locator("main table:visible:not(:has(caption))").count(), 0, view);
    }
}));

test("on paper there are the findings with all that backs them, and no controls", () => opened(soak(), {}, async (page) => {
    await shows(page, "#verdict h1", "LEAK");
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    await page.emulateMedia({ media: "print" });
    await shows(page, ".finding .stack li", "auth_service_new");
    assert.equal(await page.locator("nav:visible, #freeze:visible, #theme:visible").count(), 0);
}));
