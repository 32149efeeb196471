#!/usr/bin/env python3
"""A launcher that execs the program which matters, with the library alone and under `seep run`.

usage: exec_test.py SEEP LIBRARY COUNTING_PROGRAM LAUNCHER STATIC_LAUNCHER [TEST...]

The program counts its own allocations; its recording must have them, under its own name.
SPDX-License-Identifier: MIT
"""
import glob
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile

import run_test
from run_test import (CLEAN, COUNTING, DEADLINE_S, LIBRARY, SEEP, dump, heap_events, only, process_ending, seep,
                      wait_for)

LAUNCHER, STATIC_LAUNCHER = (os.path.abspath(path) for path in sys.argv[4:6])
PRELOADED = dict(CLEAN, LD_PRELOAD=LIBRARY, SEEP_OPTIONS="interval=0.1")
ELSEWHERE = "did not load libseep.so, or has a collector of its own"


def start(*command, **more):
    """Output goes to a pipe; the recordings lie in the working directory."""
    return subprocess.Popen(command, env=more.pop("env", PRELOADED), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def has_ended(path):
    return os.path.exists(path) and process_ending(path)["kind"] in ("exited", "signalled")


def recording_of(running, program, feed=""):
    """Waits for the end of the process and of its recording. Returns: its file, the program's counts."""
    output, errors = running.communicate(feed, timeout=DEADLINE_S)
    assert (running.returncode, errors) == (0, ""), (running.returncode, errors)
    path = f"{program}.{running.pid}.seep"
    wait_for(lambda: has_ended(path), f"{path}; there are {os.listdir('.')}")
    return path, json.loads(output)


def assert_counts(path, truth):
    events = heap_events(path)
    assert events["acquired"] - truth["acquired"] in range(0, 40), (events, truth)
    assert only(dump(path), "program")["argv"] == [COUNTING], path


def replaced_images(path):
    """What the recording tells of its process's former images: the ends of their commands."""
    return [record["command"] for record in dump(path)
            if record["type"] == "child" and record["ending"] == "exec"]


def wait_for_ticks(path, count):
    """Waits until the recording has grown by so many snapshots."""
    def snapshots():
        return sum(record["type"] == "snapshot" for record in dump(path)) if os.path.exists(path) else 0
    first = snapshots()
    wait_for(lambda: snapshots() >= first + count, "snapshots")


def somebody_listens(name):
    with open("/proc/net/unix", encoding="ascii") as file:
        return any(line.split()[-1] == name for line in file)


def wait_for_turns(pid, count):
    """Waits until the process has waited for something so many times more."""
    def turns():
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("voluntary_ctxt_switches")).split()[1])
    first = turns()
    wait_for(lambda: turns() >= first + count, "the collector's turns")


def collector_of(file):
    """Pid of the collector that writes this file of the working directory."""
    wanted = os.path.realpath(file)
    for fd in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(fd) == wanted and run_test.command_name(fd.split("/")[2]) == "seep-collect":
                return int(fd.split("/")[2])
        except OSError:
            pass
    raise AssertionError(f"nobody writes {file}")


def a_launcher_leaves_the_programs_recording_under_the_programs_name():
    for launcher in ([LAUNCHER], ["taskset", "0x3"], ["env"], ["nice"], ["sh", "-c", 'exec "$0"']):
        path, truth = recording_of(start(*launcher, COUNTING), "counting_program")
        assert_counts(path, truth)
        assert os.listdir(".") == [path], (launcher, os.listdir("."))
        os.remove(path)
    

def two_execs_in_a_row_lead_to_the_last_program():
    path, truth = recording_of(start(LAUNCHER, LAUNCHER, "/usr/bin/env", COUNTING), "counting_program")
    assert_counts(path, truth)
    assert os.listdir(".") == [path], os.listdir(".")


def an_exec_from_another_thread_is_no_end():
    path, truth = recording_of(start(LAUNCHER, "-t", LAUNCHER, "-t", COUNTING), "counting_program")
    assert_counts(path, truth)
    assert os.listdir(".") == [path], os.listdir(".")


