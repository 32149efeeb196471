// What the server is asked. All addresses are relative to the page, so that it works below /leaks/ as well.
//
// An answer that has not changed since it was last asked for (304) is the very same object again: who holds it
// need not draw. Answers are kept for the last few addresses only.
//
// SPDX-License-Identifier: MIT
const KEPT = 24;
const LIMIT_MS = 15000;
const kept = new Map();

export class Refused extends Error {
    constructor(status, words) {
        super(words);
        this.status = status; // of HTTP; 0: there was no answer
    }
}

export function address(path, query = {}) {
    const url = new URL(`api/v1/${path}`, document.baseURI);

    for (const [name, value] of Object.entries(query)) {
        if (value !== "" && value !== null && value !== undefined) {
            url.searchParams.set(name, value);
        }
    }
    return url.href;
}

// Below a recording: below("soak.seep", "sites", "4").
export function below(name, ...parts) {
    return ["recordings", name, ...parts].map(encodeURIComponent).join("/");
}

async function words(answer) {
    try {
        return (await answer.json()).error || `status ${answer.status}`;
    } catch {
        return `status ${answer.status}`;
    }
}

function keep(url, answer, data) {
    const etag = answer.headers.get("ETag");

    kept.delete(url);
    if (etag !== null) {
        kept.set(url, { etag, data });
    }
    if (kept.size > KEPT) {
        kept.delete(kept.keys().next().value);
    }
}

// Returns the JSON of an address. Throws Refused.
export async function get(path, query) {
    const url = address(path, query);
    const before = kept.get(url);
    let answer = null;
    let data = null;

    try {
        answer = await fetch(url, {
            cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(LIMIT_MS),
            headers: before ? { "If-None-Match": before.etag } : {},
        });
        if (answer.status === 304 && before) {
            return before.data;
        }
        if (answer.ok) {
            data = await answer.json();
        }
    } catch (error) {
        throw new Refused(0, error.name === "TimeoutError" ? `no answer in ${LIMIT_MS / 1000} s` : "no answer");
    }
    if (!answer.ok) {
        throw new Refused(answer.status, await words(answer));
    }
    keep(url, answer, data);
    return data;
}
