"""Runs a program under libseep.so with a collector made of a socket and a descriptor, and reads the segment.

Shares nothing with the real collector but the layout that segment_facts prints: an independent witness of what the shim
has recorded. SPDX-License-Identifier: MIT
"""
import array
import bisect
import json
import os
import socket
import struct
import subprocess
import threading

KINDS = {1: "heap", 2: "mapping", 3: "thread", 4: "fd", 5: "timer"}
FIRST_NODE = 16


def symbols_of(path, cache={}):
    """Sorted (address, name) of a binary's functions, by nm."""
    if path not in cache:
        rows = []
        for line in subprocess.run(["nm", "-C", path], capture_output=True, text=True, check=False).stdout.splitlines():
            parts = line.split(maxsplit=2)
            if len(parts) == 3 and parts[1] in "tTwW":
                rows.append((int(parts[0], 16), parts[2].split("(")[0].split(".")[0]))
        cache[path] = sorted(rows)
    return cache[path]


class Segment:
    """One process's segment, read once, after the process is gone."""

    def __init__(self, fd, facts):
        self.fd, self.facts = fd, facts
        self.header = os.pread(fd, facts["header"], 0)
        self.pid = self.word("pid")
        self.shift = self.word("granule_shift")
        self.way_out, self.exit_status = self.word("exit_noted"), self.word("exit_status")
        self.lost = {i: v for i, v in enumerate(struct.unpack_from(
            f"<{facts['lost_max']}Q", self.header, facts["seep_segment_header.lost"])) if v}
        self.modules = [self.text(facts["modules"] + i * facts["module_bytes"] + facts["seep_module.path"], 400)
                        for i in range(self.word("module_count"))]
        self.subsystems = [self.text(facts["subsystems"] + i * 64, 64) for i in range(self.word("subsystem_count"))]
        self.limits = [self.read_limit(i) for i in range(self.word("subsystem_count"))]
        self.marks = [self.text(facts["marks"] + i * 128 + 8, 64) for i in range(self.word("mark_count"))]
        self.mark_counts = self.read_mark_counts()
        self.nodes = os.pread(fd, self.word("node_count") * 32, facts["nodes"])
        self.checked, self.differences, self.prefixes = (
            struct.unpack_from(form, self.header, facts["seep_segment_header." + name])[0] for form, name in
            (("<Q", "checked"), ("<Q", "check_differences"), ("<I", "check_prefixes")))
        self.check_text = self.header[facts["seep_segment_header.check_text"]:].split(b"\0")[0].decode(errors="replace")
        self.sites = self.read_sites()
        self.threads = self.read_threads()
        self.lifetimes = self.read_lifetimes()
        self.held = {table: self.read_holdings(table, count) for table, count in
                     (("fds", "fd_count"), ("timers", "timer_count"))}

    def word(self, name):
        return struct.unpack_from("<I", self.header, self.facts["seep_segment_header." + name])[0]

    def text(self, at, size):
        return os.pread(self.fd, size, at).split(b"\0")[0].decode(errors="replace")

    def read_limit(self, subsystem):
        """(container, most) of a bounded subsystem, else None."""
        at = self.facts["limits"] + subsystem * self.facts["limit_bytes"]
        most, = struct.unpack("<Q", os.pread(self.fd, 8, at + self.facts["seep_limit.most"]))
        return (self.text(at + self.facts["seep_limit.container"], 48), most) if most else None

    def stack(self, node):
        """Frames as (module path, offset), innermost first, and the root's id."""
        frames = []
        while node >= FIRST_NODE:
            node, module, offset = struct.unpack_from("<IIQ", self.nodes, node * 32)
            frames.append((self.modules[module] if module else "", offset))
        return frames, node

    def read_sites(self):
        count = self.word("site_count")
        raw = os.pread(self.fd, count * 32, self.facts["sites"])
        sums = [[0, 0, 0, 0] for _ in range(count)]
        for shard in range(self.facts["shard_count"]):
            base = self.facts["shards"] + shard * self.facts["shard_bytes"]
            block = os.pread(self.fd, count * 32, base)
            for i in range(1, count):
                for k, value in enumerate(struct.unpack_from("<4Q", block, i * 32)):
                    sums[i][k] += value
        sites = []
        for i in range(1, count):
            node, subsystem, kind = struct.unpack_from("<IHB", raw, i * 32)
            frames, root = self.stack(node)
            sites.append({"kind": KINDS.get(kind), "subsystem": self.subsystems[subsystem], "frames": frames,
                          "limit": self.limits[subsystem], "root": root, "counts": sums[i]})
        return sites

    def read_threads(self):
        """(state, name, subsystem) of every slot in use."""
        rows = []
        for slot in range(1, self.word("thread_count")):
            at = self.facts["threads"] + slot * self.facts["thread_bytes"]
            raw = os.pread(self.fd, self.facts["thread_bytes"], at)
            state, = struct.unpack_from("<I", raw, self.facts["seep_thread.state"])
            subsystem, = struct.unpack_from("<I", raw, self.facts["seep_thread.subsystem"])
            name = raw[self.facts["seep_thread.name"]:][:16].split(b"\0")[0].decode()
            if state:
                rows.append((state, name, self.subsystems[subsystem]))
        return rows

    def read_lifetimes(self):
        """Site: [created, started, ended, joined, detached, left, cancelled], cpu_ns, buckets."""
        size, rows = self.facts["lifetime_bytes"], {}
        raw = os.pread(self.fd, self.facts["lifetimes_max"] * size, self.facts["lifetimes"])
        for at in range(0, len(raw), size):
            site, = struct.unpack_from("<I", raw, at)
            if site:
                assert site not in rows, "two entries of one site"
                *counts, cpu_ns = struct.unpack_from("<8Q", raw, at + self.facts["seep_lifetime.created"])
                buckets = struct.unpack_from(f"<{self.facts['lifetime_buckets']}Q", raw,
                                             at + self.facts["seep_lifetime.buckets"])
                rows[site] = (counts, cpu_ns, buckets)
        return rows

    def read_mark_counts(self):
        """Label: how often it was marked."""
        size, rows = self.facts["mark_label_bytes"], {}
        raw = os.pread(self.fd, self.facts["mark_labels_max"] * size, self.facts["mark_labels"])
        for at in range(0, len(raw), size):
            if struct.unpack_from("<I", raw, at + self.facts["seep_mark_label.ready"])[0]:
                label = raw[at + self.facts["seep_mark_label.label"]:][:64].split(b"\0")[0].decode()
                assert label not in rows, "two entries of one label"
                rows[label], = struct.unpack_from("<Q", raw, at + self.facts["seep_mark_label.count"])
        assert len(rows) == self.word("mark_label_count")
        return rows

    def read_holdings(self, table, count):
        """(slot, id, site) of every slot that holds something."""
        size, rows = self.facts["holding_bytes"], []
        raw = os.pread(self.fd, self.word(count) * size, self.facts[table])
        for slot in range(self.word(count)):
            site, = struct.unpack_from("<I", raw, slot * size + self.facts["seep_holding.site"])
            number, = struct.unpack_from("<Q", raw, slot * size + self.facts["seep_holding.id"])
            if site:
                rows.append((slot, number, site))
        return rows

    def holdings(self, table):
        return self.held[table]

    def by_function(self, program, kind="heap"):
        """Counters summed per function of `program` nearest to the acquisition."""
        return self.sum_by_function(program, kind, 4, lambda number, site: site["counts"])

    def lifetimes_by_function(self, program):
        """The same of what became of threads."""
        return self.sum_by_function(program, "thread", 7, lambda number, site: self.lifetimes[number][0])

    def sum_by_function(self, program, kind, columns, counts_of):
        table = symbols_of(program)
        starts = [row[0] for row in table]
        real = os.path.realpath(program)
        result = {}
        for number, site in enumerate(self.sites, 1):
            if site["kind"] != kind:
                continue
            for path, offset in site["frames"]:
                if os.path.realpath(path) == real:
                    name = table[bisect.bisect_right(starts, offset - 1) - 1][1]
                    row = result.setdefault(name, [0] * columns)
                    for k, count in enumerate(counts_of(number, site)):
                        row[k] += count
                    break
        return result

    def total(self, kind="heap"):
        return [sum(s["counts"][k] for s in self.sites if s["kind"] == kind) for k in range(4)]