def a_launcher_that_lived_long_keeps_its_own_recording():
    env = dict(PRELOADED, SEEP_OPTIONS="interval=0.1,min-child=0.3")
    running = start(LAUNCHER, "-w", COUNTING, env=env)
    former = f"launcher.{running.pid}.seep"
    wait_for_ticks(former, 5)
    path, truth = recording_of(running, "counting_program", "x")
    assert_counts(path, truth)
    assert sorted(os.listdir(".")) == sorted([path, former])
    assert process_ending(former)["kind"] == "exec", process_ending(former)
    line = only(dump(path), "child")
    assert (line["file"], line["ending"]) == (former, "exec"), line


def a_program_that_starts_itself_anew_keeps_the_plain_name():
    running = start(LAUNCHER, LAUNCHER, COUNTING, env=dict(PRELOADED, SEEP_OPTIONS="interval=0.1,min-child=0"))
    path, _ = recording_of(running, "counting_program")
    first, second = f"launcher.{running.pid}.1.seep", f"launcher.{running.pid}.seep"
    assert sorted(os.listdir(".")) == sorted([path, first, second])
    assert only(dump(first), "program")["argv"] == [LAUNCHER, LAUNCHER, COUNTING]
    assert only(dump(second), "program")["argv"] == [LAUNCHER, COUNTING]


def an_image_without_the_library_in_between_is_no_end():
    path, truth = recording_of(start(LAUNCHER, STATIC_LAUNCHER, COUNTING), "counting_program")
    assert_counts(path, truth)
    assert os.listdir(".") == [path], os.listdir(".")


def a_program_that_cannot_be_preloaded_is_told_of():
    running = start(LAUNCHER, STATIC_LAUNCHER, "-w")
    path = f"launcher.{running.pid}.seep"
    wait_for(lambda: os.readlink(f"/proc/{running.pid}/exe") == STATIC_LAUNCHER, "the exec")
    wait_for_turns(collector_of(path), 3)
    running.communicate("x", timeout=DEADLINE_S)
    wait_for(lambda: process_ending(path)["kind"] == "exec", path)
    assert ELSEWHERE in only(dump(path), "note")["text"]


def a_child_that_execs_is_the_same_child():
    path, _ = recording_of(start("sh", "-c", f"{LAUNCHER} {LAUNCHER} {COUNTING}; true"), "sh")
    assert os.listdir(".") == [path], os.listdir(".")
    assert any(record["command"] == COUNTING and (record["ending"], record["status"]) == ("exited", 0)
               for record in dump(path) if record["type"] == "child"), dump(path)
    assert len(replaced_images(path)) >= 2, replaced_images(path)


def a_collector_that_was_killed_is_replaced_by_the_next_image():
    running = start(LAUNCHER, "-w", COUNTING)
    former = f"launcher.{running.pid}.seep"
    wait_for_ticks(former, 1)
    os.kill(collector_of(former), signal.SIGKILL)
    wait_for(lambda: not somebody_listens(f"@seep-{os.geteuid()}-{running.pid}"), "the collector's end")
    path, truth = recording_of(running, "counting_program", "x")
    assert_counts(path, truth)


def a_strangers_name_is_left_alone():
    """Another process listens under the name of the program's collector, as in a container that shares the
    network and has the same process numbers."""
    code = ("import os, socket, sys\n"
            "wait, tell = os.pipe()\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    os.read(wait, 1)\n"
            "    os.environ['LD_PRELOAD'] = sys.argv[1]\n"
            "    os.execv(sys.argv[2], sys.argv[2:])\n"
            "stranger = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "stranger.bind(f'\\0seep-{os.geteuid()}-{pid}')\n"
            "stranger.listen(10)\n"
            "os.write(tell, b'x')\n"
            "os.waitpid(pid, 0)\n")
    env = {name: value for name, value in PRELOADED.items() if name != "LD_PRELOAD"}
    running = start(sys.executable, "-c", code, LIBRARY, LAUNCHER, COUNTING, env=env)
    output, errors = running.communicate(timeout=DEADLINE_S)
    assert running.returncode == 0, errors
    truth = json.loads(output)
    path = f"counting_program.{truth['pid']}.seep"
    wait_for(lambda: has_ended(path), f"{path}; there are {os.listdir('.')}")
    assert_counts(path, truth)
    assert os.listdir(".") == [path], os.listdir(".")


def next_pid_is(pid):
    """Whether the kernel was told so; it is a wish, others start processes too."""
    try:
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
            file.write(str(pid - 1))
    except OSError:
        return False
    return True


