"""Says on what machine, and of what build, a figure was measured.

SPDX-License-Identifier: MIT
"""
import os
import platform
import re
import subprocess
from pathlib import Path

FLAGS = ("avx2", "avx512f", "avx512bw", "avx512vl")
PACKAGES = ("heaptrack", "liblsan0", "libjemalloc2", "libgoogle-perftools4", "valgrind", "python3", "perl", "sqlite3",
            "jq", "libxml2-utils", "cpp-12", "redis-server", "memcached", "nginx", "wrk")


def _said(command, cwd=None):
    """What a command prints; empty when it is missing or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _first(path, default=""):
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return default


def _commit(root):
    commit = _said(["git", "rev-parse", "--short=12", "HEAD"], root)
    return (commit or "unknown") + ("+" if _said(["git", "status", "--porcelain"], root) else "")


def _build_type(build):
    cache = _first(build / "CMakeCache.txt")
    kind = re.search(r"^CMAKE_BUILD_TYPE:[^=]*=(.*)$", cache, re.M)
    name = kind.group(1) if kind else ""
    flags = re.search(rf"^CMAKE_C_FLAGS_{name.upper()}:[^=]*=(.*)$", cache, re.M)
    return f"{name} ({flags.group(1)})" if flags else name


def _versions():
    lines = _said(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "nginx-light", "nginx-core", *PACKAGES])
    if not lines:  # dpkg-query fails when it does not know one of the names, and prints the others
        lines = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES],
                               capture_output=True, text=True, check=False).stdout
    return dict(line.split(" ", 1) for line in lines.splitlines() if " " in line and line.split(" ", 1)[1])


def describe(root, build):
    """A dictionary of text; root: the source tree, build: the build tree."""
    cpuinfo = _first("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.*)$", cpuinfo, re.M)
    flags = re.search(r"^flags\s*:\s*(.*)$", cpuinfo, re.M)
    present = set(flags.group(1).split()) if flags else set()
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "hypervisor": "hypervisor" in present,
        "flags": [flag for flag in FLAGS if flag in present],
        "kernel": platform.release(),
        "glibc": platform.libc_ver()[1] or os.confstr("CS_GNU_LIBC_VERSION"),
        "governor": _first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none"),
        "transparent_hugepages": _first("/sys/kernel/mm/transparent_hugepage/enabled", "none"),
        "compiler": _said(["cc", "--version"]).split("\n")[0],
        "build": _build_type(build),
        "commit": _commit(root),
        "packages": _versions(),
    }


def has_avx512(machine):
    return "avx512f" in machine["flags"] and "avx512vl" in machine["flags"]
