#!/usr/bin/python3
"""Decodes a profile (gzip, profile.proto) strictly and prints it as text.

An unknown field, a wrong wire type, an id that nothing has, a string number out of range, a sample
with another number of values than there are types: each is an error. So what `seep` writes is held
against the format's own rules (github.com/google/pprof, proto/profile.proto and Profile.CheckValid).

usage: pprof_text.py FILE

SPDX-License-Identifier: MIT
"""

import gzip
import sys

# Message: field number -> (name, kind); kinds: i number, s string number, r repeated packed numbers,
# "*X" repeated message X.
MESSAGES = {
    "Profile": {1: ("sample_type", "*ValueType"), 2: ("sample", "*Sample"), 3: ("mapping", "*Mapping"),
                4: ("location", "*Location"), 5: ("function", "*Function"), 6: ("string_table", "text"),
                9: ("time_nanos", "i"), 10: ("duration_nanos", "i"), 13: ("comment", "s"),
                14: ("default_sample_type", "s")},
    "ValueType": {1: ("type", "s"), 2: ("unit", "s")},
    "Sample": {1: ("location_id", "r"), 2: ("value", "r"), 3: ("label", "*Label")},
    "Label": {1: ("key", "s"), 2: ("str", "s")},
    "Mapping": {1: ("id", "i"), 2: ("memory_start", "i"), 3: ("memory_limit", "i"), 5: ("filename", "s"),
                6: ("build_id", "s"), 7: ("has_functions", "i"), 8: ("has_filenames", "i"),
                9: ("has_line_numbers", "i"), 10: ("has_inline_frames", "i")},
    "Location": {1: ("id", "i"), 2: ("mapping_id", "i"), 3: ("address", "i"), 4: ("line", "*Line")},
    "Line": {1: ("function_id", "i"), 2: ("line", "i")},
    "Function": {1: ("id", "i"), 2: ("name", "s"), 3: ("system_name", "s"), 4: ("filename", "s")},
}


def varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            break
        assert shift < 70, "varint too long"
    assert value < 1 << 64, "varint too large"
    return value - (1 << 64) if value >= 1 << 63 else value, at


def decode(message, data):
    fields = MESSAGES[message]
    out = {name: [] if kind[0] in "*rt" else 0 for name, kind in fields.values()}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        name, kind = fields[tag >> 3]
        assert tag & 7 == (0 if kind in "is" else 2), f"{message}.{name}: wire type {tag & 7}"
        value, at = varint(data, at)
        if kind in "is":
            out[name] = value
            continue
        assert 0 <= value <= len(data) - at, f"{message}.{name}: length"
        part, at = data[at:at + value], at + value
        if kind == "text":
            out[name].append(part.decode("utf-8"))
        elif kind == "r":
            where = 0
            while where < len(part):
                number, where = varint(part, where)
                out[name].append(number)
        else:
            out[name].append(decode(kind[1:], part))
    return out


def by_id(items):
    assert all(item["id"] > 0 for item in items), "id 0"
    found = {item["id"]: item for item in items}
    assert len(found) == len(items), "an id twice"
    return found


def main():
    with gzip.open(sys.argv[1]) as stream:
        profile = decode("Profile", stream.read())
    strings = profile["string_table"]
    assert strings[0] == "" and len(set(strings)) == len(strings), "string table"
    mappings, functions, locations = (by_id(profile[name]) for name in ("mapping", "function", "location"))
    print("types:", " ".join(f"{strings[t['type']]}/{strings[t['unit']]}" for t in profile["sample_type"]))
    print("default:", strings[profile["default_sample_type"]])
    assert strings[profile["default_sample_type"]] in {strings[t["type"]] for t in profile["sample_type"]}
    print("time:", profile["time_nanos"], profile["duration_nanos"], strings[profile["comment"]])
    for mapping in mappings.values():
        assert mapping["memory_start"] < mapping["memory_limit"]
        print(f"mapping {mapping['id']}: {strings[mapping['filename']]} [{strings[mapping['build_id']]}]")
    used = set()
    for sample in profile["sample"]:
        assert len(sample["value"]) == len(profile["sample_type"])
        print("sample", *sample["value"],
              *(f"{strings[label['key']]}={strings[label['str']]}" for label in sample["label"]))
        for number in sample["location_id"]:
            location = locations[number]
            mapping = mappings[location["mapping_id"]]
            assert mapping["memory_start"] <= location["address"] < mapping["memory_limit"]
            used.add(number)
            if not location["line"]:
                print(f"    [{strings[mapping['filename']]}] +{location['address'] - mapping['memory_start']:#x}")
            for line in location["line"]:
                function = functions[line["function_id"]]
                print(f"    {strings[function['name']]} {strings[function['filename']]}:{line['line']}"
                      f" +{location['address'] - mapping['memory_start']:#x}")
    assert used == set(locations), "a location that no sample passes"


if __name__ == "__main__":
    sys.exit(main())
