"""The pure parts: builds Sources/Costs, runs each part, and counts instructions as the difference between two iteration counts."""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def build():
    scratch = os.environ.get("COUNTERSIGN_BENCH_SCRATCH", str(HERE / ".build"))
    command = ["swift", "build", "-c", "release", "--package-path", str(HERE), "--scratch-path", scratch, "--product", "Costs"]
    print("building the pure parts ...", file=sys.stderr)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: the pure parts do not build:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return pathlib.Path(scratch) / "release" / "Costs"


def run(binary, name, count):
    done = subprocess.run([str(binary), name, str(count)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def instructions(binary, name):
    """Instructions of one iteration: valgrind counts two runs, and what is not iterated cancels out (a run does a tenth more)."""
    few, many = 2000, 12000
    counted = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (few, many):
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", str(binary), name, str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            counted.append(int(re.search(r"Collected : (\d+)", done.stderr)[1]))
    return (counted[1] - counted[0]) / ((many - few) * 1.1)


def measure(counts_instructions):
    """The head and the rows of a table."""
    binary = build()
    names = subprocess.run([str(binary), "list"], capture_output=True, text=True, check=True).stdout.splitlines()
    print("\nThe pure parts on one core: processor time, median of 5 (smallest-largest); instructions by valgrind, which knows no SHA")
    print("instructions of the processor, so that hashing counts higher than it is\n")
    rows = []
    for name in names:
        runs = [run(binary, name, 200_000) for _ in range(5)]
        times = [one["nanoseconds"] for one in runs]
        typical = statistics.median(times)
        size = runs[0]["bytes"]
        rows.append([
            name, f"{typical:.0f} ({min(times):.0f}-{max(times):.0f})", f"{1e3 / typical:.2f}",
            f"{1e3 * size / typical:.0f}" if size else "", f"{instructions(binary, name):.0f}" if counts_instructions else "",
        ])
    return ["", "ns", "millions/s", "MB/s", "instructions"], rows
