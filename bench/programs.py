"""The programs of the distribution that end by themselves: what each is given, and how it is started.

scale 1 is the whole work, about a second of processor time; slow tools get a twentieth. The same scale is the same work,
byte for byte, and what a program prints must not change under a tool.

SPDX-License-Identifier: MIT
"""
import json
import shutil
import subprocess

# What these programs are for: JSON, regular expressions, objects, some arithmetic, a little compiling; some 9 million
# allocations a second. The dense ones below say what it costs to do nothing else.
PYTHON = r"""import json, re, sys
class Item:
    def __init__(self, key, value): self.key, self.value, self.next = key, value, None
    def __repr__(self): return f"{self.key}={self.value}"
def nest(depth, i): return {"id": i, "list": [i, i + 1]} if depth == 0 else {"level": depth, "in": nest(depth - 1, i)}
def orbit(x, y, n):
    for _ in range(n):
        x, y = x + 0.01 * y, y - 0.01 * x * (1.0 - x * x)
    return x * x + y * y
total = 0
words = {}
for i in range(int(sys.argv[1])):
    text = json.dumps([nest(i % 8, i), {"name": f"item {i % 97}", "tags": ["a", "b", str(i)]}], sort_keys=True)
    for found in re.finditer(r'"(\w+)": ("?)(\w+)', text):
        item = Item(found.group(1), found.group(3))
        words[repr(item)] = words.get(repr(item), 0) + 1
    total += len(json.loads(text)) + (orbit(i * 0.001, 0.5, 220) > 1.0)
    if i % 500 == 0:
        exec(compile(f"def f{i}(a, b=[{i}]):\n  return [x * {i} for x in range(a) if x not in b]\n", "gen", "exec"))
        words = dict(sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))[:5000])
print(total, len(words))
"""
# Lines taken apart, hashes filled, sorted; some 7 million allocations a second.
PERL = r"""my (%h, @l); my $n = shift;
for my $i (1 .. $n) { my $line = sprintf("%s=%d;%s=%d", "k" . ($i % 977), $i, "name" . ($i % 31), $i * 7 % 1009);
  my %f = map { split /=/, $_, 2 } split /;/, $line; for my $k (sort keys %f) { $h{$k} += $f{$k}; } push @l, $line if $i % 10 == 0; }
print scalar(keys %h), " ", length(join "\n", sort @l), "\n";
"""
# Next to nothing but allocations, 42 and 19 million a second; and a third of a million different stacks in a second.
PYTHON_DENSE = """import sys
d = {}
for i in range(int(sys.argv[1])):
    d[i % 5000] = [str(i), (i, i + 1)]
print(sum(len(v[0]) for v in d.values()))
"""
PERL_DENSE = 'my %h; for my $i (1 .. shift) { $h{$i % 5000} = ["v$i", $i] } print scalar(keys %h), "\\n"'
PYTHON_COMPILES = r"""import glob, sys, json, re
n = int(sys.argv[1])
files = sorted(glob.glob("/usr/lib/python3.11/*.py"))[:n]
total = 0
words = {}
for path in files:
    text = open(path, encoding="utf-8", errors="replace").read()
    code = compile(text, path, "exec")
    total += len(code.co_consts)
    for word in re.findall(r"[A-Za-z_]\w+", text):
        words[word] = words.get(word, 0) + 1
top = sorted(words.items(), key=lambda item: (-item[1], item[0]))
total += len(json.dumps(json.loads(json.dumps(top))))
print(total)
"""
SQL = """CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<{rows}) INSERT INTO t SELECT x, 'v'||x FROM c;
CREATE INDEX i ON t(b);
SELECT count(*), max(b) FROM t WHERE b LIKE 'v1%' ORDER BY b;"""
JQ = ("map(select(.id % 2 == 0) | {name, total: (.at.x + .at.y), tag: .tags[0]})"
      " | group_by(.tag) | map([.[0].tag, length, (map(.total) | add)])")
