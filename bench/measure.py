"""Runs a command and everything that it starts, and says what all of it together used.

A tool's cost is that of all its processes: program, collector, interpreter. Two ways of counting them, held against
each other: bench-launch is a subreaper and waits for every descendant (getrusage); where a cgroup can be made, the
command runs in one of its own, which counts also what nobody waited for. The larger of the two is taken.

SPDX-License-Identifier: MIT
"""
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

SAMPLE_EACH_S = 0.01
END_WAIT_S = 20


@dataclasses.dataclass
class Result:
    """What one run used. problem: None, or why its figures count for nothing."""
    cpu_s: float = 0.0
    rusage_cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_bytes: int = 0      # 0: not looked at
    recording_bytes: int = 0
    status: int = 0
    stdout: str = ""
    stderr: str = ""
    problem: str = None


class Group:
    """A cgroup of our own, version 1 or 2; nothing at all where none can be made."""

    ROOTS = (("/sys/fs/cgroup/cpuacct", "cpuacct.usage"), ("/sys/fs/cgroup", "cpu.stat"),
             ("/sys/fs/cgroup/unified", "cpu.stat"))

    def __init__(self):
        self.path = None
        for root, self.counter in self.ROOTS:
            if not os.path.exists(f"{root}/cgroup.procs"):
                continue
            with contextlib.suppress(OSError):
                self.path = Path(tempfile.mkdtemp(prefix="seep-bench-", dir=root))
                if (self.path / self.counter).exists():
                    return
                self.path.rmdir()
            self.path = None

    def arguments(self):
        return [str(self.path / "cgroup.procs")] if self.path else []

    def cpu_s(self):
        """Seconds of processor time so far; 0 without a cgroup."""
        if not self.path:
            return 0.0
        text = (self.path / self.counter).read_text(encoding="ascii")
        if self.counter == "cpuacct.usage":
            return int(text) / 1e9
        return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6

    def processes(self):
        with contextlib.suppress(OSError):
            return [int(line) for line in (self.path / "cgroup.procs").read_text(encoding="ascii").split()]
        return []

    def remove(self):
        if self.path:
            with contextlib.suppress(OSError):
                self.path.rmdir()


def descendants(of):
    """Process numbers of all descendants, from /proc."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                parent = int(Path(f"/proc/{name}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(name))
    found, left = [], [of]
    while left:
        more = children.get(left.pop(), [])
        found += more
        left += more
    return found


def pss_bytes(pid):
    """Proportional set size: shared pages are counted once over all processes. 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def process_cpu_s(pid):
    """Processor seconds of a process's living threads: exact where the kernel keeps them, else in clock ticks."""
    with contextlib.suppress(OSError, IndexError):
        return sum(int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text(encoding="ascii").split()[0])
                   for task in os.listdir(f"/proc/{pid}/task")) / 1e9
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def folder_bytes(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def environment(extra):
    """The bench's own environment without anything that changes a tool or a program."""
    dropped = ("SEEP_", "LD_", "PYTHON", "PERL", "MALLOC", "GLIBC_TUNABLES", "HEAP", "LSAN_", "ASAN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", **extra}


class Run:
    """A command under bench-launch. Use: with Run(...) as run: ...; run.finish()."""

    def __init__(self, launcher, command, folder, env=None, sampled=False):
        self.folder = Path(folder)
        self.group = Group()
        self.peak_bytes = 0
        self.sampled = sampled
        self.result_file = self.folder / "launch.json"
        self.outputs = [open(self.folder / name, "w+b") for name in ("stdout", "stderr")]
        self.child = subprocess.Popen(
            [launcher, str(self.result_file), *self.group.arguments(), "--", *map(str, command)], cwd=folder,
            env=environment(env or {}), stdin=subprocess.PIPE, stdout=self.outputs[0], stderr=self.outputs[1])
        self.ended = threading.Event()
        self.sampler = threading.Thread(target=self._sample)
        if sampled:
            self.sampler.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def processes(self):
        return self.group.processes() if self.group.path else descendants(self.child.pid)

    def pss_bytes(self):
        total = sum(pss_bytes(pid) for pid in self.processes())
        self.peak_bytes = max(self.peak_bytes, total)
        return total

    def _sample(self):
        while not self.ended.wait(SAMPLE_EACH_S):
            self.pss_bytes()

    def _stop_sampling(self):
        self.ended.set()
        if self.sampler.is_alive():
            self.sampler.join()

    def output(self, which):
        self.outputs[which].seek(0)
        return self.outputs[which].read()

    def wait_for(self, condition, seconds):
        """Whether the condition came true before the command ended and within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            if self.child.poll() is not None:
                return False
            time.sleep(0.01)
        return False

    def finish(self, seconds):
        """Closes the command's input and waits for all of it. Returns: a Result."""
        with contextlib.suppress(OSError):
            self.child.stdin.close()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._end()
            return Result(problem=f"not done after {seconds:.0f} s")
        self._stop_sampling()
        if self.child.returncode != 0:
            return Result(problem="bench-launch: " + self.output(1).decode(errors="replace")[-200:])
        said = json.loads(self.result_file.read_text(encoding="ascii"))
        result = Result(cpu_s=max(said["cpu_s"], self.group.cpu_s()), rusage_cpu_s=said["cpu_s"], wall_s=said["wall_s"],
                        peak_bytes=self.peak_bytes, status=said["status"], stdout=self.output(0).decode(errors="replace"),
                        stderr=self.output(1).decode(errors="replace"))
        if result.status > 128:
            with contextlib.suppress(ValueError):
                result.problem = f"dies of {signal.Signals(result.status - 128).name}"
        elif result.status != 0:
            result.problem = f"exit status {result.status}"
        return result

    def _end(self):
        """Ends what is left, by number, and nothing else."""
        deadline = time.monotonic() + END_WAIT_S
        self._stop_sampling()
        while time.monotonic() < deadline:
            left = self.processes() if self.child.poll() is None or self.group.path else []
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left and self.child.poll() is not None:
                break
            time.sleep(0.01)
        for output in self.outputs:
            output.close()
        self.group.remove()
