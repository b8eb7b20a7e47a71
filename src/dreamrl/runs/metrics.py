"""metrics.jsonl, the truth about a run: one JSON object a line, added as training goes on."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from dreamrl.errors import UserError
from dreamrl.runs.store import parse, read, writing
from dreamrl.training import Record

METRICS = "metrics.jsonl"


class Position(NamedTuple):
    """How far a file was written, and a checksum of what stands before."""

    bytes: int
    sha256: str


START = Position(0, hashlib.sha256().hexdigest())


def add(path: Path, record: Record) -> None:
    """Add a line; what is not a finite number is left out; raise Unwritable."""
    finite = {name: value for name, value in record.items() if abs(value) < float("inf")}
    with writing(path), open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(finite, allow_nan=False) + "\n")


def records(path: Path) -> list[Record]:
    """Return all whole lines; one that was cut short at the end is passed over.

    Raises UserError where another line is no record.
    """
    lines = _content(path).split(b"\n")[:-1]
    found = [_record(line) for line in lines]
    if None in found:
        number = found.index(None) + 1
        raise UserError(f"{path} is damaged in line {number}: restore it, or remove that line")
    return [record for record in found if record is not None]


def position(path: Path) -> Position:
    """Return the present end, once all before it is on the disk; raise Unwritable."""
    if path.exists():
        with writing(path), open(path, "rb") as file:
            os.fsync(file.fileno())
    return _position(_content(path))


def holds(path: Path, wanted: Position) -> bool:
    """Return whether the file still holds what it did at a position."""
    return _position(_content(path)[: wanted.bytes]) == wanted


def cut(path: Path, wanted: Position) -> None:
    """Take away what stands behind a position."""
    if path.exists():
        with writing(path):
            os.truncate(path, wanted.bytes)


def sound(path: Path, iteration: int) -> Position:
    """Return where the whole lines end that are, from the start on, of an iteration up to this."""
    content, end = _content(path), 0
    for line in content.split(b"\n")[:-1]:
        record = _record(line)
        if record is None or record["iteration"] > iteration:
            break
        end += len(line) + 1
    return _position(content[:end])


def _content(path: Path) -> bytes:
    return read(path) if path.exists() else b""


def _position(content: bytes) -> Position:
    return Position(len(content), hashlib.sha256(content).hexdigest())


def _record(line: bytes) -> Record | None:
    try:
        value = parse(line)
    except ValueError:
        return None
    good = isinstance(value, dict) and isinstance(value.get("iteration"), int)
    return value if good and all(isinstance(v, int | float) for v in value.values()) else None
