#!/usr/bin/env python3
"""`seep run` and the sidecar end to end, each against a program whose counts are known.

usage: run_test.py SEEP LIBRARY COUNTING_PROGRAM [TEST...]

Recordings are read through `seep dump`. Every wait is for a condition, with a deadline.
SPDX-License-Identifier: MIT
"""
import ctypes
import glob
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SEEP, LIBRARY, COUNTING = (os.path.abspath(path) for path in sys.argv[1:4])
DEADLINE_S = 20
CLEAN = {name: value for name, value in os.environ.items()
         if not name.startswith("SEEP_") and name != "LD_PRELOAD"}


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


def seep(*arguments, **options):
    return subprocess.run([SEEP, *arguments], text=True, capture_output=True, timeout=60,
                          env=options.pop("env", CLEAN), check=False, **options)


def start(*arguments, **options):
    return subprocess.Popen([SEEP, "run", *arguments], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=CLEAN, **options)


def dump(path):
    result = seep("dump", path)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def only(records, kind):
    found = [record for record in records if record.get("type") == kind]
    assert len(found) == 1, (kind, found)
    return found[0]


def process_ending(path):
    """Of a recording that has a name, but nothing in it yet: unknown."""
    result = seep("report", path, "--format", "json")
    if result.returncode != 0 and "the file is empty" in result.stderr:
        return {"kind": "unknown"}
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)["program"]["ending"]


def heap_events(path):
    result = seep("report", path, "--format", "json")
    return json.loads(result.stdout)["recording"]["events"]["heap"]


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def command_name(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def child_named(run, name):
    return wait_for(lambda: next((pid for pid in children_of(run.pid)
                                  if command_name(pid) == name), None), f"process {name}")


def wait_for_writes(pid, count):
    """Waits for so many more calls of write, whether they succeed or not."""
    def calls():
        with open(f"/proc/{pid}/io", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("syscw")).split()[1])
    first = calls()
    wait_for(lambda: calls() >= first + count, "writes")


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def the_programs_status_and_streams_are_its_own():
    result = seep("run", "--quiet", "-o", "a.seep", "--", "sh", "-c", "cat; echo no >&2; exit 7",
                  input="hello\n")
    assert (result.returncode, result.stdout, result.stderr) == (7, "hello\n", "no\n"), result
    ending = process_ending("a.seep")
    assert (ending["kind"], ending["status"], ending["signal"]) == ("exited", 7, None), ending


def counts_are_exact_at_the_end():
    result = seep("run", "--quiet", "-o", "a.seep", "--", COUNTING, "0")
    assert result.returncode == 0, result
    truth = json.loads(result.stdout)
    assert truth["acquired"] > 10000
    events = heap_events("a.seep")
    assert events["acquired"] - truth["acquired"] in range(0, 40), (events, truth)
    live = events["acquired"] - events["released"]
    assert live - (truth["acquired"] - truth["released"]) in range(0, 40), (events, truth)


def a_killed_program_leaves_the_state_of_that_moment():
    run = start("--quiet", "--interval", "3600", "-o", "a.seep", "--", COUNTING, "1")
    truth = json.loads(run.stdout.readline())
    os.kill(truth["pid"], signal.SIGKILL)
    assert run.wait(DEADLINE_S) == 128 + signal.SIGKILL
    run.communicate()
    assert process_ending("a.seep")["kind"] == "signalled"
    events = heap_events("a.seep")
    assert events["acquired"] - truth["acquired"] in range(0, 40), (events, truth)


def a_killed_collector_costs_the_rest_of_the_recording_alone():
    run = start("--interval", "0.1", "-o", "a.seep", "--", "sleep", "1")
    collector = child_named(run, "seep-collect")
    wait_for(lambda: os.path.exists("a.seep") and os.path.getsize("a.seep") > 600, "snapshots")
    os.kill(collector, signal.SIGKILL)
    _, errors = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 0, errors
    assert "the collector was killed" in errors, errors
    assert process_ending("a.seep")["kind"] in ("running", "lost")


def an_existing_file_is_replaced_only_when_the_new_one_is_complete():
    with open("a.seep", "w", encoding="ascii") as file:
        file.write("old")
    run = start("--interval", "0.1", "--quiet", "-o", "a.seep", "--", "sleep", "20")
    collector = child_named(run, "seep-collect")
    wait_for(lambda: os.path.exists("a.seep.partial"), "a.seep.partial")
    with open("a.seep", encoding="ascii") as file:
        assert file.read() == "old"
    os.kill(collector, signal.SIGKILL)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 128 + signal.SIGTERM
    with open("a.seep", encoding="ascii") as file:
        assert file.read() == "old"
    assert process_ending("a.seep.partial")["kind"] in ("running", "lost")
    os.remove("a.seep.partial")
    assert seep("run", "--quiet", "-o", "a.seep", "--", "true").returncode == 0
    assert process_ending("a.seep")["kind"] == "exited"
    assert os.listdir(".") == ["a.seep"]


