"""What `countersign --help` knows: commands and their options, asked of the program once."""

import functools
import re
import subprocess

from support.process import BINARY


@functools.cache
def help_of(*command):
    found = subprocess.run([str(BINARY), "help", *command], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, f"countersign {' '.join(command)} is no command: {found.stderr}"
    return found.stdout


def assert_known(words):
    """`words`, which follow `countersign`, are a command with options that it has."""
    command = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    depth = 2 if command and "SUBCOMMANDS" in help_of(command[0]) else 1
    text = help_of(*command[:depth]) if command else help_of()
    for word in words:
        if word.startswith("-"):
            name = re.escape(word.split("=")[0])
            assert re.search(rf"^\s+(?:-\w, )?{name}\b", text, re.MULTILINE), f"countersign {' '.join(command)} has no {word}"
