"""README.md, and the pages that it sends to for reference, as a program reads them: marked code blocks, tables, links.

Marks are HTML comments on the line before a fenced block:

    <!-- test: GROUP -->                 run it; blocks of one group share a folder and a gateway, in the order of the page
    <!-- file: NAME (group: GROUP) -->   write it there; after config.json the group's gateway starts
    <!-- output -->                      what the block before printed
    <!-- demo output -->                 what `countersign demo` prints

In outputs `…` stands for any text within a line, and alone on a line for any lines.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "Sources/Gateway/Gateway.docc").rglob("*.md"))]
TEXT = README.read_text()
EVERYTHING = "\n".join(page.read_text() for page in PAGES)

_BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass
class Block:
    mark: str
    language: str
    text: str
    line: int

    @property
    def group(self):
        found = re.fullmatch(r"test: ([\w-]+)|file: \S+ \(group: ([\w-]+)\)", self.mark)
        return found and (found[1] or found[2])

    @property
    def file(self):
        found = re.fullmatch(r"file: (\S+) \(group: [\w-]+\)", self.mark)
        return found and found[1]


BLOCKS = [
    Block(found["mark"] or "", found["language"], found["text"], TEXT[: found.start()].count("\n") + 1) for found in _BLOCK.finditer(TEXT)
]
GROUPS = list(dict.fromkeys(block.group for block in BLOCKS if block.group))


def output_matches(expected, actual):
    """`actual` may have carriage returns and blank space at the ends of lines, and one line end more or less."""
    lines = [line.rstrip() for line in expected.strip("\n").split("\n")]
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else r"[^\n]*".join(re.escape(part) for part in line.split("…")) + r"\n" for line in lines
    )
    actual = "\n".join(line.rstrip() for line in actual.strip().split("\n")) + "\n"
    return re.fullmatch(pattern, actual) is not None


def section(heading):
    """The text under a heading of README.md, else of a page, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}$\n(.*?)(?=^#+ |\Z)", EVERYTHING, re.MULTILINE | re.DOTALL)
    assert found, f"neither README.md nor a page has the heading {heading!r}"
    return found[1]


def anchors(text):
    """What `#…` may name in a page."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def tables(text):
    """The tables in a text, each a list of rows, each a dictionary by the heads of the columns."""
    result = []
    for found in re.finditer(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in found[0].strip().split("\n")]
        result.append([dict(zip(head, row, strict=True)) for row in rows])
    return result


def names(cell):
    """The names in backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def swift(*folders):
    """The text of all Swift files in these folders of Sources."""
    return "\n".join(path.read_text() for folder in folders for path in sorted((ROOT / "Sources" / folder).rglob("*.swift")))
