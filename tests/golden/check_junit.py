#!/usr/bin/python3
"""Reads JUnit XML as CI servers do: well-formed, known elements, counts that add up.

usage: check_junit.py FILE...

SPDX-License-Identifier: MIT
"""

import sys
import xml.etree.ElementTree as ElementTree

CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase", "system-out"},
    "testcase": {"failure", "skipped", "system-out"},
    "failure": set(), "skipped": set(), "system-out": set(),
}


def check_counts(element):
    cases = list(element.iter("testcase"))
    for name, found in (("tests", cases),
                        ("failures", [case for case in cases if case.find("failure") is not None]),
                        ("skipped", [case for case in cases if case.find("skipped") is not None])):
        assert int(element.get(name)) == len(found), f"{element.tag}: {name}"
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases), "a test twice"


def main():
    for path in sys.argv[1:]:
        root = ElementTree.parse(path).getroot()
        assert root.tag == "testsuites"
        for element in root.iter():
            assert {child.tag for child in element} <= CHILDREN[element.tag], element.tag
        for case in root.iter("testcase"):
            assert len(case.findall("failure")) + len(case.findall("skipped")) <= 1
        check_counts(root)
        check_counts(root.find("testsuite"))


if __name__ == "__main__":
    sys.exit(main())
