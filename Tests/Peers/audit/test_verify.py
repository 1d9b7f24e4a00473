"""`countersign audit verify` over trails that were written, and spoilt, here."""

import gzip
import random

import pytest

from audit.trail import audit, body, chain, simple_trail
from audit.verifier import verify


@pytest.fixture
def write(tmp_path):
    def write(name, lines):
        path = tmp_path / name
        path.write_bytes(b"".join(lines))
        return path

    return write


def test_intact_trail(write):
    path = write("audit.jsonl", simple_trail())
    found = audit("verify", path)
    assert found.returncode == 0, found
    assert found.stdout.startswith(b"intact: 8 records in 1 file, seq 1 to 8, last hash ")


def test_empty_trail(write):
    assert audit("verify", write("audit.jsonl", [])).stdout == b"intact: no records in 1 file\n"


def swap(lines, first, second):
    lines[first], lines[second] = lines[second], lines[first]


def edit(lines, index, old, new):
    assert old in lines[index]
    lines[index] = lines[index].replace(old, new)


SPOILT = {
    "edited": (lambda lines: edit(lines, 2, b"billing", b"someone"), "seq 3, line 3", "edited"),
    "edited hash": (lambda lines: edit(lines, 2, lines[2][-10:-4], b"000000"), "seq 3, line 3", "edited"),
    "edited first": (lambda lines: edit(lines, 0, b"intent", b"refusal"), "seq 1, line 1", "edited"),
    "no record": (lambda lines: lines.insert(4, b"{}\n"), "seq 5, line 5", "edited"),
    "empty line": (lambda lines: lines.insert(4, b"\n"), "seq 5, line 5", "edited"),
    "carriage returns": (lambda lines: edit(lines, 5, b"\n", b"\r\n"), "seq 6, line 6", "edited"),
    "missing": (lambda lines: lines.pop(3), "seq 4, line 4", "missing: this record is missing"),
    "missing three": (lambda lines: lines.__delitem__(slice(2, 5)), "seq 3, line 3", "missing: records 3 to 5 are missing"),
    "missing first": (lambda lines: lines.pop(0), "seq 1, line 1", "give the older files too, or --partial"),
    "swapped": (lambda lines: swap(lines, 2, 3), "seq 3, line 3", "swapped: this record stands at line 4"),
    "swapped far": (lambda lines: swap(lines, 1, 6), "seq 2, line 2", "swapped: this record stands at line 7"),
    "repeated": (lambda lines: lines.append(lines[6]), "seq 7, line 9", "repeated"),
    "cut off": (lambda lines: edit(lines, 7, lines[7], lines[7][:100]), "seq 8, line 8", "cut off"),
    "no newline": (lambda lines: edit(lines, 7, b"\n", b""), "seq 8, line 8", "cut off"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_fault_is_named(write, name):
    spoil, place, fault = SPOILT[name]
    lines = simple_trail()
    spoil(lines)
    found = audit("verify", write("audit.jsonl", lines))
    assert found.returncode == 1, found
    assert found.stdout.startswith(f"broken: {place} of ".encode())
    assert fault.encode() in found.stdout


def test_replaced_record(write):
    lines = simple_trail()
    first = chain([body()])
    lines[1] = chain([body(id="forged"), body("outcome", id="forged")])[1]
    assert first[0] != lines[0]
    found = audit("verify", write("audit.jsonl", lines))
    assert found.returncode == 1
    assert b"seq 2, line 2" in found.stdout and b"replaced" in found.stdout


def test_any_flipped_byte(write):
    trail = b"".join(simple_trail(4))
    dice = random.Random(4)
    for position in dice.sample(range(len(trail)), 60):
        spoilt = bytearray(trail)
        spoilt[position] ^= 1 << dice.randrange(8)
        assert audit("verify", write("audit.jsonl", [bytes(spoilt)])).returncode == 1, position
        with pytest.raises(ValueError):
            verify(bytes(spoilt))


def test_chain_over_files_in_any_order(write):
    lines = simple_trail(9)
    old, older, new = write("audit.jsonl.1", lines[3:7]), write("audit.jsonl.2", lines[:3]), write("audit.jsonl", lines[7:])
    torn, state = write("audit.jsonl.torn-x", [b"{"]), write("audit.jsonl.state", [b"1 x\n"])
    found = audit("verify", new, old, older, torn, state)
    assert found.returncode == 0, found
    assert found.stdout.startswith(b"intact: 9 records in 3 files")
    assert found.stderr.count(b"skipped") == 2


def test_file_left_out(write):
    lines = simple_trail(9)
    found = audit("verify", write("audit.jsonl.2", lines[:3]), write("audit.jsonl", lines[7:]))
    assert found.returncode == 1
    assert b"records 4 to 7 are missing" in found.stdout


def test_partial_trail(write):
    path = write("audit.jsonl", simple_trail(9)[4:])
    assert audit("verify", path).returncode == 1
    found = audit("verify", "--partial", path)
    assert found.returncode == 0
    assert b"5 records in 1 file, seq 5 to 9" in found.stdout


def test_standard_input():
    assert audit("verify", "-", stdin=b"".join(simple_trail())).returncode == 0


def test_unreadable(tmp_path, write):
    for path in (tmp_path / "none.jsonl", tmp_path):
        found = audit("verify", path)
        assert found.returncode == 2, found
        assert str(path).encode() in found.stderr
    assert audit("verify").returncode == 64


def test_lines_longer_than_a_piece(write):
    lines = chain([body(), body(target="/" + "x" * 300_000), body("outcome")])
    assert audit("verify", write("audit.jsonl", lines)).returncode == 0


def test_compressed_files(write):
    lines = simple_trail(9)
    oldest = write("audit.jsonl.3.gz", [gzip.compress(b"".join(lines[:3]))])
    # Two members in one file, as `cat a.gz b.gz` makes them.
    middle = write("audit.jsonl.2.gz", [gzip.compress(lines[3]), gzip.compress(lines[4])])
    newest = write("audit.jsonl", lines[5:])
    found = audit("verify", newest, middle, oldest)
    assert found.returncode == 0, found
    assert found.stdout.startswith(b"intact: 9 records in 3 files")


def test_large_compressed_file(write):
    lines = simple_trail(5000)
    path = write("audit.jsonl.gz", [gzip.compress(b"".join(lines))])
    assert audit("verify", path).stdout.startswith(b"intact: 5000 records")
    assert audit("query", "--json", path).stdout == b"".join(lines)
    del lines[4000]
    path = write("audit.jsonl.gz", [gzip.compress(b"".join(lines))])
    assert b"seq 4001" in audit("verify", path).stdout


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: data[:50] + bytes([data[50] ^ 4]) + data[51:], lambda data: data[:5]])
def test_spoilt_compressed_file_is_unreadable(write, spoil):
    found = audit("verify", write("audit.jsonl.gz", [spoil(gzip.compress(b"".join(simple_trail())))]))
    assert found.returncode == 2, found
    assert b"gzip" in found.stderr