def an_exec_hands_the_file_to_the_newest_image():
    result = seep("run", "--quiet", "-o", "a.seep", "--", "sh", "-c",
                  "true; sh -c 'exit 5'; exec sleep 0.1")
    assert result.returncode == 0, result
    assert os.listdir(".") == ["a.seep"]
    records = dump("a.seep")
    assert only(records, "program")["argv"][0] == "sleep", records[0]
    children = [record for record in records if record["type"] == "child"]
    assert any(child["command"].startswith("sh -c true;") for child in children), children
    assert any("exit 5" in child["command"] for child in children), children


def a_long_lived_child_gets_a_file_and_a_short_one_a_line():
    result = seep("run", "--quiet", "--interval", "0.1", "--min-child", "0.4", "-o", "a.seep",
                  "--", "sh", "-c", "sleep 0.01; sleep 0.8; true")
    assert result.returncode == 0, result
    children = [record for record in dump("a.seep") if record["type"] == "child"]
    kept = [child["file"] for child in children if child["file"]]
    assert len(kept) == 1 and len(children) >= 2, children
    assert process_ending(kept[0])["kind"] == "exited"
    assert sorted(os.listdir(".")) == sorted(["a.seep", *kept])


def no_children_means_none():
    result = seep("run", "--quiet", "--no-children", "-o", "a.seep", "--", "sh", "-c",
                  "sh -c true; sleep 0.01; true")
    assert result.returncode == 0, result
    assert not [record for record in dump("a.seep") if record["type"] == "child"]


def a_child_outlives_the_program_and_is_recorded_to_its_end():
    result = seep("run", "--quiet", "--interval", "0.1", "--min-child", "0", "-o", "a.seep", "--",
                  "sh", "-c", "sleep 1 >/dev/null 2>&1 & true")
    assert result.returncode == 0, result
    assert process_ending("a.seep")["kind"] == "exited"
    wait_for(lambda: any(process_ending(path)["kind"] == "exited"
                         for path in glob.glob("a.*.seep")), "the child's recording")


def the_duration_ends_the_program():
    began = time.monotonic()
    result = seep("run", "--quiet", "--duration", "0.3", "-o", "a.seep", "--", "sleep", "30")
    assert result.returncode == 128 + signal.SIGTERM, result
    assert time.monotonic() - began < 8
    assert process_ending("a.seep")["kind"] == "signalled"
    assert process_ending("a.seep")["signal"] == signal.SIGTERM


def signals_sent_to_seep_alone_reach_the_program():
    run = start("--quiet", "-o", "a.seep", "--", "sh", "-c",
                "trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done")
    assert run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGINT)
    assert run.wait(DEADLINE_S) == 9
    run.communicate()


def wrong_use_is_one_line_and_leaves_no_file():
    os.mkdir("folder")
    for arguments, words in [
            (["no-such-program"], "cannot run 'no-such-program': No such file"),
            (["/etc/passwd"], "cannot run '/etc/passwd'"),
            (["--interval", "0.01", "true"], "interval '0.01'"),
            (["--interval", "fast", "true"], "interval 'fast'"),
            (["--mode", "sampled=9", "true"], "mode 'sampled=9'"),
            (["--mode", "some", "true"], "full, sampled or sampled=BYTES"),
            (["--fail-on", "maybe", "true"], "maybe"),
            (["--intervall", "1", "true"], "did you mean '--interval'"),
            (["-o", "folder", "true"], "not a regular file"),
            (["-o", "no/such/x.seep", "true"], "no/such"),
            (["-o"], "needs a value"),
            ([], "which program")]:
        result = seep("run", *arguments)
        assert result.returncode == 2, (arguments, result)
        assert words in result.stderr, (arguments, result.stderr)
        assert result.stderr.count("\n") == 1, (arguments, result.stderr)
    assert os.listdir(".") == ["folder"]


def an_image_that_drops_the_library_is_said_to_be_unrecorded():
    result = seep("run", "--quiet", "--interval", "0.1", "-o", "a.seep", "--", "env", "-u",
                  "LD_PRELOAD", "sleep", "0.5")
    records = dump("a.seep")
    assert result.returncode == 0 and only(records, "program")["argv"][0] == "env", result
    assert only(records, "end")["ending"] == "exec", records[-1]
    assert "did not load libseep.so" in only(records, "note")["text"]


