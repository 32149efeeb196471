#!/usr/bin/python3
"""`seep top` at a terminal (tmux), 80x24 and 200x60: what a person sees, and what the program does not.

The truth is the program's source: how many threads, descriptors and blocks it holds, in which
functions. Without tmux the test is skipped (77).

usage: top_test.py SEEP WATCHED

SPDX-License-Identifier: MIT
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

SEEP, PROGRAM = (os.path.abspath(path) for path in sys.argv[1:3])
PATIENCE_S = 60


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


class Terminal:
    """A tmux server of our own with one window."""

    def __init__(self, folder, command, locale="C.UTF-8", size=(80, 24)):
        self.socket = os.path.join(tempfile.mkdtemp(dir=folder), "tmux")  # an old server may still hold its own
        script = f"{command}; echo STATUS $?; exec sleep 600"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]),
                  f"env LC_ALL={locale} sh -c '{script}'")

    def tmux(self, *arguments):
        result = subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], capture_output=True,
                                timeout=PATIENCE_S, check=False)
        return result.stdout.decode("utf-8", errors="replace")

    def screen(self):
        return self.tmux("capture-pane", "-p").split("\n")[:-1]

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def until(self, pattern):
        """The screen, once a line of it matches."""
        seen = []

        def looks():
            seen[:] = self.screen()
            return any(re.search(pattern, line) for line in seen)
        try:
            wait_for(looks, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error} in:\n" + "\n".join(seen)) from None
        return list(seen)

    def close(self):
        self.tmux("kill-server")


def outside(pid):
    """What a tracer, a stranger's descriptor or a thread more would show."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    descriptors = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    return (status["TracerPid"], status["Threads"], status["SigPnd"], status["SigCgt"], descriptors)


def row(screen, function):
    """The words of the row of a function; of one that is not there, empty ones."""
    for line in screen:
        if re.search(rf"\b{function}\b", line):
            return line.split()
    return [""] * 6


def clock(screen):
    """The program's age in the title."""
    return (screen[0].split() + [""] * 6)[5]


def live(screen, function):
    return int(row(screen, function)[2].replace(",", "") or 0)


class TopTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.run_ = subprocess.Popen([SEEP, "run", "--quiet", "--interval", "0.2", "-o",
                                      os.path.join(self.folder, "watched.seep"), "--", PROGRAM],
                                     stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.run_.communicate)
        self.assertEqual(self.run_.stdout.readline(), "ready\n")
        children = f"/proc/{self.run_.pid}/task/{self.run_.pid}/children"

        def child():
            with open(children, encoding="utf-8") as file:
                pids = [int(word) for word in file.read().split()]
            return [pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")
                    and os.readlink(f"/proc/{pid}/exe") == PROGRAM]
        self.pid = wait_for(child, "the program")[0]
        self.addCleanup(self.end)

    def end(self):
        if self.run_.poll() is None:
            os.kill(self.pid, 15)
            self.run_.wait(PATIENCE_S)

    def open(self, **how):
        terminal = Terminal(self.folder, f"{SEEP} top {self.pid} --interval 0.2", **how)
        self.addCleanup(terminal.close)
        return terminal

    def test_kinds_stacks_freezing_resizing_and_quitting(self):
        before = outside(self.pid)
        terminal = self.open()
        screen = terminal.until("leaks_here")
        self.assertEqual(len(screen), 24)
        self.assertTrue(all(len(line) <= 80 for line in screen), screen)
        self.assertIn(f"watched (pid {self.pid})", screen[0])
        self.assertIn("running", screen[0])
        self.assertIn("q quit", screen[23])
        kept = row(screen, "keeps_here")
        self.assertEqual(kept[:3] + kept[-2:], ["28.6", "MiB", "3", "store", "keeps_here"])  # 3 * 10,000,000 bytes

        terminal.keys("Tab", "Tab")
        self.assertEqual(row(terminal.until(r"\[thread\]"), "starts_here")[0], "4")
        terminal.keys("4")
        self.assertEqual(row(terminal.until(r"\[fd\]"), "opens_here")[0], "7")
        terminal.keys("1")
        terminal.until(r"\[heap\]")
        terminal.keys("Home", "Enter")
        screen = terminal.until(r"keeps_here .*watched\.c:\d+")
        self.assertTrue(any(re.search(r"main .*watched\.c:\d+", line) for line in screen), screen)
        terminal.keys("Escape")
        terminal.until("leaks_here")

        terminal.keys("/", "sto", "Enter")
        screen = terminal.until("subsystem ~ sto")
        self.assertFalse(any("leaks_here" in line for line in screen), screen)
        terminal.keys("Escape")
        terminal.until("leaks_here")

        self.freeze(terminal)
        terminal.tmux("resize-window", "-x", "200", "-y", "60")
        screen = terminal.until("OVER TIME")
        wait_for(lambda: "q quit" in terminal.screen()[59], "the footer in the last line")
        self.assertEqual(len(terminal.screen()), 60)
        terminal.keys("?")
        terminal.until("the program notices nothing")
        terminal.keys("q")
        terminal.until("STATUS 0")
        terminal.close()

        again = self.open(size=(200, 60))
        again.until("leaks_here")
        again.keys("q")
        again.until("STATUS 0")
        self.assertEqual(outside(self.pid), before)

    def freeze(self, terminal):
        terminal.keys("Space")
        screen = terminal.until("FROZEN")
        frozen, age = row(screen, "leaks_here"), clock(screen)
        wait_for(lambda: clock(terminal.screen()) not in (age, ""), "the run going on")
        wait_for(lambda: row(terminal.screen(), "leaks_here") == frozen, "the row as it was")
        terminal.keys("Left")
        wait_for(lambda: row(terminal.screen(), "leaks_here") != frozen, "a step back in time")
        terminal.keys("End")
        wait_for(lambda: not re.search("FROZEN", terminal.screen()[0]), "time going on")
        wait_for(lambda: live(terminal.screen(), "leaks_here") > live(screen, "leaks_here"),
                 "the leak growing on the screen")

    def test_the_end_of_the_program_is_seen(self):
        terminal = self.open()
        terminal.until("running")
        self.end()
        terminal.until("killed by signal 15")
        terminal.keys("q")
        terminal.until("STATUS 0")

    def test_without_utf8_the_screen_is_ascii(self):
        terminal = self.open(locale="C")
        screen = terminal.until("leaks_here")
        self.assertTrue(all(line.isascii() for line in screen), screen)
        self.assertTrue(re.search("[#*+=:._-]{20}", screen[1]), screen)
        terminal.keys("q")
        terminal.until("STATUS 0")

    def test_an_unknown_terminal_is_told_what_helps(self):
        terminal = Terminal(self.folder, f"TERM=no-such {SEEP} top {self.pid}")
        self.addCleanup(terminal.close)
        self.assertTrue(any("--once" in line for line in terminal.until("STATUS 2")))


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("tmux is not installed: skipped")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
