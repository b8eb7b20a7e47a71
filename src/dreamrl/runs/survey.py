"""The runs in a directory, and the progress of each."""

import os
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dreamrl.errors import UserError
from dreamrl.listener import Record
from dreamrl.runs import metrics
from dreamrl.runs.lock import locked
from dreamrl.runs.manifest import MANIFEST, entry, seeds_of
from dreamrl.runs.run import Run, find
from dreamrl.values import AnyPath


class Summary(NamedTuple):
    """One run, or several seeds that were trained together."""

    run: str
    agent: str
    family: str
    seeds: tuple[int, ...]
    state: str
    """`running`, `finished`, `interrupted`, `failed`, or `damaged`."""
    iteration: int
    """Done so far."""
    iterations: int
    """Of the settings; a run with `until` goes on after them."""
    steps: int
    """Environment steps of each seed so far."""
    return_unseen: float | None
    """Mean over seeds: the result, or else the last evaluation on the way."""
    error: str | None = None
    failed: tuple[int, ...] = ()
    """Seeds that train no more, where others do."""


def survey(directory: AnyPath) -> list[Summary]:
    """Return all runs in a directory and below it, by path; UserError where it is no directory."""
    directory = Path(directory)
    if not directory.is_dir():
        raise UserError(f"{directory} is not a directory: give the one that holds runs")
    return [summary(path) for path in sorted(runs_below(directory))]


def state(path: Path, manifest: dict[str, Any]) -> str:
    """Return the state of a run: a process that was killed could not say so, but holds no lock."""
    status = str(manifest.get("status"))
    return "interrupted" if status == "running" and not locked(path) else status


def runs_below(directory: Path, links: bool = True) -> Iterator[Path]:
    """Give the directories of runs in a directory and below it, each once, through links too."""
    real_paths: set[Path] = set()
    # Runs may lie elsewhere, and be linked here; links may also lead back to where they are.
    for path, names, files in os.walk(directory, followlinks=links):
        real = Path(path).resolve()
        if MANIFEST in files and real not in real_paths:
            yield Path(path)
        if MANIFEST in files or real in real_paths:
            names.clear()
        real_paths.add(real)
        names.sort(key=lambda name: os.path.islink(os.path.join(path, name)))


def summary(path: Path) -> Summary:
    """Return how far a run is; a damaged one says what is wrong with it."""
    where = path / MANIFEST
    try:
        manifest = Run(path).manifest
        failed = tuple(manifest.get("failed", ()))
        runs = find(path) if "seeds" in manifest else [Run(path)]
        if failed and manifest.get("status") != "failed":
            runs = [each for each in runs if each.manifest.get("seed") not in failed]
        records = [metrics.last(each.metrics_file) for each in runs]
        last = [record for record in records if record is not None]
        settings = entry(manifest, "settings", dict, where)
        return Summary(
            str(path),
            entry(manifest, "agent", str, where),
            entry(manifest, "family", str, where),
            seeds_of(manifest, where),
            state(path, manifest),
            int(min((record["iteration"] for record in last), default=0)),
            entry(settings.get("budget", settings), "iterations", int, where),
            int(min((record.get("steps", 0) for record in last), default=0)),
            _return(manifest, last, where),
            manifest.get("error") or _error_of(path, failed),
            failed,
        )
    except UserError as error:
        return Summary(str(path), "-", "-", (), "damaged", 0, 0, 0, None, str(error))


def _error_of(path: Path, failed: Sequence[int]) -> str | None:
    return Run(path / f"seed-{failed[0]}").manifest.get("error") if failed else None


def _return(manifest: dict[str, Any], last: list[Record], where: Path) -> float | None:
    values = [record["return_unseen"] for record in last if "return_unseen" in record]
    # A training that was stopped is evaluated at its end with few trials.
    if "result" in manifest and (manifest.get("status") == "finished" or not values):
        return entry(entry(manifest, "result", dict, where), "return_mean", float, where)
    return statistics.fmean(values) if values else None
