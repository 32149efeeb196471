#!/usr/bin/python3
"""Checks the shape of the tree: who may include and link whom, sizes, names, headers.

A folder is a pipeline stage and a CMake target, so two graphs are read and held against one table
(ALLOWED): the #include "..." lines of the sources and the link lists of the CMakeLists.txt. An arrow
that is not in the table is an error; so a new folder needs a line here, which is the point.

The parser knows this repository's layout (clang-format's Linux braces: a function begins and ends
with a brace in column 0), not C.

usage: check_layers.py [--root DIR]
Prints `path:line: rule: what is wrong` for each violation. Exit status: 0 none, 1 some, 2 wrong usage.

SPDX-License-Identifier: MIT
"""

import argparse
import re
import sys
from pathlib import Path

# Stage -> stages it may include and link, besides itself. `include` is include/seep/.
ALLOWED = {
    "include": set(),
    "shim": {"include"},
    "analyzer/base": set(),
    "analyzer/waits": {"analyzer/base"},
    "analyzer/attach": {"include", "analyzer/base"},
    "analyzer/collect": {"include", "analyzer/base", "analyzer/attach", "analyzer/waits"},
    "analyzer/load": {"include", "analyzer/base"},
    "analyzer/series": {"include", "analyzer/base", "analyzer/load"},
    "analyzer/trend": {"analyzer/base"},
    "analyzer/diff": {"include", "analyzer/base", "analyzer/load", "analyzer/series",
                      "analyzer/verdict"},
    "analyzer/verdict": {"include", "analyzer/base", "analyzer/load", "analyzer/series",
                         "analyzer/trend", "analyzer/waits"},
    "analyzer/report": {"include", "analyzer/base", "analyzer/verdict"},
    "analyzer/threads": {"include", "analyzer/base", "analyzer/attach", "analyzer/load",
                         "analyzer/series", "analyzer/verdict", "analyzer/report"},
    "analyzer/top": {"include", "analyzer/base", "analyzer/load", "analyzer/verdict",
                     "analyzer/report"},
    "analyzer/net": {"analyzer/base"},
    "analyzer/live": {"include", "analyzer/base", "analyzer/load", "analyzer/verdict"},
    "analyzer/alert": {"include", "analyzer/base", "analyzer/verdict", "analyzer/net"},
    "analyzer/serve": {"include", "analyzer/base", "analyzer/load", "analyzer/series", "analyzer/diff",
                       "analyzer/verdict", "analyzer/report", "analyzer/threads", "analyzer/top",
                       "analyzer/live", "analyzer/alert"},
    "analyzer/history": {"include", "analyzer/base", "analyzer/trend", "analyzer/verdict",
                         "analyzer/report"},
    "analyzer/fleet": {"include", "analyzer/base", "analyzer/trend", "analyzer/verdict", "analyzer/report",
                       "analyzer/net"},
    "analyzer/cli": {"include", "analyzer/base", "analyzer/attach", "analyzer/collect", "analyzer/load",
                     "analyzer/series", "analyzer/trend", "analyzer/diff", "analyzer/verdict",
                     "analyzer/report", "analyzer/threads", "analyzer/top", "analyzer/net",
                     "analyzer/live", "analyzer/alert", "analyzer/serve", "analyzer/history",
                     "analyzer/fleet"},
    "server": set(),  # and seep/seep.h, see check_includes
    "bench": {"include"},
    "tests": {"include", "shim", "server", "bench", "analyzer/base", "analyzer/waits",
              "analyzer/attach",
              "analyzer/collect",
              "analyzer/load", "analyzer/series", "analyzer/trend", "analyzer/diff",
              "analyzer/verdict", "analyzer/report", "analyzer/threads", "analyzer/top",
              "analyzer/net", "analyzer/live", "analyzer/alert", "analyzer/serve",
              "analyzer/history", "analyzer/fleet", "analyzer/cli"},
}
SERVER_MAY_INCLUDE = "include/seep/seep.h"

