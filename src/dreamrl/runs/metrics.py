"""metrics.jsonl, the truth about a run: one JSON object a line, added as training goes on."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from dreamrl.errors import UserError
from dreamrl.files import writing
from dreamrl.listener import Record
from dreamrl.runs.store import parse, read

METRICS = "metrics.jsonl"
COLLAPSED = "Explorations have collapsed to one step, though there is more to know."
NEAR_END = 2**16
"""Bytes at the end of a file, more than a line has."""


class Position(NamedTuple):
    """The length of a file so far, and a checksum of its content."""

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
    entries = [_record(line) for line in lines]
    if None in entries:
        raise _damage_error(path, entries.index(None) + 1)
    return [record for record in entries if record is not None]


def last(path: Path) -> Record | None:
    """Return the last whole line alone, if there is one; what stands before it is not looked at."""
    if not path.exists():
        return None
    with _open(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - NEAR_END, 0))
        whole, _, _ = file.read().rpartition(b"\n")
    if not whole:
        return None
    record = _record(whole.rpartition(b"\n")[2])
    if record is None:
        raise UserError(f"{path} is damaged in its last line: restore it, or remove that line")
    return record


class Tail:
    """Some of a file's records, evenly spread, and kept up to date while the file grows.

    All of them at first, then every second, fourth, ..., and always the last: of files that are
    equally long it is the same lines.
    """

    def __init__(self, path: Path, most: int = 1000):
        self.path, self.most = path, most
        self._forget()

    def _forget(self) -> None:
        self._end, self._count, self._stride = 0, 0, 1
        self._line = b""
        self._samples: dict[int, Record] = {}
        self._newest: dict[int, Record] = {}

    def records(self) -> list[Record]:
        """Read new lines, and return the records that are kept.

        Raises UserError where a line that would be kept is no record.
        """
        if not self.path.exists():
            self._forget()
            return []
        with _open(self.path) as file:
            if not self._goes_on(file):
                self._forget()
            file.seek(self._end)
            self._add(file.read())
        return list((self._samples | self._newest).values())

    def _goes_on(self, file: BinaryIO) -> bool:
        """Return whether the lines read are still there: a training that resumes cuts lines off."""
        file.seek(self._end - len(self._line))
        return file.read(len(self._line)) == self._line

    def _add(self, content: bytes) -> None:
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\n"))
        if not len(ends):
            return
        total = self._count + len(ends)
        while total > self._stride * self.most:
            self._stride *= 2
        self._samples = {i: record for i, record in self._samples.items() if i % self._stride == 0}
        first = -(-self._count // self._stride) * self._stride
        for number in {**dict.fromkeys(range(first, total, self._stride)), total - 1: None}:
            place = number - self._count
            line = content[ends[place - 1] + 1 if place else 0 : ends[place] + 1]
            record = _record(line)
            if record is None:
                self._forget()  # It may have been restored by the next time.
                raise _damage_error(self.path, number + 1)
            if number % self._stride == 0:
                self._samples[number] = record
            self._line, self._newest = line, {number: record}
        self._end, self._count = self._end + int(ends[-1]) + 1, total


def has_collapsed(record: Record) -> bool:
    """Return whether a record says what `COLLAPSED` does."""
    return record.get("collapsed", 0.0) >= 0.5


def position(path: Path) -> Position:
    """Return the present end, once all before it is on the disk; raise Unwritable."""
    if path.exists():
        with writing(path), open(path, "rb") as file:
            os.fsync(file.fileno())
    return _position(_content(path))


def holds(path: Path, end: Position) -> bool:
    """Return whether the file still holds what it did at a position."""
    return _position(_content(path)[: end.bytes]) == end


def cut(path: Path, end: Position) -> None:
    """Take away what comes after a position."""
    if path.exists():
        with writing(path):
            os.truncate(path, end.bytes)


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


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    if not path.is_file():
        raise UserError(f"{path} is not a file")
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def _damage_error(path: Path, line: int) -> UserError:
    return UserError(f"{path} is damaged in line {line}: restore it, or remove that line")


def _record(line: bytes) -> Record | None:
    try:
        value = parse(line)
    except ValueError:
        return None
    good = isinstance(value, dict) and isinstance(value.get("iteration"), int)
    return value if good and all(isinstance(v, int | float) for v in value.values()) else None