C_FUNCTION = """
struct s{i} {{ int a; long b[{width}]; struct s{i} *next; double d; }};
static long f{i}(struct s{i} *p, int n)
{{
    long total = {i};
    for (int k = 0; k < n; k++) {{
        if (p[k].a > {i} % 17) {{ total += p[k].b[k % {width}] * ({i} % 5 + 2); }}
        else {{ switch (p[k].a) {{ case 1: total ^= 3; break; case 2: total -= p[k].d > 0.5 ? 7 : {i} % 3; break;
                default: total++; }} }}
        if (p[k].next) total += p[k].next->a;
    }}
    return total;
}}
long g{i}(void *p, int n) {{ return f{i}(p, n) + f{i}((struct s{i} *)p + 1, n / 2); }}
"""


class Program:
    """prepare(folder, scale) makes its input once; command(folder, scale) is what runs, env what it needs."""

    def __init__(self, name, command, prepare=None, env=None):
        self.name = name
        self.command = command
        self.prepare = prepare or (lambda folder, scale: None)
        self.env = env or {}

    def missing(self):
        binary = self.command(None, 1)[0]
        return None if binary and shutil.which(binary) else f"{binary or self.name} is not installed"


def _script(name, text):
    """A program in a file: heaptrack's interpreter gives up on a command line of several lines."""
    return lambda folder, scale: (folder / name).write_text(text, encoding="utf-8")


def _write_sql(folder, scale):
    (folder / f"rows-{scale}.sql").write_text(SQL.format(rows=int(1500000 * scale)), encoding="ascii")


def _write_json(folder, scale):
    items = [{"id": i, "name": f"name {i}", "tags": [f"t{i % 7}", f"t{i % 11}"], "at": {"x": i * 0.5, "y": i % 97}}
             for i in range(int(120000 * scale))]
    (folder / f"items-{scale}.json").write_text(json.dumps(items), encoding="ascii")


def _write_xml(folder, scale):
    items = "".join(f'<item id="i{i}" kind="k{i % 13}"><name>name {i}</name><at x="{i}" y="{i % 97}"/></item>\n'
                    for i in range(int(500000 * scale)))
    (folder / f"items-{scale}.xml").write_text(f'<?xml version="1.0"?>\n<list>\n{items}</list>\n', encoding="ascii")


def _write_c(folder, scale):
    text = "".join(C_FUNCTION.format(i=i, width=i % 7 + 1) for i in range(int(150 * scale)))
    (folder / f"functions-{scale}.c").write_text(text, encoding="ascii")


def _cc1():
    try:
        said = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()


def all_programs():
    cc1 = _cc1()
    return [
        Program("python3", lambda folder, scale: ["/usr/bin/python3", f"{folder}/mixed.py", str(int(40000 * scale))],
                _script("mixed.py", PYTHON), {"PYTHONMALLOC": "malloc"}),
        Program("perl", lambda folder, scale: ["/usr/bin/perl", f"{folder}/mixed.pl", str(int(700000 * scale))],
                _script("mixed.pl", PERL)),
        Program("sqlite3", lambda folder, scale: ["/usr/bin/sqlite3", ":memory:", f".read {folder}/rows-{scale}.sql"],
                _write_sql),
        Program("jq", lambda folder, scale: ["/usr/bin/jq", "-c", JQ, f"{folder}/items-{scale}.json"], _write_json),
        Program("xmllint", lambda folder, scale: ["/usr/bin/xmllint", "--format", "--output", "/dev/null",
                                                  f"{folder}/items-{scale}.xml"], _write_xml),
        Program("cc1", lambda folder, scale: [cc1, "-quiet", "-O2", f"{folder}/functions-{scale}.c", "-o", "-"],
                _write_c),
        Program("python3-dense", lambda folder, scale: ["/usr/bin/python3", f"{folder}/dense.py", str(int(3000000 * scale))],
                _script("dense.py", PYTHON_DENSE), {"PYTHONMALLOC": "malloc"}),
        Program("perl-dense", lambda folder, scale: ["/usr/bin/perl", f"{folder}/dense.pl", str(int(4000000 * scale))],
                _script("dense.pl", PERL_DENSE)),
        Program("python3-compiles",
                lambda folder, scale: ["/usr/bin/python3", f"{folder}/compiles.py", str(int(220 * scale) or 1)],
                _script("compiles.py", PYTHON_COMPILES), {"PYTHONMALLOC": "malloc"}),
    ]
