"""A Python program that uses much of its interpreter; prints the same each time.

SPDX-License-Identifier: MIT
"""
import collections
import concurrent.futures
import decimal
import hashlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import zlib


class Node:
    def __init__(self, depth):
        self.children = [Node(depth - 1) for _ in range(3)] if depth else []
        self.parent_of = self  # a cycle: only the garbage collector frees it

    def size(self):
        return 1 + sum(child.size() for child in self.children)


def digest(number):
    text = json.dumps({"n": number, "list": list(range(number % 50)), "text": "x" * number})
    return hashlib.sha256(zlib.compress(text.encode())).hexdigest()[:8]


def square(number):
    return number * number


def recurse(depth):
    if depth == 0:
        raise ValueError("the bottom")
    recurse(depth - 1)


def main():
    print("tree", Node(7).size())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        print("threads", hashlib.sha256("".join(pool.map(digest, range(400))).encode()).hexdigest())

    counted, lock = collections.Counter(), threading.Lock()

    def count(name):
        for word in re.findall(r"\w+", "the quick brown fox jumps over the lazy dog " * 50):
            with lock:
                counted[word, name % 2] += 1
    threads = [threading.Thread(target=count, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("counted", sorted(counted.items())[:4])

    for number in range(5):
        child = subprocess.run([sys.executable, "-c", f"print({number} * 'ab')"], check=True,
                               stdout=subprocess.PIPE)
        print("child", child.stdout)
    print("shell", subprocess.run("echo to stderr >&2; exit 3", shell=True).returncode)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print("forked", pool.map(square, range(10)))

    try:
        recurse(500)
    except ValueError as error:
        print("raised", error)

    seen = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append([0] * 1000))
    for _ in range(20):
        os.kill(os.getpid(), signal.SIGUSR1)
    print("signals", len(seen))

    decimal.getcontext().prec = 200
    print("sqrt", decimal.Decimal(2).sqrt())
    sys.stderr.write("the end\n")


if __name__ == "__main__":
    main()