class Run:
    """One program run to its end: status, output, the segments of all its processes in order of registration."""

    def __init__(self, library, facts_program, command, env=None, timeout_s=60, preexec=None, keep=None):
        # keep: of the children's segments only that many, the newest; `dropped` counts the others
        facts = json.loads(subprocess.run([facts_program], capture_output=True, check=True).stdout)
        name = f"seep-host-test-{os.getpid()}-{id(self)}"
        descriptors = []
        self.off_reasons, self.dropped, self.keep = [], 0, keep
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind("\0" + name)
            listener.listen(4096)
            listener.settimeout(0.2)
            done = threading.Event()
            thread = threading.Thread(target=self.collect, args=(listener, descriptors, done))
            thread.start()
            try:
                ended = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False, preexec_fn=preexec,
                                       env={**os.environ, "LD_PRELOAD": library, "SEEP_SOCKET": "@" + name, **(env or {})})
            finally:
                done.set()
                thread.join()
        self.status, self.stdout, self.stderr = ended.returncode, ended.stdout.decode(), ended.stderr.decode()
        self.segments = [Segment(fd, facts) for fd in descriptors]
        for fd in descriptors:
            os.close(fd)

    def collect(self, listener, descriptors, done):
        while True:
            try:
                connection, _ = listener.accept()
            except socket.timeout:
                if done.is_set():
                    return
                continue
            with connection:
                message, ancillary, _, _ = connection.recvmsg(64, 256)
                self.off_reasons.append(struct.unpack("<QIIII", message)[3])
                for level, kind, data in ancillary:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                        fds = array.array("i")
                        fds.frombytes(data[:4])
                        descriptors.append(fds[0])
                if self.keep is not None and len(descriptors) > 1 + self.keep:
                    os.close(descriptors.pop(1))
                    self.dropped += 1
