"""Descriptors, for tests with many connections: those of this process and those of a gateway."""

import os
import pathlib
import resource


def allow(count):
    """Raises this process's limit to `count` open files where the system lets it; returns the limit that holds then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = [(max(soft, count), max(hard, count)), (max(soft, min(count, hard)), hard)]
    for pair in wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, pair)
            return pair[0]
        except (ValueError, OSError):
            continue
    return soft


def open_count(served):
    return len(os.listdir(f"/proc/{served.pid}/fd"))


def watched_by_each_loop(served):
    """How many descriptors each event loop waits for: the targets of every epoll descriptor (proc(5), fdinfo)."""
    counts = []
    for entry in pathlib.Path(f"/proc/{served.pid}/fd").iterdir():
        try:
            if os.readlink(entry) == "anon_inode:[eventpoll]":
                text = pathlib.Path(f"/proc/{served.pid}/fdinfo/{entry.name}").read_text()
                counts.append(sum(line.startswith("tfd:") for line in text.splitlines()))
        except FileNotFoundError:
            continue
    return counts


def loop_count(served):
    """The event loops' threads, by their names."""
    names = [path.read_text() for path in pathlib.Path(f"/proc/{served.pid}/task").glob("*/comm")]
    return sum(name.startswith("NIO-ELT-") for name in names)
