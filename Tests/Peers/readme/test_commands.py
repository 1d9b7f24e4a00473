"""Every command line of countersign in README, the pages and the files of deploy/ is one that the program takes."""

import re

import pytest

from deploy.commands import assert_known
from readme.document import PAGES, ROOT

FILES = [*PAGES, *sorted(path for path in (ROOT / "deploy").rglob("*") if path.suffix in (".service", ".socket", ".yaml", ".conf") or not path.suffix)]


def command_lines(text):
    """What follows `countersign` on lines of code and in backquotes, up to the end of that command."""
    text = re.sub(r"\\\n\s*", " ", text)
    inline = re.findall(r"`(?:[A-Z_]+=\S+ )*countersign ([^`]+)`", text)
    fenced = "\n".join(re.findall(r"^```(?:sh|text)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    return inline + re.findall(r"^(?:export [^\n]*; )?countersign ([a-z-][^\n|&;<>]*)", fenced, re.MULTILINE)


@pytest.mark.parametrize("file", [file for file in FILES if file.is_file()], ids=lambda file: file.name)
def test_commands_are_known(file):
    for line in command_lines(file.read_text()):
        words = line.split("…")[0].split()
        if words and re.fullmatch(r"-{0,2}[a-z][a-z-]*", words[0]):
            # Arguments are told from the names of commands by what stands before them.
            assert_known([*leading_names(words), *(word for word in words if word.startswith("-") and word != "-")])


def leading_names(words):
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        names.append(word)
    return names[:2]
