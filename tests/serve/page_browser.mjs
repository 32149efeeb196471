// A page in Chromium for the tests of `seep serve`'s page, and what each of them asks afterwards. Started by
// page_test.py, which says where everything is (SEEP_PAGE_TEST, JSON):
//
//     playwright   folder of playwright-core
//     mock, below  two mock servers (page_mock.py), the second under /leaks/
//     live         a real server of a folder; leak, base, hostile, stuck: names of recordings in it; go: a file which, when
//                  it is made, starts the program with a leak; port_file: where that writes the port of its own server
//     screenshots  folder for what was seen, or null
//
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before } from "node:test";

export const given = JSON.parse(process.env.SEEP_PAGE_TEST);
export const VIEWS = ["overview", "sites", "threads", "flame", "compare"];
const { chromium } = createRequire(`${given.playwright}/`)("playwright-core");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
const DEADLINE_MS = 30000;
let browser = null;

before(async () => { browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS }); });
after(() => browser?.close());

// Opens a page and hands it to `steps`. Afterwards: nothing was said on the console but what `allowed` matches, nothing
// was asked from elsewhere, and the policy had nothing to refuse.
export async function opened(url, options, steps) {
    const { width = 1200, height = 900, scheme = "light", allowed = /$^/, clock = false } = options;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce" });
    const page = await context.newPage();
    const said = [];
    const asked = [];
    page.setDefaultTimeout(DEADLINE_MS);
    page.on("console", (one) => said.push(one.text()));
    page.on("pageerror", (error) => said.push(String(error.stack)));
    page.on("dialog", (dialog) => { said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("request", (request) => asked.push(request.url()));
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation",
        (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
    if (clock) {
        await page.clock.install();
    }
    try {
        await page.goto(url);
        await steps(page);
        const base = url.replace(/#.*/, "");
        assert.deepEqual(said.filter((one) => !allowed.test(one)), []);
        assert.deepEqual(asked.filter((one) => !one.startsWith(base) && !one.startsWith("data:")), []);
    } finally {
        await context.close();
    }
}

export const content = (page, selector) => page.locator(selector).first().textContent();
export const shows = (page, selector, words) => page.locator(selector, { hasText: words }).first().waitFor();
export async function shot(page, name) {
    if (given.screenshots) {
        await page.screenshot({ path: `${given.screenshots}/${name}.png`, fullPage: true });
    }
}
