#!/usr/bin/python3
"""Holds a SARIF 2.1.0 log against the standard's rules, as far as Seep uses it.

Required properties, no property that the standard does not name, enumerations, indexes that point
somewhere, URI references, and section 3.27.10 (another kind than "fail" has level "none").

With SARIF_SCHEMA=FILE in the environment and python3-jsonschema installed, the official JSON schema
decides as well; it is not part of this repository (the npm package @microsoft/jest-sarif has it as
lib/schemas/sarif-2.1.0-rtm.5.json).

usage: check_sarif.py FILE...

SPDX-License-Identifier: MIT
"""

import json
import os
import re
import sys
from urllib.parse import urlsplit

# Object -> property -> (type or object or [object], required)
OBJECTS = {
    "log": {"$schema": (str, False), "version": (str, True), "runs": (["run"], True)},
    "run": {"tool": ("tool", True), "columnKind": (str, False), "invocations": (["invocation"], False),
            "results": (["result"], False), "properties": (dict, False)},
    "tool": {"driver": ("driver", True)},
    "driver": {"name": (str, True), "version": (str, False), "rules": (["rule"], False)},
    "rule": {"id": (str, True), "shortDescription": ("message", False),
             "fullDescription": ("message", False), "help": ("message", False)},
    "invocation": {"executionSuccessful": (bool, True)},
    "message": {"text": (str, True)},
    "result": {"ruleId": (str, False), "ruleIndex": (int, False), "kind": (str, False), "level": (str, False),
               "message": ("message", True), "locations": (["location"], False),
               "partialFingerprints": (dict, False), "baselineState": (str, False), "stacks": (["stack"], False),
               "codeFlows": (["codeFlow"], False), "properties": (dict, False)},
    "location": {"physicalLocation": ("physical", False), "logicalLocations": (["logical"], False),
                 "message": ("message", False)},
    "physical": {"artifactLocation": ("artifact", False), "region": ("region", False),
                 "address": ("address", False)},
    "artifact": {"uri": (str, False), "uriBaseId": (str, False)},
    "region": {"startLine": (int, False)},
    "address": {"kind": (str, False), "relativeAddress": (int, False)},
    "logical": {"fullyQualifiedName": (str, False), "kind": (str, False)},
    "stack": {"message": ("message", False), "frames": (["frame"], True)},
    "frame": {"location": ("location", False), "module": (str, False)},
    "codeFlow": {"threadFlows": (["threadFlow"], True)},
    "threadFlow": {"locations": (["flowLocation"], True)},
    "flowLocation": {"location": ("location", False)},
}


def check(kind, value, where):
    if isinstance(kind, list):
        assert isinstance(value, list), where
        for i, item in enumerate(value):
            check(kind[0], item, f"{where}[{i}]")
        return
    if not isinstance(kind, str):
        assert isinstance(value, kind), f"{where}: {value!r} is no {kind.__name__}"
        return
    properties = OBJECTS[kind]
    assert set(value) <= set(properties), f"{where}: {set(value) - set(properties)}"
    for name, (of, required) in properties.items():
        assert name in value or not required, f"{where}: no {name}"
        if name in value:
            check(of, value[name], f"{where}.{name}")
    if kind == "artifact":
        assert re.fullmatch(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-F]{2})+", value["uri"]), value
        urlsplit(value["uri"])
        assert value["uri"].startswith("file:///") or ":" not in value["uri"], value
    elif kind == "physical":
        assert "artifactLocation" in value or "address" in value, where
    elif kind == "region":
        assert value["startLine"] >= 1, where
    elif kind in ("stack", "codeFlow", "threadFlow"):
        assert all(value[name] for name, (_, required) in properties.items() if required), where


def official_schema():
    """The validator of the official schema, or None with a word about why."""
    path = os.environ.get("SARIF_SCHEMA")
    if not path:
        print("check_sarif: no SARIF_SCHEMA=FILE given: the official schema was not asked")
        return None
    try:
        from jsonschema import Draft4Validator
    except ImportError:
        print("check_sarif: python3-jsonschema is not installed: the official schema was not asked")
        return None
    with open(path, encoding="utf-8") as stream:
        return Draft4Validator(json.load(stream))


def main():
    schema = official_schema()
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as stream:
            log = json.load(stream)
        if schema is not None:
            schema.validate(log)
        check("log", log, path)
        assert log["version"] == "2.1.0" and len(log["runs"]) == 1
        run = log["runs"][0]
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(set(rules)) == len(rules), "a rule twice"
        prints = set()
        states = ("new", "updated", "unchanged", "absent")
        compared = any("baselineState" in result for result in run["results"])
        for result in run["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
            assert result["kind"] in ("fail", "informational")
            assert (result["level"] in ("error", "warning", "note")) == (result["kind"] == "fail")
            # Section 3.27.24: of all results of a run or of none.
            assert result.get("baselineState") in (states if compared else (None,)), result.get("baselineState")
            prints.add((result.get("baselineState") == "absent", result["partialFingerprints"]["seepFinding/v1"]))
        assert len(prints) == len(run["results"]), "two results with one fingerprint"


if __name__ == "__main__":
    sys.exit(main())