def who_is_given_a_number_again_has_a_collector_of_its_own():
    """The first one's collector still records a child of the first one, and has its name."""
    hold, release = os.pipe()
    first = start("sh", "-c", f"{LAUNCHER} -w /bin/true <&{hold} >/dev/null 2>&1 & true", pass_fds=(hold,))
    first.communicate(timeout=DEADLINE_S)
    wait_for(lambda: has_ended(f"sh.{first.pid}.seep"), "the first one's recording")
    for _ in range(50):
        if not next_pid_is(first.pid):
            break  # not permitted
        again = start(COUNTING)
        output, errors = again.communicate(timeout=DEADLINE_S)
        assert (again.returncode, errors) == (0, ""), (again.returncode, errors)
        if again.pid == first.pid:
            path = f"counting_program.{again.pid}.seep"
            wait_for(lambda: has_ended(path), f"{path}; there are {os.listdir('.')}")
            assert_counts(path, json.loads(output))
            break
    os.close(hold)
    os.close(release)


def seep_run_follows_a_launcher():
    for launcher in ([LAUNCHER], ["taskset", "0x3"], [LAUNCHER, "-t"], [LAUNCHER, STATIC_LAUNCHER]):
        result = seep("run", "--quiet", "-o", "a.seep", "--", *launcher, COUNTING)
        assert result.returncode == 0, result
        assert_counts("a.seep", json.loads(result.stdout))
        assert os.listdir(".") == ["a.seep"], os.listdir(".")


def no_children_does_not_mean_the_program_that_a_launcher_becomes():
    for launcher in ([LAUNCHER], ["env", LAUNCHER, STATIC_LAUNCHER]):
        result = seep("run", "--quiet", "--no-children", "-o", "a.seep", "--", *launcher, COUNTING)
        assert result.returncode == 0, result
        assert_counts("a.seep", json.loads(result.stdout))
    running = start(LAUNCHER, COUNTING, env=dict(PRELOADED, SEEP_OPTIONS="interval=0.1,no-children"))
    path, truth = recording_of(running, "counting_program")
    assert_counts(path, truth)
    assert not [record for record in dump(path) if record["type"] == "note"], dump(path)


def no_children_leaves_out_what_the_program_starts():
    inner = f"{SEEP} run --quiet -o inner.seep -- {LAUNCHER} {COUNTING} >/dev/null; env | grep ^LD_PRELOAD"
    running = start("env", "sh", "-c", f"env {COUNTING} >/dev/null; sh -c '{inner}'; exec true",
                    env=dict(PRELOADED, SEEP_OPTIONS="min-child=0,no-children"))
    output, errors = running.communicate(timeout=DEADLINE_S)
    assert (running.returncode, output, errors) == (0, "", ""), (output, errors)
    files = [f"{program}.{running.pid}.seep" for program in ("env", "sh", "true")]
    wait_for(lambda: has_ended(files[2]), files)
    assert sorted(os.listdir(".")) == sorted(["inner.seep", *files])
    assert only(dump("inner.seep"), "program")["argv"] == [COUNTING]
    commands = [record["command"] for path in files for record in dump(path) if record["type"] == "child"]
    assert len(commands) == 2, commands  # the former images


def stepping_aside_is_said_when_asked_for():
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    for env, preexec, words in ((dict(PRELOADED, SEEP_VERBOSE="1"), limit, "too little address space (RLIMIT_AS)"),
                                (dict(PRELOADED, SEEP_VERBOSE="1", SEEP_SOCKET="@no-such"), None,
                                 "no collector answered"),
                                (dict(PRELOADED, SEEP_VERBOSE="1"), None, None),
                                (dict(PRELOADED, SEEP_SOCKET="@no-such"), None, None)):
        running = start(COUNTING, env=env, preexec_fn=preexec)
        _, errors = running.communicate(timeout=DEADLINE_S)
        wanted = f"seep: process {running.pid} is not recorded: {words}\n" if words else ""
        assert (running.returncode, errors) == (0, wanted), (running.returncode, errors, wanted)


TESTS = [value for name, value in list(globals().items())
         if callable(value) and getattr(value, "__module__", "") == "__main__"
         and name not in ("start", "has_ended", "recording_of", "assert_counts", "replaced_images", "wait_for_ticks",
                          "wait_for_turns", "somebody_listens", "collector_of", "next_pid_is")]


if __name__ == "__main__":
    sys.exit(run_test.main(TESTS, sys.argv[6:]))
