"""What `countersign --help` knows: commands and their options, asked of the program once."""

import functools
import re
import subprocess

from support.process import BINARY


@functools.cache
def help_of(*command):
    found = subprocess.run([str(BINARY), "help", *command], capture_output=True, text=True, timeout=60)
    # `help` of an unknown command is that of the one above it.
    usage = " ".join(["USAGE: countersign", *command])
    assert found.returncode == 0 and re.search(rf"^{usage}\b", found.stdout, re.MULTILINE), f"countersign {' '.join(command)} is no command"
    return found.stdout


def assert_known(words):
    """`words`, which follow `countersign`, are a command with options that it has."""
    command = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    text = help_of(*command[:1])
    if command and "SUBCOMMANDS" in text:
        text = help_of(*command[:2])
    for word in words:
        if word.startswith("-"):
            name = re.escape(word.split("=")[0])
            assert re.search(rf"^\s+(?:-\w, )?{name}\b", text, re.MULTILINE), f"countersign {' '.join(command)} has no {word}"