def a_program_that_never_loads_the_library_is_an_error():
    os.mkdir("bin")
    with open("bin/true", "w", encoding="ascii") as file:
        file.write("#!/no/such/interpreter\n")
    os.chmod("bin/true", 0o755)
    result = seep("run", "-o", "a.seep", "--", "bin/true")
    assert result.returncode == 2 and "cannot run 'bin/true'" in result.stderr, result
    assert os.listdir(".") == ["bin"]


def a_sidecar_records_what_runs_with_the_library_alone():
    os.mkdir("out")
    env = dict(CLEAN, LD_PRELOAD=LIBRARY, SEEP_OUT="out",
               SEEP_OPTIONS="interval=0.1,interval=never,min-child=0.1")
    program = subprocess.Popen(["sleep", "0.5"], env=env)
    path = f"out/sleep.{program.pid}.seep"
    assert program.wait(DEADLINE_S) == 0
    wait_for(lambda: os.path.exists(path) and process_ending(path)["kind"] == "exited", path)
    assert "interval 'never'" in only(dump(path), "note")["text"]


def a_sidecar_without_its_folder_uses_the_working_directory():
    env = dict(CLEAN, LD_PRELOAD=LIBRARY, SEEP_OUT="/no/such")
    program = subprocess.Popen(["sleep", "0.2"], env=env)
    path = f"sleep.{program.pid}.seep"
    assert program.wait(DEADLINE_S) == 0
    wait_for(lambda: os.path.exists(path) and process_ending(path)["kind"] == "exited", path)
    assert "SEEP_OUT '/no/such'" in only(dump(path), "note")["text"]


def every_child_of_many_leaves_its_line():
    result = seep("run", "--quiet", "-o", "a.seep", "--", "sh", "-c",
                  "for i in $(seq 250); do /bin/true; done")
    assert result.returncode == 0, result
    children = [record for record in dump("a.seep") if record["type"] == "child"]
    ended = [child for child in children if child["command"] == "/bin/true"
             and (child["ending"], child["status"]) == ("exited", 0)]
    assert len(ended) == 250, len(ended)
    assert os.listdir(".") == ["a.seep"]


def silent_and_babbling_peers_disturb_nobody():
    run = start("--quiet", "--interval", "0.1", "-o", "a.seep", "--", "sh", "-c",
                "echo $SEEP_SOCKET; read go; sh -c 'exit 3'; true", stdin=subprocess.PIPE)
    address = "\0" + run.stdout.readline().strip()[1:]
    peers = []
    for i in range(300):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.connect(address)
        peers.append(peer)
        handover = struct.pack("<QIIII", 0x7265766f646e6168, 1, os.getpid(), 0, 0)
        descriptors = [os.memfd_create("x", os.MFD_ALLOW_SEALING), 0, 1][: i % 4]
        if i % 3 == 0:
            socket.send_fds(peer, [os.urandom(i + 1) if i % 2 else handover], descriptors)
        for descriptor in descriptors[:1]:
            os.close(descriptor)
    run.communicate("go\n", timeout=DEADLINE_S)
    assert run.returncode == 0, run.returncode
    records = dump("a.seep")
    assert only(records, "end")["ending"] == "exited"
    assert [child for child in records if child["type"] == "child" and child["status"] == 3]
    for peer in peers:
        peer.close()


def helpers_of_a_program_in_the_background_leave_lines():
    result = seep("run", "--quiet", "-o", "a.seep", "--", "sh", "-c",
                  "sh -c 'for i in $(seq 50); do /bin/true; done; sleep 0.1; true' "
                  ">/dev/null 2>&1 & true")
    assert result.returncode == 0, result

    def all_ended():
        files = glob.glob("a.*.seep")
        return files and all(process_ending(path)["kind"] == "exited" for path in files) and files
    files = wait_for(all_ended, "the inner shell's recording")
    assert len(files) == 1, files
    lines = [record for path in [*files, "a.seep"] for record in dump(path)
             if record["type"] == "child" and record["command"] == "/bin/true"]
    assert len(lines) == 50, len(lines)


def a_child_that_comes_after_the_programs_end_is_recorded():
    launch = "import os, sys; os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); os._exit(0)"
    result = seep("run", "--quiet", "-o", "a.seep", "--", sys.executable, "-c", launch, COUNTING, "0")
    assert result.returncode == 0, result
    wait_for(lambda: any(process_ending(path)["kind"] == "exited"
                         for path in glob.glob("a.*.seep")), "the child's recording")


