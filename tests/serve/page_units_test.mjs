// The page's pure parts, without a browser: numbers as people read them, until when the process lives, and where the
// boxes of the wait graph stand. usage: node --test page_units_test.mjs
//
// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

// Copies, beside a package.json: node 18 takes .js files without one for scripts, and what lies beside the page is embedded.
const folder = mkdtempSync(join(tmpdir(), "seep-page-"));
cpSync(new URL("../../analyzer/serve/page/", import.meta.url), folder, { recursive: true });
writeFileSync(join(folder, "package.json"), '{"type": "module"}');
after(() => rmSync(folder, { recursive: true }));

const load = (name) => import(pathToFileURL(join(folder, name)));
const units = await load("units.js");
const outlook = await load("outlook.js");
const { evenly } = await load("chart.js");
const { gather, layout } = await load("waits.js");

test("bytes, times and counts read as in the reports", () => {
    // As seep_fmt_bytes and seep_fmt_seconds write them.
    for (const [value, words] of [[0, "0 B"], [1023, "1023 B"], [1024, "1.0 KiB"], [102400, "100 KiB"], [1048575, "1.0 MiB"],
        [-2048, "-2.0 KiB"], [5 * 2 ** 40, "5.0 TiB"]]) {
        assert.equal(units.bytes(value), words);
    }
    for (const [value, words] of [[0, "0.0 s"], [9.94, "9.9 s"], [119, "119 s"], [120, "2.0 min"], [7200, "2.0 h"], [172800, "2.0 days"]]) {
        assert.equal(units.seconds(value), words);
    }
    assert.equal(units.count(1234567), "1,234,567");
});

test("a rate has the unit of time in which there is one whole", () => {
    assert.equal(units.countRate(4), "+4.0/s");
    assert.equal(units.countRate(0.2), "+12.0/min");
    assert.equal(units.countRate(-0.2), "-12.0/min");
    assert.equal(units.countRate(0), "0");
    assert.equal(units.countRate(null), units.MISSING);
    assert.equal(units.bytesRate(280), "+16.4 KiB/min");
    assert.equal(units.bytesRate(-2048), "-2.0 KiB/s");
});

test("the step of an axis is the smallest round number that is enough", () => {
    assert.deepEqual([1.5, 3, 7, 12].map((least) => units.roundStep(least, false)), [2, 5, 10, 20]);
    assert.deepEqual([1.5, 3, 1500].map((least) => units.roundStep(least, true)), [2, 4, 2048]);
    assert.equal(units.roundStep(0, false), 1);
});

test("a series at equal distances begins and ends where it says", () => {
    assert.deepEqual(evenly(1, 3, 3), [1, 2, 3]);
    assert.deepEqual(evenly(1, 3, 1), [1]);
});

const finding = (kind, verdict, growth, forecast) => ({ kind, verdict, evidence: { growth_bytes_per_s: growth }, forecast });

test("findings that run into one limit add up their paces", () => {
    const limit = (at) => ({ limit: "threads", limit_count: 100, time_to_limit_s: at, ci_s: [at, null] });
    const end = outlook.until({ findings: [finding("thread", "definite", 0, limit(100)), finding("thread", "probable", 0, limit(100))] });
    assert.equal(end.at_s, 50);
    assert.equal(end.words, "If it goes on: the limit of 100 threads is reached in 50 s (50 s or more)");
});

test("without a limit the growth of memory is said, and of what is bounded nothing", () => {
    assert.match(outlook.until({ findings: [finding("heap", "probable", 1024, null)] }).words, /^If it goes on: 3\.5 MiB more memory per hour/);
    assert.equal(outlook.until({ findings: [finding("heap", "bounded", 1024, null)] }), null);
    assert.equal(outlook.until({ findings: [finding("fd", "probable", 0, null)] }), null);
});

test("the head counts causes, and threads that wait for ever are no leak", () => {
    const one = (id, verdict, cause, of = undefined) => ({ id, kind: "thread", verdict, cause, with: of, evidence: { live: 2, live_bytes: 0 } });
    const report = (verdict, findings) => ({ verdict, findings, findings_total: findings.length, recording: { judged_s: [10, 40] } });
    const three = [one("a", "definite", "growth"), one("b", "definite", "growth", "a"), one("c", "suspect", "growth")];
    assert.equal(outlook.headline(report("leak", three)), "LEAK: 3 findings, likely 2 causes");
    assert.equal(outlook.headline(report("leak", [one("a", "definite", "lock_cycle"), one("b", "suspect", "growth")])), "STUCK: 2 findings");
    assert.equal(outlook.headline(report("clean", [one("a", "bounded", "growth")])), "Clean");
    assert.equal(outlook.headline({ ...report("leak", three.slice(0, 1)), findings_total: 9 }), "LEAK: 1 or more findings");
    assert.match(outlook.doubt(report("suspect", three.slice(2))), /^Not proved: only 30 s were judged/);
    assert.equal(outlook.doubt(report("leak", three)), "");
    const causes = outlook.byCause(three.map((finding) => ({ finding })));
    assert.deepEqual(causes.map((cause) => [cause.lead.finding.id, cause.others.length]), [["a", 1], ["c", 0]]);
    assert.equal(outlook.inAll(causes[0]), "in all 4 threads");
});

test("threads that wait alike are one box, and those that others wait for stand alone", () => {
    const names = new Map([[1, "a"], [2, "a"], [3, "a"], [9, "owner"]]);
    const graph = gather(names, [1, 2, 3].map((tid) => ({ from: tid, to: 9, what: "mutex" })));
    assert.deepEqual(graph.boxes.map((box) => box.tids), [[1, 2, 3], [9]]);
    assert.equal(graph.lines.length, 1);
});

test("in any graph lines go to the right, but for those of a cycle, and no boxes overlap", () => {
    let seed = 7;
    const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor((seed / 2147483648) * n); };
    for (let round = 0; round < 300; round++) {
        const n = 1 + random(12);
        const waits = Array.from({ length: random(16) }, () => ({ from: random(n), to: random(n), what: "lock" }));
        const names = new Map(Array.from({ length: n }, (_, tid) => [tid, `t${tid}`]));
        const graph = gather(names, waits);
        const size = layout(graph);
        const reach = (from, to) => {
            const seen = new Set([from]);
            for (const box of seen) {
                graph.lines.filter((line) => line.from === box).forEach((line) => seen.add(line.to));
            }
            return seen.has(to);
        };
        for (const line of graph.lines) {
            assert.equal(line.cycle, reach(line.to, line.from));
            assert.ok(line.cycle ? line.from.x === line.to.x : line.from.x < line.to.x);
        }
        for (const box of graph.boxes) {
            assert.ok(box.x >= 0 && box.y >= 0 && box.x + 190 <= size.width && box.y + 40 <= size.height);
        }
        assert.equal(new Set(graph.boxes.map((box) => `${box.x} ${box.y}`)).size, graph.boxes.length);
    }
});
