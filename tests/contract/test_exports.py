"""libseep.so exports the functions of shim/functions*.h and seep/kinds.h name for name, needs libc alone, and never calls
what may allocate.

usage: test_exports.py PATH/libseep.so

SPDX-License-Identifier: MIT
"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Files with lists of functions, and the names of the lists.
SOURCES = (*((path.relative_to(ROOT), r"SEEP_\w+_FUNCTIONS") for path in sorted(ROOT.glob("shim/functions*.h"))),
           ("include/seep/kinds.h", "SEEP_API_FUNCTIONS"))
ALLOWED_LIBRARIES = {"libc.so.6", "ld-linux-x86-64.so.2"}

# Whatever allocates, prints, or may: calling one from inside malloc is a recursion or a deadlock.
FORBIDDEN = re.compile(r"""^(
    (c|m|re|re)alloc(array)? | free | cfree | .*memalign | aligned_alloc | p?valloc | alloca
    | str(n)?dup | v?asprintf | getline | getdelim | open_memstream | fmemopen | mtrace
    | v?[fsd]?n?printf | v?s?n?printf | .*printf_chk | f?puts | fputc | put(s|char|c) | perror
    | f(open|close|read|write|gets|getc|flush|seek|tell|dopen|reopen) | setv?buf | std(in|out|err)
    | popen | pclose | system | opendir | readdir | closedir | scandir | glob | ftw | nftw
    | backtrace(_symbols)?(_fd)? | syslog | vsyslog | qsort(_r)? | setenv | putenv | unsetenv
    | get(pw|gr|host|addr).* | setlocale | .*iconv.* | abort | exit | __assert_fail
    | _Unwind_.* | __cxa_.* | __gxx_.* | _Zn[wa].* | _Zd[la].* | dl_iterate_phdr
)$""", re.X)
# dlopen and dlsym allocate too; the start of the shim calls them outside its hot path.


def listed_names():
    """The exported names: the rows of the table of functions, and the functions of seep.h."""
    names = set()
    for source, pattern in SOURCES:
        text = (ROOT / source).read_text(encoding="utf-8")
        bodies = re.findall(rf"#define {pattern}\(X\)((?:.*\\\n)*.*)", text)
        found = [name for body in bodies for name in re.findall(r"\bX\(\s*(\w+)", body)]
        if not found:
            raise AssertionError(f"{source} lists no function")
        twice = {name for name in found if found.count(name) > 1 or name in names}
        if twice:
            raise AssertionError(f"{source} lists {sorted(twice)} twice")
        names.update(found)
    return names


def symbols(*options):
    """Lines of nm -D as (kind, name without version)."""
    output = subprocess.run(["nm", "-D", *options, LIBRARY], check=True, capture_output=True,
                            text=True).stdout
    rows = (line.split() for line in output.splitlines())
    return [(row[-2], row[-1].split("@")[0]) for row in rows if len(row) >= 2]


class ExportsTest(unittest.TestCase):
    def test_every_listed_function_is_exported_and_nothing_else(self):
        exported = {name for kind, name in symbols("--defined-only") if kind != "A"}
        self.assertEqual(listed_names() - exported, set(), "listed, not exported")
        self.assertEqual(exported - listed_names(), set(), "exported, not listed")

    def test_exported_functions_are_code(self):
        data = {name for kind, name in symbols("--defined-only") if kind not in "TWiA"}
        self.assertEqual(data, set())

    def test_only_libc_is_needed(self):
        output = subprocess.run(["objdump", "-p", LIBRARY], check=True, capture_output=True,
                                text=True).stdout
        needed = set(re.findall(r"^\s*NEEDED\s+(\S+)", output, re.M))
        self.assertIn("libc.so.6", needed)
        self.assertEqual(needed - ALLOWED_LIBRARIES, set())

    def test_nothing_that_allocates_or_prints_is_called(self):
        undefined = {name for kind, name in symbols("--undefined-only") if kind == "U"}
        self.assertTrue(undefined, "nm shows no undefined symbol at all")
        self.assertEqual({name for name in undefined if FORBIDDEN.match(name)}, set())

    def test_no_interposed_function_is_called_by_name(self):
        undefined = {name for _, name in symbols("--undefined-only")}
        self.assertEqual(undefined & listed_names(), set())

    def test_the_library_may_live_in_a_hardened_program(self):
        output = subprocess.run(["readelf", "-Wld", LIBRARY], check=True, capture_output=True,
                                text=True).stdout
        self.assertNotIn("TEXTREL", output)
        stack = re.search(r"GNU_STACK.*", output)
        self.assertIsNotNone(stack)
        self.assertNotIn("E", stack.group(0).split("0x")[-2].split()[-1])

    def test_the_pattern_of_forbidden_names_can_fail(self):
        for name in ("malloc", "realloc", "free", "printf", "snprintf", "__sprintf_chk", "fopen",
                     "stderr", "_Unwind_Backtrace", "_Znwm", "dl_iterate_phdr", "strdup", "vfprintf"):
            self.assertTrue(FORBIDDEN.match(name), name)
        for name in ("memcpy", "strlen", "mmap", "read", "write", "dlsym", "__errno_location"):
            self.assertFalse(FORBIDDEN.match(name), name)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} PATH/libseep.so")
    LIBRARY = sys.argv.pop(1)
    unittest.main()
