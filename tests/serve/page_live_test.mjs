// The page against `seep serve`, which follows a program with a leak from its start.
//
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { content, given, opened, shot, shows } from "./page_browser.mjs";

const at = (view, more = "") => `${given.live}#recording=${given.leak}&view=${view}${more}`;

test("a recording appears, then its finding, while one looks, and its stack opens", () => opened(at("overview"), {}, async (page) => {
    await shows(page, ".problem", `there is no recording ${given.leak}`);
    writeFileSync(given.go, "");
    await shows(page, "#verdict h1", /^(Inconclusive|Clean)$/);
    assert.equal(await page.locator(".problem:visible").count(), 0);
    await shows(page, "#verdict h1", /^(LEAK|SUSPECT): \d+ finding/);
    assert.match(await content(page, "#news"), /^New finding, (suspect|probable|definite): /);
    const thread = page.locator(".finding", { has: page.locator(".kind", { hasText: /^thread/ }) }).first();
    await thread.locator(".badge:visible").waitFor();
    await thread.locator("summary").click();
    await thread.locator(".stack li", { hasText: "pma_auth" }).first().waitFor();
    await shot(page, "overview-light");
    await page.locator("#theme").click();
    await page.locator("#theme").click();
    await shot(page, "overview-dark");
}));

test("sites, threads and the flame graph show what is live", () => opened(at("sites"), {}, async (page) => {
    await page.locator(".sites").getByRole("button", { name: "growth" }).click();
    await page.locator(".sites tbody button.open").first().click();
    await page.locator(".opened .stack li.program").first().waitFor();
    await page.locator(".opened .chart:visible polyline[points]").first().waitFor();
    await shot(page, "sites");
    await page.keyboard.press("3");
    await shows(page, "details.group summary", "auth-cleanup");
    await shot(page, "threads");
    await page.keyboard.press("4");
    await page.locator(".f.program").first().waitFor();
    await shot(page, "flame");
    await page.getByRole("button", { name: "Growth" }).click();
    await shows(page, ".flame b", "/h in all");
}));

test("a deadlock is drawn as a cycle, with its sentence", () => opened(`${given.live}#recording=${given.stuck}&view=threads`, {}, async (page) => {
    await shows(page, "main li", /^Deadlock: thread \d+ waits in take_first_then_second/);
    await page.locator(".waits g.cycle").nth(1).waitFor();
    assert.equal(await page.locator(".waits .line.cycle").count(), 2);
    assert.match(await content(page, "#verdict h1"), /^STUCK: 1 finding$/);
    await shot(page, "deadlock");
}));

test("it is compared with another recording", () => opened(at("compare", `&base=${given.base}`), {}, async (page) => {
    await shows(page, "section[aria-labelledby=compare] .finding summary", "pma_auth_start");
    await shot(page, "compare");
}));

test("through the backend's port it is the same page, which asks because events do not come", () =>
    opened(`http://127.0.0.1:${readFileSync(given.port_file, "utf8").trim()}/leaks/`, { allowed: /503/, clock: true }, async (page) => {
        await shows(page, "#verdict h1", /^(LEAK|SUSPECT): \d+ finding/);
        await shows(page, "#status", "Asking each 5 s");
        assert.equal(await page.locator("#picker:visible").count(), 0, "there is one recording alone");
        const was = await content(page, "#verdict .who");
        await page.clock.fastForward(5100);
        await page.waitForFunction((words) => document.querySelector("#verdict .who").textContent !== words, was);
    }));

test("a hostile command line is text", () => opened(`${given.live}#recording=${given.hostile}`, {}, async (page) => {
    await shows(page, "#verdict .who", "<img src=x onerror=alert(1)>");
    assert.equal(await page.locator("main img, #verdict img, main script").count(), 0);
}));

test("how long the first useful paint and an update take is measured", async () => {
    const useful = [];
    const update = [];
    for (let i = 0; i < 3; i++) {
        await opened(at("overview"), {}, async (page) => {
            await page.waitForFunction(() => performance.getEntriesByName("seep-useful")[0]);
            useful.push(await page.evaluate(() => performance.getEntriesByName("seep-useful")[0].startTime));
            const was = await content(page, "#verdict .who");
            await page.waitForFunction((words) => document.querySelector("#verdict .who").textContent !== words, was);
            update.push(await page.evaluate(() => performance.getEntriesByName("seep-update")[0].duration));
        });
    }
    const median = (list) => list.sort((a, b) => a - b)[list.length >> 1].toFixed(0);
    console.log(`first useful paint ${median(useful)} ms (500 wanted), update ${median(update)} ms (100 wanted): medians of ${useful.length}`);
});