def a_file_that_grows_is_nobody_elses():
    for existing in (False, True):
        run = start("--quiet", "--interval", "0.1", "-o", "a.seep", "--", "cat",
                    stdin=subprocess.PIPE)
        wait_for(lambda: os.path.exists("a.seep.partial" if existing else "a.seep"), "a.seep")
        second = seep("run", "--quiet", "-o", "a.seep", "--", "true")
        assert second.returncode == 2 and "another seep is writing it" in second.stderr, second
        run.communicate(timeout=DEADLINE_S)
        assert only(dump("a.seep"), "program")["argv"] == ["cat"]
    assert os.listdir(".") == ["a.seep"]


def a_killed_seep_run_takes_neither_program_nor_recording_along():
    run = start("--quiet", "--interval", "0.1", "-o", "a.seep", "--", "sh", "-c",
                "echo $$; read go; exit 6", stdin=subprocess.PIPE)
    run.stdout.readline()
    run.kill()
    run.communicate("go\n", timeout=DEADLINE_S)
    wait_for(lambda: process_ending("a.seep")["kind"] == "exited", "the end of the recording")
    assert process_ending("a.seep")["status"] == 6


def a_stopped_program_goes_on_and_is_ended_by_the_duration():
    began = time.monotonic()
    result = seep("run", "--quiet", "--duration", "0.5", "-o", "a.seep", "--", "sh", "-c",
                  "kill -STOP $$; sleep 30")
    assert result.returncode == 128 + signal.SIGTERM, result
    assert time.monotonic() - began < 8
    assert process_ending("a.seep")["signal"] == signal.SIGTERM


def a_full_file_system_costs_what_it_refuses_and_is_told():
    run = start("--interval", "0.1", "-o", "a.seep", "--", "cat", stdin=subprocess.PIPE)
    collector = child_named(run, "seep-collect")
    wait_for(lambda: os.path.exists("a.seep") and os.path.getsize("a.seep") > 600, "snapshots")
    resource.prlimit(collector, resource.RLIMIT_FSIZE, (os.path.getsize("a.seep"),) * 2)
    wait_for_writes(collector, 3)  # snapshots that find no room
    _, errors = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 0, errors
    assert "'a.seep' is not complete: File too large" in errors, errors
    assert process_ending("a.seep")["kind"] in ("running", "lost")


def room_that_comes_back_is_used_and_the_gap_is_noted():
    run = start("--quiet", "--interval", "0.1", "-o", "a.seep", "--", "cat",
                stdin=subprocess.PIPE)
    collector = child_named(run, "seep-collect")
    wait_for(lambda: os.path.exists("a.seep") and os.path.getsize("a.seep") > 600, "snapshots")
    size = os.path.getsize("a.seep")
    resource.prlimit(collector, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    wait_for_writes(collector, 3)
    resource.prlimit(collector, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    wait_for(lambda: os.path.getsize("a.seep") > size + 100, "the file to grow again")
    run.communicate(timeout=DEADLINE_S)
    assert process_ending("a.seep")["kind"] == "exited"
    assert "writes to the recording failed: File too large" in only(dump("a.seep"), "note")["text"]


def where_nobody_reaps_no_zombie_stays():
    libc = ctypes.CDLL(None)
    set_child_subreaper = 36
    assert libc.prctl(set_child_subreaper, 1, 0, 0, 0) == 0
    try:
        for arguments in (["--quiet", "-o", "a.seep", "--", "true"],
                          ["-o", "a.seep", "--", "/dev/shm/../../etc/passwd"]):
            seep("run", *arguments)
            with open("/proc/thread-self/children", encoding="ascii") as file:
                left = {pid: command_name(pid) for pid in map(int, file.read().split())}
            assert "seep-collect" not in left.values(), left
    finally:
        libc.prctl(set_child_subreaper, 0, 0, 0, 0)


def no_collector_stays_behind():
    run = start("--quiet", "-o", "a.seep", "--", "sleep", "0.2")
    collector = child_named(run, "seep-collect")
    with open(f"/proc/{collector}/cmdline", encoding="ascii") as file:
        assert "sleep" not in file.read()
    run.communicate(timeout=DEADLINE_S)
    wait_for(lambda: is_gone(collector), "the collector's end")


TESTS = [value for name, value in list(globals().items())
         if callable(value) and getattr(value, "__module__", "") == "__main__"
         and name not in ("wait_for", "seep", "start", "dump", "only", "process_ending",
                          "heap_events", "children_of", "command_name", "child_named",
                          "wait_for_writes", "is_gone")]


def main(tests, wanted):
    failed = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="seep-run-") as folder:
            os.chdir(folder)
            try:
                test()
                print("ok  ", test.__name__, flush=True)
            except (AssertionError, KeyError, OSError, ValueError,
                    subprocess.SubprocessError) as error:
                failed += 1
                print("FAIL", test.__name__, type(error).__name__, error, flush=True)
            os.chdir("/")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(TESTS, sys.argv[4:]))
