// A Node program with workers, streams, promises and a child; prints the same each time.
// SPDX-License-Identifier: MIT
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const { execFile } = require('child_process');
const { promisify } = require('util');

if (!isMainThread) {
    const tree = (depth) => depth ? { left: tree(depth - 1), right: tree(depth - 1) } : null;
    const text = JSON.stringify(tree(10 + workerData % 3));
    parentPort.postMessage(crypto.createHash('sha256').update(text).digest('hex'));
    return;
}

function inWorker(number) {
    return new Promise((resolve, reject) => {
        const worker = new Worker(__filename, { workerData: number });
        let answer;
        worker.on('message', (message) => { answer = message; });
        worker.on('error', reject);
        worker.on('exit', (code) => code ? reject(new Error(`exit ${code}`)) : resolve(answer));
    });
}

async function main() {
    const answers = await Promise.all([0, 1, 2, 3].map(inWorker));
    answers.forEach((answer, number) => console.log('worker', number, answer));

    const packed = await promisify(zlib.gzip)(Buffer.alloc(1 << 20, 'seep '));
    const back = await promisify(zlib.gunzip)(packed);
    console.log('gzip', back.length, crypto.createHash('md5').update(back).digest('hex'));

    await Promise.all(Array.from({ length: 20 }, (_, n) =>
        fs.promises.writeFile(`file${n}`, 'x'.repeat(n * 1000))));
    const sizes = await Promise.all(Array.from({ length: 20 }, async (_, n) =>
        (await fs.promises.stat(`file${n}`)).size));
    console.log('files', sizes.join(' '));

    const child = await promisify(execFile)('sh', ['-c', 'echo from a child']);
    console.log('child', child.stdout.trim());

    const order = [];
    await new Promise((resolve) => {
        setTimeout(() => { order.push('timeout'); resolve(); }, 5);
        setImmediate(() => order.push('immediate'));
        process.nextTick(() => order.push('tick'));
    });
    console.log(order.sort().join(' '));
    const map = new Map();
    for (let i = 0; i < 100000; i++) {
        map.set(`key${i}`, { i });
        map.delete(`key${i - 1000}`);
    }
    console.log('map', map.size);
    const derived = await promisify(crypto.pbkdf2)('secret', 'salt', 1000, 16, 'sha256');
    console.log('pbkdf2', derived.toString('hex'));
}

main().catch((error) => { console.error(error); process.exit(1); });
