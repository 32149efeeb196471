"""The columns of the tables: how each tool is put around a command, and whether this machine has it.

SPDX-License-Identifier: MIT
"""
import dataclasses
import glob
import os
import re
import shutil
import subprocess
import tempfile

ALL_ROUNDS, FEW_ROUNDS, ONE_ROUND = "all", "few", "one"
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")
SEEP_TOOLS = ("pass", "full", "sampled")


@dataclasses.dataclass(frozen=True)
class Tool:
    """wrap(command, env, folder) gives the command and its environment; recordings go to the folder.

    reduced: so slow that it gets a twentieth of the work, and a bare run of that to be compared with.
    missing: why it cannot run here; None when it can. inside: the same without the processes beside it, for programs
    that measure themselves; None when that is the same."""
    key: str
    title: str
    how: str
    wrap: object
    rounds: str = ALL_ROUNDS
    reduced: bool = False
    missing: str = None
    records: bool = True
    inside: object = None


def _library(*names):
    for folder in LIBRARY_FOLDERS:
        for name in names:
            for path in sorted(glob.glob(f"{folder}/{name}")):
                return path
    return None


def _preload(library, **extra):
    def wrap(command, env, folder):
        values = {name: value.format(folder=folder) for name, value in extra.items()}
        return command, {**env, "LD_PRELOAD": library, **values}
    return wrap


class Seep:
    """A build of Seep, and what it can do."""

    def __init__(self, build):
        self.program = str(build / "bin" / "seep")
        self.library = str(build / "lib" / "libseep.so")
        self.launcher = str(build / "bench" / "bench-launch")
        self.micro = build / "bench"
        for path in (self.program, self.library, self.launcher):
            if not os.path.exists(path):
                raise FileNotFoundError(f"{path}: no such file; build first: cmake --build {build}")

    def run(self, options=(), seep_options=""):
        def wrap(command, env, folder):
            extra = {"SEEP_OPTIONS": seep_options} if seep_options else {}
            return ([self.program, "run", "--quiet", "--interval", "1", *options, "-o", f"{folder}/program.seep", "--",
                     *command], {**env, **extra})
        return wrap

    def accepts(self, *options):
        """Whether `seep run` takes these options without a word."""
        with tempfile.TemporaryDirectory(prefix="seep-bench-") as folder:
            command, env = self.run(options)(["true"], {}, folder)
            tried = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
        return tried.returncode == 0 and tried.stderr == ""

    def knows(self, seep_options):
        """Whether the library knows a `name=value` of SEEP_OPTIONS. It says nothing about one that it does not
        know, and a figure must not be that of an option ignored: so its bytes must hold the name."""
        name = seep_options.split("=", maxsplit=1)[0]
        with open(self.library, "rb") as library:
            return re.search(rb"\0" + name.encode() + rb"[=\0]", library.read()) is not None


def _jemalloc(title, log2_bytes, **more):
    library = _library("libjemalloc.so.2")
    conf = f"prof:true,lg_prof_sample:{log2_bytes},prof_final:true,prof_prefix:{{folder}}/jeprof"
    missing = "not installed" if library is None else None
    if library and not _jemalloc_profiles(library):
        missing = "not in Debian's build"
    return Tool(wrap=_preload(library, MALLOC_CONF=conf), title=title, missing=missing,
                how=f"LD_PRELOAD=libjemalloc.so.2 MALLOC_CONF=prof:true,lg_prof_sample:{log2_bytes},prof_final:true", **more)


def _jemalloc_profiles(library):
    tried = subprocess.run(["true"], env={"LD_PRELOAD": library, "MALLOC_CONF": "prof:true,abort_conf:true"},
                           capture_output=True, check=False)
    return tried.returncode == 0 and not tried.stderr


def all_tools(seep):
    """Every tool, in the order of the columns; bare first."""
    lsan, tcmalloc = _library("liblsan.so.0", "liblsan.so.*"), _library("libtcmalloc.so.4", "libtcmalloc.so.*")
    has_sampled = seep.accepts("--mode", "sampled")

    def heaptrack(command, env, folder):
        return ["heaptrack", "-o", f"{folder}/heaptrack", *command], env

    def heaptrack_raw(command, env, folder):
        return ["heaptrack", "--raw", "-o", f"{folder}/heaptrack", *command], env

    def massif(command, env, folder):
        return ["valgrind", "--tool=massif", f"--massif-out-file={folder}/massif.out", *command], env

    def absent(program):
        return None if shutil.which(program) else "not installed"

    return [
        Tool("bare", "bare", "as it is, with glibc's malloc", lambda command, env, folder: (command, env), records=False),
        Tool("pass", "pass-through", "LD_PRELOAD=libseep.so without a collector: each call goes through the wrapper and no "
             "further", _preload(seep.library, SEEP_SOCKET="seep-bench-nobody"), records=False),
        Tool("full", "Seep full", "seep run: every event, complete stacks, 1 s interval", seep.run()),
        Tool("sampled", "Seep sampled", "seep run --mode sampled: one sample per 512 KiB",
             seep.run(("--mode", "sampled")), missing=None if has_sampled else "not in this build"),
        Tool("heaptrack", "heaptrack", "heaptrack PROGRAM: every event, with the interpreter that it starts", heaptrack,
             rounds=FEW_ROUNDS, missing=absent("heaptrack"), inside=heaptrack_raw),
        Tool("lsan", "LSan", "LD_PRELOAD=liblsan.so: stacks by frame pointers, cut at 30; a list at the exit",
             _preload(lsan, LSAN_OPTIONS="exitcode=0:log_path={folder}/lsan"), rounds=FEW_ROUNDS,
             missing=None if lsan else "not installed", records=False),
        _jemalloc("jemalloc sampled", 19, key="jemalloc", rounds=FEW_ROUNDS),
        _jemalloc("jemalloc all", 0, key="jemalloc-all", rounds=ONE_ROUND, reduced=True),
        Tool("gperftools", "gperftools", "LD_PRELOAD=libtcmalloc.so HEAPPROFILE=...: every allocation",
             _preload(tcmalloc, HEAPPROFILE="{folder}/gperftools"), rounds=ONE_ROUND, reduced=True,
             missing=None if tcmalloc else "not installed"),
        Tool("massif", "massif", "valgrind --tool=massif", massif, rounds=ONE_ROUND, reduced=True,
             missing=absent("valgrind")),
    ]
