"""Fills a table: what is there is kept, what is missing is trained and measured, cell by cell."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from dreamrl import families, references
from dreamrl.comparison import spec as cells
from dreamrl.comparison.spec import Cell, Result
from dreamrl.errors import UserError, raised_by_runtime
from dreamrl.listener import Listener
from dreamrl.runs import Run
from dreamrl.runs.results import limits
from dreamrl.runs.session import ensure
from dreamrl.values import AnyPath


@runtime_checkable
class CellListener(Listener, Protocol):
    """Who is told how the table fills; the trainings of cells are told to it as to any listener."""

    def begin(self, cell: Cell, seeds: Sequence[int]) -> None:
        """Hear that these seeds of a cell are trained now."""

    def done(self, cell: Cell, result: Result) -> None:
        """Hear what came of a cell, just now or in an earlier call."""

    def failed(self, cell: Cell, error: UserError) -> None:
        """Hear that a cell's training cannot go on; the others do."""


class Filled(NamedTuple):
    results: list[Result]
    """Of the cells that are done, in their order."""
    failed: int
    stopped: bool
    """Whether the listener stopped it; the next call goes on from there."""


def fill(
    asked: Sequence[Cell],
    results: AnyPath,
    runs: AnyPath,
    listener: CellListener,
    command: str = "",
) -> Filled:
    """Return all results: read from `results` where it holds them, else made and written there.

    A result with other settings than the cell's is not used, but replaced. Trainings are
    directories in `runs`; finished ones of the same agent, family, settings and seed are used
    wherever they lie under it.
    """
    results, runs = Path(results), Path(runs)
    done: dict[int, Result] = {}
    failed: set[int] = set()

    def told(i: int, have: Callable[[Cell], Result | None]) -> bool:
        """Tell what came of a cell, if that is known now."""
        try:
            if (found := have(asked[i])) is None:
                return False
            done[i] = found
            listener.done(asked[i], found)
        except UserError as error:
            failed.add(i)
            listener.failed(asked[i], error)
        return True

    open_ = [i for i in range(len(asked)) if not told(i, lambda cell: held(cell, results))]
    make = functools.partial(
        complete, results=results, runs=runs, listener=listener, command=command
    )
    stopped = not all(told(i, make) for i in open_)
    return Filled([done[i] for i in sorted(done)], len(failed), stopped)


def held(cell: Cell, results: Path) -> Result | None:
    """Return the result of a cell with all its seeds, where it has been written.

    Raises UserError where all of them have failed.
    """
    before = _usable(cell, results)
    return None if before is None or cells.missing(cell, before) else _sound(cell, before)


def complete(
    cell: Cell, results: Path, runs: Path, listener: CellListener, command: str = ""
) -> Result | None:
    """Return the result of a cell, made and written where need be; None if `listener` stopped it.

    Raises UserError where it cannot be had; others may.
    """
    if (found := held(cell, results)) is not None:
        return found
    if listener.stop():
        return None
    try:
        made = _made(cell, results, runs, listener, command)
    except UserError:
        raise
    except Exception as error:
        # Memory that does not suffice for one may do for the others.
        if (told := raised_by_runtime(error)) is None:
            raise
        raise told from None
    return None if made is None else _sound(cell, made)


def _sound(cell: Cell, result: Result) -> Result:
    """Return the result of the seeds that are asked for; UserError where none has come through."""
    found = cells.of_seeds(cell, result)
    if not found["seeds"]:
        raise UserError(f"all seeds have failed: {', '.join(map(str, cell.seeds))}")
    return found


def _usable(cell: Cell, results: Path) -> Result | None:
    before = cells.held(cell, results)
    return before if before is not None and not cells.difference(cell, before) else None


def _made(
    cell: Cell, results: Path, runs: Path, listener: CellListener, command: str
) -> Result | None:
    """Return the result of a cell that lacks seeds; None if its training was stopped."""
    before = _usable(cell, results)
    wanted = cells.missing(cell, before)
    trained = cells.finished_runs(cell, runs)
    failed: list[int] = []
    if absent := [seed for seed in wanted if seed not in trained]:
        listener.begin(cell, absent)
        out = cell.directory(runs, absent)
        ensure(out, cell.agent, cell.family, cell.settings, absent, cell.terms, listener)
        trained |= cells.finished_runs(cell, out)
        failed = Run(out).manifest.get("failed", [])
        if any(seed not in trained for seed in absent if seed not in failed):
            return None
    chosen = {seed: trained[seed] for seed in wanted if seed not in failed}
    result = cells.measure(cell, chosen, before, _references(cell.family), command)
    if failed := sorted({*failed, *(before or {}).get("failed", [])}):
        result = {**result, "failed": failed}
    cells.save(cell, results, result)
    return result


@functools.cache
def _references(family_name: str) -> dict[str, float]:
    """Return what can be reached in a family, as far as that has exact values."""
    family = families.make(family_name)
    found = limits(family)
    with contextlib.suppress(UserError):
        found = {**found, "thompson": references.thompson(family)}
    return {name: round(value, cells.DIGITS) for name, value in found.items() if value is not None}
