"""The runs of some directories, each under a key: what nobody listed here cannot be asked for."""

import contextlib
import functools
import hashlib
import itertools
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dreamrl import families
from dreamrl.errors import UserError
from dreamrl.report.collect import nothing, reach, read
from dreamrl.report.schema import Group
from dreamrl.runs.lock import locked
from dreamrl.runs.manifest import MANIFEST, entry
from dreamrl.runs.metrics import METRICS, Tail
from dreamrl.runs.store import read_json
from dreamrl.runs.survey import runs_below, summary
from dreamrl.studio.schema import Row

TAILS = 64
"""Seeds whose metrics are kept in memory."""
Signature = tuple[object, ...]


class Unknown(UserError):
    """A key of no run: never listed, or gone since."""


class Shelf:
    """Runs in and below directories, as they are now.

    Args:
        roots: Runs, and directories of runs; nothing outside them is read.
        family: Where the runs' user-defined family is; its code is run.
    """

    def __init__(self, roots: Sequence[Path], family: str | None = None):
        for root in roots:
            if not root.is_dir():
                raise UserError(f"{root} is not a directory: give runs, or directories of runs")
        self.roots, self.family = tuple(roots), family
        self._real = tuple(root.resolve() for root in roots)
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._told: set[str] = set()
        self._asked: set[tuple[str, Path | None]] = set()
        self._paths: dict[str, Path] = {}
        self._rows: dict[str, tuple[Signature, Row]] = {}
        self._reached: dict[tuple[str, Path | None], Mapping[str, Any]] = {}
        self._tail = functools.lru_cache(TAILS)(Tail)

    def rows(self) -> list[Row]:
        """Look for runs, and return how far each is."""
        with self._lock:
            found = sorted({path for root in self.roots for path in runs_below(root, links=False)})
            self._paths = {key_of(path): path for path in found}
            fresh = {}
            for key, path in self._paths.items():
                signature, row = self._rows.get(key, ((), None))
                now = signature_of(path)
                fresh[key] = (now, row if row and signature == now else self._row(key, path))
            self._rows = fresh
            return [row for _, row in fresh.values()]

    def _row(self, key: str, path: Path) -> Row:
        row: Row = {
            "key": key,
            "name": str(path),
            "agent": "",
            "family": "",
            "seeds": 0,
            "state": "damaged",
            "progress": "",
            "returned": None,
            "message": None,
        }
        try:
            self.check_inside(path)
            found = summary(path)
        except (UserError, OSError) as error:
            return {**row, "message": str(error)}
        done = f"{found.iteration} of {found.iterations}" if found.iterations else ""
        return {
            **row,
            "agent": found.agent,
            "family": found.family,
            "seeds": len(found.seeds),
            "state": found.state,
            "progress": done,
            "returned": found.return_unseen,
            "message": found.error,
        }

    def path(self, key: str) -> Path:
        """Return the directory of a run; raise Unknown."""
        with self._lock:
            if key not in self._paths:
                self.rows()
            if key not in self._paths:
                raise Unknown("there is no such run here: it was removed, or never was there")
            return self._paths[key]

    def group(self, key: str) -> Group:
        """Return a run by its files; what is wrong with it is told in its place."""
        try:
            path = self.path(key)
        except Unknown as error:
            return {**nothing(key), "message": str(error)}
        with self._reading:
            try:
                own = self.check(path)
                history = lambda run: self._tail(run.metrics_file).records()  # noqa: E731
                return read(path, own, history, self._reach)
            except (UserError, OSError) as error:
                return {**nothing(str(path)), "message": str(error)}

    def signature(self, key: str) -> Signature:
        """Return what changes when a run does."""
        return (*signature_of(self.path(key)), sum(map(bool, self._reached.values())))

    def _reach(self, family: str, tables: Path | None) -> Mapping[str, Any]:
        """Return what can be reached in a family once that is known: it is not waited for."""
        asked = family, tables
        known = self._reached.setdefault(asked, {})
        if not known and asked not in self._asked:
            self._asked.add(asked)
            threading.Thread(target=self._work_out, args=asked, daemon=True).start()
        return known

    def _work_out(self, family: str, tables: Path | None) -> None:
        with contextlib.suppress(UserError):
            self._reached[family, tables] = reach(family, tables)

    def check(self, path: Path) -> str | None:
        """Raise UserError where reading a run would lead out of the directories.

        Returns where its user-defined family is, if nobody has been told yet.
        """
        self.check_inside(path)
        if not (path / MANIFEST).is_file():
            return None
        name = entry(read_json(path / MANIFEST), "family", str, path / MANIFEST)
        if families.is_own(name):
            new = name not in self._told
            self._told.add(name)
            return self.family if new else None
        # The name of a built-in one may hold the folder of its tables.
        for part in name.partition(":")[2].split(","):
            value = Path(part.partition("=")[2])
            if value.name and value.exists():
                self.check_inside(value)
        return None

    def check_inside(self, path: Path) -> None:
        """Raise UserError for what is not in the directories, or leads out of them by a link."""
        walked = os.walk(path)
        inner = (os.path.join(place, n) for place, names, files in walked for n in (*names, *files))
        for each in itertools.chain([str(path)], (one for one in inner if os.path.islink(one))):
            if not self._is_inside(Path(each)):
                raise UserError(
                    f"{each} is, or leads, outside the directories that dreamrl studio was given: "
                    "give it that one, too"
                )

    def _is_inside(self, path: Path) -> bool:
        try:
            real = path.resolve()
        except (OSError, RuntimeError, ValueError):  # Links in a circle, no name of a file.
            return False
        return any(real.is_relative_to(root) for root in self._real)


def key_of(path: Path) -> str:
    """Return what a run is called by."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]


def signature_of(path: Path) -> Signature:
    """Return what changes when a run's files do, or when nobody trains it any more."""
    found: list[object] = [locked(path)]
    files = [path / MANIFEST, path / METRICS]
    files += [seed / METRICS for seed in sorted(path.glob("seed-*"))]
    for file in files:
        try:
            told = file.stat()
            found.append((told.st_ino, told.st_size, told.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)
