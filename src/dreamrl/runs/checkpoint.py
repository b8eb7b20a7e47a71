"""Checkpoints: all that a training needs to go on as if it had never stopped.

    checkpoints/00000400.safetensors   the training states of all seeds, at iteration 400
    checkpoints/00000400.json          what run it is of, counters, checksums, metrics so far

The second file is written last, and a checkpoint without it is none: a process that dies while
it writes leaves the checkpoints from before.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from jaxtyping import PyTree

from dreamrl.errors import UserError
from dreamrl.files import Unwritable
from dreamrl.runs import metrics
from dreamrl.runs.metrics import Position
from dreamrl.runs.store import (
    CHECKSUM,
    NewerFormat,
    load_tree,
    read_json,
    save_tree,
)
from dreamrl.training import Failure, Training

CHECKPOINTS = "checkpoints"
RATIO = 50
"""Writing takes at most one part in so many of the time: on a slow disk it is done less often."""

COUNTERS = ("iteration", "chunks", "steps", "seconds", "compile_seconds")

Of = dict[str, Any]
"""The run that a checkpoint belongs to: agent, family, seeds and a checksum of the settings."""


class Checkpoint(NamedTuple):
    training: Training
    metrics: list[Position]
    """Position of each seed's metrics then."""
    versions: Any
    """Of the packages that wrote it."""


def save(stem: Path, training: Training, owner: Of, files: Sequence[Path], versions: Any) -> None:
    """Write a checkpoint, once the metrics in `files` are safe; raise Unwritable."""
    save_tree(
        stem,
        training.state,
        of=owner,
        versions=versions,
        metrics=[metrics.position(file)._asdict() for file in files],
        failures=[failure._asdict() for failure in training.failures],
        **{name: getattr(training, name) for name in COUNTERS},
    )


def load(stem: Path, owner: Of, like: PyTree) -> Checkpoint:
    """Read a checkpoint whose states have the shapes of `like`; UserError if it is not whole."""
    path = stem.with_suffix(".json")
    content = read_json(path)
    if content.get("of") != owner:
        raise UserError(f"{path} is of another run")
    if CHECKSUM not in content:
        raise UserError(f"{path} is damaged: it has no checksum")
    positions = content.get("metrics")
    counters: list[Any] = [content.get(name) for name in COUNTERS]
    if not (
        _are_counters(counters, len(owner["seeds"])) and _positions(positions, len(owner["seeds"]))
    ):
        raise UserError(f"{path} is damaged: a counter is missing")
    iteration, chunks, steps, seconds, compile_seconds = counters
    failures = _failures(content.get("failures", []), len(owner["seeds"]))
    if failures is None:
        raise UserError(f"{path} is damaged: its failures are none")
    state = load_tree(stem, like)
    training = Training(
        state, iteration, chunks, tuple(steps), seconds, compile_seconds, failures=failures
    )
    return Checkpoint(training, [Position(**each) for each in positions], content.get("versions"))


def newest_first(directory: Path) -> list[str]:
    """Return the names of the checkpoints in a directory."""
    names = [path.stem for path in directory.glob("*.json")]
    return sorted(names, key=lambda name: (len(name), name), reverse=True)


