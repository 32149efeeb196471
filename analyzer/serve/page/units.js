// Numbers as the reports have them: at most three digits that matter, and the unit (analyzer/base/fmt.c).
//
// SPDX-License-Identifier: MIT
export const MISSING = "–";

export function bytes(value) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let size = Math.abs(value);
    let i = 0;

    for (; size >= 1023.95 && i + 1 < units.length; i++) {
        size /= 1024;
    }
    return `${value < 0 ? "-" : ""}${size.toFixed(i === 0 || size >= 99.95 ? 0 : 1)} ${units[i]}`;
}

export function count(value) {
    return Math.round(value).toLocaleString("en");
}

export function seconds(value) {
    for (const [unit, size, below] of [["s", 1, 120], ["min", 60, 7200], ["h", 3600, 172800], ["days", 86400, Infinity]]) {
        if (Math.abs(value) < below) {
            const shown = value / size;
            return `${shown.toFixed(Math.abs(shown) < 9.95 ? 1 : 0)} ${unit}`;
        }
    }
    return "for ever";
}

// Three digits that matter, without a unit: 0.02, 1.5, 230.
export function number(value) {
    if (value === 0) {
        return "0";
    }
    const size = Math.abs(value);
    return size >= 99.95 ? count(value) : value.toFixed(size >= 0.95 ? 1 : size >= 0.095 ? 2 : 3);
}

// The unit of time in which a rate has a whole number in front (verdict/summary_text.c).
export function period(perSecond, bytesPerSecond = 0) {
    const periods = [[1, "s"], [60, "min"], [3600, "h"], [86400, "day"]];
    const rate = perSecond > 0 ? perSecond : Math.abs(bytesPerSecond);
    const least = perSecond > 0 ? 0.95 : 1024;

    return periods.find(([size]) => rate * size >= least) ?? periods[3];
}

// "+2.0 KiB/s"; nothing where nothing changes.
export function bytesRate(perSecond) {
    if (perSecond === null || perSecond === undefined) {
        return MISSING;
    }
    const [size, unit] = period(0, perSecond);
    return perSecond === 0 ? "0" : `${perSecond > 0 ? "+" : ""}${bytes(perSecond * size)}/${unit}`;
}

export function countRate(perSecond, signed = true) {
    if (perSecond === null || perSecond === undefined) {
        return MISSING;
    }
    const [size, unit] = period(Math.abs(perSecond));
    return perSecond === 0 ? "0" : `${signed && perSecond > 0 ? "+" : ""}${number(perSecond * size)}/${unit}`;
}

export function plural(n, noun, many = `${noun}s`) {
    return `${count(n)} ${n === 1 ? noun : many}`;
}

// A local time of day, with the day when it is another one; `full` is for titles.
export function clock(date, now = new Date()) {
    const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    return date.toDateString() === now.toDateString() ? time
        : `${date.toLocaleDateString([], { month: "short", day: "numeric" })} ${time}`;
}

export function full(date) {
    return `${date.toLocaleString([], { dateStyle: "full", timeStyle: "long" })} (${date.toISOString()})`;
}

// The smallest round number from `least` on: a power of two of bytes, else 1, 2 or 5 times a power of ten.
export function roundStep(least, ofBytes) {
    const from = Math.max(least, 1);
    const power = 10 ** Math.floor(Math.log10(from));

    return ofBytes ? 2 ** Math.ceil(Math.log2(from)) : [1, 2, 5, 10].map((factor) => factor * power)
        .find((step) => step >= from * (1 - 1e-12));
}