# What a stage may not say, because it would be an arrow that no include shows.
SHIM_FORBIDDEN_HEADERS = {"stdio.h", "jansson.h", "iostream", "wchar.h", "syslog.h"}
OUTSIDE_WORLD = re.compile(
    r'"/proc/|\b(clock_gettime|gettimeofday|time|socket|connect|shm_open|memfd_create|ptrace)\s*\(')
FUNCTIONS_OF_FILES = {"analyzer/waits", "analyzer/load", "analyzer/series", "analyzer/trend", "analyzer/diff",
                      "analyzer/verdict", "analyzer/report", "analyzer/top"}
PRINTS_OR_EXITS = re.compile(
    r"(?<![\w.>])(printf|vprintf|puts|putchar|perror|exit|abort)\s*\(|\bf(printf|puts)\s*\(\s*std")

MAX_LINES = {".c": 600, ".h": 200}
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
MAX_NESTING = 4
# (file, function): why its number of parameters is not its own choice.
MANY_PARAMETERS = {
    ("shim/arch.h", "seep_arch_syscall6"): "the kernel's convention: a number and six arguments",
    ("server/rest/http_server.c", "handle"): "libmicrohttpd's MHD_AccessHandlerCallback",
    ("analyzer/serve/serve_web.c", "handle"): "libmicrohttpd's MHD_AccessHandlerCallback",
    ("analyzer/load/symbol_file.c", "find_debuginfo"): "elfutils' Dwfl_Callbacks",
    ("analyzer/attach/stack_unwind.c", "no_debuginfo"): "elfutils' Dwfl_Callbacks",
}
WRAPPER = "seep_wrap_"  # has the parameters of the function that it wraps, and two more

SOURCE_SUFFIXES = {".c", ".h", ".cc", ".cpp", ".hpp", ".S"}
SPDX_SUFFIXES = SOURCE_SUFFIXES | {".py", ".sh", ".js", ".map"}
TEXT_SUFFIXES = SPDX_SUFFIXES | {".md", ".txt", ".cmake", ".json", ".yaml", ".yml", ".conf", ".pl"}
SPDX_LINE = "SPDX-License-Identifier: MIT"
SPDX_WITHIN_LINES = 30
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__"}
# Where a .c may be without a .h of its own stem: programs, and implementations of one shared header
# (cli.h, renderer.h, kinds.h's lists, seep/seep.h, routes.h).
NO_OWN_HEADER = re.compile(r"^(main|\w+_main|cmd_\w+|report_\w+|interpose_\w+|annotate|handle_\w+)$")
MODULE_ROOTS = ("shim/", "analyzer/", "server/", "bench/")
# Paths of one machine. Spelled in two pieces, so that this file does not hold what it forbids.
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot")) + r")/\w")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
CMAKE_CALL = re.compile(r"\b(add_library|add_executable|target_link_libraries)\s*\(([^)]*)\)", re.S)
CMAKE_NOISE = {"PUBLIC", "PRIVATE", "INTERFACE", "STATIC", "SHARED", "OBJECT", "MODULE"}
# Interface targets: flags and the contracts, no code.
NEUTRAL_TARGETS = {"seep_options", "seep_own_process"}


class Tree:
    """The files of a working tree, and the violations found in it."""

    def __init__(self, root):
        self.root = root
        self.violations = []
        self.texts = {}
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            if set(relative.parts[:-1]) & SKIPPED_FOLDERS or not path.is_file():
                continue
            if path.suffix in TEXT_SUFFIXES or path.name in {"LICENSE", "run"}:
                self.texts[relative.as_posix()] = path.read_text(encoding="utf-8",
                                                                 errors="replace")

    def sources(self):
        return ((name, text) for name, text in self.texts.items()
                if Path(name).suffix in SOURCE_SUFFIXES)

    def fail(self, name, line, rule, message):
        self.violations.append((name, line, rule, message))


def stage_of(name):
    """The stage that a file belongs to; None for files outside the pipeline."""
    parts = name.split("/")
    if parts[0] == "analyzer":
        return "/".join(parts[:2]) if len(parts) > 2 else None
    return parts[0] if parts[0] in ALLOWED else None


