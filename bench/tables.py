"""The tables for people, in Markdown: they read as well on a terminal. Made from the records alone.

SPDX-License-Identifier: MIT
"""
from figures import MIB, block_memory, spread, to_reach

ALL = "every round"


def table(head, rows):
    """A table in Markdown. Columns padded, so that the source reads like the page."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _around(found, digits=2):
    """Median (lowest..highest)."""
    if found.rounds == 1:
        return f"{found.middle:.{digits}f}"
    return f"{found.middle:.{digits}f} ({found.low:.{digits}f}..{found.high:.{digits}f})"


def _tools(records, suite):
    """(key, title) of the tools seen, in the order in which they were given."""
    seen = {record["tool"] for record in records.of(suite)}
    return [(tool["key"], tool["title"] + ("*" if tool["reduced"] else "")) for tool in records.machine["tools"]
            if tool["key"] in seen]


def machine(records):
    facts = records.machine
    flags = " ".join(facts["flags"]) or "none"
    virtual = ", virtual" if facts["hypervisor"] else ""
    rounds = max((record["round"] for record in records.all if "round" in record), default=0)
    lines = [f"- {facts['cpu']}, {facts['cores']} cores{virtual}; vector instructions: {flags}; governor:"
             f" {facts['governor']}",
             f"- Linux {facts['kernel']}, glibc {facts['glibc']}, {facts['compiler']}",
             f"- commit {facts['commit']}, built {facts['build']}; {facts['started']}, {rounds} rounds"]
    packages = facts["packages"]
    if packages:
        lines.append("- " + ", ".join(f"{name} {version}" for name, version in sorted(packages.items())))
    return "\n".join(lines)


def tools(records):
    return table(["column", "what runs", "rounds"],
                  [[tool["title"] + ("*" if tool["reduced"] else ""), tool["how"],
                    {"all": ALL, "few": "the first 2", "one": "one"}[tool["rounds"]]]
                   for tool in records.machine["tools"]])


def figures(records):
    return table(["what", "must", "aim", "measured", ""],
                  [[figure.what, figure.text(figure.must, True), figure.text(figure.aim, True),
                    figure.text(figure.measured), figure.verdict()] for figure in to_reach(records)])


def _per_tool(records, suite, cell, first):
    """One row per case, one column per tool."""
    columns = _tools(records, suite)
    rows = []
    for case in records.cases(suite):
        row = [case]
        for key, _ in columns:
            row.append(cell(case, key) or records.problem(suite, case, key) or "-")
        rows.append(row)
    return table([first, *(title for _, title in columns)], rows)


def cpu(records):
    def cell(case, key):
        if key == "bare":
            found = records.absolute("program", case, key, "cpu_s")
            return f"{found.middle:.2f} s" if found else None
        found = records.ratio("program", case, key, "cpu_s")
        return _around(found) if found else None
    return _per_tool(records, "program", cell, "processor time, of bare's")


def wall(records):
    def cell(case, key):
        if key == "bare":
            found = records.absolute("program", case, key, "wall_s")
            return f"{found.middle:.2f} s" if found else None
        found = records.ratio("program", case, key, "wall_s")
        return _around(found) if found else None
    return _per_tool(records, "program", cell, "wall time, of bare's")


def memory(records):
    def cell(case, key):
        found = records.peak(case, key)
        if not found:
            return None
        return f"{found[1] / MIB:.1f} MiB" if key == "bare" else f"{(found[1] - found[0]) / MIB:+.1f}"
    return _per_tool(records, "program", cell, "peak memory, MiB more than bare's")


def recording(records):
    recorders = {tool["key"] for tool in records.machine["tools"] if tool["records"]}

    def cell(case, key):
        found = records.absolute("program", case, key, "recording_bytes") if key in recorders else None
        return f"{found.middle / 1024:.0f}" if found else None
    return _per_tool(records, "program", cell, "recording, KiB")


def served(records):
    def cell(case, key):
        if key == "bare":
            found = records.absolute("server", case, key, "per_s")
            return f"{found.middle:,.0f}/s" if found else None
        found = records.ratio("server", case, key, "per_s")
        if not found:
            return None
        return f"{100 * found.middle:.1f} %" + (
            f" ({100 * found.low:.0f}..{100 * found.high:.0f})" if found.rounds > 1 else "")
    return _per_tool(records, "server", cell, "requests/s, of bare's")


def served_cpu(records):
    def cell(case, key):
        if key == "bare":
            found = records.absolute("server", case, key, "cpu_us_per_request")
            return f"{found.middle:.2f} us" if found else None
        found = records.ratio("server", case, key, "cpu_us_per_request")
        return _around(found) if found else None
    return _per_tool(records, "server", cell, "processor time per request, of bare's")


STACK_COLUMNS = (("pass", "pass-through"), ("full", "Seep full"), ("sampled", "Seep sampled"),
                 ("rules", "Seep without memo"), ("unwind", "unw_backtrace alone"), ("heaptrack", "heaptrack --raw"))


def stacks(records):
    rows = []
    for case in records.cases("micro"):
        descent, bare = records.micro(case, "descent"), records.micro(case, "bare")
        if not descent:
            continue
        row = [case, f"{min(bare.values()):.1f}" if bare else "-"]
        for variant, _ in STACK_COLUMNS:
            found = records.micro_difference(case, variant, "descent" if variant == "unwind" else "bare")
            row.append(_around(found, 0 if found.middle > 100 else 1) if found
                       else records.micro_problem(case, variant) or "-")
        rows.append(row)
    return table(["ns added to a malloc/free pair", "bare ns", *(title for _, title in STACK_COLUMNS)], rows)


def compares(records):
    rows = []
    for variant, title in (("simd=scalar", "scalar"), ("simd=avx2", "AVX2"), ("simd=avx512", "AVX-512")):
        found = records.micro_difference("one hot stack of 26 frames", variant, "bare")
        rows.append([title, _around(found, 1) if found
                     else records.micro_problem("one hot stack of 26 frames", variant) or "-"])
    return table(["one hot stack of 26 frames, compares", "ns added to a malloc/free pair"], rows)


def others(records):
    columns = (("bare", "bare"), ("pass", "pass-through"), ("full", "Seep full"), ("sampled", "Seep sampled"),
               ("heaptrack", "heaptrack --raw"))
    names = {"pairs_per_s": "million pairs/s", "us": "us each", "ns": "ns each"}
    rows = []
    for case in records.cases("micro"):
        if records.micro(case, "descent"):
            continue
        unit = records.of("micro", case=case)[0]["unit"]
        row = [case, names[unit]]
        for variant, _ in columns:
            values = [value / (1e6 if unit == "pairs_per_s" else 1) for value in records.micro(case, variant).values()]
            row.append(_around(spread(values)) if values
                       else records.micro_problem(case, variant) or "-")
        rows.append(row)
    return table(["", "", *(title for _, title in columns)], rows)


def held(records):
    rows = []
    for case in records.cases("held"):
        bare, full = records.held(case, "bare"), records.held(case, "full")
        count = records.of("held", case=case)[0]["count"]
        if bare is None or full is None:
            rows.append([case, "-", "-", records.problem("held", case, "full") or "-"])
        else:
            rows.append([case, f"{bare / MIB:.1f} MiB", f"{(full - bare) / MIB:+.1f} MiB",
                         f"{(full - bare) / count:.1f} bytes" if count > 100000
                         else f"{(full - bare) / count / 1024:.1f} KiB"])
    line = block_memory(records)
    if line:
        rows.append(["blocks, as a line", "", f"{line[1] / MIB:.1f} MiB", f"and {line[0]:.1f} bytes"])
    return table(["memory, program and collector", "bare", "added", "added each"], rows)


def collector(records):
    return table(["collector, 1 million live blocks of 10,000 sites", "processor"],
                  [[record["case"], record["problem"] or f"{record['percent']:.2f} % of a core"]
                   for record in records.of("collector")])


# name of the section (and of its markers in the documents) -> (title, function, what must be there)
SECTIONS = {
    "figures": ("Figures to reach", figures, "machine"),
    "machine": ("Machine", machine, "machine"),
    "tools": ("Tools", tools, "machine"),
    "cpu": ("Programs: processor time of all processes", cpu, "program"),
    "wall": ("Programs: wall time", wall, "program"),
    "memory": ("Programs: peak memory of all processes", memory, "program"),
    "recording": ("Programs: size of the recording", recording, "program"),
    "served": ("Servers: requests per second", served, "server"),
    "served-cpu": ("Servers: processor time of all processes", served_cpu, "server"),
    "stacks": ("Stacks", stacks, "micro"),
    "compares": ("Compares", compares, "micro"),
    "others": ("Threads and descriptors", others, "micro"),
    "held": ("Memory that is held", held, "held"),
    "collector": ("The collector", collector, "collector"),
}


def section(records, name):
    """The Markdown of one section; empty when this run did not look at it."""
    _, function, suite = SECTIONS[name]
    return function(records) if records.of(suite) else ""


def everything(records):
    """All sections with their titles; the figures to reach come last, where a terminal ends."""
    parts = []
    for name in [*(name for name in SECTIONS if name != "figures"), "figures"]:
        text = section(records, name)
        if text:
            parts.append(f"## {SECTIONS[name][0]}\n\n{text}\n")
    return "\n".join(parts)


def fill(text, records):
    """The document with what stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` made anew.

    Raises ValueError when a marker has no end, or names no section."""
    at = 0
    while (start := text.find("<!-- bench:", at)) >= 0:
        name = text[start + len("<!-- bench:"):text.index(" -->", start)]
        end = text.find(f"<!-- /bench:{name} -->", start)
        if end < 0 or name not in SECTIONS:
            raise ValueError(f"marker bench:{name} has no end, or names no section")
        made = section(records, name) or "(not in this run)"
        head = text[:start] + f"<!-- bench:{name} -->\n\n{made}\n\n"
        at = len(head)
        text = head + text[end:]
    return text
