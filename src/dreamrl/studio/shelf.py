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
        self._real_roots = tuple(root.resolve() for root in roots)
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._families: set[str] = set()
        self._requests: set[tuple[str, Path | None]] = set()
        self._paths: dict[str, Path] = {}
        self._rows: dict[str, tuple[Signature, Row]] = {}
        self._limits: dict[tuple[str, Path | None], Mapping[str, Any]] = {}
        self._tail = functools.lru_cache(TAILS)(Tail)

    def rows(self) -> list[Row]:
        """Look for runs, and return how far each is."""
        with self._lock:
            paths = sorted({path for root in self.roots for path in runs_below(root, links=False)})
            self._paths = {key_of(path): path for path in paths}
            rows = {}
            for key, path in self._paths.items():
                signature, row = self._rows.get(key, ((), None))
                latest = signature_of(path)
                rows[key] = (latest, row if row and signature == latest else self._row(key, path))
            self._rows = rows
            return [row for _, row in rows.values()]

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
            info = summary(path)
        except (UserError, OSError) as error:
            return {**row, "message": str(error)}
        done = f"{info.iteration} of {info.iterations}" if info.iterations else ""
        return {
            **row,
            "agent": info.agent,
            "family": info.family,
            "seeds": len(info.seeds),
            "state": info.state,
            "progress": done,
            "returned": info.return_unseen,
            "message": info.error,
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
                family = self.check(path)
                history = lambda run: self._tail(run.metrics_file).records()  # noqa: E731
                return read(path, family, history, self._reach)
            except (UserError, OSError) as error:
                return {**nothing(str(path)), "message": str(error)}

    def signature(self, key: str) -> Signature:
        """Return what changes when a run does."""
        return (*signature_of(self.path(key)), sum(map(bool, self._limits.values())))

    def _reach(self, family: str, tables: Path | None) -> Mapping[str, Any]:
        """Return what can be reached in a family once that is known: it is not waited for."""
        request = family, tables
        limits = self._limits.setdefault(request, {})
        if not limits and request not in self._requests:
            self._requests.add(request)
            threading.Thread(target=self._work_out, args=request, daemon=True).start()
        return limits

    def _work_out(self, family: str, tables: Path | None) -> None:
        with contextlib.suppress(UserError):
            self._limits[family, tables] = reach(family, tables)

    def check(self, path: Path) -> str | None:
        """Raise UserError where reading a run would lead out of the directories.

        Returns where its user-defined family is, if nobody has been told yet.
        """
        self.check_inside(path)
        if not (path / MANIFEST).is_file():
            return None
        name = entry(read_json(path / MANIFEST), "family", str, path / MANIFEST)
        if families.is_own(name):
            is_new = name not in self._families
            self._families.add(name)
            return self.family if is_new else None
        # The name of a built-in one may hold the folder of its tables.
        for part in name.partition(":")[2].split(","):
            value = Path(part.partition("=")[2])
            if value.name and value.exists():
                self.check_inside(value)
        return None

    def check_inside(self, path: Path) -> None:
        """Raise UserError for what is not in the directories, or leads out of them by a link."""
        tree = os.walk(path)
        inner = (os.path.join(place, n) for place, names, files in tree for n in (*names, *files))
        for each in itertools.chain([str(path)], (link for link in inner if os.path.islink(link))):
            if not self._is_inside(Path(each)):
                raise UserError(
                    f"{each} is, or leads, outside the directories that dreamrl studio was given: "
                    "give it that one, too"
                )

    def _is_inside(self, path: Path) -> bool:
        try:
            target = path.resolve()
        except (OSError, RuntimeError, ValueError):  # Links in a circle, no name of a file.
            return False
        return any(target.is_relative_to(root) for root in self._real_roots)


def key_of(path: Path) -> str:
    """Return what a run is called by."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]


def signature_of(path: Path) -> Signature:
    """Return what changes when a run's files do, or when nobody trains it any more."""
    parts: list[object] = [locked(path)]
    files = [path / MANIFEST, path / METRICS]
    files += [seed / METRICS for seed in sorted(path.glob("seed-*"))]
    for file in files:
        try:
            status = file.stat()
            parts.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            parts.append(None)
    return tuple(parts)
