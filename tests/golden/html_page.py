"""A strict reader of the HTML report: what a browser would forgive is an error here.

The page is of our own making, so the reader admits only the elements and attributes that it is
known to use; anything else is either a mistake or a name that became structure.

SPDX-License-Identifier: MIT
"""
import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = {"meta", "br", "input"}
ELEMENTS = VOID | set("""html head title style body header main section script p h1 h2 h3 h4 ol ul li a dl dt dd code
    small b span div details summary table thead tbody tr th td figure figcaption output svg path rect polyline
    text g button label""".split())
ATTRIBUTES = set("""lang charset http-equiv content name class id href scope open role aria-hidden aria-label
    viewbox preserveaspectratio d x y width height points data-unit data-t data-v data-name data-sort data-fixed""".split())
ONE_EACH = ("html", "head", "title", "style", "body", "main", "script", "h1")


class Page(HTMLParser):
    """`errors`: what is wrong; `text`: all text, `ids`, `links`, `rows` of tables."""

    def __init__(self, source, attributes=()):
        super().__init__(convert_charrefs=True)
        self.source, self.errors, self.text = source, [], []
        self.ids, self.links, self.open, self.counts = [], [], [], {}
        self.contents = {"style": "", "script": ""}
        self.policy, self.cells, self.columns = "", 0, 0
        self.attributes = ATTRIBUTES | set(attributes)
        self.feed(source)
        self.close()
        self.finish()

    def fail(self, what):
        self.errors.append(f"line {self.getpos()[0]}: {what}")

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        values = dict(attrs)
        if tag != "title" or "svg" not in self.open:
            self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in ELEMENTS:
            self.fail(f"element <{tag}>")
        for name in names:
            if name not in self.attributes:
                self.fail(f"attribute {name} of <{tag}>")
        if len(set(names)) != len(names):
            self.fail(f"an attribute twice in <{tag}>")
        if "id" in values:
            self.ids.append(values["id"])
        if "href" in values:
            self.links.append(values["href"])
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if tag == "tr":
            self.cells = 0
        if tag in ("td", "th"):
            self.cells += 1
        if tag == "table":
            self.columns = 0
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if "svg" not in self.open:
            self.fail(f"<{tag}/> outside of SVG")
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.fail(f"</{tag}> closes {self.open[-1:]}")
            return
        self.open.pop()
        if tag == "tr":
            self.columns = self.columns or self.cells
            if self.cells != self.columns:
                self.fail(f"a row of {self.cells} cells in a table of {self.columns}")

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside in self.contents:
            self.contents[inside] += data
        elif not inside and data.strip():
            self.fail("text outside of <html>")
        else:
            self.text.append(data)

    def handle_comment(self, data):
        self.fail("a comment")

    def handle_pi(self, data):
        self.fail("a processing instruction")

    def finish(self):
        if not self.source.startswith("<!DOCTYPE html>\n"):
            self.fail("no <!DOCTYPE html>")
        if self.open:
            self.fail(f"not closed: {self.open}")
        for tag in ONE_EACH:
            if self.counts.get(tag) != 1:
                self.fail(f"{self.counts.get(tag)} of <{tag}>")
        for one in {one for one in self.ids if self.ids.count(one) > 1}:
            self.fail(f"id {one} twice")
        for link in self.links:
            if not link.startswith("#") or link[1:] not in self.ids:
                self.fail(f"a link to {link}")
        if re.search(r"url\(|@import", self.contents["style"]):
            self.fail("the style fetches something")
        if re.search(r"\b(eval|Function|fetch|XMLHttpRequest|innerHTML|import)\b", self.contents["script"]):
            self.fail("the script fetches, evaluates or writes HTML")
        self.check_policy()

    def check_policy(self):
        rules = dict(rule.strip().split(" ", 1) for rule in self.policy.split(";") if rule.strip())
        want = {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}
        for kind in ("style", "script"):
            digest = hashlib.sha256(self.contents[kind].encode()).digest()
            want[f"{kind}-src"] = f"'sha256-{base64.b64encode(digest).decode()}'"
        if rules != want:
            self.fail(f"policy {rules}, want {want}")

    def says(self, text):
        return " ".join(text.split()) in " ".join("".join(self.text).split())