class Checkpoints:
    """The checkpoints of a run, for the one process that trains it."""

    def __init__(self, run: Path, owner: Of, files: Sequence[Path], versions: Any):
        """Find checkpoints; `files` are the metrics of each seed."""
        self.directory = run / CHECKPOINTS
        self.of, self.files, self.versions = owner, files, versions
        self.good: list[str] = []
        """Names of those known to be whole, oldest first."""

    def newest(self, like: PyTree) -> tuple[Checkpoint | None, list[str]]:
        """Return the newest one that is whole and that the metrics agree with, and what was wrong.

        Without any checkpoint there is None. Raises UserError where there are some, but none can
        be used, or a later dreamrl wrote one. Nothing is changed on the disk.
        """
        notes: list[str] = []
        unmatched: tuple[str, Checkpoint] | None = None
        names = newest_first(self.directory)
        for name in names:
            try:
                checkpoint = load(self.directory / name, self.of, like)
            except NewerFormat:
                raise
            except UserError as error:
                notes.append(str(error))
                continue
            if all(map(metrics.holds, self.files, checkpoint.metrics)):
                return self._chosen(name, checkpoint), notes
            notes.append(f"the metrics are not those of {self.directory / name}.json")
            unmatched = unmatched or (name, checkpoint)
        if unmatched is not None:
            name, checkpoint = unmatched
            positions = [metrics.sound(file, checkpoint.training.iteration) for file in self.files]
            return self._chosen(name, checkpoint._replace(metrics=positions)), [
                *notes,
                "some lines of the metrics up to iteration "
                f"{checkpoint.training.iteration} are lost",
            ]
        if notes:
            raise UserError(
                f"none of the {len(names)} checkpoints can be used; restore one, or remove "
                f"{self.directory} to begin anew: {notes[0]}"
            )
        has_metrics = any(file.exists() for file in self.files)
        return None, ["there is no checkpoint yet: training begins anew"] if has_metrics else []

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Take the metrics back to where they were then; raise Unwritable."""
        positions = [metrics.START] * len(self.files) if checkpoint is None else checkpoint.metrics
        for file, position in zip(self.files, positions, strict=True):
            metrics.cut(file, position)

    def _chosen(self, name: str, checkpoint: Checkpoint) -> Checkpoint:
        self.good = [name]
        return checkpoint

    def write(self, training: Training, keep: int) -> None:
        """Write one, if it is not there, and keep the newest `keep`; raise Unwritable."""
        name = f"{training.iteration:08d}"
        if name in self.good:
            return
        stem = self.directory / name
        try:
            self.directory.mkdir(exist_ok=True)
            save(stem, training, self.of, self.files, self.versions)
        except OSError as error:
            raise Unwritable(f"{self.directory} cannot be written: {error.strerror}") from None
        except UserError:
            with contextlib.suppress(OSError):
                stem.with_suffix(".safetensors").unlink()
            raise
        self.good = [*self.good, name][-keep:]
        # Only whole ones count, so that damaged ones never crowd out the one to fall back to.
        if len(self.good) == keep:
            # First what makes each of them count.
            for path in sorted(self.directory.iterdir(), key=lambda path: path.suffix != ".json"):
                if path.name.split(".")[0] not in self.good:
                    with contextlib.suppress(OSError):
                        path.unlink()


class Keeper:
    """Decides when a checkpoint is written. A disk that refuses is a warning: training goes on."""

    def __init__(
        self, checkpoints: Checkpoints, every: float, keep: int, warn: Callable[[str], None]
    ):
        """Keep `keep` checkpoints, one `every` so many seconds, or after each chunk if it is 0."""
        self.checkpoints, self.every, self.keep, self.warn = checkpoints, every, keep, warn
        self.due = time.perf_counter() + every

    def offer(self, training: Training) -> None:
        """Write a checkpoint if it is time."""
        if time.perf_counter() >= self.due:
            self.write(training)

    def write(self, training: Training) -> None:
        """Write a checkpoint, unless it is there or there is nothing to keep yet."""
        if not training.chunks:
            return
        begin = time.perf_counter()
        try:
            self.checkpoints.write(training, self.keep)
        except UserError as error:
            self.warn(f"no checkpoint at iteration {training.iteration}: {error}")
        end = time.perf_counter()
        self.due = end + (self.every and max(self.every, RATIO * (end - begin)))


def _are_counters(counters: list[Any], seeds: int) -> bool:
    iteration, chunks, steps, *seconds = counters
    if not isinstance(steps, list) or len(steps) != seeds:
        return False
    whole = all(isinstance(n, int) and 0 <= n < 2**62 for n in (iteration, chunks, *steps))
    return whole and all(isinstance(s, float) and 0 <= s < float("inf") for s in seconds)


def _failures(entries: Any, seeds: int) -> tuple[Failure, ...] | None:
    """Return the seeds that have failed; None where it cannot be those."""
    try:
        failures = tuple(Failure(**each) for each in entries)
    except TypeError:
        return None
    sound = all(
        isinstance(f.place, int)
        and isinstance(f.iteration, int)
        and isinstance(f.error, str)
        and 0 <= f.place < seeds
        and 0 <= f.iteration < 2**62
        for f in failures
    )
    return failures if sound and len({f.place for f in failures}) == len(failures) < seeds else None


def _positions(value: Any, seeds: int) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and len(value) == seeds and all(map(_is_position, value))


def _is_position(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == set(Position._fields)
        and isinstance(value["sha256"], str)
        and isinstance(value["bytes"], int)
        and value["bytes"] >= 0
    )
