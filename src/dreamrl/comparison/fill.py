"""Fills a table: results are kept, missing ones trained and measured, cell by cell."""

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
    """A listener that hears how the table fills, and of the trainings of cells as any other."""

    def begin(self, cell: Cell, seeds: Sequence[int]) -> None:
        """Hear that these seeds of a cell are trained now."""

    def done(self, cell: Cell, result: Result) -> None:
        """Hear the result of a cell, of this call or of an earlier one."""

    def failed(self, cell: Cell, error: UserError) -> None:
        """Hear that a cell's training cannot go on; the others do."""


class Filled(NamedTuple):
    results: list[Result]
    """Of the cells that are done, in their order."""
    failed: int
    stopped: bool
    """True if the listener stopped it; the next call goes on from there."""


def fill(
    requested: Sequence[Cell],
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
    table: dict[int, Result] = {}
    failed: set[int] = set()

    def report(i: int, have: Callable[[Cell], Result | None]) -> bool:
        """Report the result of a cell, if it is known now."""
        try:
            if (result := have(requested[i])) is None:
                return False
            table[i] = result
            listener.done(requested[i], result)
        except UserError as error:
            failed.add(i)
            listener.failed(requested[i], error)
        return True

    open_ = [i for i in range(len(requested)) if not report(i, lambda cell: held(cell, results))]
    make = functools.partial(
        complete, results=results, runs=runs, listener=listener, command=command
    )
    stopped = not all(report(i, make) for i in open_)
    return Filled([table[i] for i in sorted(table)], len(failed), stopped)


def held(cell: Cell, results: Path) -> Result | None:
    """Return the result of a cell with all its seeds, where it has been written.

    Raises UserError where all of them have failed.
    """
    stored = _usable(cell, results)
    return None if stored is None or cells.missing(cell, stored) else _sound(cell, stored)


def complete(
    cell: Cell, results: Path, runs: Path, listener: CellListener, command: str = ""
) -> Result | None:
    """Return the result of a cell, made and written where need be; None if `listener` stopped it.

    Raises UserError where it cannot be had; others may.
    """
    if (stored := held(cell, results)) is not None:
        return stored
    if listener.stop():
        return None
    try:
        result = _make_cell(cell, results, runs, listener, command)
    except UserError:
        raise
    except Exception as error:
        # Memory that does not suffice for one may do for the others.
        if (fault := raised_by_runtime(error)) is None:
            raise
        raise fault from None
    return None if result is None else _sound(cell, result)


def _sound(cell: Cell, result: Result) -> Result:
    """Return the result of the seeds that are asked for; UserError where none has come through."""
    part = cells.of_seeds(cell, result)
    if not part["seeds"]:
        raise UserError(f"all seeds have failed: {', '.join(map(str, cell.seeds))}")
    return part


def _usable(cell: Cell, results: Path) -> Result | None:
    stored = cells.held(cell, results)
    return stored if stored is not None and not cells.difference(cell, stored) else None


def _make_cell(
    cell: Cell, results: Path, runs: Path, listener: CellListener, command: str
) -> Result | None:
    """Return the result of a cell that lacks seeds; None if its training was stopped."""
    stored = _usable(cell, results)
    seeds = cells.missing(cell, stored)
    seed_runs = cells.finished_runs(cell, runs)
    failed: list[int] = []
    if absent := [seed for seed in seeds if seed not in seed_runs]:
        listener.begin(cell, absent)
        out = cell.directory(runs, absent)
        ensure(out, cell.agent, cell.family, cell.settings, absent, cell.terms, listener)
        seed_runs |= cells.finished_runs(cell, out)
        failed = Run(out).manifest.get("failed", [])
        if any(seed not in seed_runs for seed in absent if seed not in failed):
            return None
    selection = {seed: seed_runs[seed] for seed in seeds if seed not in failed}
    result = cells.measure(cell, selection, stored, _references(cell.family), command)
    if failed := sorted({*failed, *(stored or {}).get("failed", [])}):
        result = {**result, "failed": failed}
    cells.save(cell, results, result)
    return result


@functools.cache
def _references(family_name: str) -> dict[str, float]:
    """Return the references of a family, as far as it has exact values."""
    family = families.make(family_name)
    values = limits(family)
    with contextlib.suppress(UserError):
        values = {**values, "thompson": references.thompson(family)}
    return {name: round(value, cells.DIGITS) for name, value in values.items() if value is not None}