def without_comments(text):
    """The text with comments blanked; line numbers and string literals stay."""
    def blank(match):
        piece = match.group(0)
        return piece if piece[0] in "\"'" else re.sub(r"[^\n]", " ", piece)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', blank, text,
                  flags=re.S)


def without_strings(text):
    """The text with the insides of string and character literals blanked."""
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  lambda match: match.group(0)[0] + " " * (len(match.group(0)) - 2) +
                  match.group(0)[0], text)


def resolve(tree, name, included):
    """The file of the tree that `#include "included"` in `name` means; None for a foreign one."""
    folder = name.rsplit("/", 1)[0] if "/" in name else ""
    for base in (folder, "", "include", "analyzer", "shim", "server"):
        candidate = f"{base}/{included}" if base else included
        parts = []
        for part in candidate.split("/"):
            if part == "..":
                if parts:
                    parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        candidate = "/".join(parts)
        if candidate in tree.texts:
            return candidate
    return None


def check_includes(tree):
    for name, text in tree.sources():
        stage = stage_of(name)
        if stage is None:
            continue
        if stage not in ALLOWED:
            tree.fail(name, 1, "layer", f"'{stage}' is not in the table of check_layers.py")
            continue
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            included = match.group(1) or match.group(2)
            if stage == "shim" and included in SHIM_FORBIDDEN_HEADERS:
                tree.fail(name, number, "layer", f"the shim may not include <{included}>")
            target = resolve(tree, name, included)
            target_stage = stage_of(target) if target else None
            if target_stage in (None, stage) or target_stage in ALLOWED[stage]:
                continue
            if stage == "server" and target == SERVER_MAY_INCLUDE:
                continue
            tree.fail(name, number, "layer", f"{stage} may not include {target}")


def cmake_calls(text):
    """Yields (line, command, words) of the CMake calls that matter."""
    text = re.sub(r"#[^\n]*", lambda match: " " * len(match.group(0)), text)
    for match in CMAKE_CALL.finditer(text):
        words = match.group(2).split()
        if words:
            yield text.count("\n", 0, match.start()) + 1, match.group(1), words


def check_links(tree):
    lists = {name: text for name, text in tree.texts.items()
             if name.endswith("CMakeLists.txt") or name.endswith(".cmake")}
    folder_of = {}
    for name, text in lists.items():
        for _, command, words in cmake_calls(text):
            if command != "target_link_libraries" and "$" not in words[0]:
                folder_of[words[0]] = stage_of(name)
    for name, text in lists.items():
        for line, command, words in cmake_calls(text):
            stage = folder_of.get(words[0])
            if command != "target_link_libraries" or stage is None:
                continue
            for word in words[1:]:
                if word in CMAKE_NOISE or word in NEUTRAL_TARGETS:
                    continue
                linked = folder_of.get(word)
                if linked is None:
                    # The preloaded library links libc alone, which CMake adds by itself.
                    if stage == "shim" and words[0] == "seep_shim" and not word.startswith("-"):
                        tree.fail(name, line, "link", f"{words[0]} may not link {word}")
                elif linked != stage and linked not in ALLOWED[stage]:
                    tree.fail(name, line, "link", f"{words[0]} ({stage}) may not link {word}"
                                                  f" ({linked})")


def check_world(tree):
    """Purity of the stages after the recording; library code that prints or exits."""
    for name, text in tree.sources():
        stage = stage_of(name)
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            if stage in FUNCTIONS_OF_FILES and OUTSIDE_WORLD.search(line):
                tree.fail(name, number, "pure",
                          f"{stage} is a function of files: no clock, /proc, socket or memory of"
                          " other processes")
            if (stage or "").startswith("analyzer/") and stage != "analyzer/cli" \
                    and PRINTS_OR_EXITS.search(without_strings(line)):
                tree.fail(name, number, "print", "library code neither prints nor exits;"
                                                 " only analyzer/cli does")


def count_parameters(head):
    """Number of parameters of the function whose text before its brace is `head`."""
    start, depth, commas, empty = head.find("("), 0, 0, True
    for character in head[start:]:
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                break
        elif depth == 1 and character == ",":
            commas += 1
        if depth >= 1 and character not in "( \n":
            empty = False
    return 0 if empty else commas + 1


