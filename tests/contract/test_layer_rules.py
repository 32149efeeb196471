"""Each rule of scripts/check_layers.py, broken once in a small tree.

SPDX-License-Identifier: MIT
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKER = Path(__file__).resolve().parents[2] / "scripts" / "check_layers.py"
HEAD = "/* SPDX-License-Identifier: MIT */\n"


class LayerRulesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("include/seep/seep.h", HEAD)
        self.write("include/seep/segment.h", HEAD)
        self.write("analyzer/base/error.h", HEAD)
        self.write("analyzer/base/error.c", HEAD + '#include "base/error.h"\n')
        self.write("analyzer/load/recording.h", HEAD)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def module(self, stem, text):
        """A module that has its header."""
        self.write(stem + ".h", HEAD)
        self.write(stem + ".c", HEAD + text)

    def violations(self):
        result = subprocess.run([sys.executable, "-B", str(CHECKER), "--root", str(self.root)],
                                capture_output=True, text=True, check=False)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.assertEqual(result.returncode, 1 if result.stdout else 0)
        return result.stdout

    def assert_fails(self, where, rule):
        output = self.violations()
        self.assertTrue(any(line.startswith(where) and f": {rule}: " in line
                            for line in output.splitlines()), f"no {rule} at {where} in: {output!r}")

    def test_a_clean_tree_passes(self):
        self.module("analyzer/collect/sample", '#include "base/error.h"\n#include "seep/segment.h"\n')
        self.module("server/hub/hub", '#include "seep/seep.h"\n#include "server/hub/hub.h"\n')
        self.assertEqual(self.violations(), "")

    def test_collect_may_not_include_load(self):
        self.module("analyzer/collect/sample", '#include "load/recording.h"\n')
        self.assert_fails("analyzer/collect/sample.c:2", "layer")

    def test_the_shim_may_not_include_the_analyzer(self):
        self.module("shim/live", '#include "../analyzer/base/error.h"\n')
        self.assert_fails("shim/live.c:2", "layer")

    def test_the_shim_may_not_include_stdio(self):
        self.module("shim/live", "#include <stdio.h>\n")
        self.assert_fails("shim/live.c:2", "layer")

    def test_trend_may_include_nothing_but_base(self):
        self.module("analyzer/trend/theil_sen", '#include "seep/segment.h"\n')
        self.assert_fails("analyzer/trend/theil_sen.c:2", "layer")

    def test_report_may_not_include_load(self):
        self.module("analyzer/report/report_text", '#include "load/recording.h"\n')
        self.assert_fails("analyzer/report/report_text.c:2", "layer")

    def test_nobody_may_include_tests(self):
        self.write("tests/help.h", HEAD)
        self.module("analyzer/cli/words", '#include "tests/help.h"\n')
        self.assert_fails("analyzer/cli/words.c:2", "layer")

    def test_the_server_may_include_seep_h_alone(self):
        self.module("server/hub/hub", '#include "seep/segment.h"\n')
        self.assert_fails("server/hub/hub.c:2", "layer")

    def test_a_stage_that_is_not_in_the_table_fails(self):
        self.module("analyzer/extra/thing", "")
        self.assert_fails("analyzer/extra/thing.c:1", "layer")

    def test_an_include_in_a_comment_is_none(self):
        self.module("analyzer/trend/theil_sen", '/*\n#include "seep/segment.h"\n*/\n')
        self.assertEqual(self.violations(), "")

    def test_a_link_list_obeys_the_same_arrows(self):
        self.write("analyzer/load/CMakeLists.txt", "add_library(seep_load STATIC a.c)\n")
        self.write("analyzer/collect/CMakeLists.txt",
                   "add_library(seep_collect STATIC b.c)\n"
                   "target_link_libraries(seep_collect\n    PUBLIC seep_load)\n")
        self.assert_fails("analyzer/collect/CMakeLists.txt:2", "link")

    def test_the_preloaded_library_links_no_foreign_library(self):
        self.write("shim/CMakeLists.txt", "add_library(seep_shim SHARED a.c)\n"
                                          "target_link_libraries(seep_shim PRIVATE PkgConfig::ZSTD)\n")
        self.assert_fails("shim/CMakeLists.txt:2", "link")

    def test_verdicts_read_no_clock(self):
        self.module("analyzer/verdict/verdict", "int f(void)\n{\n    return clock_gettime(0, 0);\n}\n")
        self.assert_fails("analyzer/verdict/verdict.c:4", "pure")

    def test_loading_reads_no_proc(self):
        self.module("analyzer/load/symbol", 'const char *p = "/proc/self/maps";\n')
        self.assert_fails("analyzer/load/symbol.c:2", "pure")

    def test_library_code_does_not_print(self):
        self.module("analyzer/base/buf", 'void f(void)\n{\n    printf("x");\n}\n')
        self.assert_fails("analyzer/base/buf.c:4", "print")

    def test_library_code_does_not_exit(self):
        self.module("analyzer/base/buf", "void f(void)\n{\n    exit(1);\n}\n")
        self.assert_fails("analyzer/base/buf.c:4", "print")

    def test_a_source_has_at_most_600_lines(self):
        self.module("analyzer/base/buf", "int x;\n" * 600)
        self.assert_fails("analyzer/base/buf.c:601", "size")

    def test_a_header_has_at_most_200_lines(self):
        self.write("analyzer/base/long.h", HEAD + "int x;\n" * 200)
        self.assert_fails("analyzer/base/long.h:201", "size")

    def test_a_function_has_at_most_60_lines(self):
        body = "    x++;\n"
        self.module("analyzer/base/buf", "void f(void)\n{\n" + body * 60 + "}\n")
        self.assertEqual(self.violations(), "")
        self.module("analyzer/base/buf", "void f(void)\n{\n" + body * 61 + "}\n")
        self.assert_fails("analyzer/base/buf.c:3", "size")

    def test_a_function_has_at_most_6_parameters(self):
        self.module("analyzer/base/buf", "void f(int a, int b, int c,\n       int d, void (*e)(int, int),"
                                         " int g)\n{\n}\n")
        self.assertEqual(self.violations(), "")
        self.module("analyzer/base/buf", "void f(int a, int b, int c,\n       int d, int e, int g,"
                                         " int h)\n{\n}\n")
        self.assert_fails("analyzer/base/buf.c:4", "size")

    def test_blocks_nest_at_most_4_deep(self):
        def nested(depth):
            return ("void f(void)\n{\n" + "if (x) {\n" * depth + "int a[] = {1};\n" + "}\n".replace(
                "}", " }") * depth + "}\n")
        self.module("analyzer/base/buf", nested(4))
        self.assertEqual(self.violations(), "")
        self.module("analyzer/base/buf", nested(5))
        self.assert_fails("analyzer/base/buf.c:8", "size")

    def test_file_names_are_unique(self):
        self.module("server/hub/error", "")
        self.assert_fails("server/hub/error.c:1", "name")

    def test_a_module_has_a_header(self):
        self.write("analyzer/base/alone.c", HEAD)
        self.assert_fails("analyzer/base/alone.c:1", "name")

    def test_commands_and_renderers_share_a_header(self):
        self.write("analyzer/cli/main.c", HEAD)
        self.write("analyzer/cli/cmd_run.c", HEAD)
        self.write("analyzer/report/report_text.c", HEAD)
        self.write("shim/interpose_heap.c", HEAD)
        self.assertEqual(self.violations(), "")

    def test_a_file_names_its_licence(self):
        self.write("scripts/x.sh", "#!/bin/sh\n")
        self.assert_fails("scripts/x.sh:1", "spdx")

    def test_paths_of_one_machine_are_refused(self):
        self.write("docs/x.md", "one\nsee /ro" + "ot/seep\n")
        self.assert_fails("docs/x.md:2", "path")

    def test_work_left_undone_is_refused(self):
        self.module("analyzer/base/buf", "/* TO" + "DO: later */\n")
        self.assert_fails("analyzer/base/buf.c:2", "unfinished")

    def test_a_missing_root_is_wrong_usage(self):
        result = subprocess.run([sys.executable, "-B", str(CHECKER), "--root", str(self.root / "no")],
                                capture_output=True, check=False)
        self.assertEqual(result.returncode, 2)


if __name__ == "__main__":
    unittest.main()
