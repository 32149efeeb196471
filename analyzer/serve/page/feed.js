// How the page hears that a recording has grown: server-sent events, and asking each 5 s while those are
// broken.
//
// A connection that is open is no proof: a proxy in between may hold events back. So while a program runs and
// nothing has been heard for 5 s, the list is asked for once; when it shows news twice that no event told of,
// events count as broken until one comes.
//
// SPDX-License-Identifier: MIT
import { address, get } from "./api.js";

const EVERY_MS = 5000;
const AGAIN_MS = 30000;
const MISSES = 2;

// onRows(rows, whole, leftOut): states of recordings; whole: these are all that are followed, but for leftOut.
// onMode(mode, words): "live", "polling" or "away" (the server does not answer).
// Returns {ask()}: asks for the list at once.
export function listen(onRows, onMode) {
    const generations = new Map();
    let source = null;
    let broken = false;
    let heard = 0; // when the last event or list came
    let misses = 0;
    let running = false;
    let asking = false;
    let opened = 0;
    let listed = false; // events alone do not tell which recordings there are

    const mode = (failure) => onMode(failure ? "away" : broken || misses >= MISSES ? "polling" : "live",
        failure?.message ?? "");

    function take(rows, whole, leftOut = null) {
        const news = rows.filter((row) => generations.get(row.name) !== row.generation);
        rows.forEach((row) => generations.set(row.name, row.generation));
        heard = performance.now();
        if (whole) {
            listed = true;
            running = rows.some((row) => row.state === "running");
        }
        onRows(rows, whole, leftOut);
        return news.length;
    }

    async function ask() {
        if (asking) {
            return;
        }
        asking = true;
        try {
            const first = generations.size === 0;
            const list = await get("recordings");
            const news = take(list.recordings, true, list.left_out ?? 0);
            misses += !broken && !first && news > 0 ? 1 : 0;
            mode(null);
        } catch (failure) {
            mode(failure);
        } finally {
            asking = false;
        }
    }

    function connect() {
        source?.close();
        opened = performance.now();
        source = new EventSource(address("events"));
        source.addEventListener("open", () => {
            broken = false;
            misses = 0;
            ask();
        });
        source.addEventListener("state", (event) => {
            misses = 0;
            if (!listed) {
                return;
            }
            take([JSON.parse(event.data)], false);
            mode(null);
        });
        source.addEventListener("error", () => {
            broken = true;
            ask();
        });
    }

    ask();
    connect();
    setInterval(() => {
        const now = performance.now();
        if (source.readyState === EventSource.CLOSED && now - opened > AGAIN_MS) {
            connect();
        }
        if (broken || misses >= MISSES || (running && now - heard >= EVERY_MS - 100)) {
            ask();
        }
    }, EVERY_MS);
    return { ask };
}