def check_function(tree, name, lines, opening, closing, head):
    title = re.search(r"(\w+)\s*\(", head)
    title = title.group(1) if title else "?"
    length = closing - opening - 1
    if length > MAX_FUNCTION_LINES:
        tree.fail(name, opening + 1, "size",
                  f"{title} has {length} lines, limit {MAX_FUNCTION_LINES}")
    parameters = count_parameters(head)
    if (parameters > MAX_PARAMETERS and (name, title) not in MANY_PARAMETERS
            and not title.startswith(WRAPPER)):
        tree.fail(name, opening + 1, "size",
                  f"{title} has {parameters} parameters, limit {MAX_PARAMETERS}")
    # Blocks end their line with the brace; an initialiser's brace follows one of = ( , {.
    stack = []
    for number in range(opening + 1, closing):
        line = lines[number].rstrip()
        for position, character in enumerate(line):
            if character == "{":
                before = line[:position].rstrip()
                stack.append(position == len(line) - 1 and not before.endswith(("=", "(", ",", "{")))
                if sum(stack) > MAX_NESTING and stack[-1]:
                    tree.fail(name, number + 1, "size",
                              f"{title} nests blocks deeper than {MAX_NESTING}")
            elif character == "}" and stack:
                stack.pop()


def check_sizes(tree):
    for name, text in tree.sources():
        suffix = Path(name).suffix
        lines = text.count("\n")
        if lines > MAX_LINES.get(suffix, MAX_LINES[".c"]):
            tree.fail(name, lines, "size", f"{lines} lines, limit {MAX_LINES.get(suffix, 600)}")
        if suffix == ".S":
            continue
        code = without_strings(without_comments(text)).splitlines()
        head, opening = [], None
        for number, line in enumerate(code):
            if line.startswith("{"):
                opening = number
            elif line.startswith("}"):
                if opening is not None and "(" in "\n".join(head):
                    check_function(tree, name, code, opening, number, "\n".join(head))
                head, opening = [], None
            elif opening is None:
                head = [] if not line.strip() or line.rstrip().endswith(";") else head + [line]


def check_names(tree):
    seen = {}
    for name, _ in tree.sources():
        base = name.rsplit("/", 1)[-1]
        # include/seep/ is a name space of its own (seep/recording.h); main.c is a program's.
        if base != "main.c" and not name.startswith("include/"):
            if base in seen:
                tree.fail(name, 1, "name", f"the file name is taken by {seen[base]}")
            seen.setdefault(base, name)
        if name.startswith(MODULE_ROOTS) and name.endswith(".c"):
            stem = base[:-2]
            if name[:-2] + ".h" not in tree.texts and not NO_OWN_HEADER.match(stem):
                tree.fail(name, 1, "name", f"a module is {stem}.h and {stem}.c; the header is missing")


def check_texts(tree):
    for name, text in tree.texts.items():
        lines = text.splitlines()
        if (Path(name).suffix in SPDX_SUFFIXES or name == ".ci/run") and \
                not any(SPDX_LINE in line for line in lines[:SPDX_WITHIN_LINES]):
            tree.fail(name, 1, "spdx", f"no '{SPDX_LINE}' in the first {SPDX_WITHIN_LINES} lines")
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line):
                tree.fail(name, number, "path", "a path of one machine")
            if UNFINISHED.search(line):
                tree.fail(name, number, "unfinished", "work left undone does not belong in the tree")


def check(root):
    """All rules over the tree at `root`. Returns the violations, sorted."""
    tree = Tree(root)
    for rule in (check_includes, check_links, check_world, check_sizes, check_names, check_texts):
        rule(tree)
    return sorted(set(tree.violations))


def main():
    parser = argparse.ArgumentParser(description="checks layers, sizes and names of the tree")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    if not root.is_dir():
        parser.error(f"{root}: no such folder")
    violations = check(root)
    for name, line, rule, message in violations:
        print(f"{name}:{line}: {rule}: {message}")
    print(f"check_layers: {len(violations)} violations", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
